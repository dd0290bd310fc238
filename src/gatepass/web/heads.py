"""Where the audit log stands: the ends of its chains, and the cursor that a page and a stream begin from."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta

from gatepass.access.chain import Head
from gatepass.clock import Clock
from gatepass.store import Store

Cursor = dict[str, int]


class Heads:
    """The ends of all chains, read at most twice a second however many streams ask. Thread-safe."""

    def __init__(self, store: Store, clock: Clock, fresh: timedelta = timedelta(milliseconds=400)) -> None:
        self._store = store
        self._clock = clock
        self._fresh = fresh.total_seconds()
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._heads: tuple[Head, ...] = ()

    def now(self) -> Cursor:
        """The last entry of every chain, at most a moment ago: never later than now."""
        at = self._clock.monotonic()
        with self._lock:
            if at - self._read_at >= self._fresh:
                with self._store.read() as view:
                    self._heads = view.entries.heads()
                self._read_at = at
            return {head.organization: head.seq for head in self._heads}


def write_cursor(cursor: Mapping[str, int]) -> str:
    """`tenant_bar:17,:4`: chain and the last entry looked at; the installation's own chain has no name."""
    return ",".join(f"{name}:{seq}" for name, seq in sorted(cursor.items()))


def read_cursor(text: str) -> Cursor | None:
    """The inverse; None for anything else, and then a stream begins at the end."""
    cursor: Cursor = {}
    for part in text.split(",") if text and len(text) < 8000 else ():
        name, colon, seq = part.rpartition(":")
        if not colon or not seq.isascii() or not seq.isdigit() or len(seq) > 15:
            return None
        cursor[name] = int(seq)
    return cursor or None
