"""Leases on rows that are due: facts, requests and messages are all claimed, kept and given back in one way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Select, Table, bindparam, select, update

from gatepass.clock import to_ms
from gatepass.errors import Conflict
from gatepass.store.link import Link, Row, Statement


class LeaseLost(Conflict):
    """Another worker holds the row now: the decision is void; outcomes are recorded by attempt id all the same."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one worker to work on one row until a moment. `fence` tells it from every other lease."""

    worker: str
    fence: int
    until: datetime


class Leased:
    """The statements that lease rows of one table.

    `due` selects the keys of rows that are due at `:now` and leased by nobody, in order, at most `:room`.
    """

    def __init__(self, table: Table, key: Column[Any], due: Select[Any]) -> None:
        leased = (
            update(table)
            .values(lease_owner=bindparam("worker"), lease_until=bindparam("until"), fence=table.c.fence + 1)
            .returning(table)
        )
        # What another transaction claims at this moment is skipped, so that many workers share without waiting.
        found = due.with_for_update(skip_locked=True).cte("found")
        self._peek = Statement(due)
        self._claim_due = Statement(leased.where(key.in_(select(found.c[key.name]))))
        free = select(key).where(key == bindparam("at_key"), table.c.lease_until <= bindparam("now"))
        held = free.with_for_update(skip_locked=True).cte("held")
        self._claim = Statement(leased.where(key.in_(select(held.c[key.name]))))
        mine = (
            key == bindparam("at_key"),
            table.c.lease_owner == bindparam("worker"),
            table.c.fence == bindparam("at_fence"),
        )
        self._renew = Statement(update(table).where(*mine).values(lease_until=bindparam("until")))
        self._put_off = Statement(
            update(table).where(*mine).values(lease_until=0, due_at=bindparam("new_due"))
        )

    def any_due(self, link: Link, now: datetime) -> bool:
        """Whether there is something to claim; read only, so that an empty look costs little."""
        return bool(link.all(self._peek, {"now": to_ms(now), "room": 1}))

    def claim_due(self, link: Link, lease: Lease, now: datetime, room: int, **which: object) -> list[Row]:
        """Lease at most `room` rows that are due; the rows, with their new fences, longest due first."""
        rows = link.all(self._claim_due, {**_until(lease, now), "room": room, **which})
        return sorted(rows, key=lambda row: int(row["due_at"]))

    def claim(self, link: Link, keys: Iterable[object], lease: Lease, now: datetime) -> list[Row]:
        """Lease each of these rows that nobody holds, due or not; the rows, in the order of `keys`."""
        common = _until(lease, now)
        claimed = link.several(*((self._claim, {"at_key": key, **common}) for key in keys))
        return [row for rows in claimed for row in rows]

    def renew(self, link: Link, key: object, lease: Lease, until: datetime) -> bool:
        """Move the end of a lease. False: it is no longer this worker's."""
        return link.run(self._renew, {**_mine(key, lease), "until": to_ms(until)}) == 1

    def release(self, link: Link, key: object, lease: Lease, due_at: datetime | None) -> bool:
        """Give a lease back; `due_at` None leaves the row due when it was. False: it was lost."""
        if due_at is None:
            return link.run(self._renew, {**_mine(key, lease), "until": 0}) == 1
        return link.run(self._put_off, {**_mine(key, lease), "new_due": to_ms(due_at)}) == 1


def _until(lease: Lease, now: datetime) -> dict[str, object]:
    return {"now": to_ms(now), "worker": lease.worker, "until": to_ms(lease.until)}


def _mine(key: object, lease: Lease) -> dict[str, object]:
    return {"at_key": key, "worker": lease.worker, "at_fence": lease.fence}
