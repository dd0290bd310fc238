"""The limiter as the door sees it: every call to an instance waits for its slot, given by the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from gatepass.clock import Clock
from gatepass.store import Pace, Store
from gatepass.store.limiter import LATE

_TRIES = 4
"""So often a slot is taken for one call."""
_AHEAD = 2 * LATE
"""Who came too late because taking took so long asks so far ahead at most: a database that stalled once is no rule."""

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
        """Until the slot. None: go. A moment: it would be too long; nothing was reserved.

        Who comes too late for a slot takes another. Not for ever: on a machine that is late each time, a call that
        AWS may throttle is better than a take-back that is never sent.
        """
        held = _IN_HAND.get()
        at: datetime | None = None
        if held is not None and held[0] == scope:
            _IN_HAND.set(None)
            at = held[1]
        took = timedelta(0)
        for _ in range(_TRIES):
            if at is not None and self._reached(at):
                return None
            began = self._clock.now()
            slot = self._store.take_slot(
                scope, began + took, patience=self._patience, pace=self._pace, unused=at
            )
            if not slot.taken:
                return slot.at
            took, at = min(self._clock.now() - began, _AHEAD), slot.at
        assert at is not None
        self._reached(at)
        return None

    def throttled(self, scope: str) -> None:
        self._store.slow_down(scope, self._clock.now())

    def _reached(self, at: datetime) -> bool:
        """Sleep until a slot's moment. False: it is over; whoever called then would call in another's second."""
        length = at - self._clock.now()
        if length > timedelta(0):
            self._clock.sleep(length.total_seconds())
        return self._clock.now() - at <= LATE
