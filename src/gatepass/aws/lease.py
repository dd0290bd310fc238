"""The guard against sending late: a call whose time-outs do not fit into what is left of a lease is not sent.

The lease is bound to the running thread by `hold`; the door asks `left` before each call. A process that was paused
notices here, unless it was paused between this look and the wire; the sweep is for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class _Held:
    until: datetime
    renew: Callable[[], datetime | None] | None


_HELD: ContextVar[_Held | None] = ContextVar("lease", default=None)


@contextmanager
def hold(until: datetime, renew: Callable[[], datetime | None] | None = None) -> Iterator[None]:
    """Within the block, calls of this thread are made under a lease that ends at `until`.

    `renew` keeps it longer and answers its new end, or None when it was lost: for long reads. A call that changes
    something is made under a lease that is not renewed.
    """
    token = _HELD.set(_Held(until, renew))
    try:
        yield
    finally:
        _HELD.reset(token)


def fits(now: datetime, length: timedelta) -> bool:
    """Whether `length` fits into what is left of this thread's lease, renewed if it may be; without a lease, yes."""
    held = _HELD.get()
    if held is None or held.until - now >= length:
        return True
    if held.renew is None:
        return False
    longer = held.renew()
    if longer is None:
        return False
    held.until = longer
    return longer - now >= length
