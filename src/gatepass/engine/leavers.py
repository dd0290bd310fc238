"""Who may hold nothing any more has nothing (I13): grants of whoever was disabled, left the estate, or lost what made
them eligible end, and their questions are closed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from gatepass.access.events import Event
from gatepass.access.requests import Request
from gatepass.access.states import RequestState
from gatepass.engine.concluding import end_held
from gatepass.engine.ports import Announcer, Roster
from gatepass.errors import Conflict
from gatepass.store import OpenAsk, Store, Tx

log = logging.getLogger(__name__)

LEAVER = "leaver"
_OPEN = (RequestState.ASKED, RequestState.PENDING)


class Leavers:
    """Looks for people who have something they may not have any more. May run in several processes at once."""

    def __init__(self, store: Store, roster: Roster, announcer: Announcer) -> None:
        self._store = store
        self._roster = roster
        self._announcer = announcer

    def once(self) -> int:
        """End everything of everybody who is gone, and what those who are here may not ask for; how many people."""
        with self._store.read() as view:
            asks = view.requests.open_asks()
            people = {ask.requester for ask in asks}
            people |= {leaver.person for leaver in view.people.leavers(unswept=True)}
            gone = {person for person in people if self._roster.why_gone(view, person)}
            lost = {
                ask.requester
                for ask in asks
                if ask.requester not in gone and self._roster.why_lost(view, ask) is not None
            }
        return sum(self._end(person) for person in sorted(gone | lost))

    def _end(self, person: str) -> bool:
        try:
            with self._store.write() as tx:
                why = self._roster.why_gone(tx, person)
                if why is None:
                    end_asked(tx, person, lambda each: self._roster.why_lost(tx, _ask(each)), self._announcer)
                else:
                    end_all(tx, person, why, self._announcer)
        except Conflict as faster:  # the next pass ends what is left
            log.info("ending what %s holds came in between: %s", person, faster)
            return False
        self._store.wake()
        return True


def end_all(tx: Tx, person: str, why: str, announcer: Announcer) -> int:
    """End everything of a person, in this transaction; how many grants. May be repeated."""
    ended = end_asked(tx, person, lambda _: why, announcer)
    if tx.people.disabled(person):
        tx.people.swept(person)
    return ended


def end_asked(tx: Tx, person: str, why_not: Callable[[Request], str | None], announcer: Announcer) -> int:
    """End what those requests of a person hold that `why_not` gives a reason for, and close them; how many grants."""
    over = {each.id: why for each in tx.requests.open_of_person(person) if (why := why_not(each)) is not None}
    held = [grant for grant in tx.requests.grants_of_person(person) if grant.request in over]
    tx.facts.lock({grant.fact: grant.organization for grant in held})
    fresh = (tx.requests.grant(grant.id) for grant in held)  # again, now that their facts are locked
    ended = end_held(tx, [g for g in fresh if g is not None], why=LEAVER, by=None, announcer=announcer)
    for request_id, why in over.items():
        _close(tx, request_id, why, announcer)
    return ended


def _close(tx: Tx, request_id: str, why: str, announcer: Announcer) -> None:
    request = tx.requests.lock(request_id)
    if request is None or request.state not in _OPEN:
        return
    event = Event(
        "request.cancelled", request.organization, {"request": request_id, "by": None, "why": LEAVER}
    )
    closed = tx.requests.save(replace(request, state=RequestState.CANCELLED, why=why), event)
    announcer.changed(tx, closed, ())


def _ask(request: Request) -> OpenAsk:
    return OpenAsk(request.requester, request.flow, request.target)
