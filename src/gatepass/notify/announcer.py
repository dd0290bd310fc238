"""Turns what happens to requests into rows of the outbox, in the transaction in which it happens.

Fills the engine's `Announcer`. It runs inside take-backs too, so it never raises: a message is lost sooner than an end
is delayed (I15).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gatepass.access.requests import Answer, Decision, Grant, Request
from gatepass.access.states import GrantState, RequestState
from gatepass.desk import Book
from gatepass.estate.notify import NOTICES
from gatepass.notify.notice import CARD, EVENT, TIMER
from gatepass.notify.routing import RoutingIn, Step
from gatepass.store import Message, Tx

log = logging.getLogger(__name__)

QUIET = frozenset({"answered"})
"""What a requester is not told in a message of its own."""
_MOVES = {
    GrantState.ACTIVE: "active",
    GrantState.ENDED: "ended",
    GrantState.FAILED: "failed",
    GrantState.COVERED: "covered",
}
_STATES = {
    RequestState.PENDING: "pending",
    RequestState.APPROVED: "approved",
    RequestState.DENIED: "denied",
    RequestState.CANCELLED: "cancelled",
    RequestState.EXPIRED: "expired",
    RequestState.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class OutboxAnnouncer:
    """Writes who is to be told of what; the notifier says it afterwards."""

    book: Book
    routing: RoutingIn
    remind_after: timedelta = timedelta(hours=1)
    """Of an open question; the next reminder comes after twice as long."""

    def changed(self, tx: Tx, request: Request, moves: Sequence[Grant]) -> None:
        try:
            with (
                tx.attempt()
            ):  # on PostgreSQL one refused statement would be the end of the whole transaction
                self._changed(tx, request, moves)
        except Exception:  # a fault in routing must not undo what it is about
            log.exception("request %s: nobody could be told of its change", request.id)

    def _changed(self, tx: Tx, request: Request, moves: Sequence[Grant]) -> None:
        before = [m for m in tx.outbox.of_request(request.id) if m.kind in (CARD, EVENT, TIMER)]
        routing = self.routing(tx)
        event = happened(request, moves, before, tx.requests.decisions(request.id))
        if event is None:
            return
        estate = self.book.at(tx, request.estate_version).estate
        asks = event in ("pending", "extension")
        body = {"event": event, "round": request.round}
        steps = routing.steps(estate, request) if asks else ()
        if steps:
            ask_at(tx, request, steps, 0, event)
            self._remind(tx, request)
        asked = {channel for step in steps[:1] for channel in step.channels}
        for channel in dict.fromkeys(m.channel for m in before if m.kind == CARD):
            if channel not in asked:
                tx.outbox.add(Message(request.id, channel, CARD, body), tx.now)
        if event not in NOTICES:
            return
        told = list(routing.told(estate.flows.get(request.flow), estate, request, event))
        own = routing.person(estate, request.requester)
        if own is not None and event not in QUIET:
            told.append(own)
        for channel in dict.fromkeys(told):
            tx.outbox.add(Message(request.id, channel, EVENT, body), tx.now)

    def _remind(self, tx: Tx, request: Request) -> None:
        body = {
            "event": "reminder",
            "round": request.round,
            "after_s": int(self.remind_after.total_seconds()),
        }
        row = Message(request.id, f"{TIMER}:remind:{request.round}", TIMER, body)
        tx.outbox.add(row, tx.now, tx.now + self.remind_after)


def ask_at(tx: Tx, request: Request, steps: Sequence[Step], number: int, event: str) -> None:
    """Ask the people of one step, and set the time after which the next are asked, or after the last nobody is."""
    step = steps[number]
    body = {"event": event, "round": request.round, "step": number}
    for channel in step.channels:
        tx.outbox.add(Message(request.id, channel, CARD, body), tx.now)
    if step.timeout is not None and (step.on_timeout or number + 1 == len(steps)):
        row = Message(
            request.id, f"{TIMER}:forward:{request.round}:{number}", TIMER, {**body, "event": "forward"}
        )
        tx.outbox.add(row, tx.now, tx.now + step.timeout)


def happened(
    request: Request, moves: Sequence[Grant], before: Sequence[Message], decisions: Sequence[Decision]
) -> str | None:
    """The one word for a change: of `NOTICES`; `changed` when only the card must follow; None: nobody need know."""
    said = {str(m.body.get("event")) for m in before if m.body.get("round") == request.round}
    event = _word(request, moves, decisions)
    if event in ("pending", "extension") and event in said:
        return "answered"
    return "changed" if event in said and event != "ended" else event


def _word(request: Request, moves: Sequence[Grant], decisions: Sequence[Decision]) -> str | None:
    if moves:
        return _MOVES.get(moves[-1].state, "changed")
    if request.extension is not None:
        return "extension"
    if request.state is RequestState.ENDED:
        return "changed"  # its grants have told it
    if request.state is RequestState.APPROVED and request.round > 1:
        last = next((d for d in reversed(decisions) if d.round == request.round), None)
        return "denied" if last is not None and last.answer is Answer.DENY else "extended"
    return _STATES.get(request.state)
