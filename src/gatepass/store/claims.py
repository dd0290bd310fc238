"""Rows that are due, each given to one worker for a while; and the slots of AWS instances.

Every function here is one short transaction of its own. A claimed row comes back by itself when its lease ends.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, or_, select, union_all, update

from gatepass.access.facts import FactKey
from gatepass.clock import to_ms
from gatepass.store.facts import ClaimedFact, Lease, lock_instance
from gatepass.store.limiter import Pace, Slots, next_slot, slow_down, take
from gatepass.store.link import Link, Row
from gatepass.store.rows import GIVE, POLL, TAKE_BACK, fact_from
from gatepass.store.tables import facts, instances

_ORDER = (TAKE_BACK, POLL, GIVE)


@dataclass(frozen=True, slots=True)
class Slot:
    """When one call may go to an instance. Not `taken`: it would be too long a wait, so nothing was reserved."""

    wait: timedelta
    taken: bool


def due_facts(link: Link, now: datetime, room: int) -> list[FactKey]:
    """Facts that may be claimed now, in the order of claims; read only, so that an empty look costs little."""
    rows = link.all(_DUE_FACTS, {"now": to_ms(now), "room": room})
    return [FactKey.parse(row["key"]) for row in rows][:room]


def facts_to_sweep(link: Link, now: datetime, sweep: timedelta, ended: timedelta, room: int) -> list[FactKey]:
    """Facts not read for `sweep`: ours, and those whose absence was confirmed less than `ended` ago."""
    params = {
        "now": to_ms(now),
        "stale": to_ms(now - sweep),
        "ended": to_ms(now - ended),
        "room": room,
    }
    rows = link.all(_TO_SWEEP, params)
    return [FactKey.parse(row["key"]) for row in rows]


def claim_facts(
    link: Link, keys: Sequence[FactKey], worker: str, now: datetime, lease: timedelta
) -> tuple[ClaimedFact, ...]:
    """Lease each of these facts that nobody holds. In a write transaction; the order of `keys` is kept."""
    until = now + lease
    claimed = []
    for key in keys:
        params = {"at_key": key.text, "now": to_ms(now), "worker": worker, "until": to_ms(until)}
        row = _claim_one(link, facts, facts.c.key, params)
        if row is not None:
            fact = fact_from(row)
            claimed.append(ClaimedFact(fact, Lease(worker, fact.fence, until)))
    return tuple(claimed)


def _claim_one(link: Link, table: Table, key: ColumnElement[Any], params: dict[str, object]) -> Row | None:
    free = select(key).where(key == bindparam("at_key"), table.c.lease_until <= bindparam("now"))
    statement = (
        update(table)
        .where(key.in_(free.with_for_update(skip_locked=True).scalar_subquery()))
        .values(lease_owner=bindparam("worker"), lease_until=bindparam("until"), fence=table.c.fence + 1)
        .returning(table)
    )
    return link.one(statement, params)


def renew_fact(link: Link, key: FactKey, lease: Lease, until: datetime) -> bool:
    """Keep a lease longer. False: it is no longer this worker's."""
    params = {"at_key": key.text, "worker": lease.worker, "fence": lease.fence, "until": to_ms(until)}
    return link.run(_RENEW, params) == 1


def release_fact(link: Link, key: FactKey, lease: Lease, due_at: datetime | None) -> bool:
    """Give a lease back before its end; `due_at` None leaves the fact due when it was. False: it was lost."""
    params = {"at_key": key.text, "worker": lease.worker, "fence": lease.fence, "until": 0}
    if link.run(_RENEW, params) != 1:
        return False
    if due_at is not None:
        link.run(update(facts).where(facts.c.key == key.text).values(due_at=to_ms(due_at)))
    return True


def take_slot(link: Link, scope: str, now: datetime, patience: timedelta, pace: Pace) -> Slot:
    """Reserve the next call to an instance, unless it would have to wait longer than `patience`."""
    slots = _slots(lock_instance(link, scope))
    at = to_ms(now) * 1000
    given = next_slot(slots, at, pace)
    # Whole milliseconds, rounded up: a caller never goes before its slot.
    wait = timedelta(milliseconds=-(-(given - at) // 1000))
    if wait > patience:
        return Slot(wait, taken=False)
    _keep_slots(link, scope, take(slots, given, at, pace))
    return Slot(wait, taken=True)


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


def _due_at(priority: int) -> Select[tuple[str]]:
    """One range of the index (priority, due_at): three of them, in order, are the order of claims."""
    due = select(facts.c.key, facts.c.priority, facts.c.due_at).where(
        facts.c.priority == priority,
        facts.c.due_at <= bindparam("now"),
        facts.c.lease_until <= bindparam("now"),
    )
    return select(due.order_by(facts.c.due_at).limit(bindparam("room")).subquery())


_three = union_all(*(_due_at(priority) for priority in _ORDER))
_DUE_FACTS = _three.order_by(_three.selected_columns.priority, _three.selected_columns.due_at)
_unread = or_(facts.c.read_at.is_(None), facts.c.read_at <= bindparam("stale"))
_TO_SWEEP = (
    select(facts.c.key)
    .where(
        or_(
            and_(facts.c.ours, _unread),
            and_(facts.c.absent_at > bindparam("ended"), _unread),
        ),
        facts.c.lease_until <= bindparam("now"),
    )
    .order_by(facts.c.read_at)
    .limit(bindparam("room"))
)
_RENEW = (
    update(facts)
    .where(
        facts.c.key == bindparam("at_key"),
        facts.c.lease_owner == bindparam("worker"),
        facts.c.fence == bindparam("fence"),
    )
    .values(lease_until=bindparam("until"))
)
_SLOTS = (
    update(instances)
    .where(instances.c.scope == bindparam("at_scope"))
    .values(
        slots=bindparam("new_slots"),
        tat=bindparam("new_tat"),
        slowed_at=bindparam("new_slowed"),
        halvings=bindparam("new_halvings"),
    )
)
