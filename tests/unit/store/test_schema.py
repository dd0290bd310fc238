"""Migrations make exactly the tables that the code uses, and changing nothing twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from tests.postgres import DatabaseMaker

from gatepass.access.states import FACT_STEPS, GRANT_STEPS, REQUEST_STEPS
from gatepass.store.engines import Engines, make_engines
from gatepass.store.schema import migrate
from gatepass.store.tables import metadata

FOREIGN_TO_US = {
    "workflow_status",
    "workflow_events",
    "workflow_input",
    "workflow_output",
    "workflow_schedules",
    "operation_outputs",
    "notifications",
    "streams",
    "queues",
    "application_versions",
    "dbos_migrations",
}
"""Tables of the job engine, which shares the file (engine.md, SQLite)."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engines]:
    if request.param == "sqlite":
        engines = make_engines(f"sqlite:///{tmp_path}/a.db")
    else:
        maker: DatabaseMaker = request.getfixturevalue("postgres_database")
        engines = make_engines(maker())
    migrate(engines)
    yield engines
    engines.dispose()


def test_migrations_and_tables_agree(migrated: Engines) -> None:
    with migrated.writer.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        differences = [
            change for change in compare_metadata(context, metadata) if "alembic_version" not in str(change)
        ]
    assert differences == []


def test_checks_and_triggers_are_there(migrated: Engines) -> None:
    with migrated.writer.connect() as connection:
        checks = {check["name"] for check in inspect(connection).get_check_constraints("grants")}
        assert {"ck_grants_duration", "ck_grants_begun", "ck_grants_final"} <= checks
        query = (
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
            if migrated.postgresql
            else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        )
        triggers = set(connection.exec_driver_sql(query).scalars())
    assert triggers == {"requests_step", "grants_step", "facts_step"}


def test_migrating_again_changes_nothing(migrated: Engines) -> None:
    migrate(migrated)
    with migrated.writer.connect() as connection:
        for name, steps in (("request", REQUEST_STEPS), ("grant", GRANT_STEPS), ("fact", FACT_STEPS)):
            stored = connection.exec_driver_sql(f"SELECT count(*) FROM {name}_steps").scalar_one()
            assert stored == len(steps) + 1


def test_no_table_has_a_name_of_the_job_engine() -> None:
    assert not FOREIGN_TO_US & set(metadata.tables)
