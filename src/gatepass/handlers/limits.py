"""What one call of implementer code may use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long one call may take by the wall's clock (security.md rule 27); settings may say otherwise."""

    handler: timedelta = timedelta(seconds=2)
    """A reducer or hook."""
    prefetch: timedelta = timedelta(seconds=5)
    """A prefetch reducer."""
    load: timedelta = timedelta(seconds=5)
    """Loading a file, nothing called."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of every call; the deadline is given with each call."""

    memory: int = 512 << 20
    """Bytes of address space."""
    output: int = 64 << 10
    """Bytes on stdout and stderr together; more kills the call."""
    asks: int = 50
    """Questions to the parent."""
    source: int = 256 << 10
    """Bytes of an implementation."""
    files: int = 32
    """Open descriptors."""
    threads: int = 20
    """Threads of the worker's user; the kernel does not count them for root."""
