"""Which steps of this process may read AWS for a create: as many as their instance has places for, and one more.

A read whose create then finds no place is a call for nothing; an instance without places is left out of claims for a
moment. Take-backs never come here: they wait for nobody.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta


class NoRoom(Exception):
    """The call cannot be made now; nothing was committed for it. `until` is when it may be tried again."""

    def __init__(self, until: datetime) -> None:
        super().__init__("no room for one more call")
        self.until = until


class NoPlace(NoRoom):
    """As many operations as may are in flight at the instance."""


class Room:
    """Counts the steps on their way to a create, from before their read until a place is theirs. Thread-safe.

    Where other threads go on meanwhile (`share`), one step may read although every place is taken, and wait for the
    next to be free: so that no place waits for a reader. At most half of the threads wait so.
    """

    def __init__(self, places: int, again: timedelta) -> None:
        """`places`: operations that creates may have in flight at one instance. `again`: how long an instance that had
        none free is left alone, unless an operation ends here."""
        self._places = places
        self._again = again
        self._lock = threading.Lock()
        self._coming: Counter[str] = Counter()
        self._closed: dict[str, datetime] = {}
        self._patience = timedelta(0)
        self._may_wait = 0

    def share(self, threads: int, patience: timedelta) -> None:
        """From now on so many threads work at a time, and one may wait for a place for so long."""
        self._may_wait, self._patience = threads // 2, patience

    @contextmanager
    def coming(self, scope: str, running: int, now: datetime) -> Iterator[None]:
        """Within the block one step is on its way, with `running` operations in flight there. Raises `NoPlace`."""
        with self._lock:
            free = max(self._places - running, 1 if self._may_wait else 0)
            if self._coming[scope] >= free:
                self._closed[scope] = now + self._again
                raise NoPlace(now + self._again)
            self._coming[scope] += 1
        try:
            yield
        finally:
            with self._lock:
                self._coming[scope] -= 1
                self._closed.pop(scope, None)

    @contextmanager
    def waiting(self) -> Iterator[timedelta]:
        """How long this step may wait for a place: not at all while many others do."""
        with self._lock:
            may = self._may_wait > 0
            self._may_wait -= may
        try:
            yield self._patience if may else timedelta(0)
        finally:
            with self._lock:
                self._may_wait += may

    def freed(self, scope: str) -> None:
        """An operation there is over."""
        with self._lock:
            self._closed.pop(scope, None)

    def full(self, now: datetime) -> frozenset[str]:
        """Instances for which nothing new need be begun now."""
        with self._lock:
            self._closed = {scope: until for scope, until in self._closed.items() if until > now}
            return frozenset(self._closed)
