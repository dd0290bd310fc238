"""Tables brought up to date at every start, in one transaction; two processes that start at once take turns."""

from __future__ import annotations

from alembic import command
from alembic.config import Config

from gatepass.store.engines import Engines
from gatepass.store.link import Link
from gatepass.store.steps import write_steps

_MIGRATING = 7_204_001
"""The number of the advisory lock that lets one process migrate at a time; ends with the transaction."""


def migrate(engines: Engines) -> None:
    """Make or upgrade the tables; changes nothing when they are up to date."""
    settings = Config()
    settings.set_main_option("script_location", "gatepass.store:migrations")
    with engines.writer.begin() as connection:
        if engines.postgresql:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
        write_steps(Link(connection))
