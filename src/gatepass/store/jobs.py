"""Jobs and their items: what the job engine works on, and what came of it. These rows are the truth; the engine's own
tables only say who is at it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, true, update

from gatepass.access.events import Event
from gatepass.clock import from_ms, to_ms
from gatepass.store.link import Link, Row, moment
from gatepass.store.rows import json_text
from gatepass.store.tables import job_items, jobs


class ItemState(StrEnum):
    """How far one item is."""

    WAITING = "waiting"
    QUEUED = "queued"
    """Given to the job engine under its deterministic id."""
    ENDED = "ended"
    SKIPPED = "skipped"
    """Not tried: what had to come before was not done."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `input` is plain JSON and all that a worker needs to know."""

    id: str
    kind: str
    by: str
    input: Mapping[str, Any]
    made_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobItem:
    """One item of one phase. Giving it to the engine again needs a new generation."""

    job: str
    phase: int
    item: str
    generation: int = 1
    state: ItemState = ItemState.WAITING
    complete: bool = False
    """Everything of it was done."""
    stops: bool = False
    """What others rely on was not done: no later phase is tried anywhere."""
    result: Mapping[str, Any] = field(default_factory=dict)
    worker: str | None = None
    """Which process ended it."""
    ended_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.state in {ItemState.ENDED, ItemState.SKIPPED}


class JobReads:
    """Questions about jobs."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def job(self, job_id: str) -> Job | None:
        """One job with its input."""
        row = self._link.one(select(jobs).where(jobs.c.id == job_id))
        return None if row is None else _job(row)

    def open(self) -> tuple[tuple[str, str], ...]:
        """Id and kind of the jobs that are not over, oldest first."""
        query = select(jobs.c.id, jobs.c.kind).where(jobs.c.ended_at.is_(None)).order_by(jobs.c.made_at)
        return tuple((row["id"], row["kind"]) for row in self._link.all(query))

    def last(self, kind: str, item: str, *, complete: bool = False) -> JobItem | None:
        """The newest item of this name in jobs of one kind that ended with something to say; `complete`: that did all
        it had to. None: there is none."""
        query = (
            select(job_items)
            .join(jobs, jobs.c.id == job_items.c.job)
            .where(jobs.c.kind == kind, job_items.c.item == item, job_items.c.worker.is_not(None))
            .where(job_items.c.complete.is_(True) if complete else true())
            .order_by(jobs.c.made_at.desc(), jobs.c.id.desc())
            .limit(1)
        )
        row = self._link.one(query)
        return None if row is None else _item(row)

    def made(self, kind: str) -> tuple[datetime, datetime] | None:
        """When the oldest and the newest job of a kind were made; None: there is none."""
        query = select(func.min(jobs.c.made_at).label("first"), func.max(jobs.c.made_at).label("last"))
        row = self._link.one(query.where(jobs.c.kind == kind))
        if row is None or row["first"] is None:
            return None
        return from_ms(row["first"]), from_ms(row["last"])

    def items(self, job_id: str) -> tuple[JobItem, ...]:
        """All items of a job, by phase and name."""
        query = select(job_items).where(job_items.c.job == job_id)
        return tuple(
            _item(row) for row in self._link.all(query.order_by(job_items.c.phase, job_items.c.item))
        )


class Jobs(JobReads):
    """Changes, inside one transaction."""

    def __init__(self, link: Link, audit: Callable[[Event], None], now: datetime) -> None:
        super().__init__(link)
        self._audit = audit
        self._now = now

    def add(self, job: Job, items: Iterable[tuple[int, str]]) -> bool:
        """A new job with its items (phase, name). False: there is one of this id already, and nothing was changed."""
        row = {"id": job.id, "kind": job.kind, "by": job.by, "input": json_text(dict(job.input))}
        insert = self._link.insert(jobs).on_conflict_do_nothing()
        if self._link.run(insert, {**row, "made_at": to_ms(job.made_at)}) != 1:
            return False
        rows = [_item_row(JobItem(job.id, phase, item)) for phase, item in items]
        if rows:
            self._link.run(self._link.insert(job_items), rows)
        self._audit(
            Event("job.asked", None, {"job": job.id, "kind": job.kind, "by": job.by, "items": len(rows)})
        )
        return True

    def reopen(self, job_id: str, by: str) -> int:
        """Try again what a job that is over has not done: how many items. 0: nothing was left, or it is not over."""
        over = update(jobs).where(jobs.c.id == job_id, jobs.c.ended_at.is_not(None)).values(ended_at=None)
        left = [item for item in self.items(job_id) if not item.complete]
        if not left or self._link.run(over) != 1:
            return 0
        for item in left:
            self.again(item)
        self._audit(Event("job.asked", None, {"job": job_id, "kind": "again", "by": by, "items": len(left)}))
        return len(left)

    def stop(self, job_id: str, by: str) -> int:
        """Begin nothing more of a job that is not over: how many items are left out. What is being worked on ends, and
        what comes of it still counts."""
        left = [item for item in self.items(job_id) if not item.is_over]
        said = json_text({"results": [], "writes": 0, "complete": False, "why": f"stopped by {by}"})
        fresh = {"state": ItemState.SKIPPED.value, "result": said, "ended_at": to_ms(self._now)}
        for item in left:
            self._link.run(
                update(job_items).where(*_is(item), job_items.c.ended_at.is_(None)).values(**fresh)
            )
        if left:
            self._audit(Event("job.stopped", None, {"job": job_id, "by": by, "items": len(left)}))
        return len(left)

    def queued(self, items: Iterable[JobItem]) -> None:
        """The engine has them (may be repeated)."""
        for item in items:
            waiting = (*_is(item), job_items.c.state == ItemState.WAITING.value)
            self._link.run(update(job_items).where(*waiting).values(state=ItemState.QUEUED.value))

    def again(self, item: JobItem) -> bool:
        """It waits again, under a new generation. False: somebody else saw to that."""
        fresh = {
            "generation": item.generation + 1,
            "state": ItemState.WAITING.value,
            "complete": False,
            "stops": False,
            "result": "{}",
            "ended_at": None,
        }
        as_seen = (job_items.c.generation == item.generation, job_items.c.state == item.state.value)
        return self._link.run(update(job_items).where(*_is(item), *as_seen).values(**fresh)) == 1

    def end_item(self, item: JobItem) -> bool:
        """What came of an item. False: it has ended before, by a run that was taken for dead; the first word counts,
        but for that of `stop`, which only said what nobody had done yet."""
        values = {name: value for name, value in _item_row(item).items() if name not in _KEY}
        open_ = (
            *_is(item),
            or_(job_items.c.ended_at.is_(None), job_items.c.state == ItemState.SKIPPED.value),
        )
        return (
            self._link.run(update(job_items).where(*open_).values(**values, ended_at=to_ms(self._now))) == 1
        )

    def forget(self, kind: str, keep: int) -> int:
        """Drop jobs of a kind that are over, but for the newest `keep`; how many."""
        newest = select(jobs.c.id).where(jobs.c.kind == kind).order_by(jobs.c.made_at.desc()).limit(keep)
        kept = [row["id"] for row in self._link.all(newest)]
        over = select(jobs.c.id).where(
            jobs.c.kind == kind, jobs.c.ended_at.is_not(None), jobs.c.id.not_in(kept)
        )
        old = [row["id"] for row in self._link.all(over)]
        if old:
            self._link.run(delete(job_items).where(job_items.c.job.in_(old)))
            self._link.run(delete(jobs).where(jobs.c.id.in_(old)))
        return len(old)

    def end(self, job_id: str) -> bool:
        """The job is over. False: it was before."""
        open_ = update(jobs).where(jobs.c.id == job_id, jobs.c.ended_at.is_(None))
        if self._link.run(open_.values(ended_at=to_ms(self._now))) != 1:
            return False
        items = self.items(job_id)
        counted = {"items": len(items), "complete": sum(item.complete for item in items)}
        self._audit(Event("job.ended", None, {"job": job_id, **counted}))
        return True


_KEY = frozenset({"job", "phase", "item", "generation"})


def _is(item: JobItem) -> tuple[ColumnElement[bool], ...]:
    return job_items.c.job == item.job, job_items.c.phase == item.phase, job_items.c.item == item.item


def _job(row: Row) -> Job:
    made_at = from_ms(row["made_at"])
    return Job(row["id"], row["kind"], row["by"], json.loads(row["input"]), made_at, moment(row["ended_at"]))


def _item(row: Row) -> JobItem:
    return JobItem(
        job=row["job"],
        phase=row["phase"],
        item=row["item"],
        generation=row["generation"],
        state=ItemState(row["state"]),
        complete=bool(row["complete"]),
        stops=bool(row["stops"]),
        result=json.loads(row["result"]),
        worker=row["worker"],
        ended_at=moment(row["ended_at"]),
    )


def _item_row(item: JobItem) -> dict[str, Any]:
    return {
        "job": item.job,
        "phase": item.phase,
        "item": item.item,
        "generation": item.generation,
        "state": item.state.value,
        "complete": item.complete,
        "stops": item.stops,
        "result": json_text(dict(item.result)),
        "worker": item.worker,
    }
