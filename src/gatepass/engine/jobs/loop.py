"""Carries jobs from our rows to the job engine and to their end. Level-triggered: every round looks at what is so.

A job's rows are committed first; enqueueing is no part of that transaction, so every process sweeps and enqueues by
deterministic ids. DBOS is begun at the first open job: an installation without jobs never pays for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from gatepass.clock import Clock
from gatepass.errors import Unavailable
from gatepass.store import Store
from gatepass.store.jobs import ItemState, JobItem

log = logging.getLogger(__name__)
Work = Callable[[str, int, str], None]
"""(job, phase, item): does it and keeps what came of it in the item's row. May run again after a crash."""
CONCLUSION = "conclusion"
"""The item that says what came of all others: never left out, whatever became of them."""
GENERATIONS = 3
"""How often an item is given to the engine before somebody must look."""


@dataclass(frozen=True, slots=True)
class Due:
    """One item for the engine. Ids and plain words only."""

    kind: str
    job: str
    phase: int
    item: str
    generation: int

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.job}/{self.phase}/{self.item}:{self.generation}"


class Runner(Protocol):
    """The engine that runs items in some process (`engine.jobs.Runner`)."""

    def enqueue(self, due: Iterable[Due]) -> None:
        """Gives these to whichever worker is free; may be repeated."""
        ...

    def broken(self, ids: Collection[str]) -> set[str]:
        """Those of them that ended without having done their work."""
        ...

    def holders(self) -> set[str]:
        """The workers that began something and have not ended it."""
        ...

    def resume(self, executor: str) -> int:
        """Puts what a dead worker had begun back into its queue; how many."""
        ...

    def forget(self, before: datetime) -> int:
        """Drops what it keeps of items that were over before; how many."""
        ...

    def stop(self) -> None:
        """Takes nothing new and lets go."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the loop does what."""

    sweep: timedelta = timedelta(milliseconds=500)
    take_over: timedelta = timedelta(seconds=3)
    dead_after: timedelta = timedelta(seconds=10)
    """A worker that has not been heard of for so long is dead. Workers beat every 2 s."""
    forget: timedelta = timedelta(days=1)


class JobLoop:
    """The jobs of one process. Every method may be repeated, and be called by every process at once."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        worker: str,
        begin: Callable[[], Runner],
        pace: Pace,
        *,
        shared: bool,
        schedule: Callable[[], object] = lambda: None,
    ) -> None:
        """`begin` starts the engine; `shared`: other processes may die and leave their items to us; `schedule` makes
        the jobs whose time has come."""
        self._schedule = schedule
        self._store = store
        self._clock = clock
        self._worker = worker
        self._begin = begin
        self._pace = pace
        self._shared = shared
        self._runner: Runner | None = None
        self._next: dict[str, datetime] = {}
        self._nudge = threading.Event()

    # -- threads

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. An error costs a round, never the thread."""
        while not stop.is_set():
            try:
                self.once()
            except Unavailable as gone:
                log.warning("jobs: %s", gone)
            except Exception:
                log.exception("jobs broke off")
            self._nudge.wait(self._pace.sweep.total_seconds())
            self._nudge.clear()
        if self._runner is not None:
            self._runner.stop()

    def wake(self) -> None:
        """There is something to do: look at once."""
        self._nudge.set()

    # -- rounds

    def once(self) -> int:
        """One round; how many jobs are open."""
        self._schedule()
        with self._store.read() as view:
            jobs = view.jobs.open()
        if jobs and self._runner is None:
            self._runner = self._begin()
        if self._runner is None:
            return 0
        for job, kind in jobs:
            self._sweep(self._runner, job, kind)
        if self._shared and self._is_time("take over", self._pace.take_over):
            self.take_over(self._runner)
        if self._is_time("forget", self._pace.forget):
            self._runner.forget(self._clock.now() - self._pace.forget)
        return len(jobs)

    def _is_time(self, what: str, every: timedelta) -> bool:
        now = self._clock.now()
        if now < self._next.get(what, now):
            return False
        self._next[what] = now + every
        return True

    def _sweep(self, runner: Runner, job: str, kind: str) -> None:
        with self._store.read() as view:
            items = view.jobs.items(job)
        left = [item for item in items if not item.is_over]
        if not left:
            with self._store.write() as tx:
                tx.jobs.end(job)
            return
        phase = min(item.phase for item in left)
        now = [item for item in left if item.phase == phase]
        barred = [item for item in now if item.state is ItemState.WAITING and _barred(item, items)]
        waiting = [item for item in now if item.state is ItemState.WAITING and item not in barred]
        queued = [item for item in now if item.state is ItemState.QUEUED]
        runner.enqueue(_due(kind, item) for item in waiting)
        if waiting or barred:
            with self._store.write() as tx:
                tx.jobs.queued(waiting)
                for item in barred:
                    tx.jobs.end_item(_skipped(item))
        if queued and self._is_time(f"broken {job}", self._pace.take_over):
            self._mend(runner, kind, queued)

    def _mend(self, runner: Runner, kind: str, queued: list[JobItem]) -> None:
        """Items the engine gave up on: once more, or no more."""
        broken = runner.broken([_due(kind, item).id for item in queued])
        for item in queued:
            if _due(kind, item).id not in broken:
                continue
            with self._store.write() as tx:
                if item.generation < GENERATIONS:
                    tx.jobs.again(item)
                else:
                    tx.jobs.end_item(_failed(item))

    def take_over(self, runner: Runner) -> str | None:
        """Sees to the items of one worker that died, whose name is the answer; and asks after unknown ones.

        Two processes never take over from the same one at once: the dead one's row is locked meanwhile.
        """
        now = self._clock.now()
        holders = runner.holders()
        with self._store.write() as tx:
            known = {worker.id for worker in tx.fleet.workers()}
            for holder in holders - known - {self._worker}:
                tx.fleet.expect(holder, now)
        with self._store.write() as tx:
            dead = tx.fleet.lock_dead(now - self._pace.dead_after, self._worker)
            if dead is not None:
                taken = runner.resume(dead)
                log.warning("worker %s has not been heard of: %s items of its jobs taken over", dead, taken)
                tx.fleet.leave(dead)
        return dead


def _due(kind: str, item: JobItem) -> Due:
    return Due(kind, item.job, item.phase, item.item, item.generation)


def _barred(item: JobItem, items: Iterable[JobItem]) -> bool:
    """Nothing is revoked where grants did not succeed, nor anywhere once what others rely on is missing (T-79)."""
    if item.item == CONCLUSION:
        return False
    earlier = [other for other in items if other.phase < item.phase]
    return any(other.stops or (other.item == item.item and not other.complete) for other in earlier)


def _skipped(item: JobItem) -> JobItem:
    why = "grants did not all succeed: nothing is revoked before they do"
    return replace(item, state=ItemState.SKIPPED, result=_said(why))


def _failed(item: JobItem) -> JobItem:
    why = f"the job engine gave up on it {GENERATIONS} times; the servers' logs say why"
    return replace(item, state=ItemState.ENDED, stops=True, result=_said(why))


def _said(why: str) -> Mapping[str, object]:
    return {"results": [], "writes": 0, "complete": False, "why": why}
