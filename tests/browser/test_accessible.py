"""Every page before axe, light and dark, wide and narrow: no serious finding (WCAG 2.2 AA); and by keyboard (W6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Enter
from tests.browser.server import Server
from tests.waiting import until

from gatepass.access.requests import Answer
from gatepass.desk import Ask, Caller, Said

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AXE = Path(__file__).parent.parent / "assets" / "axe" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def findings(page: Page, only: dict[str, Any]) -> list[str]:
    """What axe finds serious or critical. The script is run by the test, not by the page: the CSP stays as it is."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("only => axe.run(document, {runOnly: only})", only)
    assert found["passes"]
    return [
        f"{each['id']} {each['impact']}: {node['html'][:160]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.fixture(scope="module")
def request_id(server: Server) -> str:
    """A request that was granted, beside one that waits."""
    desk = server.parts.desk
    ana, ben = Caller("ana", "web"), Caller("ben", "web")
    fields = {"reason": "deploy", "duration": "30m"}
    made = desk.ask(ana, Ask("aws-access", "tenant_foo-main", fields=fields))
    waiting = desk.ask(ana, Ask("aws-access", "tenant_bar-responders", fields=fields))
    assert waiting
    until(lambda: desk.show(ben, made.id).request.state == "pending")
    desk.answer(ben, Said(made.id, Answer.APPROVE, desk.show(ben, made.id).request.content_hash))
    return made.id


PAGES = {
    "ana": (
        "/",
        "/ask",
        "/ask/form?flow=aws-access&target=tenant_bar-read-only",
        "/requests",
        "/requests/{}",
    ),
    "cleo": (
        "/decide",
        "/organizations",
        "/organizations/end?organization=tenant_foo",
        "/flows",
        "/flows/account-by-choice",
        "/audit?check=yes",
        "/people",
    ),
}


LOOKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "light": ({}, {"type": "tag", "values": RULES}),
    "dark": ({"color_scheme": "dark"}, {"type": "rule", "values": ["color-contrast"]}),
    "phone": (PHONE, {"type": "rule", "values": ["target-size"]}),
}


@pytest.mark.parametrize("look", LOOKS)
def test_no_serious_findings(server: Server, enter: Enter, request_id: str, look: str) -> None:
    given, rules = LOOKS[look]
    found = {}
    for person, pages in PAGES.items():
        page = enter(server, person, **given)
        for path in pages:
            page.goto(path.format(request_id), wait_until="domcontentloaded")
            found[path] = findings(page, rules)
            over = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            found[path] += [f"scrolls sideways by {over}"] if over > 0 else []
    assert {path: each for path, each in found.items() if each} == {}


def test_the_checker_finds_what_is_wrong(server: Server, enter: Enter) -> None:
    page = enter(server, "ana", "/requests")
    page.evaluate("document.querySelector('label[for=by-state]').remove()")
    assert any("select-name" in each for each in findings(page, LOOKS["light"][1]))


def test_deciding_by_keyboard_alone(server: Server, enter: Enter, request_id: str) -> None:
    page = enter(server, "eve", "/decide")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "deny":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("Denied; the requester is told.")).to_be_visible()
