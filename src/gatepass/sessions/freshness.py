"""When credentials are served, refreshed or made anew (S-19 to S-22). Pure: times in, verdict out."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

WINDOW = timedelta(minutes=20)
"""Refresh this early: botocore starts the process again for every request below 15 min (S-22)."""
MUST_WAIT = timedelta(minutes=5)
STILL_USABLE = timedelta(seconds=30)
LEAST_WINDOW = timedelta(seconds=60)
REFRESH_WAIT_SECONDS = 10.0


class Verdict(Enum):
    """What to do with a set that has so much time left."""

    SERVE = "serve"
    SERVE_AND_REFRESH = "serve and refresh"
    WAIT = "wait for the refresh"
    MINT = "mint"


def window(lifetime: timedelta | None) -> timedelta:
    """How long before its end a set of this lifetime should be replaced."""
    if lifetime is None or lifetime >= timedelta(minutes=60):
        return WINDOW
    return max(lifetime / 3, LEAST_WINDOW)


def judge(remaining: timedelta, lifetime: timedelta | None) -> Verdict:
    """The verdict for a set with `remaining` to live out of `lifetime` (None: unknown, taken as long)."""
    if remaining <= timedelta(0):
        return Verdict.MINT
    if remaining > window(lifetime):
        return Verdict.SERVE
    if remaining > min(MUST_WAIT, window(lifetime)):
        return Verdict.SERVE_AND_REFRESH
    return Verdict.WAIT


def usable(remaining: timedelta) -> bool:
    """Whether an old set may still be served when its refresh failed (S-21)."""
    return remaining > STILL_USABLE
