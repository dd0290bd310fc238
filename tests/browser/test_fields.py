"""Every kind of field in a real browser; type-ahead over 5,000 options; forms that change; no scripts (H1)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Enter
from tests.browser.server import Server

from gatepass.desk import Caller

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FORM = "/ask/form?flow=every-field"


def values(server: Server, page: Page) -> dict[str, object]:
    """What the request on this page was asked with."""
    page.wait_for_url(lambda url: "/requests/r" in url)
    request_id = page.url.rpartition("/")[2].partition("?")[0]
    request = server.parts.desk.show(Caller("cleo", "web"), request_id).request
    assert request.duration is not None
    return {**request.values, "reason": request.reason, "duration": request.duration.total_seconds()}


def test_every_kind_of_field_by_keyboard_and_mouse(fields_server: Server, enter: Enter) -> None:
    page = enter(fields_server, "ana", FORM)
    page.get_by_label("Why?").fill("to try")

    service = page.get_by_role("combobox", name="Which service?")
    service.click()
    expect(page.get_by_role("listbox").first.get_by_role("option")).to_have_count(50)
    service.fill("number 4711")
    only = page.get_by_role("option", name="Service number 4711")
    expect(only).to_be_visible()
    service.press("Enter")
    expect(service).to_have_value("Service number 4711")
    expect(service).to_have_attribute("aria-expanded", "false")

    others = page.get_by_role("combobox", name="And which others?")
    others.fill("svc-0007")
    expect(page.get_by_role("option")).to_have_count(1)
    others.press("ArrowDown")
    others.press("Enter")
    others.fill("svc-0042")
    others.press("Enter")  # faster than the answer: takes the first that comes
    expect(page.get_by_role("button", name="Remove Service number")).to_have_count(2)
    page.get_by_role("button", name="Remove Service number 7").click()

    page.get_by_label("How many?").fill("12")
    page.get_by_role("group", name="Size").get_by_label("2").check()
    page.get_by_label("Who else knows?").fill("U012AB3CD")
    page.get_by_label("Tell whom?").fill("U012AB3CD\nW999ZZ9ZZ")
    page.get_by_label("north").check()
    page.get_by_label("west").check()
    page.get_by_label("Ports").fill("80\n443")
    expect(page.get_by_label("Which page?")).to_have_count(0)
    page.get_by_role("group", name="Urgent?").get_by_label("Yes").check()
    expect(page.get_by_label("Which page?")).to_be_visible()
    expect(page.get_by_text("The person on call is woken up.")).to_be_visible()
    expect(page.get_by_label("Why?")).to_have_value("to try")
    expect(page.get_by_role("combobox", name="Which service?")).to_have_value("Service number 4711")
    page.get_by_label("Which page?").fill("P-1")
    page.get_by_role("group", name="Duration").get_by_label("1h").check()
    page.get_by_role("button", name="Send the request").click()
    assert values(fields_server, page) == {
        "service": "svc-4711",
        "services": ["svc-0042"],
        "count": 12,
        "size": 2,
        "urgent": True,
        "page": "P-1",
        "who": "U012AB3CD",
        "tell": ["U012AB3CD", "W999ZZ9ZZ"],
        "zones": ["north", "west"],
        "ports": [80, 443],
        "reason": "to try",
        "duration": 3600.0,
    }


def test_without_scripts_a_form_is_filled_in_and_sent(fields_server: Server, enter: Enter) -> None:
    """W6: everything but type-ahead and live updates works without JavaScript."""
    page = enter(fields_server, "ana", FORM, java_script_enabled=False)
    page.get_by_label("Why?").fill("no scripts")
    page.get_by_label("Which service?").fill("number 4711")
    page.get_by_role("button", name="Find").first.click()
    expect(page.get_by_label("Which service?").locator("option")).to_have_count(1)
    page.get_by_role("group", name="Urgent?").get_by_label("Yes").check()
    page.get_by_role("button", name="Update the form").click()
    page.get_by_label("Which page?").fill("P-2")
    page.get_by_role("group", name="Size").get_by_label("1").check()
    page.get_by_role("group", name="Duration").get_by_label("30m").check()
    page.get_by_role("button", name="Send the request").click()
    found = values(fields_server, page)
    assert (found["service"], found["page"], found["reason"]) == ("svc-4711", "P-2", "no scripts")


def test_faults_are_told_at_their_fields(fields_server: Server, enter: Enter) -> None:
    page = enter(fields_server, "ana", FORM, java_script_enabled=False)
    page.get_by_label("How many?").fill("many")
    page.get_by_label("Ports").fill("80\nhttp")
    page.get_by_label("Why?").fill("x")
    page.get_by_label("Which service?").fill("svc-9999")
    page.get_by_role("group", name="Urgent?").get_by_label("No").check()
    page.get_by_role("group", name="Size").get_by_label("1").check()
    page.get_by_role("group", name="Duration").get_by_label("30m").check()
    page.get_by_role("button", name="Send the request").click()
    expect(page.get_by_role("alert")).to_contain_text("3 fields need another look. Nothing was sent.")
    expect(page.locator("#in-count-fault")).to_contain_text("a whole number")
    expect(page.locator("#in-ports-fault")).to_contain_text("whole number")
    expect(page.locator("#in-service-fault")).to_contain_text("not among the options offered")
    expect(page.get_by_label("How many?")).to_have_value("many")
