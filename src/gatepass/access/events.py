"""What the audit log says: kinds of entries and, for every field, how it may be kept.

Fields are classified by name in the kind's definition; an event with a field nobody classified cannot be made
(security.md 15). Secret is never stored and so has no word here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gatepass.errors import Bug

Value = str | int | bool | None


class Level(StrEnum):
    """How a field of an entry is kept."""

    PUBLIC = "public"
    SENSITIVE = "sensitive"
    """Kept as a keyed hash only: comparable, not readable."""


P, S = Level.PUBLIC, Level.SENSITIVE

_ASKED = {"request": P, "flow": P, "target": P, "account_id": P, "requester": P, "asked_by": P, "source": P}
_DECIDED = {"request": P, "round": P, "content_hash": P, "by": P, "needed": P, "message": S}
_GRANT = {"request": P, "grant": P, "fact": P, "person": P}
_ATTEMPT = {"fact": P, "attempt": P, "verb": P}

KINDS: Mapping[str, Mapping[str, Level]] = {
    # requests
    "request.asked": {
        **_ASKED,
        "content_hash": P,
        "estate_version": P,
        "duration_ms": P,
        "reason": S,
        "terms_hash": P,
    },
    "request.pending": {"request": P, "needed": P, "rule": P},
    "request.decision": {**_DECIDED, "answer": P, "duration_ms": P, "counted": P, "fact": P, "code_hash": P},
    "request.approved": {
        "request": P,
        "round": P,
        "content_hash": P,
        "approvals": P,
        "needed": P,
        "duration_ms": P,
    },
    "request.denied": {"request": P, "by": P},
    "request.cancelled": {"request": P, "by": P, "why": P},
    "request.expired": {"request": P},
    "request.failed": {"request": P, "why": P},
    "request.ended": {"request": P},
    "request.extension_asked": {"request": P, "round": P, "content_hash": P, "by": P, "extension_ms": P},
    "request.refused": {"request": P, "by": P, "action": P, "why": P},
    # grants
    "grant.made": {**_GRANT, "duration_ms": P, "content_hash": P},
    "grant.granting": {**_GRANT, "starts_at": P, "ends_at": P, "joined": P},
    "grant.active": {**_GRANT, "ends_at": P},
    "grant.covered": {**_GRANT},
    "grant.ending": {**_GRANT, "why": P, "by": P},
    "grant.ended": {**_GRANT, "why": P, "covered_by": P, "last_session_ends_by": P},
    "grant.failed": {**_GRANT, "why": P},
    "grant.extended": {**_GRANT, "ends_at": P},
    # facts and the calls on them
    "attempt.intent": {**_ATTEMPT, "read_before": P, "worker": P},
    "attempt.outcome": {**_ATTEMPT, "outcome": P, "op_ref": P, "detail": P},
    "fact.present": {"fact": P, "ours": P},
    "fact.absent": {"fact": P},
    "fact.standing": {"fact": P},
    "fact.doubt": {"fact": P, "why": P},
    "fact.drift": {"fact": P, "why": P},
    "fact.error": {"fact": P, "verb": P, "tries": P, "detail": P, "next_try_at": P},
    # the installation
    "estate.applied": {"version": P, "hash": P, "by": P, "summary": P},
    "estate.tombstone": {"organization": P, "instance": P, "facts": P},
    "person.disabled": {"person": P, "by": P, "why": P},
    "person.enabled": {"person": P, "by": P},
    "identity.stored": {"person": P, "service": P, "external_id": P, "identity": P, "by": P},
    "token.issued": {"token": P, "person": P, "by": P, "scopes": P, "expires_at": P, "label": P},
    "token.revoked": {"token": P, "by": P},
    "login": {"person": P, "method": P},
    "logout": {"person": P, "method": P},
    "security": {"what": P, "by": P, "route": P, "detail": P},
    "clock.skew": {"what": P, "skew_ms": P},
    "handler.fault": {"request": P, "flow": P, "handler": P, "why": P, "code_hash": P},
    "handler.outcome": {"request": P, "flow": P, "handler": P, "result": P, "code_hash": P},
    # jobs, and what they change in AWS
    "job.asked": {"job": P, "kind": P, "by": P, "items": P},
    "job.stopped": {"job": P, "by": P, "items": P},
    "job.ended": {"job": P, "items": P, "complete": P},
    "teams.drift": {
        "job": P,
        "accounts": P,
        "unread": P,
        "standing": P,
        "new": P,
        "gone": P,
        "repaired": P,
    },
    "teams.write": {
        "job": P,
        "actor": P,
        "plan": P,
        "change": P,
        "operation": P,
        "request_id": P,
        "before": P,
        "error": P,
    },
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, as the audit log will say it. `organization` None: the installation's own chain."""

    kind: str
    organization: str | None
    fields: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = KINDS.get(self.kind)
        if known is None:
            raise Bug(f"no kind of audit entry is called {self.kind!r}")
        unclassified = sorted(set(self.fields) - set(known))
        if unclassified:
            raise Bug(f"audit entry {self.kind} has fields nobody classified: {', '.join(unclassified)}")
