"""What can go wrong at the door, in our words, translated from the SDK once and nowhere else.

Each error says whether the call may have been applied: `possibly_applied`. Where it is true the outcome is unknown and
is resolved by reading (architecture.md 1); where it is false, nothing was done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gatepass.errors import GatepassError


@dataclass(frozen=True, slots=True)
class Place:
    """Which call this is about: enough for the person who must act."""

    organization: str
    service: str
    operation: str
    role: str = ""
    """The role the call was made as; empty: gatepass's own credentials."""
    account: str = ""
    """The account that role stands in."""
    request_id: str = ""
    """AWS's id of the call, where it answered."""

    def words(self) -> str:
        """`sso-admin:CreateAccountAssignment in tenant_foo as arn:aws:iam::...`"""
        made_as = f" as {self.role}" if self.role else " with gatepass's own credentials"
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.service}:{self.operation} in {self.organization}{made_as}{request}"


class AwsError(GatepassError):
    """A call to AWS that did not give an answer of success. `place` says which."""

    code = "aws_error"
    possibly_applied: ClassVar[bool] = False
    """Whether the call may have changed AWS although it failed."""
    hint: ClassVar[str] = ""

    def __init__(
        self, place: Place, found: str, *, aws_code: str = "", about: str = "", advice: str = ""
    ) -> None:
        super().__init__(f"{place.words()}: {found}", advice=advice or self.hint)
        self.place = place
        self.found = found
        """What AWS (or the wire) said, without the place."""
        self.aws_code = aws_code
        """AWS's own word for it, for the log; we decide on our classes only."""
        self.about = about
        """What AWS says it is about, where it does: the kind of resource that is missing, the reason of a conflict."""


class Denied(AwsError):
    """AWS does not permit it. Nothing was done."""

    code = "aws_denied"
    hint = "`gatepass check --live` names what the connector's role lacks"


class Missing(AwsError):
    """What the call names does not exist. Nothing was done."""

    code = "aws_missing"
    hint = "check the ids in the estate against this organization"


class Throttled(AwsError):
    """Too many calls at once. Nothing was done; trying again later is safe."""

    code = "aws_throttled"


class Busy(AwsError):
    """AWS calls it a conflict: what that means is the strategy's to say. Nothing was done."""

    code = "aws_busy"


class Invalid(AwsError):
    """The call itself is refused as wrong. Nothing was done; the same call gets the same answer."""

    code = "aws_invalid"


class Unreachable(AwsError):
    """No connection was made. Nothing was done."""

    code = "aws_unreachable"
    hint = "check the network, and AWS_ENDPOINT_URL if it is set"


class Unreached(AwsError):
    """The organization is not in the estate and no tombstone keeps its connector. Nothing was done."""

    code = "aws_unreached"
    hint = "put the organization back into the estate: its facts cannot be taken back without its connector"


class NoCredentials(AwsError):
    """gatepass has no credentials of its own to start from. Nothing was done."""

    code = "aws_no_credentials"
    hint = "give the server an instance role, or AWS_PROFILE, or the other usual places of credentials"


class Lost(AwsError):
    """The call was sent and no answer of use came back: it may or may not have been applied."""

    code = "aws_lost"
    possibly_applied = True


class Later(AwsError):
    """We did not send it: this instance's rate is spent until `at_the_earliest`."""

    code = "aws_later"

    def __init__(self, place: Place, found: str, *, at_the_earliest: datetime) -> None:
        super().__init__(place, found)
        self.at_the_earliest = at_the_earliest


class LeaseShort(AwsError):
    """We did not send it: less time is left of the lease than the call may take (architecture.md 2)."""

    code = "aws_lease_short"


class Partial(AwsError):
    """A list of several pages broke off. Half a list is no answer."""

    code = "aws_partial"


class Ambiguous(AwsError):
    """Several things in AWS answer to one name; we do not choose."""

    code = "aws_ambiguous"
