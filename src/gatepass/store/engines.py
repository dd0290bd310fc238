"""Database engines as gatepass needs them: durable, strictly isolated writes, reads that never take the write lock."""

from __future__ import annotations

import fcntl
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from gatepass.errors import GatepassError, Unavailable


class BadDatabase(GatepassError):
    """The database cannot keep what gatepass promises: the operator must change its address or its settings."""

    code = "bad_database"


class Turns:
    """A lock that is given in the order it was asked for. SQLite's own waiting is no queue: one thread commits
    thousands of times while another waits for seconds (handlers-and-sim.md C)."""

    def __init__(self, patience: float = 30.0) -> None:
        """`patience`: seconds to wait for a turn before giving up."""
        self._patience = patience
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, hold it, pass it on. Raises `Unavailable` when whoever holds it is stuck."""
        self._take()
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().release()
                else:
                    self._taken = False

    def _take(self) -> None:
        mine = threading.Lock()
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=self._patience):
            return
        with self._guard:
            if mine in self._waiting:
                self._waiting.remove(mine)
                raise Unavailable("the database is held by a transaction that does not end")
        # It was given while we gave up: it is ours.


@dataclass(frozen=True, slots=True)
class Engines:
    """Three ways to one database: to write for good, to write what may be forgotten, and to read."""

    writer: Engine
    passing: Engine
    """For leases and slots only: its commits do not wait for the disk. A power cut that forgets them has ended the
    processes that held them too."""
    reader: Engine

    @property
    def postgresql(self) -> bool:
        return self.writer.dialect.name == "postgresql"

    @property
    def looker(self) -> Engine:
        """The reader for single questions: on PostgreSQL without a transaction, which would cost two round trips."""
        return self.reader.execution_options(isolation_level="AUTOCOMMIT") if self.postgresql else self.reader

    def dispose(self) -> None:
        for engine in (self.writer, self.passing, self.reader):
            engine.dispose()


_COUNTED = {"preserve_rowcount": True}
"""How many rows an INSERT made is an answer we use: 0 says that somebody was faster."""


def make_engines(url: str, *, lock_timeout_ms: int = 10_000, pooled: bool = False) -> Engines:
    """Engines for `sqlite:///file` or `postgresql://...`. Raises `BadDatabase` for any other address.

    `pooled`: the address is a pooler's in transaction mode, where each transaction may be another session's: nothing is
    left behind in a session, which costs a round trip for each transaction.
    """
    where = make_url(address(url))
    if where.get_backend_name() == "sqlite":
        if where.database in (None, "", ":memory:"):
            raise BadDatabase(
                "SQLite in memory is gone when gatepass is", advice="name a file: sqlite:///gatepass.db"
            )
        if not where.query:  # else it may be no plain path
            _make_private(str(where.database))
        return Engines(
            writer=_sqlite(where, "BEGIN IMMEDIATE"),
            passing=_sqlite(where, "BEGIN IMMEDIATE", waits_for_disk=False),
            reader=_sqlite(where, "BEGIN", read_only=True),
        )
    if where.drivername == "postgresql+psycopg":
        make = _pooled if pooled else _postgresql
        return Engines(
            writer=make(where, lock_timeout_ms),
            passing=make(where, lock_timeout_ms, synchronous_commit="off"),
            reader=make(where, lock_timeout_ms, **_READING),
        )
    raise BadDatabase(
        f"no database of the kind {where.drivername!r} is known",
        advice="use sqlite:///FILE or postgresql://USER@HOST/DATABASE",
    )


def _make_private(database: str) -> None:
    """A new database file is its owner's alone, whatever directory it was put into; SQLite gives its log the same mode.

    One that is there keeps the mode that its owner gave it.
    """
    with suppress(OSError):  # said better when it is opened
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def address(url: str) -> str:
    """The address with our driver, where it names none as PostgreSQL's own tools do. Raises `BadDatabase`."""
    try:
        where = make_url(url)
    except ArgumentError:
        # The address may hold a password: it is not repeated.
        raise BadDatabase(
            "the address of the database cannot be read",
            advice="use sqlite:///FILE or postgresql://USER@HOST/DATABASE",
        ) from None
    if where.drivername in ("postgresql", "postgres"):
        where = where.set(drivername="postgresql+psycopg")
    return where.render_as_string(hide_password=False)


def _sqlite(url: URL, begin: str, *, waits_for_disk: bool = True, read_only: bool = False) -> Engine:
    engine = create_engine(url, pool_size=16, max_overflow=16, execution_options=_COUNTED)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        # The driver's own transactions begin only at the first change: a SELECT before it would stand outside.
        connection.isolation_level = None
        # FULL: an intent lost in a power cut is access that nobody remembers.
        synchronous = "FULL" if waits_for_disk else "NORMAL"
        for pragma in ("journal_mode=WAL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin_now(connection: Any) -> None:
        if not connection.connection.dbapi_connection.in_transaction:
            connection.exec_driver_sql(begin)

    return engine


class Kept:
    """One connection to a SQLite file that stays open, for those who write in turns. Not thread-safe by itself.

    Its transactions are begun and ended at the driver: a pool and SQLAlchemy's own bookkeeping around each took a fifth
    of a transition. A connection that could not begin or commit is closed: what it had begun is undone with it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction, committed when the block ends and rolled back when it raises."""
        connection = self._connection or self._engine.connect()
        self._connection = None  # until it is known to be clean again
        try:
            driver: Any = connection.connection.dbapi_connection
            driver.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                driver.rollback()
                self._connection = connection
                raise
            connection.commit()
            driver.commit()
            self._connection = connection
        finally:
            if self._connection is None:
                connection.invalidate()
                connection.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_READING = {"default_transaction_read_only": "on", "default_transaction_isolation": "repeatable read"}


def _settings(lock_timeout_ms: int, **more: str) -> dict[str, str]:
    """What holds for every transaction: how it is isolated, and how long it may hold others up."""
    return {
        "default_transaction_isolation": "read committed",
        "lock_timeout": str(lock_timeout_ms),
        "idle_in_transaction_session_timeout": str(3 * lock_timeout_ms),
        **more,
    }


def _postgresql(url: URL, lock_timeout_ms: int, **more: str) -> Engine:
    settings = _settings(lock_timeout_ms, **more)
    options = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())
    return _create(url, {"options": options})


def _pooled(url: URL, lock_timeout_ms: int, **more: str) -> Engine:
    """The same settings, said anew in each transaction; statements are not prepared, for another session knows none."""
    engine = _create(url, {"prepare_threshold": None})
    local = {
        name.removeprefix("default_"): value for name, value in _settings(lock_timeout_ms, **more).items()
    }
    said = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in local.items())

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        driver = connection.connection.dbapi_connection
        if not driver.autocommit:  # a single look is a transaction of its own, and waits for no lock
            driver.execute(said)

    return engine


def _create(url: URL, connect: dict[str, Any]) -> Engine:
    return create_engine(url, pool_size=8, max_overflow=16, connect_args=connect, execution_options=_COUNTED)


def check_durable(engines: Engines) -> None:
    """Refuse a PostgreSQL that answers a commit before it is on disk."""
    if engines.postgresql:
        with engines.reader.connect() as connection:
            answer = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
        if answer == "off":
            raise BadDatabase(
                "the database answers commits before they are on disk (synchronous_commit=off)",
                advice="turn synchronous_commit on for this database: ALTER DATABASE ... SET synchronous_commit = on",
            )


class SoleOwner:
    """The right to be the only process that works on one SQLite file; ends with the process."""

    def __init__(self, database: Path) -> None:
        self._place = database.with_name(database.name + ".lock")
        self._file = os.open(self._place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            os.close(self._file)
            raise Unavailable(
                f"another gatepass works on {database}",
                advice="stop it first, or use PostgreSQL, which many processes may share",
            ) from held

    def release(self) -> None:
        os.close(self._file)
