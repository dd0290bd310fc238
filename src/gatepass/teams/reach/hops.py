"""One hop: may this node assume that role, with what the trust asks the caller to bring?

The call is tried plain first and then with what each opening wants (an external id, MFA, a source identity), so that
the answer can say what is needed instead of a bare no.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatepass.policy import (
    Ask,
    Assumption,
    Form,
    Kind,
    Permissions,
    Policy,
    Target,
    Value,
    can_assume,
    longest,
    parse,
)
from gatepass.teams.model import Role
from gatepass.teams.reach.nodes import Edge, EdgeKind, Node, NodeKind, caller_of
from gatepass.teams.reach.permissions import Side
from gatepass.teams.reach.trust import MFA_KEYS, Opening, wanted_context, wants_mfa

_ALL = parse(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}},
    Kind.IDENTITY,
    name="whatever the caller's own account allows",
)
OUTSIDE = Side(Permissions(identity=(_ALL,)))
"""The side of a caller that is not ours: taken as allowing everything, and said so."""
NOBODY = Side(Permissions())


@dataclass(frozen=True, slots=True)
class Hop:
    """One attempt, allowed or not, with the call that came nearest and what it brought (`needs`)."""

    source: Node
    target: Node
    assumption: Assumption
    lasts: timedelta
    needs: tuple[str, ...] = ()
    assumes: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.assumption.allowed

    @property
    def edge(self) -> Edge:
        """The hop as an edge; only of an allowed one."""
        federated = self.source.kind in (NodeKind.SAML, NodeKind.OIDC)
        chained = self.source.kind in (NodeKind.ROLE, NodeKind.SET)
        kind = EdgeKind.FEDERATES if federated else EdgeKind.MAY_ASSUME
        decision = self.assumption.decisions[0] if self.assumption.decisions else None
        return Edge(self.source, self.target, kind, self.lasts, chained, self.needs, self.assumes, decision)


def target_of(role: Role, trust: Policy) -> Target:
    """The role as the evaluator takes it."""
    return Target(role.arn, trust, timedelta(seconds=role.max_session), tags=dict(role.tags))


def try_hop(
    source: Node, target: Node, role: Target, side: Side, openings: Iterable[Opening], now: datetime | None
) -> Hop:
    """Decide one hop. With no opening at all the plain call is tried, for the sake of the explanation."""
    caller = caller_of(source)
    lasts = longest(caller, role.max_session)
    refused: list[tuple[Assumption, tuple[str, ...]]] = []
    for form, ask in _asks(source, tuple(openings), side, now):
        answer = can_assume(caller, role, side.permissions, ask, form=form)
        if answer.allowed:
            return Hop(source, target, answer, lasts, _needs(ask, form), _assumes(source))
        refused.append((answer, _needs(ask, form)))
    nearest, needs = min(refused, key=lambda tried: _in_the_way(tried[0]))
    unknown = tuple(f"policy {arn}, whose text is unknown" for arn in side.unknown)
    return Hop(source, target, nearest, lasts, needs, unknown)


def _in_the_way(answer: Assumption) -> int:
    """How many problems and layers refuse the call; of equal ones the call that needs least comes first."""
    refusing = answer.refusing
    return len(answer.problems) + (len(refusing.blocking) if refusing else 0)


def _asks(
    source: Node, found: tuple[Opening, ...], side: Side, now: datetime | None
) -> Iterator[tuple[Form, Ask]]:
    """The calls to try, the one that needs least first."""
    forms = tuple(dict.fromkeys(opening.form for opening in found)) or (_form(source),)
    contexts: list[dict[str, Value]] = [{}]
    for opening in found:
        context = wanted_context(opening.statement)
        if source.kind is NodeKind.OIDC:
            context = _as_subject(context, source)
        if context not in contexts:
            contexts.append(context)
    with_mfa = (False, True) if _may_bring_mfa(source, found, side) else (False,)
    for form in forms:
        for context in contexts:
            for mfa in with_mfa:
                yield form, _ask(context, mfa, now)


def _ask(context: Mapping[str, Value], mfa: bool, now: datetime | None) -> Ask:
    """What the context asks for, as parameters of the call where it has some for it: those need further rights."""
    rest: dict[str, Value] = {}
    tags: dict[str, str] = {}
    identity: str | None = None
    for key, value in context.items():
        lowered = key.lower()
        if lowered == "sts:sourceidentity":
            identity = str(value)
        elif lowered.startswith("aws:requesttag/"):
            tags[key.partition("/")[2]] = str(value)
        else:
            rest[key] = value
    return Ask(source_identity=identity, tags=tags, mfa=mfa, context=rest, now=now)


def _form(source: Node) -> Form:
    match source.kind:
        case NodeKind.SAML:
            return Form.SAML
        case NodeKind.OIDC:
            return Form.WEB_IDENTITY
    return Form.ROLE


def _as_subject(context: dict[str, Value], source: Node) -> dict[str, Value]:
    """An OIDC node is one form of subject: it brings this one and no other."""
    subject = source.id.partition("#")[2].replace("*", "any").replace("?", "x")
    return {key: subject if key.lower().endswith(":sub") else value for key, value in context.items()}


def _may_bring_mfa(source: Node, found: tuple[Opening, ...], side: Side) -> bool:
    """Only a user's own call can pass MFA (7.1); it is tried only where somebody asks for it."""
    if not source.arn.split(":", 5)[-1].startswith("user/"):
        return False
    asked = any(wants_mfa(opening.statement) for opening in found)
    return asked or any(
        condition.key.lower() in MFA_KEYS
        for policy in side.permissions.identity
        for statement in policy.statements
        for condition in statement.conditions
    )


def _needs(ask: Ask, form: Form) -> tuple[str, ...]:
    if form is not Form.ROLE:
        return ()
    found = ["MFA"] if ask.mfa else []
    if ask.source_identity:
        found.append("a source identity")
    found += [f"session tag {key}={value}" for key, value in sorted(ask.tags.items())]
    for key, value in sorted(ask.context.items()):
        found.append(f"external id {value}" if key.lower() == "sts:externalid" else f"{key} = {value}")
    return tuple(found)


def _assumes(source: Node) -> tuple[str, ...]:
    return ("that its own account allows the call",) if source.is_outside else ()
