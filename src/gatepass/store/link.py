"""One connection inside one transaction: the only place where a statement meets the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Connection, Dialect, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.sql import ClauseElement

from gatepass.clock import from_ms, to_ms
from gatepass.errors import Bug, GatepassError

Params = Mapping[str, object] | Sequence[Mapping[str, object]]
Insert = sqlite.Insert | postgresql.Insert
InsertMaker = Callable[[Table], Insert]


class Row(Protocol):
    """One row: columns by name."""

    def __getitem__(self, name: str, /) -> Any: ...


class _Ready(NamedTuple):
    sql: str
    order: Sequence[str] | None
    """Names of positional parameters, in order; None where the driver takes them by name."""
    fixed: Mapping[str, object]
    """Parameters that are part of the statement."""
    pick: Callable[[Mapping[str, object]], object]
    """Parameters by name as the driver takes them."""


class Statement:
    """A statement that is used often: written down once for each database, prepared by the driver.

    What differs between databases is given as a function of the database's own INSERT.
    """

    def __init__(self, clause: ClauseElement | Callable[[InsertMaker], ClauseElement]) -> None:
        self._clause = clause
        self._ready: dict[str, _Ready] = {}

    def ready(self, dialect: Dialect) -> _Ready:
        known = self._ready.get(dialect.name)
        if known is None:
            known = self._ready[dialect.name] = self._write(dialect)
        return known

    def _write(self, dialect: Dialect) -> _Ready:
        clause = self._clause
        if not isinstance(clause, ClauseElement):
            clause = clause(_insert_maker(dialect.name == "postgresql"))
        written = clause.compile(dialect=dialect)
        asked = {name for name, bind in getattr(written, "binds", {}).items() if bind.required}
        fixed = {name: value for name, value in written.params.items() if name not in asked}
        order = getattr(written, "positiontup", None)
        return _Ready(str(written), order, fixed, _picked(order))


class Link:
    """Runs statements and answers rows by column name. Lives as long as its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.postgresql = connection.dialect.name == "postgresql"

    def all(self, statement: Statement | Executable, params: Params | None = None) -> Sequence[Row]:
        with _IN_OUR_WORDS:
            if isinstance(statement, Statement):
                rows: Sequence[Row] = self._run(statement, params).fetchall()
                return rows
            return self._connection.execute(statement, params).mappings().all()

    def one(self, statement: Statement | Executable, params: Params | None = None) -> Row | None:
        """The only row, or None where there is none."""
        found = self.all(statement, params)
        assert len(found) <= 1
        return found[0] if found else None

    def run(self, statement: Statement | Executable, params: Params | None = None) -> int:
        """How many rows it changed.

        A row that breaks a rule of the tables is a `Bug`, one with text that cannot be kept `BadText`: nothing is
        committed.
        """
        with _IN_OUR_WORDS:
            if isinstance(statement, Statement):
                return int(self._run(statement, params).rowcount)
            return self._connection.execute(statement, params).rowcount

    def several(self, *asked: tuple[Statement, Params]) -> list[Sequence[Row]]:
        """The rows of each of several statements, made in this order; on PostgreSQL in one round trip."""
        with _IN_OUR_WORDS:
            if not self.postgresql:
                return [self._run(statement, params).fetchall() for statement, params in asked]
            driver: Any = self._connection.connection.dbapi_connection
            with driver.pipeline():
                cursors = [self._run(statement, params) for statement, params in asked]
            return [cursor.fetchall() if cursor.description else () for cursor in cursors]

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What fails in the block is undone as a whole, and the transaction goes on as if it had not been tried."""
        with self._connection.begin_nested():
            yield

    def insert(self, table: Table) -> Insert:
        """An INSERT that may say what happens on a conflict, in the words of this database."""
        return _insert_maker(self.postgresql)(table)

    def _run(self, statement: Statement, params: Params | None) -> Any:
        """Straight to the driver: the statement is known to it, and rows need no treatment."""
        sql, _, fixed, pick = statement.ready(self._connection.dialect)
        driver: Any = self._connection.connection.dbapi_connection
        if self.postgresql:
            cursor = driver.cursor(row_factory=dict_row)
        else:
            cursor = driver.cursor()
            cursor.row_factory = sqlite3.Row
        if params is None or isinstance(params, Mapping):
            cursor.execute(sql, pick({**fixed, **(params or {})}))
        else:
            cursor.executemany(sql, [pick({**fixed, **each}) for each in params])
        return cursor


class BadText(GatepassError):
    """A text holds what no database keeps: NUL, or half of a surrogate pair."""

    code = "bad_text"


class _InOurWords:
    """What a database refuses, as an error of ours. It is around every statement, and costs less than a generator."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if isinstance(error, IntegrityError | sqlite3.IntegrityError | psycopg.IntegrityError):
            found = str(getattr(error, "orig", error)).partition("\n")[0]
            raise Bug(f"the database refused a change: {found}") from error
        if isinstance(error, UnicodeEncodeError | DataError | psycopg.DataError):
            raise BadText(
                "a text holds characters that cannot be kept",
                advice="remove what is not printable and try again",
            ) from error


_IN_OUR_WORDS = _InOurWords()


def _picked(order: Sequence[str] | None) -> Callable[[Mapping[str, object]], object]:
    if order is None:
        return lambda named: named
    if len(order) < 2:
        return lambda named: tuple(named[name] for name in order)
    return itemgetter(*order)


def _insert_maker(is_postgresql: bool) -> InsertMaker:
    return postgresql.insert if is_postgresql else sqlite.insert


def ms(moment: datetime | None) -> int | None:
    """As a row keeps a moment that may be missing."""
    return None if moment is None else to_ms(moment)


def moment(value: int | None) -> datetime | None:
    """The inverse of `ms`."""
    return None if value is None else from_ms(value)
