"""What can be set on a simulated AWS: how fast it answers, how late it finishes, how strictly it limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """All lengths in seconds. The defaults are those of AWS where AWS publishes one, else no delay at all."""

    latency: float = 0.0
    """How long one call takes; half of it passes before the call is applied, half after."""

    operation_seconds: float = 0.0
    """How long an accepted assignment, deletion or provisioning stays IN_PROGRESS."""

    list_lag: float = 0.0
    """How far behind the truth lists of assignments and memberships are."""

    list_lag_by_caller: Mapping[str, float] = field(default_factory=dict)
    """The same per caller: the longest prefix of the caller's ARN found here wins over `list_lag`."""

    iam_lag: float = 0.0
    """How long a new or changed IAM role, user or provider stays invisible to STS and to policy documents."""

    rates: Mapping[str, float] = field(default_factory=lambda: {"sso-admin": 20, "identitystore": 20})
    """Calls per rolling second per service, of one organization in one region together; no entry: no limit."""

    outstanding: int = 10
    """Assignment writes that one instance keeps IN_PROGRESS at a time."""

    page_size: int = 0
    """The most items a list returns; 0 leaves it to the service's own default and to the caller."""

    lost_after: float = 0.0
    """How long a caller waits for an answer that never comes (faults `answer-lost` and `request-lost`)."""

    trust_policy_quota: int = 2048
    """Characters an IAM trust policy may have; an account may be given its own, up to 4096 (`world.quotas`)."""

    check_answers: bool = False
    """Check every answer against the service model: for tests of the simulator itself, and for handlers of faults."""

    keep_calls: int = 200_000
    """How many calls the log keeps; older ones are dropped."""

    seed: int = 0
    """Makes identifiers, secrets and the chances of faults repeatable."""
