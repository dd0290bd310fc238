"""What may be sent: exactly these fields, nothing else (security.md 20); no status, approver, end or organization
that is not the asker's to choose."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gatepass.desk.values import MAX_TEXT
from gatepass.estate.durations import ALLOWED, parse_duration


def _duration(text: str) -> str:
    if parse_duration(text) is None:
        raise ValueError(f"not a length of time; allowed: {ALLOWED}")
    return text


Duration = Annotated[str, AfterValidator(_duration)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]


def length(text: str | None) -> timedelta | None:
    """A checked duration as a length of time."""
    return None if text is None else parse_duration(text)


class Body(BaseModel):
    """A body whose unknown fields are refused and whose types are not bent."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AskBody(Body):
    """Ask for access, or for a decision."""

    flow: Name
    target: Name | None = None
    organization: Name | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    requester: Name | None = None
    context: dict[str, Any] = Field(default_factory=dict)


class AnswerBody(Body):
    """Approve or deny exactly what was shown: `content_hash` as `show` gave it."""

    content_hash: Annotated[str, Field(min_length=64, max_length=64)]
    message: Text = ""
    duration: Duration | None = None


class DenyBody(Body):
    """Deny exactly what was shown."""

    content_hash: Annotated[str, Field(min_length=64, max_length=64)]
    message: Text = ""


class ExtendBody(Body):
    """Ask for so much more time."""

    duration: Duration


class TokenBody(Body):
    """Issue a token."""

    person: Name
    scopes: list[str] = Field(default_factory=lambda: ["ask", "decide"])
    lasts: Duration = "30d"
    label: Annotated[str, Field(max_length=100)] = ""


class EstateBody(Body):
    """The files of an estate: text by path."""

    files: dict[str, str]
    end_grants: bool = False
    """End what the new estate has no place for, and what people lose by it."""
    agreed: bool = False
    """What people hold or wait for may end because they lose it: their group, or that they are here."""


class DisableBody(Body):
    """Somebody has left."""

    why: Annotated[str, Field(max_length=200)] = "left"


class IdentityBody(Body):
    """Who a person is in a service."""

    service: Name
    external_id: Name
    identity: Name


class EndBody(Body):
    """The red button: at least one of these."""

    person: Name | None = None
    organization: Name | None = None
    account_id: Name | None = None


class TeamsApplyBody(Body):
    """A plan document as `gatepass teams plan --out` writes it, and the files of the declaration it was made from, by
    the names the plan has for them."""

    plan: dict[str, Any]
    files: Annotated[dict[str, str], Field(min_length=1, max_length=2000)]
