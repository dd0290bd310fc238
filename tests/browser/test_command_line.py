"""`gatepass login` with a real browser: the loopback port, the page that asks, the token (W5)."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Enter
from tests.browser.server import Server
from tests.waiting import LONG

from gatepass.client import Client
from gatepass.client.login import LoggedIn, log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_command_line_is_let_in_by_its_person(server: Server, enter: Enter) -> None:
    shown, found = [], list[LoggedIn]()
    ready = threading.Event()

    def show(address: str) -> None:
        shown.append(address)
        ready.set()

    waiting = threading.Thread(target=lambda: found.append(log_in(server.url, show, wait=600)), daemon=True)
    waiting.start()
    assert ready.wait(LONG)
    page = enter(server, "dan", shown[0])
    expect(page.get_by_role("heading")).to_have_text("Let the command line in as Dan?")
    page.get_by_role("button", name="Let it in").click()
    expect(page.get_by_text("the command line is in")).to_be_visible()
    waiting.join(LONG)
    assert Client(server.url, found[0].token).get("/v1/me")["id"] == "dan"
