"""A message is lost sooner than an end is delayed (I15): on PostgreSQL too, where one refused statement ends all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.postgres import DatabaseMaker

from gatepass.access.decide import terms
from gatepass.access.events import Event
from gatepass.access.requests import Request
from gatepass.desk import Book
from gatepass.estate.reading.sources import load_directory
from gatepass.notify import OutboxAnnouncer, Routing
from gatepass.store import Message, Store, Tx, View, open_store
from gatepass.testing.clock import VirtualClock

ESTATE = load_directory(Path(__file__).parents[3] / "examples" / "multi-organization")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/a.db"
    if request.param == "postgresql":
        make: DatabaseMaker = request.getfixturevalue("postgres_database")
        url = make()
    opened = open_store(url, VirtualClock(), audit_key=b"k", exclusive=False)
    yield opened
    opened.close()


def test_i15_a_refused_statement_of_the_announcer_undoes_its_own_work_only(store: Store) -> None:
    offer = next(iter(ESTATE.offers(ESTATE.flows["aws-access"], ESTATE.people["ana"])))
    asked_at = datetime(2026, 1, 1, tzinfo=UTC)
    request = Request("r1", "aws-access", 1, "ana", "slack", asked_at, terms(offer))

    def broken(rows: View | Tx) -> Routing:
        assert isinstance(rows, Tx)
        rows.outbox.add(Message("r1", "mail:a@b.c", "event"), rows.now)
        rows.outbox._link.run(text("SELECT nothing FROM nowhere"))
        raise AssertionError("the statement was not refused")

    with store.write() as tx:
        OutboxAnnouncer(Book(), broken).changed(tx, request, ())
        tx.audit(Event("person.disabled", None, {"person": "ana", "by": "test", "why": "left"}))
    with store.read() as view:
        assert [entry.said["kind"] for entry in view.entries.entries(None)] == ["person.disabled"]
        assert view.outbox.of_request("r1") == ()
