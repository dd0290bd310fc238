"""What follows from a grant's step: its audit entry, and where its request stands then. For desk and engine alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gatepass.access.decide import end
from gatepass.access.events import Event
from gatepass.access.requests import Grant, Request, request_state
from gatepass.access.states import GrantState, RequestState
from gatepass.engine.ports import Announcer
from gatepass.store import Tx


def conclude(tx: Tx, request_id: str) -> Request | None:
    """Bring an approved request to where its grants stand: ended, or failed. May be repeated.

    None: it is not approved, or some grant is not final yet. Locks the request: after facts, before audit heads.
    """
    request = tx.requests.lock(request_id)
    if request is None or request.state is not RequestState.APPROVED:
        return None
    grants = tx.requests.grants_of(request_id)
    state = request_state(grants)
    if state is RequestState.APPROVED:
        return None
    why = next((grant.why for grant in grants if grant.state is GrantState.FAILED), request.why)
    fields = {"request": request.id, "why": why} if state is RequestState.FAILED else {"request": request.id}
    over = replace(request, state=state, why=why, extension=None, expires_at=None)
    return tx.requests.save(over, Event(f"request.{state}", request.organization, fields))


def end_held(tx: Tx, grants: Iterable[Grant], *, why: str, by: str | None, announcer: Announcer) -> int:
    """End grants whose facts this transaction holds, and make the engine look at once; how many there were.

    Grants that are over, or ending already, are left alone. Their requests are brought where they stand then.
    """
    moved: dict[str, list[Grant]] = {}
    for grant in grants:
        if grant.final or grant.state is GrantState.ENDING:
            continue
        ended = end(grant, why=why, by=by, now=tx.now)
        more = {"covered_by": None} if ended.state is GrantState.ENDED else {"by": by}
        tx.requests.move_grant(ended, grant_event(f"grant.{ended.state}", ended, why=why, **more))
        moved.setdefault(grant.request, []).append(ended)
    tx.facts.touch({each.fact for of_request in moved.values() for each in of_request}, tx.now)
    for request_id in sorted(moved):
        request = conclude(tx, request_id) or tx.requests.get(request_id)
        if request is not None:
            announcer.changed(tx, request, moved[request_id])
    return sum(len(of_request) for of_request in moved.values())


def grant_event(kind: str, grant: Grant, **more: str | int | None) -> Event:
    """An audit entry about a grant."""
    fields = {"request": grant.request, "grant": grant.id, "fact": grant.fact.text, "person": grant.person}
    return Event(kind, grant.organization, {**fields, **more})
