"""Rates as AWS enforces them: so many calls in any rolling second, the rest are refused."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

_WINDOW = timedelta(seconds=1)


class RollingRate:
    """Admits at most `rate` calls in any rolling second, per key; refused calls do not count."""

    def __init__(self) -> None:
        self._admitted: dict[str, deque[datetime]] = {}

    def admit(self, key: str, rate: float, now: datetime) -> bool:
        """True when the call may pass; it is then counted."""
        admitted = self._admitted.setdefault(key, deque())
        while admitted and admitted[0] <= now - _WINDOW:
            admitted.popleft()
        if len(admitted) >= rate:
            return False
        admitted.append(now)
        return True
