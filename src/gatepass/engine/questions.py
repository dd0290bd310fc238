"""Requests that are due: what was asked is taken on, what nobody answered expires."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from gatepass.access.events import Event
from gatepass.access.states import RequestState
from gatepass.clock import Clock
from gatepass.engine.ports import Alarms, Announcer, Decider
from gatepass.engine.settings import EngineSettings
from gatepass.errors import Conflict
from gatepass.store import Store
from gatepass.store.requests import ClaimedRequest

log = logging.getLogger(__name__)

UNFORESEEN = "gatepass could not take it on: an error that its log names"
"""What the requester is told; the error itself may name what is not theirs to know."""
_AGAIN = timedelta(seconds=5)
"""After an error in the decider: something it needs (a database, AWS) does not answer."""
_AGAIN_CAP = timedelta(minutes=1)


class Questions:
    """Takes due requests, one at a time."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: EngineSettings,
        decider: Decider,
        announcer: Announcer,
        alarms: Alarms,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._decider = decider
        self._announcer = announcer
        self._alarms = alarms

    def once(self) -> int:
        """Everything that is due now; how many requests."""
        count = 0
        while True:
            claimed = self._store.claim_requests(
                self._settings.worker, self._clock.now(), 1, self._settings.lease, look=count == 0
            )
            if not claimed:
                return count
            self._take(claimed[0])
            count += 1

    def _take(self, claimed: ClaimedRequest) -> None:
        request = claimed.request
        try:
            if request.state is RequestState.ASKED:
                self._decider.asked(request)
            else:
                self._expire(request.id)
        except Conflict as faster:
            log.info("request %s was changed meanwhile: %s", request.id, faster)
            self._store.release(claimed)
        except Exception as error:
            log.exception("request %s could not be taken on", request.id)
            self._put_off(claimed, error)
        else:
            self._alarms.cleared("questions")

    def _put_off(self, claimed: ClaimedRequest, error: Exception) -> None:
        """Again after as long as it has been tried for; one that nobody could take on in time fails, aloud."""
        request, now = claimed.request, self._clock.now()
        tried = now - request.asked_at
        if request.state is RequestState.ASKED and tried > self._settings.asked:
            self._alarms.raised("questions", f"request {request.id} could not be taken on: {error}")
            self._fail(request.id)
            return
        wait = min(max(tried, _AGAIN), _AGAIN_CAP)
        log.warning("request %s is tried again in %s", request.id, wait)
        self._store.release(claimed, now + wait)

    def _fail(self, request_id: str) -> None:
        with self._store.write() as tx:
            request = tx.requests.lock(request_id)
            if request is None or request.state is not RequestState.ASKED:
                return
            failed = replace(request, state=RequestState.FAILED, why=UNFORESEEN)
            event = Event("request.failed", request.organization, {"request": request_id, "why": UNFORESEEN})
            self._announcer.changed(tx, tx.requests.save(failed, event), ())
        self._store.wake()

    def _expire(self, request_id: str) -> None:
        with self._store.write() as tx:
            request = tx.requests.lock(request_id)
            if request is None or request.expires_at is None or request.expires_at > tx.now:
                return
            if request.state is RequestState.PENDING:
                over = replace(
                    request, state=RequestState.EXPIRED, expires_at=None, why="nobody answered in time"
                )
            else:  # an extension nobody answered: the access ends when it would have
                over = replace(request, extension=None, expires_at=None)
            event = Event("request.expired", request.organization, {"request": request_id})
            stored = tx.requests.save(over, event)
            self._announcer.changed(tx, stored, ())
        self._store.wake()
