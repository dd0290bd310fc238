"""H6, the engine's share: how fast an approval and an end reach AWS, how well a limited instance is used.

Against the simulator over HTTP in a process of its own, 0.2 s a call and 0.5 s an operation. The window of the
instance is 30 s; `GATEPASS_BENCH_SECONDS=120` is what docs/performance.md records.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from bench._rig import (
    CLOCK,
    OPERATION,
    SPAWN,
    Aws,
    client,
    engine_on,
    environment,
    give,
    list_and_create,
    simulated,
)
from bench.figure import Figure
from bench.store import _postgresql
from gatepass.access.facts import FactKey
from gatepass.engine.points import Point
from gatepass.engine.settings import EngineSettings
from gatepass.store import Store, open_store

_SECONDS = int(os.environ.get("GATEPASS_BENCH_SECONDS", "30"))
_LONE, _ENDS = 40, 12
_ALLOWED, _OUTSTANDING = 20, 10
"""Calls a second, and operations at a time, that AWS allows on one instance."""


def figures() -> Iterator[Figure]:
    """About a minute and a half, and the window, on a quiet machine with two cores."""
    with simulated({}) as aws, tempfile.TemporaryDirectory() as place:
        yield from _lone_approvals(aws, f"sqlite:///{place}/gatepass.db")
    with simulated({}) as aws, tempfile.TemporaryDirectory() as place:
        yield from _ends(aws, f"sqlite:///{place}/gatepass.db")
    with simulated({"sso-admin": float(_ALLOWED)}) as aws, _postgresql() as url:
        yield from _saturated(aws, url)


@contextmanager
def _running(url: str, point: Point) -> Iterator[Store]:
    """A store with an engine at work on it, and its clients made."""
    store = open_store(url, CLOCK, audit_key=b"bench")
    engine, door = engine_on(store, "w1", point)
    door.call("tenant_bar", "sso-admin", "ListInstances")
    stop = threading.Event()
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    try:
        yield store
    finally:
        stop.set()
        thread.join(30)
        store.close()


# -- one approval at a time


def _lone_approvals(aws: Aws, url: str) -> Iterator[Figure]:
    keys = [aws.key(account, aws.users[0]) for account in aws.accounts[: 2 * _LONE + 1]]
    bare = _bare(keys[: _LONE + 1])
    created = threading.Event()

    def point(name: str) -> None:
        if name == "after CreateAccountAssignment":
            created.set()

    lasted = []
    with _running(url, point) as store:
        for key in keys[_LONE + 1 :]:
            created.clear()
            began = time.perf_counter()
            give(store, {key: timedelta(hours=1)})
            created.wait(30)
            lasted.append((time.perf_counter() - began) * 1000)
            time.sleep(1.5)  # idle again: its polls are over
    beyond = sorted(each - bare for each in lasted)
    yield Figure("approval to create, beyond boto3's, p50", statistics.median(beyond), "ms", 50, "the bound")
    yield Figure(
        "approval to create, beyond boto3's, p99", beyond[int(len(beyond) * 0.99)], "ms", 250, "the bound"
    )


def _bare(keys: list[FactKey]) -> float:
    """What list and create take with nothing but the SDK, in ms: the median."""
    sso, lasted = client(), []
    for key in keys:
        began = time.perf_counter()
        list_and_create(sso, key)
        lasted.append((time.perf_counter() - began) * 1000)
    return statistics.median(lasted[1:])


# -- ends, on a system that is idle


def _ends(aws: Aws, url: str) -> Iterator[Figure]:
    """From the moment a grant ends to the moment its delete is sent."""
    sent: list[datetime] = []

    def point(name: str) -> None:
        if name == "before DeleteAccountAssignment":
            sent.append(CLOCK.now())

    with _running(url, point) as store:
        keys = [aws.key(account, aws.users[0]) for account in aws.accounts[:_ENDS]]
        for number, key in enumerate(keys):
            give(store, {key: timedelta(seconds=15, milliseconds=700 * number)})
            time.sleep(0.2)
        _until(lambda: all(_ends_at(store, key) for key in keys))
        ended = sorted(filter(None, (_ends_at(store, key) for key in keys)))
        _until(lambda: len(sent) == _ENDS)
    late = sorted(
        (at - end) / timedelta(milliseconds=1) for at, end in zip(sorted(sent), ended, strict=False)
    )
    bound = EngineSettings("").poll / timedelta(milliseconds=1) + 100
    yield Figure("end to revoke call, idle, p50", statistics.median(late), "ms", bound, "the poll + 100 ms")
    yield Figure("end to revoke call, idle, worst", late[-1], "ms", bound, "the poll + 100 ms")


def _ends_at(store: Store, key: FactKey) -> datetime | None:
    with store.read() as view:
        return next((grant.ends_at for grant in view.facts.grants_on(key)), None)


def _until(happened: Callable[[], bool], patience: float = 120) -> None:
    over = time.monotonic() + patience
    while not happened():
        if time.monotonic() > over:
            raise SystemExit("what is measured did not happen")
        time.sleep(0.01)


# -- a saturated instance, two workers, one killed


def _saturated(aws: Aws, url: str) -> Iterator[Figure]:
    store = open_store(url, CLOCK, audit_key=b"bench")
    give(store, {aws.key(a, u): timedelta(hours=4) for a in aws.accounts[:-1] for u in aws.users})
    with tempfile.TemporaryDirectory() as place:
        flag = Path(place) / "stop"
        workers = [SPAWN.Process(target=_work, args=(url, f"w{n}", flag, aws.url)) for n in (1, 2)]
        for worker in workers:
            worker.start()
        _until(lambda: len(aws.calls()) > 100)
        began = CLOCK.now()
        time.sleep(_SECONDS / 2)
        pid = workers[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        picked_up = _picked_up(store)
        time.sleep(max(0.0, began.timestamp() + _SECONDS + 0.1 - time.time()))
        calls = aws.calls()
        flag.touch()
        for worker in workers:
            worker.join(30)
    store.close()
    lease = EngineSettings("").lease.total_seconds() + 1
    yield from _used(
        [each for each in calls if began <= each[0] < began + timedelta(seconds=_SECONDS)], calls
    )
    yield Figure("  the killed worker's facts were picked up after", picked_up, "s", lease, "lease + 1 s")


def _picked_up(store: Store) -> float:
    """Seconds until nothing is held any more in the name of the worker that was killed just now."""
    killed = time.monotonic()
    _until(lambda: not _held_by(store, "w1"))
    return time.monotonic() - killed


def _held_by(store: Store, worker: str) -> int:
    with store._engines.looker.connect() as connection:
        held = "SELECT count(*) FROM facts WHERE lease_owner = %s AND lease_until > 0"
        return int(connection.exec_driver_sql(held, (worker,)).scalar_one())


def _used(
    window: Sequence[tuple[datetime, str, str, str]], calls: Sequence[tuple[datetime, str, str, str]]
) -> Iterator[Figure]:
    throttled = sum("Throttl" in outcome for _, _, outcome, _ in calls)
    served = sum("Throttl" not in outcome for _, _, outcome, _ in window)
    name = f"20/s instance over {_SECONDS} s, one of two killed"
    yield Figure(name, served / _SECONDS, "/s", _ALLOWED, "what AWS allows, >= 0.95")
    yield Figure("  throttled, from the start", throttled, "calls")
    made = [(at, whose) for at, what, how, whose in calls if what.startswith("Create") and how == "ok"]
    running = _fullest([at for at, _ in made], OPERATION)
    yield Figure("  operations at a time, at most", running, "", _OUTSTANDING, "what AWS allows, <= 1")
    yield Figure(
        "  calls in any second, at most", _fullest([at for at, *_ in calls], 1.0), "", _ALLOWED, "the limit"
    )
    kinds = Counter(what for _, what, _, _ in window)
    yield Figure("  calls for each create", len(window) / max(1, kinds["CreateAccountAssignment"]), "")
    twice = sum(count - 1 for count in Counter(whose for _, whose in made).values())
    yield Figure("  creates accepted a second time", twice, "")


def _fullest(moments: list[datetime], seconds: float) -> int:
    length = timedelta(seconds=seconds)
    return max(sum(first <= at < first + length for at in moments) for first in moments)


def _work(url: str, worker: str, flag: Path, aws: str) -> None:
    os.environ.update(environment(aws))
    store = open_store(url, CLOCK, audit_key=b"bench")
    engine, _ = engine_on(store, worker)
    stop = threading.Event()
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    while not flag.exists():
        time.sleep(0.2)
    stop.set()
    thread.join(30)
    store.close()
