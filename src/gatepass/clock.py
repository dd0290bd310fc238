"""Time as gatepass uses it: one `Clock` is passed in, tests advance it, nothing else reads the time.

Moments are aware UTC `datetime`, lengths are `timedelta`; rows and wire keep whole milliseconds since the epoch.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down. Refuses a moment without a time zone."""
    return (moment - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The moment, aware and in UTC, of so many milliseconds since the epoch; the inverse of `to_ms`."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def iso(moment: datetime) -> str:
    """`2026-01-31T09:05:00.000Z`: the one written form of a moment in JSON, audit entries and exports."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(length: timedelta) -> str:
    """A length in at most two units, rounded down: `2 d 3 h`, `14 min`, `40 s`."""
    seconds = int(abs(length).total_seconds())
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
        if len(parts) == 2 or (parts and name == "min"):
            break
    return " ".join(parts) or "0 s"


def relative(at: datetime, now: datetime) -> str:
    """`in 14 min`, `2 h ago`, `now`."""
    if abs(at - now) < timedelta(seconds=1):
        return "now"
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


class Clock(Protocol):
    """Where the time comes from. Implementations are thread-safe."""

    def now(self) -> datetime:
        """The present moment, aware, UTC, whole milliseconds; never earlier than an answer already given."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; for measuring lengths, never for deciding what is over."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait so long. On a virtual clock this advances time instead."""
        ...


class SystemClock:
    """The machine's time, which counts suspension and never goes back.

    The wall clock may be set back and a suspended machine's monotonic clock stands still, so the answer is the
    latest of the wall clock and the boot-time clock counted from the start (architecture.md 8).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wall_at_start = time.time_ns() // 1_000_000
        self._boot_at_start = self._boot_ms()
        self._highest = self._wall_at_start

    @staticmethod
    def _boot_ms() -> int:
        clock_id = getattr(time, "CLOCK_BOOTTIME", None)
        if clock_id is None:  # not Linux: the monotonic clock is the nearest there is
            return time.monotonic_ns() // 1_000_000
        return time.clock_gettime_ns(clock_id) // 1_000_000

    def now(self) -> datetime:
        by_boot = self._wall_at_start + self._boot_ms() - self._boot_at_start
        with self._lock:
            self._highest = max(self._highest, time.time_ns() // 1_000_000, by_boot)
            return from_ms(self._highest)

    def raise_to(self, moment: datetime) -> None:
        """Never answer below `moment` again: the highest time ever committed, or the store's clock."""
        with self._lock:
            self._highest = max(self._highest, to_ms(moment))

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
