"""The sender of the outbox: messages go out in order for each request and channel, at least once."""

from __future__ import annotations

import logging
from datetime import timedelta

from gatepass.clock import Clock
from gatepass.engine.ports import Notifier, TryLater, Undeliverable
from gatepass.engine.settings import EngineSettings
from gatepass.errors import GatepassError
from gatepass.store import LeaseLost, Store
from gatepass.store.outbox import ClaimedMessage

log = logging.getLogger(__name__)


class Messages:
    """Sends what is due, one at a time."""

    def __init__(self, store: Store, clock: Clock, settings: EngineSettings, notifier: Notifier) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._notifier = notifier

    def once(self) -> int:
        """Everything that is due now; how many messages were tried."""
        count = 0
        while True:
            claimed = self._store.claim_messages(
                self._settings.worker, self._clock.now(), 1, self._settings.lease
            )
            if not claimed:
                return count
            self._send(claimed[0])
            count += 1

    def _send(self, claimed: ClaimedMessage) -> None:
        message = claimed.message
        try:
            ref = self._notifier.send(message)
        except TryLater as later:
            self._fail(claimed, str(later), later.after)
            return
        except Undeliverable as never:
            log.warning("message %s on %s cannot arrive: %s", message.n, message.channel, never)
            self._fail(claimed, str(never), None)
            return
        except GatepassError as error:
            log.warning("message %s on %s was not sent yet: %s", message.n, message.channel, error)
            self._fail(claimed, str(error), self._backoff(message.tries))
            return
        except Exception as error:
            log.exception("message %s on %s could not be sent", message.n, message.channel)
            self._fail(claimed, str(error) or type(error).__name__, self._backoff(message.tries))
            return
        try:
            with self._store.write() as tx:
                tx.outbox.sent(claimed, tx.now, ref)
        except LeaseLost as lost:
            log.info("message %s may have been sent twice: %s", message.n, lost)

    def _backoff(self, tries: int) -> timedelta:
        longer: int = 2 ** min(tries, 16)
        return min(self._settings.message_backoff * longer, self._settings.message_backoff_cap)

    def _fail(self, claimed: ClaimedMessage, error: str, wait: timedelta | None) -> None:
        try:
            with self._store.write() as tx:
                tx.outbox.failed(claimed, error, None if wait is None else tx.now + wait)
        except LeaseLost as lost:
            log.info("message %s is somebody else's now: %s", claimed.message.n, lost)
