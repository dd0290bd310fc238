"""Names that only AWS knows: of permission sets written as ARNs, of identity stores. To show, never to decide by.

A page never waits for AWS: what is not known yet is asked beside it, and the next page has it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from gatepass.aws import permission_sets
from gatepass.aws.directory import Directory
from gatepass.aws.door import Door
from gatepass.clock import Clock
from gatepass.errors import GatepassError

log = logging.getLogger(__name__)
FRESH = timedelta(hours=6)
AGAIN = timedelta(minutes=1)
"""After so long a name that AWS did not give is asked for anew."""


class AwsNames:
    """Remembers names for a while. Thread-safe."""

    def __init__(self, door: Door, clock: Clock) -> None:
        self._door = door
        self._directory = Directory(door)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], str] = {}
        self._ask_after: dict[tuple[str, str], datetime] = {}

    def permission_set(self, organization: str, arn: str) -> str:
        """The name of a permission set; empty while it is not known."""
        return self._name(
            (organization, arn), lambda: permission_sets.describe(self._door, organization, arn).name
        )

    def store(self, organization: str) -> str:
        """The id of the organization's identity store, which names its access portal; empty while not known."""
        return self._name((organization, ""), lambda: self._directory.store(organization))

    def _name(self, key: tuple[str, str], ask: Callable[[], str]) -> str:
        now = self._clock.now()
        with self._lock:
            due = now >= self._ask_after.get(key, now)
            if due:
                self._ask_after[key] = now + AGAIN
            known = self._known.get(key, "")
        if due:
            threading.Thread(target=self._learn, args=(key, ask), name="names", daemon=True).start()
        return known

    def _learn(self, key: tuple[str, str], ask: Callable[[], str]) -> None:
        try:
            name = ask()
        except GatepassError as unknown:
            log.info("the name of %s in %s is not known: %s", key[1] or "the identity store", key[0], unknown)
            return
        with self._lock:
            self._known[key] = name
            self._ask_after[key] = self._clock.now() + FRESH
