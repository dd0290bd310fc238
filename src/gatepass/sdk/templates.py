"""The steps of a request, and the events that a hook may return to move it on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from gatepass.sdk import link
from gatepass.sdk.resource import SRN


class TemplateStep(str, Enum):
    """Outcomes that every template has."""

    IGNORE = "ignore"


class ApprovalTemplateStep(str, Enum):
    """The steps of a request for approval."""

    PROMPT = "prompt"
    REQUEST = "request"
    REQUEST_FORWARD = "request_forward"
    REQUEST_EXPIRE = "request_expire"
    APPROVE = "approve"
    DENY = "deny"
    ESCALATE = "escalate"
    DEESCALATE = "deescalate"


@dataclass(frozen=True, slots=True)
class Fired:
    """What a hook returned: the step to go to instead, and what to put into its payload."""

    step: str
    message: str | None = None
    target_srn: str | None = None
    duration: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Template:
    """The kind of a flow; `name` is its slug."""

    SRN_TEXT = "sym:template:approval:1.0.0"

    def __init__(self, srn: str = SRN_TEXT) -> None:
        self.srn = SRN.parse(srn)
        self.name = self.srn.slug


def _fired(
    step: ApprovalTemplateStep,
    target_srn: Any = None,
    duration: Any = None,
    extra: dict[str, Any] | None = None,
) -> Fired:
    return Fired(
        step.value,
        None,
        None if target_srn is None else str(SRN.parse(str(target_srn))),
        None if duration is None else int(duration),
        dict(extra or {}),
    )


class ApprovalTemplate(Template):
    """Makes the events of a request for approval. Extra keywords land in the payload of the event that is fired."""

    @staticmethod
    def ignore(*, message: str | None = None, **kwargs: Any) -> Fired:
        """Drop the event that came in and tell the person who caused it `message`."""
        return Fired(TemplateStep.IGNORE.value, message, extra=dict(kwargs))

    @staticmethod
    def prompt(**kwargs: Any) -> Fired:
        """Show the form."""
        return _fired(ApprovalTemplateStep.PROMPT, extra=kwargs)

    @staticmethod
    def request(*, target_srn: Any = None, duration: Any = None, **kwargs: Any) -> Fired:
        """Submit the request. Target and duration (seconds) are needed only when there is no request yet."""
        return _fired(ApprovalTemplateStep.REQUEST, target_srn, duration, kwargs)

    @staticmethod
    def approve(*, target_srn: Any = None, duration: Any = None, **kwargs: Any) -> Fired:
        """Approve the request."""
        return _fired(ApprovalTemplateStep.APPROVE, target_srn, duration, kwargs)

    @staticmethod
    def deny(*, target_srn: Any = None, duration: Any = None, **kwargs: Any) -> Fired:
        """Deny the request."""
        return _fired(ApprovalTemplateStep.DENY, target_srn, duration, kwargs)

    @staticmethod
    def escalate(*, target_srn: Any = None, duration: Any = None, **kwargs: Any) -> Fired:
        """Grant now."""
        return _fired(ApprovalTemplateStep.ESCALATE, target_srn, duration, kwargs)

    @staticmethod
    def deescalate(*, target_srn: Any = None, **kwargs: Any) -> Fired:
        """Take back now."""
        return _fired(ApprovalTemplateStep.DEESCALATE, target_srn, None, kwargs)


def get_step_output(step: ApprovalTemplateStep | str | None = None) -> dict[str, Any]:
    """What the strategy's step returned, by name; without one, the current step's. Empty when there is nothing."""
    event = link.current_event()
    name = event.name if step is None else str(step.value if isinstance(step, Enum) else step)
    return event.output_of(name)
