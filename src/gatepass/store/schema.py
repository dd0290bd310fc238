"""Tables brought up to date at every start."""

from __future__ import annotations

from gatepass.store.engines import Engines
from gatepass.store.link import Link
from gatepass.store.steps import trigger_statements, write_steps
from gatepass.store.tables import metadata


def migrate(engines: Engines) -> None:
    """Make or upgrade the tables; changes nothing when they are up to date."""
    with engines.writer.begin() as connection:
        fresh = not connection.dialect.has_table(connection, "requests")
        metadata.create_all(connection)
        if fresh:
            for statement in trigger_statements(engines.postgresql):
                connection.exec_driver_sql(statement)
        write_steps(Link(connection))
