"""No frequent statement reads a whole table: its cost does not grow with what has long been over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gatepass.store import audit, claims, facts, outbox, requests
from gatepass.store.engines import make_engines
from gatepass.store.link import Statement
from gatepass.store.schema import migrate
from gatepass.store.tables import metadata

PLACES = [
    audit,
    claims,
    facts,
    outbox,
    requests,
    facts.LEASED_FACTS,
    requests.LEASED_REQUESTS,
    outbox.LEASED_MESSAGES,
]
FREQUENT = [
    pytest.param(value, id=f"{number}{name}")
    for number, place in enumerate(PLACES)
    for name, value in vars(place).items()
    if isinstance(value, Statement)
]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    engines = make_engines(f"sqlite:///{tmp_path_factory.mktemp('plans')}/a.db")
    migrate(engines)
    with engines.reader.connect() as connection:
        yield connection
    engines.dispose()


@pytest.mark.parametrize("statement", FREQUENT)
def test_a_frequent_statement_uses_an_index(connection: Connection, statement: Statement) -> None:
    sql, order, *_ = statement.ready(connection.dialect)
    driver = connection.connection.dbapi_connection
    assert driver is not None
    steps = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * len(order or ())).fetchall()]
    scanned = {match.group(1) for step in steps if (match := re.match(r"SCAN (\w+)", step))}
    assert not scanned & set(metadata.tables), steps


def test_the_statements_were_found() -> None:
    assert len(FREQUENT) > 20


def test_an_unused_index_would_be_noticed(connection: Connection) -> None:
    driver = connection.connection.dbapi_connection
    assert driver is not None
    steps = driver.execute("EXPLAIN QUERY PLAN SELECT * FROM facts WHERE handle = 'x'").fetchall()
    assert any(step[3].startswith("SCAN facts") for step in steps)


def test_migrations_left_no_trace(tmp_path: Path) -> None:
    engines = make_engines(f"sqlite:///{tmp_path}/a.db")
    migrate(engines)
    with engines.reader.connect() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
        assert set(tables) - {"sqlite_sequence"} == {*metadata.tables, "alembic_version"}
    engines.dispose()
