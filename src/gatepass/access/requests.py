"""Requests, the answers people give to them, and the grants they lead to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gatepass.access.facts import FactKey
from gatepass.access.states import FINAL_GRANT, FINAL_REQUEST, GrantState, RequestState
from gatepass.clock import iso
from gatepass.estate.model import ADMINS, NOBODY, Who


@dataclass(frozen=True, slots=True)
class Terms:
    """The one rule a request is decided under, whole, as the estate (or a handler) had it when it was asked.

    Never the duration of one rule with the approvers of another (security.md 1).
    """

    rule: str
    """Where the rule stands, for people: `flow aws-access, rule 2`."""
    approvers: Who = NOBODY
    also: Who | None = None
    """A second set an approver must belong to as well: what code narrowed it to; None: no second condition."""
    view: Who = ADMINS
    """Who may look at the request, beside its requester and whoever may decide it."""
    needed: int = 1
    """Distinct approvers; 0 only where the flow says so."""
    allow_self: bool = False
    automatic: bool = False
    max_duration: timedelta | None = None
    """The cap of rule, target and organization together; None for a flow that grants nothing."""
    unanswered_after: timedelta = timedelta(hours=24)
    accepted_lateness: timedelta | None = None
    allow_revoke: bool = True
    """Whether requester and approvers may end it early; admins always may."""
    timed: bool = True
    """False: no duration is asked, it ends at the organization's cap (`schedule_deescalation: false`)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One fact that a request is about, found in AWS before anybody is asked to decide."""

    fact: FactKey
    session: timedelta = timedelta(0)
    """How long a role session that was begun at the last moment lives on."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for, under which version of which flow, and what was decided."""

    id: str
    flow: str
    estate_version: int
    requester: str
    """The stable id of the person; never an e-mail."""
    source: str
    """The face it came by: web, api, cli, slack."""
    asked_at: datetime
    terms: Terms
    organization: str | None = None
    target: str | None = None
    account_id: str | None = None
    duration: timedelta | None = None
    reason: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    """Every other field of the flow's form, checked."""
    state: RequestState = RequestState.ASKED
    why: str = ""
    """Why it stands as it does, for people: the refusal, the failure, who cancelled."""
    expires_at: datetime | None = None
    """When an unanswered request expires."""
    claims: tuple[Claim, ...] = ()
    """What it is about in AWS's own names; empty until found, and for a flow that gives nothing."""
    decided_at: datetime | None = None
    extension: timedelta | None = None
    """Asked for and not yet decided: how much longer from the decision on."""
    round: int = 1
    """Which question the approvers answer: raised by a change or an extension, which voids earlier answers."""
    asked_by: str | None = None
    """The bot or person that asked on behalf of the requester."""
    context: Mapping[str, object] = field(default_factory=dict)
    notices: tuple[Mapping[str, object], ...] | None = None
    """Whom its flow's code wants told, in the order they are tried; None: as the estate says."""
    version: int = 0

    @property
    def final(self) -> bool:
        return self.state in FINAL_REQUEST

    @property
    def content_hash(self) -> str:
        """What an approver's answer is bound to: everything they were shown, and the rule it is decided under.

        A change of any of it gives another hash, and answers to the old one are void (I4).
        """
        shown = {
            "request": self.id,
            "round": self.round,
            "flow": self.flow,
            "estate_version": self.estate_version,
            "requester": self.requester,
            "organization": self.organization,
            "target": self.target,
            "account_id": self.account_id,
            "duration_ms": _ms(self.duration),
            "extension_ms": _ms(self.extension),
            "reason": self.reason,
            "values": dict(self.values),
            "facts": [claim.fact.text for claim in self.claims],
            "terms": terms_to_json(self.terms),
        }
        return hashlib.sha256(canonical(shown)).hexdigest()


class Answer(StrEnum):
    """What a person (or a handler) says to a request."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """One person's answer to one request, bound to the hash of what they were shown."""

    id: str
    request: str
    round: int
    content_hash: str
    answer: Answer
    by: str
    """A person's stable id, or `handler:<flow>@<version>`, or `rule` for automatic approval."""
    at: datetime
    message: str = ""
    duration: timedelta | None = None
    """A shorter time than was asked for; None leaves it as asked."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One claim of one request on one fact, for a time."""

    id: str
    request: str
    person: str
    organization: str
    fact: FactKey
    duration: timedelta
    made_at: datetime
    start_by: datetime
    """A waiting grant that has not begun by then fails."""
    state: GrantState = GrantState.WAITING
    starts_at: datetime | None = None
    """The commit of the first create intent (or of joining); its end is counted from here."""
    ends_at: datetime | None = None
    """Committed before access is given; moved later only by an approved extension (I11)."""
    ended_at: datetime | None = None
    why: str = ""
    """Why it ended or failed: time, requester, approver, admin, leaver, removed outside gatepass, ..."""
    ended_by: str | None = None
    covered_by: str | None = None
    """The grant that still covered the fact when this one ended."""
    session: timedelta = timedelta(0)
    """How long a role session that was begun at the last moment lives on (the permission set's duration)."""
    version: int = 0

    @property
    def final(self) -> bool:
        return self.state in FINAL_GRANT

    def live(self, now: datetime) -> bool:
        """Whether it still claims its fact. Time ends it without a write."""
        begun = self.state in (GrantState.GRANTING, GrantState.ACTIVE)
        return begun and self.ends_at is not None and now < self.ends_at

    @property
    def last_session_ends_by(self) -> datetime | None:
        """Until when a session begun before the end may live (security.md 3, item 7)."""
        over = self.ended_at or self.ends_at
        return over + self.session if over is not None else None


def shorten(asked: timedelta | None, decisions: tuple[Decision, ...]) -> timedelta | None:
    """How long access lasts: the shortest that was asked or that any counted approval allows."""
    lengths = [d.duration for d in decisions if d.duration is not None]
    return min([asked, *lengths]) if asked is not None else None


def request_state(grants: tuple[Grant, ...]) -> RequestState:
    """Where an approved request stands by its grants: ended when all are final, failed when all failed."""
    if not all(grant.final for grant in grants):
        return RequestState.APPROVED
    if grants and all(grant.state is GrantState.FAILED for grant in grants):
        return RequestState.FAILED
    return RequestState.ENDED


def terms_to_json(terms: Terms) -> dict[str, object]:
    """The terms as JSON of strings, integers and booleans; the inverse is `terms_from_json`."""
    return {
        "rule": terms.rule,
        "approvers": _who_to_json(terms.approvers),
        "also": None if terms.also is None else _who_to_json(terms.also),
        "view": _who_to_json(terms.view),
        "needed": terms.needed,
        "allow_self": terms.allow_self,
        "automatic": terms.automatic,
        "max_duration_ms": _ms(terms.max_duration),
        "unanswered_after_ms": _ms(terms.unanswered_after),
        "accepted_lateness_ms": _ms(terms.accepted_lateness),
        "allow_revoke": terms.allow_revoke,
        "timed": terms.timed,
    }


def terms_from_json(data: Mapping[str, object]) -> Terms:
    """The terms that `terms_to_json` wrote."""

    needed, unanswered = data["needed"], _delta(data["unanswered_after_ms"])
    assert isinstance(needed, int)
    assert unanswered is not None
    return Terms(
        rule=str(data["rule"]),
        approvers=_who_from_json(data["approvers"]),
        also=None if data["also"] is None else _who_from_json(data["also"]),
        view=_who_from_json(data["view"]),
        needed=needed,
        allow_self=bool(data["allow_self"]),
        automatic=bool(data["automatic"]),
        max_duration=_delta(data["max_duration_ms"]),
        unanswered_after=unanswered,
        accepted_lateness=_delta(data["accepted_lateness_ms"]),
        allow_revoke=bool(data["allow_revoke"]),
        timed=bool(data["timed"]),
    )


def _who_to_json(who: Who) -> dict[str, object]:
    return {"people": sorted(who.people), "groups": sorted(who.groups), "roles": sorted(who.roles)}


def _who_from_json(data: object) -> Who:
    assert isinstance(data, Mapping)
    people, groups, roles = (frozenset(data[name]) for name in ("people", "groups", "roles"))
    return Who(people=people, groups=groups, roles=roles)


def canonical(value: object) -> bytes:
    """Canonical JSON: sorted keys, no white space, UTF-8; moments as `iso`, lengths as milliseconds."""
    return _CANONICAL.encode(value).encode()


def _plain(item: object) -> object:
    if isinstance(item, datetime):
        return iso(item)
    if isinstance(item, timedelta):
        return _ms(item)
    raise TypeError(f"{type(item).__name__} has no canonical form")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _ms(length: timedelta | None) -> int | None:
    return None if length is None else length // timedelta(milliseconds=1)


def _delta(milliseconds: object) -> timedelta | None:
    if milliseconds is None:
        return None
    assert isinstance(milliseconds, int)
    return timedelta(milliseconds=milliseconds)
