"""Whether the clocks agree: ours, the store's and AWS's (architecture.md 8). A skew stops granting only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from gatepass.access.events import Event
from gatepass.clock import Clock, SystemClock
from gatepass.engine.brake import Brake
from gatepass.store import Store

_SECOND = timedelta(seconds=1)
_NONE = timedelta(0)


class Timekeeper:
    """Compares clocks and pulls the brake. Is the door's `Watch`. Thread-safe."""

    def __init__(self, clock: Clock, store: Store, brake: Brake, allowed: timedelta) -> None:
        self._clock = clock
        self._store = store
        self._brake = brake
        self._allowed = allowed
        self._lock = threading.Lock()
        self._skews: dict[str, timedelta] = {}
        self._unsaid: list[Event] = []

    def aws_says(self, date: datetime, sent: datetime, received: datetime) -> None:
        """AWS cut its time to whole seconds, somewhere between sending and receiving: only what is outside counts."""
        ahead = max(date - received, _NONE)
        behind = max(sent - (date + _SECOND), _NONE)
        self._compare("AWS", ahead or -behind)

    def store_says(self, ask: Callable[[], datetime]) -> None:
        """Compare with the store's own clock; `ask` reads it."""
        sent = self._clock.now()
        told = ask()
        received = self._clock.now()
        self._compare("the database", max(told - received, _NONE) or -max(sent - told, _NONE))
        if isinstance(self._clock, SystemClock):
            self._clock.raise_to(min(told, received + self._allowed))

    def begin(self) -> None:
        """Never below the highest time ever committed: a clock set back must not give anybody more time (I1)."""
        with self._store.read() as view:
            highest = view.entries.highest_time()
        if highest is not None and isinstance(self._clock, SystemClock):
            self._clock.raise_to(highest)

    def probe(self, ask: Callable[[], None]) -> None:
        """While a skew to AWS holds the brake nothing may be calling AWS: `ask` makes one call, whose date is heard."""
        if any(reason.startswith("clock: AWS") for reason in self._brake.reasons):
            ask()

    def note(self) -> None:
        """Write what was found into the audit: outside of any call, where a transaction is welcome."""
        with self._lock:
            events, self._unsaid = self._unsaid, []
        if events:
            with self._store.write() as tx:
                for event in events:
                    tx.audit(event)

    @property
    def skews(self) -> dict[str, timedelta]:
        """By source, how far it is ahead of us; 0 where it cannot be told."""
        with self._lock:
            return dict(self._skews)

    def _compare(self, source: str, skew: timedelta) -> None:
        with self._lock:
            self._skews[source] = skew
        reason = f"clock: {source}"
        if abs(skew) <= self._allowed:
            self._brake.ease(reason)
            return
        words = f"{source} and this machine disagree about the time by {abs(skew).total_seconds():.0f} s"
        if self._brake.pull(reason, words):
            milliseconds = skew // timedelta(milliseconds=1)
            with self._lock:
                self._unsaid.append(Event("clock.skew", None, {"what": source, "skew_ms": milliseconds}))
