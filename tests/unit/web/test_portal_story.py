"""The portal's main story: ask, decide, hold, give back, by people at pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.postgres import DatabaseMaker
from tests.unit.web.browsing import Portal, words


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    made = Portal(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Portal]:
    """The portal on each of the two databases."""
    given = {}
    if request.param == "postgresql":
        make: DatabaseMaker = request.getfixturevalue("postgres_database")
        # Time here is made up, and the database's is not: that they differ must not stop granting.
        given = {"settings": {"database_url": make(), "skew": timedelta(days=36_500)}}
    made = Portal(tmp_path, **given)
    yield made
    made.close()


def test_every_page_is_shown_on_both_databases(anywhere: Portal) -> None:
    ana, cleo = anywhere.browser("ana"), anywhere.browser("cleo")
    request = ana.ask(reason="deploy 1.4")
    anywhere.whole.settle()
    pages = ("/", "/ask", "/ask/form?flow=aws-access&target=tenant_foo-main", "/decide", "/requests")
    filtered = "/requests?state=pending&flow=aws-access&person=ana&organization=tenant_foo&since=2020-01-01"
    for path in (*pages, filtered, f"/requests/{request}"):
        assert "Traceback" not in ana.page(path)
    offices = ("/organizations", "/organizations/end?organization=tenant_foo", "/flows", "/flows/aws-access")
    for path in (*offices, "/audit", "/audit?check=yes", "/audit?kind=request.asked&holding=ana", "/people"):
        assert "Traceback" not in cleo.page(path)
    assert request in cleo.page("/requests")


def test_ask_decide_hold_and_give_back(anywhere: Portal) -> None:
    portal = anywhere
    ana, ben = portal.browser("ana"), portal.browser("ben")
    request = ana.ask(reason="deploy 1.4")
    portal.whole.settle()

    waiting = words(ben.page("/decide"))
    assert "Ana asks for" in waiting
    assert "deploy 1.4" in waiting
    assert "has not asked for this before" in waiting
    done = ben.submit("/decide", f"/requests/{request}/answer", answer="approve")
    assert done.headers["location"] == "/decide?said=approved"
    assert "Nothing waits for you" in words(ben.page("/decide"))

    portal.whole.settle(3)
    assert portal.whole.holds("ana")
    held = words(ana.page("/"))
    assert "active" in held
    assert "No new sessions after" in held
    assert "Last session ends by" in held

    ana.submit("/", f"/requests/{request}/end")
    portal.whole.settle(3)
    assert not portal.whole.holds("ana")
    assert "You hold nothing" in words(ana.page("/"))
    story = words(ana.page(f"/requests/{request}"))
    assert "Ben approved" in story
    assert "Calls to AWS (2)" in story


def test_a_question_is_answered_once_and_the_second_is_told_by_whom(portal: Portal) -> None:
    """I9, security.md 7 Web 8: two tabs approve at once; one effect."""
    request = portal.browser("ana").ask()
    portal.whole.settle()
    ben, eve = portal.browser("ben"), portal.browser("eve")
    tab = eve.hidden("/decide", f"/requests/{request}/answer")
    assert ben.submit("/decide", f"/requests/{request}/answer", answer="approve").status_code == 303
    late = eve.post(f"/requests/{request}/answer", **tab, answer="deny")
    assert late.status_code == 409
    assert "decided by ben" in words(late.text)


def test_approval_for_less_time(portal: Portal) -> None:
    request = portal.browser("ana").ask(duration="14400s")
    portal.whole.settle()
    ben = portal.browser("ben")
    ben.submit("/decide", f"/requests/{request}/answer", answer="approve", duration="30m", message="short")
    portal.whole.settle(3)
    assert "for 30m only" in words(ben.page(f"/requests/{request}"))


def test_faults_stand_at_their_fields_and_nothing_is_sent(portal: Portal) -> None:
    ana = portal.browser("ana")
    page = "/ask/form?flow=aws-access&target=tenant_bar-read-only"
    answer = ana.submit(page, "/ask/form", **{"f.reason": "", "f.ticket": "nope", "f.duration": "1800s"})
    assert answer.status_code == 422
    assert 'id="in-ticket-fault"' in answer.text
    assert 'id="in-reason-fault"' in answer.text
    assert "Nothing was sent" in answer.text
    assert "No request that you may see" in words(ana.page("/requests"))
