"""Whether somebody may assume a role, for how long, and who they are then.

`can_assume` is what STS decides: the rules of the call itself first (they are ValidationErrors there), then every
action the call needs, each decided by trust policy and caller's side together (T-45). `Assumption.session` is the
caller that results, so that chains are followed by asking again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gatepass.policy.document import Policy
from gatepass.policy.evaluate import Decision, Permissions, Ruling, decide
from gatepass.policy.request import Caller, CallerKind, Request, Value, role_session

SHORTEST = timedelta(seconds=900)
DEFAULT = timedelta(hours=1)
CHAINED = timedelta(hours=1)
"""The longest session of a caller that is itself a role session, whatever the role says (T-51)."""
MAX_SESSION = (timedelta(hours=1), timedelta(hours=12))
"""Bounds of a role's own maximum (T 2.1)."""
MAX_TAGS = 50

_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_TAG_KEY, _TAG_VALUE = 128, 256


class Form(StrEnum):
    """The three calls that open a session of a role; the value is the action's name."""

    ROLE = "sts:AssumeRole"
    SAML = "sts:AssumeRoleWithSAML"
    WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"


@dataclass(frozen=True)
class Target:
    """The role to be assumed."""

    arn: str
    trust: Policy
    max_session: timedelta = DEFAULT
    unique_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    resource_controls: tuple[tuple[Policy, ...], ...] = ()
    """Resource control policies of the role's account, one tuple per level."""
    organization: str = ""


@dataclass(frozen=True)
class Ask:
    """The parameters of the call. `context` adds keys, such as `SAML:aud` or `aws:SourceIp`, and beats derived ones."""

    session_name: str = "session"
    lasts: timedelta | None = None
    """DurationSeconds; None when not given."""
    external_id: str | None = None
    source_identity: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: tuple[str, ...] = ()
    mfa: bool = False
    """SerialNumber and a right TokenCode were passed."""
    context: Mapping[str, Value] = field(default_factory=dict)
    now: datetime | None = None


@dataclass(frozen=True)
class Assumption:
    """The answer. Either `problems` says what is wrong with the call, or `decisions` has one decision per action that
    it needs, in order; `lasts` and `session` are set only when it is allowed."""

    ruling: Ruling
    problems: tuple[str, ...] = ()
    """STS answers these with ValidationError (or AccessDenied for a root user), before looking at any policy."""
    decisions: tuple[Decision, ...] = ()
    lasts: timedelta | None = None
    session: Caller | None = None

    @property
    def allowed(self) -> bool:
        return self.ruling is Ruling.ALLOWED

    @property
    def refusing(self) -> Decision | None:
        """The first decision that is not an allow."""
        return next((decision for decision in self.decisions if not decision.allowed), None)

    @property
    def lines(self) -> tuple[str, ...]:
        """The explanation for people."""
        if self.problems:
            return self.problems
        refusing = self.refusing
        shown = self.decisions if refusing is None else (refusing,)
        return tuple(line for decision in shown for line in decision.lines)


def can_assume(
    caller: Caller,
    target: Target,
    permissions: Permissions,
    ask: Ask | None = None,
    *,
    form: Form = Form.ROLE,
) -> Assumption:
    """Decide one call. Pure. `permissions` has no say in SAML and web identity, whose calls nobody signs."""
    ask = ask or Ask()
    problems = _problems(caller, target, ask, form)
    if problems:
        return Assumption(Ruling.NOT_ALLOWED, problems)
    context = _context(caller, ask)
    decisions = tuple(
        decide(
            Request(caller, action, target.arn, context, ask.now),
            permissions,
            resource=target.trust,
            resource_controls=target.resource_controls,
        )
        for action in _actions(caller, ask, form)
    )
    rulings = [decision.ruling for decision in decisions]
    if Ruling.DENIED in rulings:
        return Assumption(Ruling.DENIED, decisions=decisions)
    if Ruling.NOT_ALLOWED in rulings:
        return Assumption(Ruling.NOT_ALLOWED, decisions=decisions)
    lasts = ask.lasts or DEFAULT
    return Assumption(Ruling.ALLOWED, (), decisions, lasts, _session(caller, target, ask))


def longest(caller: Caller, max_session: timedelta) -> timedelta:
    """The longest session that may be asked for (T-50, T-51); what is left of the caller's own session does not
    matter, a chained session may outlive its parent (T-95)."""
    return min(max_session, CHAINED) if caller.kind is CallerKind.ROLE else max_session


def _actions(caller: Caller, ask: Ask, form: Form) -> tuple[str, ...]:
    actions = [form.value]
    if ask.tags or (form is Form.ROLE and caller.transitive):
        actions.append("sts:TagSession")
    if ask.source_identity or (form is Form.ROLE and caller.source_identity):
        actions.append("sts:SetSourceIdentity")
    return tuple(actions)


def _context(caller: Caller, ask: Ask) -> dict[str, Value]:
    """Context keys of the call itself (AWS, "IAM and STS condition context keys")."""
    found: dict[str, Value] = {"sts:RoleSessionName": ask.session_name}
    if ask.external_id is not None:
        found["sts:ExternalId"] = ask.external_id
    if identity := ask.source_identity or caller.source_identity:
        found["sts:SourceIdentity"] = identity
    if ask.lasts is not None:
        found["sts:DurationSeconds"] = int(ask.lasts.total_seconds())
    if ask.tags:
        found["aws:TagKeys"] = tuple(sorted(ask.tags))
        found |= {f"aws:RequestTag/{key}": value for key, value in ask.tags.items()}
    if ask.transitive:
        found["sts:TransitiveTagKeys"] = tuple(sorted(ask.transitive))
    if ask.mfa:
        found |= {"aws:MultiFactorAuthPresent": True, "aws:MultiFactorAuthAge": 0}
    return found | dict(ask.context)


def _session(caller: Caller, target: Target, ask: Ask) -> Caller:
    """The session that results. MFA is carried only by the call that passed it (7.1); transitive tags and source
    identity go on along the chain (T-53)."""
    carried = {key: value for key, value in caller.tags if key in caller.transitive}
    return role_session(
        target.arn,
        ask.session_name,
        unique_id=target.unique_id,
        tags={**target.tags, **ask.tags, **carried},
        transitive=sorted({*ask.transitive, *caller.transitive}),
        source_identity=ask.source_identity or caller.source_identity,
        mfa=True if ask.mfa else None,
        issued_at=ask.now,
        organization=target.organization,
        chain=(*caller.chain, caller.arn),
    )


def _problems(caller: Caller, target: Target, ask: Ask, form: Form) -> tuple[str, ...]:
    found = [
        *_caller_problems(caller, form),
        *_duration_problems(caller, target, ask),
        *_tag_problems(caller, ask),
    ]
    if not _NAME.fullmatch(ask.session_name):
        found.append(f"session name {ask.session_name!r}: 2 to 64 of letters, digits and _+=,.@-")
    if ask.external_id is not None and not _EXTERNAL_ID.fullmatch(ask.external_id):
        found.append("external id: 2 to 1224 of letters, digits and _+=,.@:/-")
    if ask.source_identity is not None and not _NAME.fullmatch(ask.source_identity):
        found.append(f"source identity {ask.source_identity!r}: 2 to 64 of letters, digits and _+=,.@-")
    if ask.source_identity and caller.source_identity not in ("", ask.source_identity):
        found.append(
            f"source identity is {caller.source_identity!r} already and cannot be changed in the chain"
        )
    return tuple(found)


def _caller_problems(caller: Caller, form: Form) -> list[str]:
    if caller.kind is CallerKind.ROOT:
        return ["a root user cannot assume roles"]
    if caller.kind is CallerKind.FEDERATED_USER and form is Form.ROLE:
        return ["a session of GetFederationToken cannot assume roles"]
    if (caller.kind is CallerKind.PROVIDER) is (form is Form.ROLE):
        return [f"{form.value} cannot be called by a caller of kind {caller.kind}"]
    return []


def _duration_problems(caller: Caller, target: Target, ask: Ask) -> list[str]:
    if ask.lasts is None:
        return []
    limit = longest(caller, target.max_session)
    if ask.lasts < SHORTEST:
        return [
            f"duration of {_seconds(ask.lasts)} s is below the {_seconds(SHORTEST)} s that STS needs at least"
        ]
    if ask.lasts > target.max_session:
        return [
            f"duration of {_seconds(ask.lasts)} s exceeds the role's maximum of {_seconds(target.max_session)} s"
        ]
    if ask.lasts > limit:
        return [f"duration of {_seconds(ask.lasts)} s exceeds the {_seconds(CHAINED)} s of a chained session"]
    return []


def _tag_problems(caller: Caller, ask: Ask) -> list[str]:
    found = []
    if len(ask.tags) > MAX_TAGS:
        found.append(f"{len(ask.tags)} session tags; at most {MAX_TAGS}")
    found += [
        f"session tag {key[:40]!r} is longer than {_TAG_KEY} or its value than {_TAG_VALUE} characters"
        for key, value in ask.tags.items()
        if not 0 < len(key) <= _TAG_KEY or len(value) > _TAG_VALUE
    ]
    inherited = {key.lower() for key in caller.transitive}
    found += [
        f"session tag {key!r} is transitive in the chain already and cannot be passed again"
        for key in ask.tags
        if key.lower() in inherited
    ]
    unknown = sorted(set(ask.transitive) - set(ask.tags))
    found += [f"transitive tag key {key!r} is not among the session tags" for key in unknown]
    return found


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())
