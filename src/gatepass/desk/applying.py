"""Applying an estate: as one numbered version or not at all, and never so that access is orphaned (I18)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from gatepass.access.events import Event, Value
from gatepass.access.requests import Grant
from gatepass.desk.book import Book
from gatepass.desk.ending import Ending
from gatepass.desk.gate import why_ended
from gatepass.errors import Conflict, GatepassError
from gatepass.estate.change import Change, Held, Orphan, buried, changes, orphans
from gatepass.estate.model import Estate
from gatepass.estate.outline import counted
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


class EstateEndsAccess(GatepassError):
    """People lose by the new estate what they hold or wait for, and nobody agreed to it. Nothing was applied."""

    code = "estate_ends_access"

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__(
            "\n".join(self.lines), advice="if that is meant, apply it with: gatepass apply ESTATE --yes"
        )


_TRIES = 3
_MOST_SHOWN = 50


class _Begun(Conflict):
    """Access began that the new estate takes away, after the facts were locked."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did."""

    number: int
    changes: tuple[Change, ...]
    ended: int
    """Grants that were ended because what they need is gone."""
    buried: tuple[str, ...]
    """Organizations whose connector is kept until the last fact there is gone."""
    ends: tuple[str, ...] = ()
    """In words: what people hold or wait for, and lose by it within a minute."""


class Applying:
    """Makes estates the version in force. Applying the same estate twice changes nothing."""

    def __init__(self, store: Store, book: Book, ending: Ending) -> None:
        self._store = store
        self._book = book
        self._ending = ending

    def apply(self, by: str, estate: Estate, *, end_grants: bool = False, agreed: bool = True) -> Applied:
        """Apply a loaded estate in one transaction. Raises `EstateInUse`, or `Conflict` when somebody was faster; and
        unless it is `agreed`, `EstateEndsAccess` when people lose what they hold or wait for."""
        for _ in range(_TRIES):
            try:
                with self._store.write() as tx:
                    applied = self._apply(tx, by, estate, end_grants=end_grants, agreed=agreed)
            except _Begun as begun:
                last = begun
                continue
            self._store.wake()
            return applied
        raise last

    def _apply(self, tx: Tx, by: str, estate: Estate, *, end_grants: bool, agreed: bool) -> Applied:
        """Facts are locked before the estate is held, for whoever begins access holds its fact when it asks for the
        estate; what began in between is seen then, and its fact is not among those: all of it is tried again."""
        number = tx.estates.current_number()
        if number == 0:
            return self._put(tx, by, estate, 1, Applied(1, (), 0, ()))
        old = self._book.at(tx, number).estate
        if old.digest == estate.digest:
            return Applied(number, (), 0, ())
        left = buried(old, estate)
        names = tuple(organization.name for organization in left)
        held = tx.facts.hold_of(names, [grant.fact for grant, _ in self._lost(tx, old, estate)])
        tx.estates.hold()
        lost = self._lost(tx, old, estate)
        if lost and not end_grants:
            raise EstateInUse(orphan for _, orphan in lost)
        ends = _ends(tx, old, estate)
        if ends and not (agreed or end_grants):
            raise EstateEndsAccess(ends)
        if not held.issuperset(grant.fact for grant, _ in lost):
            raise _Begun("access began while the estate was applied", advice="apply it again")
        for organization in left:
            connector = organization.connector
            kept = to_plain(connector)
            tx.estates.bury(Tombstone(connector.instance_arn, organization.name, kept, number, tx.now))
        ended = self._ending.end_grants(tx, [grant for grant, _ in lost], why="estate", by=by)
        done = Applied(number + 1, changes(old, estate), ended, names, ends)
        return self._put(tx, by, estate, number + 1, done)

    def _lost(self, tx: Tx, old: Estate, new: Estate) -> list[tuple[Grant, Orphan]]:
        """The open grants that the new estate takes away what they need."""
        grants = {grant.id: grant for grant in tx.requests.open_grants(None)}
        held = (self._held(tx, grant) for grant in grants.values())
        found = orphans(old, new, (each for each in held if each is not None))
        return [(grants[orphan.held.grant], orphan) for orphan in found]

    def _put(self, tx: Tx, by: str, estate: Estate, number: int, applied: Applied) -> Applied:
        source = json.dumps(to_plain(estate), ensure_ascii=False, separators=(",", ":")).encode()
        summary = f"{counted(len(applied.changes), 'changes')}, {counted(applied.ended, 'grants')} ended"
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


def _ends(tx: Tx, old: Estate, new: Estate) -> tuple[str, ...]:
    """What the new estate makes people lose who are in the old: grants that end, requests that are closed, and why.

    What they ask for is still there; where it is not, the grants are orphans. Nothing where all goes on.
    """
    lost = {
        (ask.requester, ask.flow, ask.target): why
        for ask in tx.requests.open_asks()
        if (why := why_ended(new, ask)) is not None and why_ended(old, ask) is None
    }
    grants, requests = [], []
    for person in sorted({person for person, _, _ in lost}):
        of_requests = {each.id: each for each in tx.requests.open_of_person(person)}
        held = tx.requests.grants_of_person(person)
        for request in of_requests.values():
            why = lost.get((request.requester, request.flow, request.target))
            if why is None:
                continue
            mine = [grant for grant in held if grant.request == request.id and not grant.final]
            where = f" in {request.account_id}" if request.account_id else ""
            what = f"of {person} on {request.target or request.flow}{where}: {why}"
            grants += [f"  grant {grant.id} {what}" for grant in mine]
            requests += [] if mine else [f"  request {request.id} {what}"]
    return (*_ending("ends", grants, "grants"), *_ending("closes", requests, "requests"))


def _ending(verb: str, lines: list[str], what: str) -> list[str]:
    if not lines:
        return []
    more = [f"  and {len(lines) - _MOST_SHOWN} more"] if len(lines) > _MOST_SHOWN else []
    head = f"this {verb} {counted(len(lines), what)}:"
    return [head, *lines[:_MOST_SHOWN], *more]
