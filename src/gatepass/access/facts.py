"""Facts, attempts and readings: one piece of access in AWS, the calls on it, and what AWS was read to hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gatepass.access.states import FactState, Outcome, Verb

_SEPARATOR = "|"


@dataclass(frozen=True, slots=True, order=True)
class FactKey:
    """The name of one piece of access, made of AWS's own names only; never of the estate's (architecture.md 2).

    `kind` is the kind of fact (it picks the strategy), `scope` the AWS instance whose rate it spends (instance ARN
    or identity store id), `parts` the rest in the order that the kind defines.
    """

    kind: str
    scope: str
    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        for piece in (self.kind, self.scope, *self.parts):
            if not piece or _SEPARATOR in piece:
                raise ValueError(f"a piece of a fact's key is empty or holds {_SEPARATOR!r}: {piece!r}")

    @property
    def text(self) -> str:
        """The key as one string: primary key of its row, first part of its lock order."""
        return _SEPARATOR.join((self.kind, self.scope, *self.parts))

    @staticmethod
    def parse(text: str) -> FactKey:
        """The inverse of `text`."""
        kind, scope, *parts = text.split(_SEPARATOR)
        return FactKey(kind, scope, tuple(parts))


def assignment(instance_arn: str, account_id: str, permission_set_arn: str, user_id: str) -> FactKey:
    """The fact that a user holds a permission set in an account."""
    return FactKey("aws_sso_assignment", instance_arn, (account_id, permission_set_arn, user_id))


def membership(identity_store_id: str, group_id: str, user_id: str) -> FactKey:
    """The fact that a user is a member of an identity-store group."""
    return FactKey("aws_sso_membership", identity_store_id, (group_id, user_id))


@dataclass(frozen=True, slots=True)
class Fact:
    """What we know of one piece of access, and who may settle it now."""

    key: FactKey
    organization: str
    """The estate's name of the organization it lies in."""
    state: FactState = FactState.ABSENT
    ours: bool = False
    """Set by our first create attempt, cleared by confirmed absence; only what is ours is ever deleted."""
    handle: str | None = None
    """What AWS calls it when it names it (a membership's id); another handle is not ours."""
    due_at: datetime | None = None
    """When the settle loop must look again; None: nothing to do."""
    tries: int = 0
    """Failed tries in a row, for back-off and alarms."""
    last_error: str | None = None
    read_at: datetime | None = None
    """When the last complete read began."""
    absent_at: datetime | None = None
    """When its absence was last confirmed after it had been ours; the sweep reads on for 24 h."""
    place: str = ""
    """Where the organization left the estate, or got another instance: what the old connector is kept under."""
    version: int = 0
    fence: int = 0

    @property
    def through(self) -> str:
        """Through whose connector it is reached: the organization's, or the one that is kept of it."""
        return self.place or self.organization


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that adds or removes a fact: intent committed before it is sent, outcome after."""

    id: str
    fact: FactKey
    verb: Verb
    intent_at: datetime
    read_before: bool | None
    """Whether AWS was read to hold the fact just before; None when it was not read."""
    sent_by: str
    """The worker that may send it."""
    op_ref: str | None = None
    """What AWS calls the operation it accepted (request id); None until known."""
    inflight: bool = True
    """Counts against the instance's cap of outstanding operations."""
    outcome: Outcome | None = None
    finished_at: datetime | None = None
    detail: str | None = None
    refused: bool = False
    """AWS said no for good: trying the same again gives the same answer."""

    @property
    def open(self) -> bool:
        """Whether it may still change AWS: sent or sendable, and no outcome that excludes it."""
        return self.outcome in (None, Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a complete read of AWS found. An incomplete read is an error of the door, never a reading."""

    present: bool
    read_at: datetime
    """When the read began: what it says of later moments is nothing."""
    handle: str | None = None
