"""The guard against sending late: a call whose time-outs do not fit into what is left of a lease is not sent.

The lease is bound to the running thread (or task) by `until`; the door asks `left` before each call. A process that
was paused notices here, unless it was paused between this look and the wire; the sweep is for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

_UNTIL: ContextVar[datetime | None] = ContextVar("lease_until", default=None)


@contextmanager
def until(moment: datetime) -> Iterator[None]:
    """Within the block, calls of this thread are made under a lease that ends at `moment`."""
    token = _UNTIL.set(moment)
    try:
        yield
    finally:
        _UNTIL.reset(token)


def left(now: datetime) -> timedelta | None:
    """How much of the lease is left; None: no lease binds this thread."""
    ends = _UNTIL.get()
    return None if ends is None else ends - now
