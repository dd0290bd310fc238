"""Waiting for what another thread or process does: for the condition itself, and so long that only a fault can
exceed it. No test may depend on how fast the machine is, nor on that it is never paused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

LONG = 300.0
"""Seconds. The machine that tests may be one core, shared by others, and stopped for a while."""
T = TypeVar("T")


def until(so: Callable[[], T], seconds: float = LONG, told: Callable[[], object] = lambda: "") -> T:
    """What `so` gives as soon as it is true; fails after `seconds` with what `told` says."""
    ends = time.monotonic() + seconds
    while not (found := so()):
        assert time.monotonic() < ends, f"not so after {seconds} s: {told()}"
        time.sleep(0.01)
    return found


def busy(work: Callable[[], object]) -> float:
    """Seconds of this thread's own processor time that `work` takes: what others do meanwhile does not count."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


async def until_async(so: Callable[[], T], seconds: float = LONG) -> T:
    """The same on an event loop, which goes on turning."""
    ends = time.monotonic() + seconds
    while not (found := so()):
        assert time.monotonic() < ends, f"not so after {seconds} s"
        await asyncio.sleep(0.01)
    return found
