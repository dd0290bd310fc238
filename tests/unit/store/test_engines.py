"""Engines: turns in the order of asking, one process a file, databases that cannot keep the promises refused."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import QueuePool
from tests.postgres import DatabaseMaker
from tests.waiting import LONG, until

from gatepass.clock import SystemClock
from gatepass.errors import Unavailable
from gatepass.store import BadDatabase, Store, address, open_store
from gatepass.store.engines import Kept, Turns, make_engines
from gatepass.testing.clock import VirtualClock


def opened(url: str) -> Store:
    return open_store(url, VirtualClock(), audit_key=b"key")


def test_turns_are_given_in_the_order_they_were_asked_for() -> None:
    turns, order, threads = Turns(), [], []
    with turns.turn():
        for number in range(6):
            asked = threading.Event()

            def work(number: int = number, asked: threading.Event = asked) -> None:
                asked.set()
                with turns.turn():
                    order.append(number)

            thread = threading.Thread(target=work)
            thread.start()
            asked.wait()
            until(lambda number=number: len(turns._waiting) > number)  # it stands in the queue
            threads.append(thread)
    for thread in threads:
        thread.join()
    assert order == list(range(6))


def test_writers_of_one_file_take_turns(tmp_path: Path) -> None:
    """SQLite's own waiting lets one thread commit thousands of times while another waits."""
    store = opened(f"sqlite:///{tmp_path}/a.db")
    order: list[int] = []

    def work(number: int) -> None:
        with store.write():
            order.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    with store.write():
        for number, thread in enumerate(threads):
            thread.start()
            assert store._turns is not None
            until(lambda number=number: len(store._turns._waiting) > number)
    for thread in threads:
        thread.join()
    assert order == list(range(6))
    store.close()


def test_a_turn_is_passed_on_by_whoever_fails() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.turn():
        raise ZeroDivisionError
    with turns.turn():
        pass


def test_a_turn_that_does_not_come_is_given_up() -> None:
    turns = Turns(patience=0.01)
    with turns.turn(), pytest.raises(Unavailable), turns.turn():
        pass
    with turns.turn():
        pass


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "postgresql+x://x/y", "no"]
)
def test_a_database_that_is_not_known_or_forgets_is_refused(url: str) -> None:
    with pytest.raises(BadDatabase):
        make_engines(url)


@pytest.mark.parametrize("kind", ["postgresql", "postgres", "postgresql+psycopg"])
def test_an_address_as_postgresql_writes_it_is_taken(kind: str) -> None:
    assert address(f"{kind}://u:p%40ss@host/d") == "postgresql+psycopg://u:p%40ss@host/d"


def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    """It may hold a password."""
    with pytest.raises(BadDatabase) as refused:
        address("hunter2")
    assert "hunter2" not in str(refused.value)


def test_an_intent_survives_a_power_cut(tmp_path: Path) -> None:
    """synchronous=FULL always (engine.md, SQLite)."""
    engines = make_engines(f"sqlite:///{tmp_path}/a.db")
    for engine in (engines.writer, engines.reader):
        with engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("synchronous", "journal_mode", "foreign_keys", "busy_timeout")
            }
        assert pragmas == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30000}
    engines.dispose()


def test_intents_wait_for_the_disk_and_leases_do_not(tmp_path: Path) -> None:
    """The connection that is kept for each is the one that was prepared for it (I5)."""
    store = opened(f"sqlite:///{tmp_path}/a.db")
    for _ in range(2):
        with store.write() as tx:
            assert tx.facts._link.all(text("PRAGMA synchronous"))[0]["synchronous"] == 2
        with store._passing() as link:
            assert link.all(text("PRAGMA synchronous"))[0]["synchronous"] == 1
    store.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """On a file with a table whose rows must have a parent when their transaction is committed."""
    engines = make_engines(f"sqlite:///{tmp_path}/a.db")
    with engines.writer.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
        )
    kept = Kept(engines.writer)
    yield kept
    kept.close()
    engines.dispose()


def rows(kept: Kept) -> list[int]:
    with kept.begin() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT a FROM t ORDER BY a").fetchall()]


def by_driver(connection: Connection, statement: str) -> None:
    driver = connection.connection.dbapi_connection
    assert driver is not None
    driver.cursor().execute(statement)


def insert(kept: Kept, first: str, second: str | None, error: BaseException | None = None) -> None:
    """One transaction: a row by the driver, and perhaps one by SQLAlchemy."""
    with kept.begin() as connection:
        by_driver(connection, f"INSERT INTO t VALUES {first}")
        if second is not None:
            connection.execute(text(f"INSERT INTO t VALUES {second}"))
        if error is not None:
            raise error


@pytest.mark.parametrize("second", [None, "(2, NULL)"])
def test_a_kept_connection_s_transaction_is_one_whichever_way_its_statements_go(
    kept: Kept, second: str | None
) -> None:
    with pytest.raises(KeyboardInterrupt):
        insert(kept, "(1, NULL)", second, KeyboardInterrupt())
    assert rows(kept) == []
    insert(kept, "(1, NULL)", second)
    assert rows(kept) == ([1, 2] if second else [1])


@pytest.mark.parametrize("second", [None, "(2, 7)"])
def test_a_commit_that_fails_keeps_nothing_and_the_next_begins_anew(kept: Kept, second: str | None) -> None:
    with pytest.raises((sqlite3.IntegrityError, IntegrityError)):
        insert(kept, "(1, 7)", second)
    assert rows(kept) == []


def test_a_turn_that_cannot_begin_leaves_the_next_one_free_to(kept: Kept) -> None:
    with kept.begin() as connection:
        by_driver(connection, "PRAGMA busy_timeout=1")
    with kept._engine.connect() as other:
        other.exec_driver_sql("INSERT INTO t VALUES (5, NULL)")
        with pytest.raises(sqlite3.OperationalError, match="locked"), kept.begin():
            pass
    assert rows(kept) == []


def test_the_reader_cannot_write(tmp_path: Path) -> None:
    store = opened(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(Unavailable, match="readonly"), store.read() as view:
        view.facts._link.run(text("DELETE FROM facts"))
    store.close()


def test_a_database_whose_connections_are_all_in_use_is_unavailable(tmp_path: Path) -> None:
    """Whoever asks may try again; no loop dies of it."""
    store = opened(f"sqlite:///{tmp_path}/a.db")
    pool = store._engines.reader.pool
    assert isinstance(pool, QueuePool)
    pool._timeout = 0.01
    with ExitStack() as readers:
        for _ in range(pool.size() + pool._max_overflow):
            readers.enter_context(store.read())
        with pytest.raises(Unavailable, match="QueuePool limit"):
            readers.enter_context(store.read())
    with store.read() as view:
        assert not view.people.disabled("p1")
    store.close()


def test_a_second_process_on_one_file_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    store = opened(url)
    code = (
        "import sys; from gatepass.clock import SystemClock; from gatepass.store import open_store\n"
        "from gatepass.errors import Unavailable\n"
        "try: open_store(sys.argv[1], SystemClock(), audit_key=b'k')\n"
        "except Unavailable as refused: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 7
    store.close()
    opened(url).close()


def test_what_was_committed_is_there_when_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    store = opened(url)
    with store.write() as tx:
        tx.people.disable("p1", by="admin", why="left")
    store.close()
    store = opened(url)
    with store.read() as view:
        assert view.people.disabled("p1")
    store.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("this is a letter" * 100)
    with pytest.raises(BadDatabase, match="not a database"):
        opened(f"sqlite:///{tmp_path}/a.db")
    (tmp_path / "a.db").unlink()
    opened(f"sqlite:///{tmp_path}/a.db").close()


@pytest.mark.postgres
def test_a_postgresql_that_commits_before_the_disk_is_refused(postgres_database: DatabaseMaker) -> None:
    url = postgres_database()
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as admin:
        name = admin.exec_driver_sql("SELECT current_database()").scalar_one()
        admin.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with pytest.raises(BadDatabase, match="synchronous_commit"):
        opened(url)


@pytest.mark.postgres
def test_a_postgresql_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        opened(f"postgresql+psycopg://postgres@/x?host={tmp_path}")


@pytest.mark.postgres
def test_a_decision_in_one_process_wakes_another(postgres_database: DatabaseMaker) -> None:
    url = postgres_database()
    desk, worker = opened(url), opened(url)
    assert worker.wait(LONG)  # the listener wakes once when it has begun to listen
    woken = []
    waiting = threading.Thread(target=lambda: woken.append(worker.wait(LONG)))
    waiting.start()
    desk.wake()
    waiting.join()
    assert woken == [True]
    desk.close()
    worker.close()


@pytest.mark.postgres
def test_many_processes_may_start_on_one_postgresql_at_once(postgres_database: DatabaseMaker) -> None:
    url = postgres_database()
    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(opened(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 4
    for store in stores:
        store.close()


@pytest.mark.postgres
def test_a_connection_that_the_database_killed_is_made_anew(postgres_database: DatabaseMaker) -> None:
    """Engine 3: the database restarts."""
    url = postgres_database()
    store = opened(url)
    store.wait(1)
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as admin:
        admin.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    failures = 0
    for _ in range(20):
        try:
            with store.write() as tx:
                tx.facts.lock({})
                tx.people.disabled("p1")
            with store.read() as view:
                view.people.disabled("p1")
            store.take_slot("i1", VirtualClock().now())
        except Unavailable:
            failures += 1
        else:
            break
    assert failures < 20
    store.close()


@pytest.mark.postgres
def test_the_server_tells_its_time_and_a_file_has_none(
    tmp_path: Path, postgres_database: DatabaseMaker
) -> None:
    """Two clocks that must agree before access is given (architecture.md 8)."""
    shared, own = opened(postgres_database()), opened(f"sqlite:///{tmp_path}/a.db")
    assert own.server_clock is None
    assert shared.server_clock is not None
    now = SystemClock().now()
    later = shared.server_clock()
    assert now - timedelta(seconds=1) <= later <= SystemClock().now() + timedelta(seconds=1)
    shared.close()
    own.close()


@pytest.mark.postgres
def test_behind_a_pooler_each_transaction_says_its_settings_and_leaves_none(
    postgres_database: DatabaseMaker,
) -> None:
    """In transaction mode the next transaction may be another session's: what was set, or prepared, is not there."""
    engines = make_engines(postgres_database(), lock_timeout_ms=7_000, pooled=True)
    shows = ("lock_timeout", "synchronous_commit", "transaction_isolation", "transaction_read_only")
    expected = {
        "writer": ("7s", "on", "read committed", "off"),
        "passing": ("7s", "off", "read committed", "off"),
        "reader": ("7s", "on", "repeatable read", "on"),
    }
    for name, values in expected.items():
        engine = getattr(engines, name)
        with engine.begin() as connection:
            inside = tuple(connection.exec_driver_sql(f"SHOW {each}").scalar_one() for each in shows)
        assert inside == values
        for _ in range(8):  # a driver prepares what it has seen five times
            with engine.begin() as connection:
                connection.exec_driver_sql("SELECT 1")
    with engines.looker.connect() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "0"
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one() == 0
    engines.dispose()


def test_i17_a_new_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    """In a directory that was there before, open to all, the rows of a server were for every user to read."""
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        made = make_engines(f"sqlite:///{tmp_path / 'gatepass.db'}")
        with made.writer.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE held (x)")
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(modes) >= {"gatepass.db", "gatepass.db-wal"}
    assert set(modes.values()) == {0o600}
    made.writer.dispose()
