"""What stops granting. Taking back never stops (security.md: the two words that decide most questions)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from gatepass.engine.ports import Alarms

log = logging.getLogger(__name__)


class Brake:
    """Reasons for which no access is given now. Thread-safe. A new reason raises an alarm, a cleared one ends it."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._lock = threading.Lock()
        self._reasons: dict[str, str] = {}

    def pull(self, what: str, words: str) -> bool:
        """Stop granting for this reason. Whether it is new."""
        with self._lock:
            new = what not in self._reasons
            self._reasons[what] = words
        if new:
            log.critical("granting stops, taking back goes on: %s", words)
            self._alarms.raised(what, words)
        return new

    def ease(self, what: str) -> None:
        """The reason is gone. Repeating changes nothing."""
        with self._lock:
            gone = self._reasons.pop(what, None)
        if gone is not None:
            log.warning("granting may go on: no longer %s", gone)
            self._alarms.cleared(what)

    @property
    def free(self) -> bool:
        """Whether access may be given."""
        with self._lock:
            return not self._reasons

    @property
    def reasons(self) -> Mapping[str, str]:
        with self._lock:
            return dict(self._reasons)
