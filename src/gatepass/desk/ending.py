"""Ending: giving back early, withdrawing, leaving, and the red button. Nothing here waits for AWS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gatepass.access.decide import Verdict, may_cancel, may_end, require
from gatepass.access.events import Event
from gatepass.access.requests import Grant, Request
from gatepass.access.states import RequestState
from gatepass.engine.concluding import end_held
from gatepass.engine.ports import Announcer
from gatepass.estate.model import Person
from gatepass.store import Tx


@dataclass(frozen=True, slots=True)
class Ending:
    """Ends what is held, each within one transaction of the caller's."""

    announcer: Announcer

    def end_request(self, tx: Tx, request: Request, person: Person) -> tuple[Request, Verdict]:
        """Take back everything this request holds. A refusal is a verdict, so that its audit entry commits."""
        tx.facts.lock({claim.fact: request.organization or "" for claim in request.claims})
        grants = tx.requests.grants_of(request.id)
        verdict = may_end(request, grants, person)
        if not verdict.allowed:
            fields = {"request": request.id, "by": person.id, "action": "end", "why": str(verdict.reason)}
            tx.audit(Event("request.refused", request.organization, fields))
            return request, verdict
        mine = person.id == request.requester
        why = "requester" if mine else "admin" if person.role == "admin" else "approver"
        end_held(tx, grants, why=why, by=person.id, announcer=self.announcer)
        return tx.requests.get(request.id) or request, verdict

    def cancel(self, tx: Tx, request_id: str, person: Person) -> Request:
        """Withdraw a request that is not yet decided."""
        request = tx.requests.lock(request_id)
        assert request is not None
        require(may_cancel(request, person))
        fields = {"request": request.id, "by": person.id, "why": "withdrawn"}
        cancelled = replace(request, state=RequestState.CANCELLED, why="withdrawn", expires_at=None)
        stored = tx.requests.save(cancelled, Event("request.cancelled", request.organization, fields))
        self.announcer.changed(tx, stored, ())
        return stored

    def end_grants(self, tx: Tx, grants: Iterable[Grant], *, why: str, by: str | None) -> int:
        """End these grants, whoever's they are, and bring their requests where they stand then; how many there were.

        Locks every fact first, in one statement and one order, then reads the grants again under the lock.
        """
        wanted = {grant.id: grant for grant in grants}
        tx.facts.lock({grant.fact: grant.organization for grant in wanted.values()})
        fresh = [tx.requests.grant(grant_id) for grant_id in wanted]
        found = [grant for grant in fresh if grant is not None]
        return end_held(tx, found, why=why, by=by, announcer=self.announcer)
