"""Which facts are due, in the order of claims; and the slots of AWS instances."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, bindparam, or_, select, union_all, update

from gatepass.access.facts import FactKey
from gatepass.clock import EPOCH, to_ms
from gatepass.store.facts import lock_instance
from gatepass.store.limiter import Pace, Slots, give_back, next_slot, slow_down, take
from gatepass.store.link import Link, Row, Statement
from gatepass.store.rows import GIVE, POLL, TAKE_BACK
from gatepass.store.tables import facts, instances

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """When one call may go to an instance. Not `taken`: it would be too long a wait, so nothing was reserved."""

    at: datetime
    wait: timedelta
    taken: bool


def kinds_due(link: Link, now: datetime) -> list[int]:
    """Which of take-backs, polls and grants are due, in the order of claims; read only: an empty look costs little."""
    return [row["priority"] for row in link.all(_KINDS_DUE, {"now": to_ms(now)})]


def facts_to_sweep(link: Link, now: datetime, sweep: timedelta, ended: timedelta, room: int) -> list[FactKey]:
    """Facts not read for `sweep`: ours, and those whose absence was confirmed less than `ended` ago."""
    params = {
        "now": to_ms(now),
        "stale": to_ms(now - sweep),
        "ended": to_ms(now - ended),
        "room": room,
    }
    found = dict.fromkeys(row["key"] for row in link.all(_TO_SWEEP, params))
    return [FactKey.parse(key) for key in found][:room]


def end_leases(link: Link, workers: Collection[str], now: datetime, left: timedelta) -> int:
    """End those leases of these workers' facts of which at most `left` remains. Only facts that are due are looked at:
    a step keeps its fact due, so that whoever comes next goes on."""
    ending = update(facts).values(lease_until=0)
    return link.run(
        ending.where(
            facts.c.priority.in_((TAKE_BACK, POLL, GIVE)),
            facts.c.due_at <= to_ms(now),
            facts.c.lease_owner.in_(sorted(workers)),
            facts.c.lease_until > to_ms(now),
            facts.c.lease_until <= to_ms(now + left),
        )
    )


def take_slot(
    link: Link,
    scope: str,
    now: datetime,
    patience: timedelta,
    pace: Pace,
    unused: datetime | None = None,
) -> Slot:
    """Reserve the next call to an instance, unless it would have to wait longer than `patience`.

    `unused`: the moment of a slot for which its caller came too late; it is given back.
    """
    kept = slots = _slots(lock_instance(link, scope))
    at = to_ms(now) * 1000
    if unused is not None:
        slots = give_back(slots, (unused - EPOCH) // _MICROSECOND, at, pace)
    given = next_slot(slots, at, pace)
    # Whole milliseconds, rounded up: a caller never goes before its slot.
    wait = timedelta(milliseconds=-(-(given - at) // 1000))
    taken = wait <= patience
    if taken:
        slots = take(slots, given, at, pace)
    if slots != kept:
        _keep_slots(link, scope, slots)
    return Slot(EPOCH + given * _MICROSECOND, wait, taken)


def slow_instance(link: Link, scope: str, now: datetime) -> None:
    """AWS throttled a call to this instance: halve its pace, given back over half a minute."""
    slots = _slots(lock_instance(link, scope))
    _keep_slots(link, scope, slow_down(slots, to_ms(now) * 1000))


def _slots(row: Row) -> Slots:
    return Slots(tuple(json.loads(row["slots"])), row["tat"], row["slowed_at"], row["halvings"])


def _keep_slots(link: Link, scope: str, slots: Slots) -> None:
    params = {
        "at_scope": scope,
        "new_slots": json.dumps(slots.given),
        "new_tat": slots.tat,
        "new_slowed": slots.slowed_at,
        "new_halvings": slots.halvings,
    }
    link.run(_SLOTS, params)


def _one_due(priority: int) -> Select[tuple[int]]:
    """One look at the beginning of one range of the index (priority, due_at)."""
    due = select(facts.c.priority).where(
        facts.c.priority == priority,
        facts.c.due_at <= bindparam("now"),
        facts.c.lease_until <= bindparam("now"),
    )
    return select(due.limit(1).subquery())


_KINDS_DUE = Statement(union_all(*(_one_due(priority) for priority in (TAKE_BACK, POLL, GIVE))))


def _stale(*where: ColumnElement[bool]) -> Select[tuple[str]]:
    """One range of an index of facts to read again."""
    found = select(facts.c.key).where(*where, facts.c.lease_until <= bindparam("now"))
    return select(found.limit(bindparam("room")).subquery())


_before = facts.c.read_at <= bindparam("stale")
_never = facts.c.read_at.is_(None)
_ended_lately = facts.c.absent_at > bindparam("ended")
_TO_SWEEP = Statement(
    union_all(
        _stale(facts.c.ours, _never),
        _stale(facts.c.ours, _before),
        _stale(_ended_lately, or_(_never, _before)),
    )
)
_SLOTS = Statement(
    update(instances)
    .where(instances.c.scope == bindparam("at_scope"))
    .values(
        slots=bindparam("new_slots"),
        tat=bindparam("new_tat"),
        slowed_at=bindparam("new_slowed"),
        halvings=bindparam("new_halvings"),
    )
)
