"""Requests that are due: what was asked is taken on, what nobody answered expires."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from gatepass.access.events import Event
from gatepass.access.states import RequestState
from gatepass.clock import Clock
from gatepass.engine.ports import Announcer, Decider
from gatepass.engine.settings import EngineSettings
from gatepass.errors import Conflict
from gatepass.store import Store
from gatepass.store.requests import ClaimedRequest

log = logging.getLogger(__name__)

_AGAIN = timedelta(seconds=5)
"""After an error in the decider: something it needs (a database, AWS) does not answer."""


class Questions:
    """Takes due requests, one at a time."""

    def __init__(
        self, store: Store, clock: Clock, settings: EngineSettings, decider: Decider, announcer: Announcer
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._decider = decider
        self._announcer = announcer

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
        except Exception:
            log.exception("request %s could not be taken on; again in %s", request.id, _AGAIN)
            self._store.release(claimed, self._clock.now() + _AGAIN)

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
