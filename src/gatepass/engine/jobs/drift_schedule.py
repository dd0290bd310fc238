"""When AWS is compared with the declared teams: once in every slot of time, whoever comes first makes the job.

A slot is counted from the epoch, so every process knows it without asking anybody, and a start after a long pause makes
the present one only. Installations begin theirs at different moments: many of one provider do not read AWS at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from gatepass.clock import Clock, iso, to_ms
from gatepass.engine.jobs.declared import compiled_drift
from gatepass.engine.jobs.drift import KIND, items_of
from gatepass.engine.jobs.loop import CONCLUSION
from gatepass.engine.ports import Alarms
from gatepass.errors import GatepassError, Unavailable
from gatepass.estate.drift import Drift
from gatepass.store import Store, Tx, View
from gatepass.store.jobs import Job

ALARM = "drift"
PACE = timedelta(seconds=5)
"""How often a process looks whether it is time."""
MISSED = 2
"""Intervals without a success, after which operators are told."""


class DriftSchedule:
    """Makes the jobs. Every method may be repeated, and be called by every process at once."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        watched: Callable[[View | Tx], tuple[int, Drift] | None],
        alarms: Alarms,
    ) -> None:
        """`watched`: the estate in force that says it, by number; None: it does not."""
        self._store = store
        self._clock = clock
        self._watched = watched
        self._alarms = alarms
        self._next: datetime | None = None
        self._offset: int | None = None

    def once(self) -> str | None:
        """The job of this slot when this call made it. Never raises but `Unavailable`: other jobs wait behind it."""
        now = self._clock.now()
        if self._next is not None and now < self._next:
            return None
        self._next = now + PACE
        with self._store.read() as view:
            found = self._watched(view)
            if found is None:
                self._alarms.cleared(ALARM)
                return None
            number, drift = found
            job = self._slot(view, drift, now)
            is_due = view.jobs.job(job) is None and KIND not in {kind for _, kind in view.jobs.open()}
            fault = "" if is_due else _late(view, drift, now)
        made = None
        try:
            made = self._add(job, number, drift, "schedule") if is_due else None
        except Unavailable:
            raise
        except GatepassError as unusable:
            fault = f"the teams of the estate cannot be compared with AWS: {unusable}"
        if fault:
            self._alarms.raised(ALARM, fault)
        else:
            self._alarms.cleared(ALARM)
        return made

    def now(self, by: str) -> str | None:
        """The job of a look at once; one that is under way is joined. None: nothing is to be compared."""
        with self._store.read() as view:
            found = self._watched(view)
            under_way = [job for job, kind in view.jobs.open() if kind == KIND]
        if found is None or under_way:
            return under_way[0] if under_way else None
        job = f"d{to_ms(self._clock.now())}-asked"
        self._add(job, *found, by)
        return job

    def _add(self, job: str, number: int, drift: Drift, by: str) -> str | None:
        items = items_of(compiled_drift(drift))
        made = Job(id=job, kind=KIND, by=by, input={"estate": number}, made_at=self._clock.now())
        with self._store.write() as tx:
            return job if tx.jobs.add(made, items) else None

    def _slot(self, view: View, drift: Drift, now: datetime) -> str:
        """The job of the slot that `now` lies in: the same for all processes, whenever they ask."""
        if self._offset is None:
            first = view.estates.version(1)
            digest = hashlib.sha256((first.digest if first is not None else "").encode()).digest()
            self._offset = int.from_bytes(digest[:6], "big")
        every = drift.every // timedelta(milliseconds=1)
        slot = (to_ms(now) - self._offset % every) // every
        return f"d{every // 1000}-{slot}"


def _late(view: View, drift: Drift, now: datetime) -> str:
    """What to tell operators when there was no success for too long; empty: all is well, or one may come yet, as after
    a start."""
    made = view.jobs.made(KIND)
    under_way = KIND in {kind for _, kind in view.jobs.open()}
    if made is None or (under_way and now - made[1] <= drift.every):
        return ""
    success = view.jobs.last(KIND, CONCLUSION, complete=True)
    since = success.ended_at if success is not None and success.ended_at is not None else made[0]
    if now - since <= MISSED * drift.every:
        return ""
    last = f"since {iso(since)}" if success is not None else "yet"
    why = "gatepass teams drift --last and the servers' logs say why"
    return f"AWS was not compared with the declared teams {last}; {why}"
