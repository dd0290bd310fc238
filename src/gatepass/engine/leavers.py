"""A leaver has nothing (I13): of whoever was disabled or left the estate, grants end and questions are closed."""

from __future__ import annotations

import logging
from dataclasses import replace

from gatepass.access.decide import end
from gatepass.access.events import Event
from gatepass.access.states import RequestState
from gatepass.engine.concluding import conclude, grant_event
from gatepass.engine.ports import Announcer, Roster
from gatepass.errors import Conflict
from gatepass.store import RequestFilter, Store, Tx, View

log = logging.getLogger(__name__)

LEAVER = "leaver"
_OPEN = (RequestState.ASKED, RequestState.PENDING)


class Leavers:
    """Looks for people who are gone and still have something. May run in several processes at once."""

    def __init__(self, store: Store, roster: Roster, announcer: Announcer) -> None:
        self._store = store
        self._roster = roster
        self._announcer = announcer

    def once(self) -> int:
        """End everything of everybody who is gone; how many people that were."""
        with self._store.read() as view:
            people = {grant.person for grant in view.requests.open_grants(None)}
            people |= {leaver.person for leaver in view.people.leavers(unswept=True)}
            people |= _requesters(view)
        return sum(self._end(person) for person in sorted(people))

    def _end(self, person: str) -> bool:
        try:
            with self._store.write() as tx:
                why = self._roster.why_gone(tx, person)
                if why is None:
                    return False
                end_all(tx, person, why, self._announcer)
        except Conflict as faster:  # the next pass ends what is left
            log.info("ending what %s holds came in between: %s", person, faster)
            return False
        self._store.wake()
        return True


def end_all(tx: Tx, person: str, why: str, announcer: Announcer) -> None:
    """End every grant of a person and close what they asked for, in this transaction. May be repeated."""
    held = tx.requests.grants_of_person(person)
    tx.facts.lock({grant.fact: grant.organization for grant in held})
    for grant in tx.requests.grants_of_person(person):  # again, now that their facts are locked
        if grant.state not in ("waiting", "granting", "active"):
            continue
        ended = end(grant, why=LEAVER, by=None, now=tx.now)
        more = {"by": None} if ended.state == "ending" else {"covered_by": None}
        tx.requests.move_grant(ended, grant_event(f"grant.{ended.state}", ended, why=LEAVER, **more))
        tx.facts.touch([grant.fact], tx.now)
    for request in tx.requests.open_of_person(person):
        _close(tx, request.id, why, announcer)
        conclude(tx, request.id)
    if tx.people.disabled(person):
        tx.people.swept(person)


def _close(tx: Tx, request_id: str, why: str, announcer: Announcer) -> None:
    request = tx.requests.lock(request_id)
    if request is None or request.state not in _OPEN:
        return
    event = Event(
        "request.cancelled", request.organization, {"request": request_id, "by": None, "why": LEAVER}
    )
    closed = tx.requests.save(replace(request, state=RequestState.CANCELLED, why=why), event)
    announcer.changed(tx, closed, ())


def _requesters(view: View) -> set[str]:
    """Who waits for an answer."""
    found: set[str] = set()
    cursor = None
    while True:
        page = view.requests.find(None, RequestFilter(states=frozenset(_OPEN)), limit=500, cursor=cursor)
        found |= {request.requester for request in page.requests}
        cursor = page.next
        if cursor is None:
            return found
