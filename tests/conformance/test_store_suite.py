"""The store keeps what every store must, on SQLite and on a real PostgreSQL (issue 2, P3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from tests.postgres import DatabaseMaker

from gatepass.store import open_store
from gatepass.store.tables import fact_steps, grant_steps, metadata, request_steps
from gatepass.testing.clock import VirtualClock
from gatepass.testing.store_suite import StoreSuite


class Lab:
    """A store at an address, on a virtual clock of its own."""

    def __init__(self, url: str) -> None:
        self.clock = VirtualClock()
        self.store = open_store(url, self.clock, audit_key=b"a key for tests")
        self._engine = create_engine(url)

    def by_hand(self, statement: str, params: Mapping[str, object] | None = None) -> None:
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            connection.execute(text(statement), params or {})

    def empty(self) -> None:
        kept = {request_steps, grant_steps, fact_steps}
        names = ", ".join(table.name for table in metadata.sorted_tables if table not in kept)
        self.by_hand(f"TRUNCATE {names} RESTART IDENTITY")

    def close(self) -> None:
        self.store.close()
        self._engine.dispose()


class TestSqlite(StoreSuite):
    @pytest.fixture
    def lab(self, tmp_path: Path) -> Iterator[Lab]:
        lab = Lab(f"sqlite:///{tmp_path}/gatepass.db")
        yield lab
        lab.close()


@pytest.fixture(scope="module")
def postgres_url(postgres_database: DatabaseMaker) -> str:
    return postgres_database()


@pytest.mark.postgres
class TestPostgres(StoreSuite):
    @pytest.fixture
    def lab(self, postgres_url: str) -> Iterator[Lab]:
        lab = Lab(postgres_url)
        lab.empty()
        yield lab
        lab.close()
