"""What follows from a grant's step: its audit entry, and where its request stands then. For desk and engine alike."""

from __future__ import annotations

from dataclasses import replace

from gatepass.access.events import Event
from gatepass.access.requests import Grant, Request, request_state
from gatepass.access.states import GrantState, RequestState
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


def grant_event(kind: str, grant: Grant, **more: str | int | None) -> Event:
    """An audit entry about a grant."""
    fields = {"request": grant.request, "grant": grant.id, "fact": grant.fact.text, "person": grant.person}
    return Event(kind, grant.organization, {**fields, **more})
