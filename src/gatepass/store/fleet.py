"""Workers and what waits for them: beats, backlog, operations in flight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select

from gatepass.clock import from_ms, to_ms
from gatepass.store.facts import OPEN_GRANTS
from gatepass.store.link import Link, moment
from gatepass.store.rows import GIVE, POLL, TAKE_BACK
from gatepass.store.tables import attempts, facts, grants, workers


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that settles facts, and when it was last heard of."""

    id: str
    version: str
    started_at: datetime
    beat_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is due now at one AWS instance, and how many operations are in flight there."""

    scope: str
    take_backs: int
    polls: int
    grants: int
    inflight: int
    oldest_due_at: datetime | None

    @property
    def due(self) -> int:
        return self.take_backs + self.polls + self.grants


class FleetReads:
    """Questions about workers and work."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def workers(self) -> tuple[Worker, ...]:
        """Every worker that has beaten and was not seen to go, by id."""
        rows = self._link.all(select(workers).order_by(workers.c.id))
        return tuple(
            Worker(row["id"], row["version"], from_ms(row["started_at"]), from_ms(row["beat_at"]))
            for row in rows
        )

    def backlog(self, now: datetime) -> tuple[Backlog, ...]:
        """Per AWS instance, what is due at `now`; instances with nothing due and nothing in flight are left out."""
        counted = (
            select(
                facts.c.scope,
                facts.c.priority,
                func.count().label("n"),
                func.min(facts.c.due_at).label("first"),
            )
            .where(facts.c.priority.in_((TAKE_BACK, POLL, GIVE)), facts.c.due_at <= to_ms(now))
            .group_by(facts.c.scope, facts.c.priority)
        )
        flying = select(attempts.c.scope, func.count().label("n")).where(attempts.c.inflight)
        inflight = {row["scope"]: row["n"] for row in self._link.all(flying.group_by(attempts.c.scope))}
        due: dict[str, dict[int, int]] = {scope: {} for scope in inflight}
        first: dict[str, int] = {}
        for row in self._link.all(counted):
            due.setdefault(row["scope"], {})[row["priority"]] = row["n"]
            first[row["scope"]] = min(first.get(row["scope"], row["first"]), row["first"])
        return tuple(
            Backlog(
                scope=scope,
                take_backs=counts.get(TAKE_BACK, 0),
                polls=counts.get(POLL, 0),
                grants=counts.get(GIVE, 0),
                inflight=inflight.get(scope, 0),
                oldest_due_at=moment(first.get(scope)),
            )
            for scope, counts in sorted(due.items())
        )

    def ending(self, scope: str, since: datetime, until: datetime) -> int:
        """How many grants end at an instance in this window; what a forecast of lateness is made from."""
        joined = grants.join(facts, grants.c.fact == facts.c.key)
        query = select(func.count().label("n")).select_from(joined)
        window = grants.c.ends_at.between(to_ms(since), to_ms(until))
        row = self._link.one(query.where(facts.c.scope == scope, OPEN_GRANTS, window))
        return 0 if row is None else int(row["n"])


class Fleet(FleetReads):
    """Changes, inside one transaction."""

    def beat(self, worker: str, version: str, now: datetime) -> None:
        """The worker is alive."""
        insert = self._link.insert(workers)
        row = {"id": worker, "version": version, "started_at": to_ms(now), "beat_at": to_ms(now)}
        fresh = {name: insert.excluded[name] for name in ("version", "beat_at")}
        self._link.run(insert.on_conflict_do_update(index_elements=["id"], set_=fresh), row)

    def lock_dead(self, before: datetime, me: str) -> str | None:
        """A worker last heard of earlier than `before`, locked until this transaction ends; not one that another
        transaction holds. Make sure of its jobs, then let it `leave`."""
        silent = select(workers.c.id).where(workers.c.beat_at < to_ms(before), workers.c.id != me)
        rows = self._link.all(silent.order_by(workers.c.beat_at).limit(1).with_for_update(skip_locked=True))
        return str(rows[0]["id"]) if rows else None

    def expect(self, worker: str, now: datetime) -> None:
        """Somebody of this name holds work and is not known: alive if it is heard of soon, else dead like any other."""
        row = {"id": worker, "version": "", "started_at": to_ms(now), "beat_at": to_ms(now)}
        self._link.run(self._link.insert(workers).on_conflict_do_nothing(), row)

    def leave(self, worker: str) -> None:
        """The worker stops, or was found dead (may be repeated)."""
        self._link.run(delete(workers).where(workers.c.id == worker))
