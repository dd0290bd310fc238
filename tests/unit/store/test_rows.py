"""Values come back from rows as they were given, whatever people typed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql
from tests.postgres import DatabaseMaker

from gatepass.access.facts import FactKey
from gatepass.access.requests import Claim, Request, Terms
from gatepass.estate.model import Who
from gatepass.store import Store, open_store
from gatepass.store.link import BadText
from gatepass.testing.clock import VirtualClock

NUMBERS = itertools.count()
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
NAMES = st.frozensets(TEXT, max_size=3)
LENGTHS = st.integers(0, 10**12).map(lambda n: timedelta(milliseconds=n))
MOMENTS = st.integers(0, 4 * 10**12).map(
    lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=n)
)
PIECE = TEXT.filter(lambda text: bool(text) and "|" not in text)
REQUESTS = st.builds(
    Request,
    id=st.just(""),
    flow=TEXT,
    estate_version=st.integers(1, 10**6),
    requester=TEXT,
    source=TEXT,
    asked_at=MOMENTS,
    terms=st.builds(
        Terms,
        rule=TEXT,
        approvers=st.builds(Who, groups=NAMES, people=NAMES),
        needed=st.integers(0, 9),
        max_duration=st.none() | LENGTHS,
        unanswered_after=LENGTHS,
        accepted_lateness=st.none() | LENGTHS,
        timed=st.booleans(),
    ),
    organization=st.none() | TEXT,
    target=st.none() | TEXT,
    duration=st.none() | LENGTHS,
    reason=TEXT,
    values=st.dictionaries(
        TEXT, TEXT | st.integers(-(10**9), 10**9) | st.booleans() | st.lists(TEXT), max_size=3
    ),
    expires_at=st.none() | MOMENTS,
    claims=st.lists(
        st.builds(Claim, st.builds(FactKey, PIECE, PIECE, st.tuples(PIECE)), LENGTHS), max_size=2
    ).map(tuple),
    extension=st.none() | LENGTHS,
    round=st.integers(1, 99),
    context=st.dictionaries(TEXT, TEXT, max_size=2),
)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path_factory.mktemp('rows')}/a.db"
    if request.param == "postgresql":
        maker: DatabaseMaker = request.getfixturevalue("postgres_database")
        url = maker()
    store = open_store(url, VirtualClock(), audit_key=b"key")
    yield store
    store.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=REQUESTS)
def test_a_request_comes_back_as_it_was_given(store: Store, request: Request) -> None:
    request = replace(request, id=f"r{next(NUMBERS)}")
    with store.write() as tx:
        tx.requests.add(request)
    with store.read() as view:
        assert view.requests.get(request.id) == request


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_no_database_keeps_is_an_error_of_ours_and_changes_nothing(store: Store, text: str) -> None:
    asked = Request("bad", "f", 1, "p1", "api", datetime(2026, 1, 1, tzinfo=UTC), Terms("r"), reason=text)
    try:
        with store.write() as tx:
            tx.requests.add(asked)
    except BadText:
        with store.read() as view:
            assert view.requests.get("bad") is None
    else:
        with store.write() as tx:
            assert tx.requests.get("bad") == asked
            tx.requests._link.run(sql("DELETE FROM requests WHERE id = 'bad'"))
