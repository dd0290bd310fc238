"""The limiter as the door sees it: every call to an instance waits for its slot, given by the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from gatepass.clock import Clock
from gatepass.store import Pace, Store

_IN_HAND: ContextVar[tuple[str, datetime] | None] = ContextVar("slot_in_hand", default=None)


class StorePacer:
    """Slots of all processes together keep each instance's rate. Waits are short; a long one is the caller's."""

    def __init__(self, store: Store, clock: Clock, pace: Pace, patience: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._pace = pace
        self._patience = patience

    @contextmanager
    def holding(self, scope: str, at: datetime) -> Iterator[None]:
        """Within the block, the next call to this scope uses the slot at `at`, reserved beforehand with its intent."""
        token = _IN_HAND.set((scope, at))
        try:
            yield
        finally:
            _IN_HAND.reset(token)

    def wait(self, scope: str) -> datetime | None:
        """Until the slot. None: go. A moment: it would be too long; nothing was reserved."""
        held = _IN_HAND.get()
        if held is not None and held[0] == scope:
            _IN_HAND.set(None)
            self._sleep(held[1] - self._clock.now())
            return None
        now = self._clock.now()
        slot = self._store.take_slot(scope, now, patience=self._patience, pace=self._pace)
        if not slot.taken:
            return now + slot.wait
        self._sleep(slot.wait)
        return None

    def throttled(self, scope: str) -> None:
        self._store.slow_down(scope, self._clock.now())

    def _sleep(self, length: timedelta) -> None:
        if length > timedelta(0):
            self._clock.sleep(length.total_seconds())
