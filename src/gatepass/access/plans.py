"""The values of the settle decisions: what one depends on, what AWS said, and the plan that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gatepass.access.events import Event
from gatepass.access.facts import Attempt, Fact
from gatepass.access.requests import Grant


@dataclass(frozen=True, slots=True)
class Limits:
    """Lengths the decisions depend on; settings, so that crash tests run in seconds (architecture.md 8)."""

    list_lag: timedelta = timedelta(seconds=120)
    """How long a list may lag behind a write, and a sent call behind its intent."""
    doubt: timedelta = timedelta(hours=24)
    """How long an attempt without an outcome may still explain what is found."""
    poll: timedelta = timedelta(seconds=1)
    """Between two looks at an operation in flight."""
    recheck: timedelta = timedelta(seconds=10)
    """Between two reads while an answer is not yet believed."""
    operation: timedelta = timedelta(minutes=10)
    """An operation that AWS still calls in progress after so long is no longer waited for."""
    backoff: timedelta = timedelta(seconds=1)
    backoff_cap: timedelta = timedelta(seconds=60)
    """Below the 120 s in which access must go once AWS answers again (security.md 4)."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a decision on one fact depends on, read under its lock."""

    fact: Fact
    grants: tuple[Grant, ...]
    """Every grant on the fact that is not final."""
    attempts: tuple[Attempt, ...]
    """Of this fact, oldest first: every open one and all of the last `doubt`."""
    now: datetime
    worker: str
    attempt_id: str
    """The id a new attempt takes, should one be made."""
    jitter: float = 1.0
    """0 to 1, random: spreads retries."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Waiting grants that may not start any more, and why (leaver, value no longer offered, ...)."""
    may_start: bool = True
    """False while granting is stopped (clock skew, broken invariant); taking back goes on."""
    limits: Limits = Limits()


class Next(StrEnum):
    """What the loop does after the plan is committed."""

    REST = "rest"
    READ = "read"
    POLL = "poll"
    SEND = "send"


class Called(StrEnum):
    """How a call that adds or removes a fact went, in the strategy's words."""

    ACCEPTED = "accepted"
    """AWS works on it; `op_ref` names the operation."""
    DONE = "done"
    """Done, or it was so already."""
    BUSY = "busy"
    """Another change of the same thing runs; nothing was done."""
    THROTTLED = "throttled"
    REFUSED = "refused"
    """AWS said no: denied, missing, invalid. Nothing was done."""
    NOTHING = "nothing"
    """Nothing was sent: a look found nothing to remove. The look may lag, so it proves nothing."""
    UNSENT = "unsent"
    """We did not send it: too little lease, no room. Nothing was done."""
    LOST = "lost"
    """No answer: it may or may not be done."""


class Polled(StrEnum):
    """What AWS says of an operation in flight."""

    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    GONE = "gone"
    """AWS does not know it (any more)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to commit, all in one transaction, and what to do then."""

    next: Next
    fact: Fact
    """As it shall be stored, `due_at` included."""
    moves: tuple[Grant, ...] = ()
    """Every step a grant took, in order, each as it shall be stored: one grant may take several."""
    attempts: tuple[Attempt, ...] = ()
    """Those that changed or are new."""
    attempt: Attempt | None = None
    """The one to send or to poll."""
    events: tuple[Event, ...] = ()
