"""The guard against sending late: a call whose time-outs do not fit into what is left of a lease is not sent.

The lease is bound to the running thread by `hold`; the door asks `left` before each call. A process that was paused
notices here, unless it was paused between this look and the wire; the sweep is for that.

It is also how long what was read counts: until the end of the lease under which the last of its calls was let go.
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
    asked: bool = False
    """Whether a call was made in this block."""


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


def ends() -> datetime | None:
    """When this thread's lease ends, as it was when the last call was let go. None: it holds none."""
    held = _HELD.get()
    return None if held is None else held.until


def fits(now: datetime, length: timedelta) -> bool:
    """Whether `length` fits into what is left of this thread's lease, renewed if it may be; without a lease, yes.

    No, too, for a process that slept past its lease between two calls of one look: the first one's answer is too old.
    """
    held = _HELD.get()
    if held is None:
        return True
    if held.asked and now > held.until:
        return False
    if held.until - now < length:
        longer = held.renew() if held.renew is not None else None
        if longer is None or longer - now < length:
            return False
        held.until = longer
    held.asked = True
    return True
