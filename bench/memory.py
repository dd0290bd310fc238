"""engine.md's table: what a hundred thousand active grants cost a worker's memory. Rows are looked at, never kept."""

from __future__ import annotations

import gc
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench._rig import CLOCK, INSTANCE, SET, SPAWN, engine_on
from bench.figure import Figure
from gatepass.access.facts import assignment
from gatepass.access.requests import Request, Terms
from gatepass.access.states import RequestState
from gatepass.clock import to_ms
from gatepass.store import Store, open_store

_ACTIVE = 100_000
_WORKED = 20.0
"""Seconds of work after which the memory is read: many times every thing that is done every so often."""


def figures() -> Iterator[Figure]:
    """About a minute."""
    with tempfile.TemporaryDirectory() as place:
        empty = _resident(f"sqlite:///{place}/empty.db")
        full = f"sqlite:///{place}/full.db"
        store = open_store(full, CLOCK, audit_key=b"bench")
        _make_active(store)
        store.close()
        yield Figure("worker above 100k active grants", _resident(full) - empty, "MB", 5, "the bound")
        yield Figure("  an empty worker", empty, "MB")


def _make_active(store: Store) -> None:
    """Past the store: 100k facts that are ours, each with its active grant, all ending in some hours."""
    terms = Terms(rule="bench", automatic=True, needed=0, max_duration=timedelta(hours=12))
    with store.write() as tx:
        request = Request("r", "bench", 1, "ana", "api", tx.now, terms, organization="tenant_bar")
        tx.requests.add(request)
        tx.requests.save(replace(request, state=RequestState.APPROVED, duration=timedelta(hours=1)))
    now = to_ms(CLOCK.now())
    keys = [assignment(INSTANCE, "200000000000", SET, f"user-{n}").text for n in range(_ACTIVE)]
    ends = [now + 3_600_000 + n for n in range(_ACTIVE)]
    with store._engines.writer.begin() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.executemany(
            "INSERT INTO facts (key, scope, organization, due_at, ours, priority, state, prior_state, read_at)"
            " VALUES (?, ?, 'tenant_bar', ?, true, 0, 'present', 'creating', ?)",
            [(key, INSTANCE, end, now) for key, end in zip(keys, ends, strict=True)],
        )
        driver.executemany(
            "INSERT INTO grants (id, request, person, organization, fact, duration, made_at, start_by, starts_at,"
            " ends_at, why, session, state, prior_state)"
            " VALUES (?, 'r', 'ana', 'tenant_bar', ?, 3600000, ?, ?, ?, ?, '', 0, 'active', 'granting')",
            [(f"g-{n}", keys[n], now, now, now, ends[n]) for n in range(_ACTIVE)],
        )


def _resident(url: str) -> float:
    """Megabytes that a worker holds after it worked for a while on this database."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_work, args=(url, theirs))
    process.start()
    kilobytes: int = ours.recv()
    process.join()
    return kilobytes / 1000


def _work(url: str, pipe: Connection) -> None:
    store = open_store(url, CLOCK, audit_key=b"bench")
    engine, _ = engine_on(store, "w1")
    stop = threading.Event()
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    time.sleep(_WORKED)
    gc.collect()
    status = Path("/proc/self/status").read_text()
    pipe.send(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")))
    stop.set()
    thread.join(30)
    store.close()
