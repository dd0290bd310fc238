"""Ending: giving back early, withdrawing, leaving, and the red button. Nothing here waits for AWS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from gatepass.access.decide import Verdict, end, may_cancel, may_end, require
from gatepass.access.events import Event
from gatepass.access.requests import Grant, Request
from gatepass.access.states import GrantState, RequestState
from gatepass.engine.concluding import conclude, grant_event
from gatepass.estate.model import Person
from gatepass.store import Tx


def end_request(tx: Tx, request: Request, person: Person, now: datetime) -> tuple[Request, Verdict]:
    """Take back everything this request holds. A refusal is a verdict, so that its audit entry commits."""
    tx.facts.lock({claim.fact: request.organization or "" for claim in request.claims})
    grants = tx.requests.grants_of(request.id)
    verdict = may_end(request, grants, person)
    if not verdict.allowed:
        fields = {"request": request.id, "by": person.id, "action": "end", "why": str(verdict.reason)}
        tx.audit(Event("request.refused", request.organization, fields))
        return request, verdict
    why = "requester" if person.id == request.requester else "admin" if person.role == "admin" else "approver"
    end_locked(tx, grants, why=why, by=person.id, now=now)
    return conclude(tx, request.id) or tx.requests.get(request.id) or request, verdict


def cancel(tx: Tx, request_id: str, person: Person) -> Request:
    """Withdraw a request that is not yet decided."""
    request = tx.requests.lock(request_id)
    assert request is not None
    require(may_cancel(request, person))
    return cancel_locked(tx, request, why="withdrawn", by=person.id)


def cancel_locked(tx: Tx, request: Request, *, why: str, by: str | None) -> Request:
    """Close an undecided request whose row this transaction holds."""
    fields = {"request": request.id, "by": by, "why": why}
    cancelled = replace(request, state=RequestState.CANCELLED, why=why, expires_at=None)
    return tx.requests.save(cancelled, Event("request.cancelled", request.organization, fields))


def end_grants(tx: Tx, grants: Iterable[Grant], *, why: str, by: str | None, now: datetime) -> int:
    """End these grants, whoever's they are, and cut what follows from them; how many there were.

    Locks every fact first, in one statement and one order, then reads the grants again under the lock.
    """
    wanted = {grant.id: grant for grant in grants}
    tx.facts.lock({grant.fact: grant.organization for grant in wanted.values()})
    fresh = [tx.requests.grant(grant_id) for grant_id in wanted]
    ended = end_locked(tx, [g for g in fresh if g is not None], why=why, by=by, now=now)
    for request_id in sorted({grant.request for grant in wanted.values()}):
        conclude(tx, request_id)
    return ended


def end_locked(tx: Tx, grants: Iterable[Grant], *, why: str, by: str | None, now: datetime) -> int:
    """End grants whose facts this transaction holds, and make the engine look at once."""
    over = [g for g in grants if not g.final and g.state is not GrantState.ENDING]
    for grant in over:
        ended = end(grant, why=why, by=by, now=now)
        more = {"covered_by": None} if ended.state is GrantState.ENDED else {"by": by}
        tx.requests.move_grant(ended, grant_event(f"grant.{ended.state}", ended, why=why, **more))
    tx.facts.touch({grant.fact for grant in over}, now)
    return len(over)
