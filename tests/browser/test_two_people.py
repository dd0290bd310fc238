"""Ask, decide, hold, give back: two people in two browsers, each seeing the other's doing without reloading (H1)."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Enter
from tests.browser.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_two_people_ask_decide_and_end(server: Server, enter: Enter) -> None:
    ben = enter(server, "ben", "/decide")
    expect(ben.get_by_text("Nothing waits for you.")).to_be_visible()

    ana = enter(server, "ana", "/ask")
    ana.get_by_placeholder("Account, organization").fill("foo")
    expect(ana.locator("[data-words]:visible")).to_have_count(1)
    ana.get_by_role("link", name="Tenant Foo").click()
    ana.get_by_label("Why do you need access?").fill("deploy <b>1.4</b> & watch")
    ana.get_by_label("1h").check()
    expect(ana.locator("[data-echo=duration]")).to_have_text("1h")
    expect(ana.locator("aside")).to_contain_text("Ben or Cleo or Eve")
    ana.get_by_role("button", name="Send the request").click()
    expect(ana.locator(".heading .state")).to_contain_text("pending")

    question = ben.locator(".question")
    expect(question).to_contain_text("Ana asks for")
    expect(question).to_contain_text("deploy <b>1.4</b> & watch")
    question.get_by_role("button", name="Approve").click()
    expect(ben.get_by_text("Nothing waits for you.")).to_be_visible()

    expect(ana.locator(".card .state").first).to_contain_text("active")
    assert server.holds("ana")
    ana.get_by_role("link", name="My access").click()
    expect(ana.get_by_text("No new sessions after")).to_be_visible()
    ana.get_by_role("button", name="Give back").click()
    expect(ana.get_by_text("You hold nothing through gatepass now.")).to_be_visible()
    assert not server.holds("ana")
