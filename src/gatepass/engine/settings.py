"""Every length and number the engine works by. All are settings: crash tests run in seconds (architecture.md 8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from gatepass.access.plans import Limits
from gatepass.store import Pace


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How one process's engine works."""

    worker: str
    """Unique per start of a process: leases and attempts carry it."""
    threads: int = 8
    """Facts settled at a time; claims are no more than idle threads. One process alone must be able to spend the
    whole rate of an instance (20 calls a second of 0.2 s each, and waiting for slots)."""
    lease: timedelta = timedelta(seconds=15)
    """Longer than `call`, so that a call cannot outlive its lease unnoticed."""
    call: timedelta = timedelta(seconds=11)
    """The time-outs of one call: with less than this left of a lease, its holder sends nothing under it."""
    poll: timedelta = timedelta(milliseconds=250)
    """How often the rows are looked at when nobody wakes us."""
    sweep: timedelta = timedelta(minutes=5)
    ended: timedelta = timedelta(hours=24)
    """How long after its end a fact is still read."""
    outstanding: int = 10
    """Operations that AWS lets run at a time on one instance."""
    spare: int = 2
    """Of these, kept free for take-backs: a flood of grants cannot delay one."""
    slot_patience: timedelta = timedelta(seconds=2)
    """The longest a thread waits for a slot; beyond it the fact is due later and the thread is free."""
    alarm_after: int = 5
    """Failed tries in a row after which somebody must be told."""
    skew: timedelta = timedelta(seconds=30)
    beat: timedelta = timedelta(seconds=1)
    """How often this process says that it is alive. Whose beat is missed three times is silent."""
    leavers: timedelta = timedelta(minutes=1)
    accounts: timedelta = timedelta(minutes=15)
    checkpoint: timedelta = timedelta(hours=1)
    tombstones: timedelta = timedelta(minutes=1)
    asked: timedelta = timedelta(hours=1)
    """A request that could not be taken on for so long fails."""
    message_backoff: timedelta = timedelta(seconds=2)
    message_backoff_cap: timedelta = timedelta(minutes=5)
    pace: Pace = field(default_factory=Pace)
    limits: Limits = field(default_factory=Limits)
