"""What admins see and do at the portal: organizations, the red button, flows, people, the audit log (W4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.web.browsing import Portal, words


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    made = Portal(tmp_path)
    yield made
    made.close()


def grant(portal: Portal) -> str:
    request = portal.browser("ana").ask()
    portal.whole.settle()
    portal.browser("ben").submit("/decide", f"/requests/{request}/answer", answer="approve")
    portal.whole.settle(3)
    assert portal.whole.holds("ana")
    return request


def test_the_red_button_says_first_what_it_ends(portal: Portal) -> None:
    grant(portal)
    cleo = portal.browser("cleo")
    assert "1 live grants" in words(cleo.page("/organizations"))
    for scope in ("organization=tenant_foo", "person=ana", "account=333333333333"):
        assert "This grant ends at once" in words(cleo.page(f"/organizations/end?{scope}"))
    assert "nothing to end" in words(cleo.page("/organizations/end?organization=tenant_bar"))
    assert cleo.get("/organizations/end").status_code == 400
    assert portal.whole.holds("ana")
    cleo.submit("/organizations/end?person=ana", "/organizations/end")
    portal.whole.settle(3)
    assert not portal.whole.holds("ana")


def test_a_leaver_is_disabled_and_everything_ends(portal: Portal) -> None:
    request = grant(portal)
    cleo = portal.browser("cleo")
    cleo.submit("/people", "/people/ana/disable", why="left the company")
    portal.whole.settle(10)
    assert not portal.whole.holds("ana")
    assert "disabled" in words(cleo.page("/people"))
    assert "ended" in words(cleo.page(f"/requests/{request}"))
    assert cleo.submit("/people", "/people/ana/enable").headers["location"] == "/people?said=enabled"


def test_the_log_is_searched_checked_and_exported(portal: Portal) -> None:
    request = grant(portal)
    cleo = portal.browser("cleo")
    found = words(cleo.page(f"/audit?holding={request}&kind=request.decision"))
    assert found.count("request.decision") >= 1
    assert "by=ben" in found
    whole = cleo.page("/audit?check=yes")
    assert "whole" in words(whole)
    assert "broken" not in words(whole)
    export = cleo.get("/audit/export?chain=tenant_foo")
    assert export.headers["content-type"] == "application/x-ndjson"
    assert request in export.text
    assert '"organization":"tenant_bar"' not in export.text


def test_the_log_is_paged_without_loss(portal: Portal) -> None:
    for n in range(12):
        portal.browser("ana").ask(reason=f"number {n}")
    portal.whole.settle()
    cleo = portal.browser("cleo")
    page, seen = "/audit", 0
    while page:
        html = cleo.page(page)
        seen += html.count("<tr>") - 1
        older = html.partition('<a class="button" href="/audit?')[2].partition('"')[0].replace("&amp;", "&")
        page = f"/audit?{older}" if older.startswith("before") else ""
    chains = portal.whole.parts.store
    with chains.read() as view:
        entries = sum(head.seq for head in view.entries.heads())
    assert entries - seen <= 1  # the sign-in of the reader itself may come between two pages


def test_a_broken_chain_is_shown(portal: Portal) -> None:
    """security.md 7, Engine 6: a row edited by hand."""
    import sqlite3

    grant(portal)
    file = portal.whole.settings.data_dir / "gatepass.db"
    with sqlite3.connect(file) as database:
        database.execute(
            "UPDATE audit_entries SET body = replace(body, 'ana', 'eve') WHERE organization = 'tenant_foo' AND seq = 1"
        )
    shown = words(portal.browser("cleo").page("/audit?check=yes"))
    assert "broken" in shown
    assert "entry 1" in shown


def test_flows_show_their_rules_and_the_last_errors_of_their_code(portal: Portal) -> None:
    cleo = portal.browser("cleo")
    assert "AWS access" in words(cleo.page("/flows"))
    page = words(cleo.page("/flows/account-by-choice"))
    assert "impls/account_by_choice.py" in page
    assert "1 of group oncall" in page
    assert "None in the log" in page
    assert cleo.get("/flows/nothing").status_code == 404


def test_requests_are_found_by_every_filter(portal: Portal) -> None:
    request = grant(portal)
    other = portal.browser("dan").ask(target="tenant_bar-responders")
    cleo = portal.browser("cleo")
    day = portal.whole.clock.now().strftime("%Y-%m-%d")
    narrow = ("requester=ana", "organization=tenant_foo", "target=tenant_foo-main", "state=approved")
    for each in narrow:
        html = cleo.page(f"/requests?{each}&flow=aws-access&since={day}&until={day}")
        assert request in html, each
        assert other not in html, each
    assert "No request" in words(cleo.page("/requests?since=2031-01-01"))
    assert cleo.get("/requests?state=odd").status_code == 400
    assert cleo.get("/requests?since=tomorrow").status_code == 400
