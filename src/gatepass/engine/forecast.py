"""How late access would be taken back if it ended then: what is shown before an approval (security.md 4)."""

from __future__ import annotations

from datetime import datetime, timedelta

from gatepass.store import Pace, Tx, View

CALLS_PER_END = 3
"""Delete, its status, the confirming read; reads and statuses are shared when many end at once."""

_WINDOWS = tuple(timedelta(seconds=seconds) for seconds in (1, 10, 60, 300))
"""How far before the moment ends are counted: a crowd in any of these is still being worked off."""


def lateness(view: View | Tx, scope: str, ends_at: datetime, now: datetime, pace: Pace) -> timedelta:
    """How long after `ends_at` the take-back's delete would be sent at this instance, with its whole rate for it.

    Zero when nothing else ends about then. What is due now counts as far as it cannot be worked off before.
    """
    per_second = pace.limit * pace.share / CALLS_PER_END
    due = sum(backlog.due for backlog in view.fleet.backlog(now) if backlog.scope == scope)
    ahead = due - max(0.0, (ends_at - now).total_seconds()) * per_second
    for window in _WINDOWS:
        since = max(now, ends_at - window)
        length = max(0.0, (ends_at - since).total_seconds())
        ahead = max(ahead, view.fleet.ending(scope, since, ends_at) - max(1.0, length * per_second))
    return timedelta(seconds=round(max(0.0, ahead) / per_second, 3))
