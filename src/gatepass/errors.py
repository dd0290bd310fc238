"""The root of every error gatepass shows to a person.

    GatepassError                 message, advice, code; everything below is one
    |- Conflict                   somebody was faster; look again
    |- Unavailable                a part gatepass depends on does not answer; try again later
    |- Bug                        an invariant of ours does not hold; granting stops, taking back goes on
    |- estate.EstateError         the operator acts: file, line, all faults at once
    |- access.Refused             the requester or approver acts; carries the named reason
    |- aws.AwsError               Denied, Missing, Throttled, Busy, Unknown ...: account, role, call
    `- (each package owns its family and roots it here)

Only faces turn errors into status codes, exit codes or Slack text. An expected outcome is a value, not an error.
"""

from __future__ import annotations

from typing import ClassVar


class GatepassError(Exception):
    """What was being done, to what, and what was found (`message`); what to do next (`advice`).

    `code` is stable and snake_case: faces and scripts may match on it, never on the message.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message}; {self.advice}" if self.advice else self.message


class Conflict(GatepassError):
    """Somebody was faster: the state changed between reading and writing. Look again; repeating is safe."""

    code = "conflict"


class Unavailable(GatepassError):
    """A part that gatepass depends on does not answer. Nothing was changed; trying again later is safe."""

    code = "unavailable"


class Bug(GatepassError):
    """An invariant of gatepass does not hold. Granting stops, taking back goes on, an alarm is raised."""

    code = "bug"
