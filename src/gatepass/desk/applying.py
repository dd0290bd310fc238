"""Applying an estate: as one numbered version or not at all, and never so that access is orphaned (I18)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from gatepass.access.events import Event, Value
from gatepass.access.requests import Grant
from gatepass.desk.book import Book
from gatepass.desk.ending import Ending
from gatepass.errors import GatepassError
from gatepass.estate.change import Change, Held, Orphan, buried, changes, orphans
from gatepass.estate.model import Estate
from gatepass.estate.wire import to_plain
from gatepass.store import EstateVersion, Store, Tombstone, Tx


class EstateInUse(GatepassError):
    """The new estate takes away what live grants need; every one of them is named. Nothing was applied."""

    code = "estate_in_use"

    def __init__(self, found: Iterable[Orphan]) -> None:
        self.orphans = tuple(found)
        words = "; ".join(str(orphan) for orphan in self.orphans)
        super().__init__(
            f"live access would be orphaned: {words}",
            advice="wait until it ends, or end it now with: gatepass apply --end-grants",
        )


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did."""

    number: int
    changes: tuple[Change, ...]
    ended: int
    """Grants that were ended because what they need is gone."""
    buried: tuple[str, ...]
    """Organizations whose connector is kept until the last fact there is gone."""


class Applying:
    """Makes estates the version in force. Applying the same estate twice changes nothing."""

    def __init__(self, store: Store, book: Book, ending: Ending) -> None:
        self._store = store
        self._book = book
        self._ending = ending

    def apply(self, by: str, estate: Estate, *, end_grants: bool = False) -> Applied:
        """Apply a loaded estate in one transaction. Raises `EstateInUse`, or `Conflict` when somebody was faster."""
        with self._store.write() as tx:
            number = tx.estates.current_number()
            if number == 0:
                return self._put(tx, by, estate, 1, Applied(1, (), 0, ()))
            old = self._book.at(tx, number).estate
            if old.digest == estate.digest:
                return Applied(number, (), 0, ())
            grants = {grant.id: grant for grant in tx.requests.open_grants(None)}
            lost = orphans(
                old, estate, (held for held in (self._held(tx, g) for g in grants.values()) if held)
            )
            if lost and not end_grants:
                raise EstateInUse(lost)
            found = changes(old, estate)
            left = buried(old, estate)
            for organization in left:
                kept = to_plain(organization.connector)
                tx.estates.bury(Tombstone(organization.name, kept, number, tx.now))
            over = [grants[orphan.held.grant] for orphan in lost]
            ended = self._ending.end_grants(tx, over, why="estate", by=by, now=tx.now)
            names = tuple(organization.name for organization in left)
            applied = self._put(tx, by, estate, number + 1, Applied(number + 1, found, ended, names))
        self._store.wake()
        return applied

    def _put(self, tx: Tx, by: str, estate: Estate, number: int, applied: Applied) -> Applied:
        source = json.dumps(to_plain(estate), ensure_ascii=False, separators=(",", ":")).encode()
        summary = f"{len(applied.changes)} change(s), {applied.ended} grant(s) ended"
        fields: dict[str, Value] = {"version": number, "hash": estate.digest, "by": by, "summary": summary}
        version = EstateVersion(number, estate.digest, source, tx.now, by)
        tx.estates.apply(version, Event("estate.applied", None, fields))
        return applied

    def _held(self, tx: Tx, grant: Grant) -> Held | None:
        request = tx.requests.get(grant.request)
        if request is None or request.target is None:
            return None
        return Held(
            grant=grant.id,
            person=grant.person,
            flow=request.flow,
            organization=grant.organization,
            target=request.target,
            account_id=request.account_id,
        )
