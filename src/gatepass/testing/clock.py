"""A clock that tests advance by hand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """Stands still until advanced; `sleep` advances it at once. Thread-safe."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._lock = threading.Lock()
        self._start = start
        self._now = start

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        return (self.now() - self._start).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))

    def advance(self, by: timedelta) -> datetime:
        """Move time forward; the new moment. Time never goes back."""
        if by < timedelta(0):
            raise ValueError(f"a virtual clock only goes forward, asked for {by}")
        with self._lock:
            self._now += by
            return self._now
