"""Live updates: what changed is told to those who may see it, once, wherever a stream broke (architecture.md 9)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.web.browsing import Portal

from gatepass.desk import Ask, Caller
from gatepass.web.heads import Heads, read_cursor, write_cursor
from gatepass.web.live import news

ANA, DAN = Caller("ana", "web"), Caller("dan", "web")


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    made = Portal(tmp_path_factory.mktemp("live"))
    yield made
    made.close()


def ends(portal: Portal) -> dict[str, int]:
    return Heads(portal.whole.parts.store, portal.whole.clock).now()


def ask(portal: Portal, who: Caller) -> str:
    fields = {"change": "x", "risk": "low"}
    return portal.whole.parts.desk.ask(who, Ask("freeze-exception", fields=fields)).id


def test_only_those_who_may_see_a_request_hear_of_it(portal: Portal) -> None:
    """Rights are read for every event."""
    before = ends(portal)
    mine, theirs = ask(portal, ANA), ask(portal, DAN)
    parts = portal.parts
    after, heard = news(parts, "ana", before, ends(portal))
    assert set(heard) == {mine}
    assert set(news(parts, "cleo", before, ends(portal))[1]) == {mine, theirs}
    assert set(news(parts, "eve", before, ends(portal))[1]) == set()
    assert news(parts, "ana", after, ends(portal))[1] == {}


def test_a_broken_stream_goes_on_where_it_was(portal: Portal) -> None:
    """`Last-Event-ID` = the chain's `seq`: nothing is lost, nothing is told twice."""
    before = ends(portal)
    first = ask(portal, ANA)
    at, heard = news(portal.parts, "ana", before, ends(portal))
    assert set(heard) == {first}
    resumed = read_cursor(write_cursor(at))
    assert resumed == at
    second = ask(portal, ANA)
    assert set(news(portal.parts, "ana", resumed or {}, ends(portal))[1]) == {second}


def test_a_page_says_where_it_was_read(portal: Portal) -> None:
    """What happens between a page and its stream is not lost: the stream begins where the page was read."""
    ana = portal.browser("ana")
    portal.whole.clock.sleep(1)
    said = ana.page("/").partition('data-cursor="')[2].partition('"')[0]
    request = ask(portal, ANA)
    assert set(news(portal.parts, "ana", read_cursor(said) or {}, ends(portal))[1]) == {request}


def test_nobody_signed_in_hears_nothing(portal: Portal) -> None:
    assert portal.browser().get("/events").status_code == 401


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_-]{0,12}", fullmatch=True), st.integers(0, 2**40), min_size=1, max_size=5
    )
)
def test_a_cursor_reads_as_it_was_written(cursor: dict[str, int]) -> None:
    assert read_cursor(write_cursor(cursor)) == cursor


@given(st.text(max_size=40))
def test_any_other_text_is_no_cursor(text: str) -> None:
    found = read_cursor(text)
    assert found is None or all(seq >= 0 for seq in found.values())
