"""What faces hand to the desk: words of a person, nothing else. Never who approves, what state, which end (I10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatepass.errors import GatepassError
from gatepass.estate.fields import FieldFault

MAX_TEXT = 2000
"""Characters of a reason or a message (security.md rule 16)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who stands at the desk, as the face authenticated them."""

    person: str
    """Stable id."""
    source: str
    """web, api, cli or slack."""
    on_behalf: bool = False
    """Whether this caller (a bot's token) may ask for somebody else."""
    signed_in: bool = True
    """Whether the person got here by signing in; False: by a token that somebody else issued in their name."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person wants."""

    flow: str
    target: str | None = None
    """Name or short name; may be left out where the flow offers one target only."""
    organization: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    """The flow's form as submitted: JSON values, or text."""
    requester: str | None = None
    """Somebody else, for callers that may ask on behalf."""
    context: Mapping[str, object] = field(default_factory=dict)


class NotFound(GatepassError):
    """There is nothing of that name that this person may know of."""

    code = "not_found"


class BadAsk(GatepassError):
    """A submission that does not fit the form: every fault at once, each at its field. Nothing was changed."""

    code = "bad_fields"

    def __init__(self, faults: tuple[FieldFault, ...]) -> None:
        super().__init__(
            "; ".join(str(fault) for fault in faults), advice="correct these fields and send again"
        )
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Repeat:
    """What makes a second delivery of one action known as such (architecture.md 9)."""

    route: str
    key: str
    body_hash: str
    """Another body under the same key is refused."""
