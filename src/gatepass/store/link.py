"""One connection inside one transaction: the only place where a statement meets the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult, RowMapping
from sqlalchemy.exc import IntegrityError

from gatepass.clock import from_ms, to_ms
from gatepass.errors import Bug

Params = Mapping[str, object] | Sequence[Mapping[str, object]]
Insert = sqlite.Insert | postgresql.Insert
Row = RowMapping
"""One row: columns by name."""


class Link:
    """Runs statements and answers rows as mappings. Lives as long as its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.postgresql = connection.dialect.name == "postgresql"

    def all(self, statement: Executable, params: Params | None = None) -> Sequence[Row]:
        return self._connection.execute(statement, params).mappings().all()

    def one(self, statement: Executable, params: Params | None = None) -> Row | None:
        """The only row, or None where there is none."""
        return self._connection.execute(statement, params).mappings().one_or_none()

    def run(self, statement: Executable, params: Params | None = None) -> int:
        """How many rows it changed. A row that breaks a rule of the tables is a `Bug`: nothing is committed."""
        try:
            result: CursorResult[Any] = self._connection.execute(statement, params)
        except IntegrityError as refused:
            raise Bug(f"the database refused a change: {refused.orig}") from refused
        return result.rowcount

    def insert(self, table: Table) -> Insert:
        """An INSERT that may say what happens on a conflict, in the words of this database."""
        return postgresql.insert(table) if self.postgresql else sqlite.insert(table)


def ms(moment: datetime | None) -> int | None:
    """As a row keeps a moment that may be missing."""
    return None if moment is None else to_ms(moment)


def moment(value: int | None) -> datetime | None:
    """The inverse of `ms`."""
    return None if value is None else from_ms(value)
