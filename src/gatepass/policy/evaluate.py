"""The decision: one document, and all that bears on a call together.

One document: a Deny that applies beats every Allow; no statement that applies is an implicit deny (T-41). Together:
AWS, "Policy evaluation logic", for calls inside an account and across two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gatepass.policy.document import Kind, Policy, Statement
from gatepass.policy.matching import Check, Naming, applies, checks, naming
from gatepass.policy.request import CallerKind, Request, account_of


class Ruling(StrEnum):
    """What a document, a layer or all of them say about a request."""

    ALLOWED = "allowed"
    DENIED = "denied"
    """A Deny statement applies."""
    NOT_ALLOWED = "not_allowed"
    """Nothing allows it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement held against the request, with every element that was looked at."""

    policy: Policy
    statement: Statement
    checks: tuple[Check, ...]

    @property
    def applies(self) -> bool:
        """Whether every element holds."""
        return all(check.held for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The elements that do not hold; a nearest miss has one."""
        return tuple(check for check in self.checks if not check.held)

    @property
    def text(self) -> str:
        """One line for people: what the statement is and why it applies or does not."""
        what = f"{self.statement.effect} {self.statement.label} of {self.policy.name or self.policy.kind}"
        if self.applies:
            return f"{what} applies"
        return f"{what} does not apply: {'; '.join(check.text for check in self.failed)}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What some documents, read together, say. `deciding` are the applying statements of the ruling's effect."""

    ruling: Ruling
    request: Request
    policies: tuple[Policy, ...]
    deciding: tuple[tuple[Policy, Statement], ...]

    @property
    def naming(self) -> Naming:
        """The closest way in which a deciding Allow names the caller."""
        named = (
            naming(statement.principals, self.request.caller)
            for _, statement in self.deciding
            if statement.principals
        )
        return max(named, default=Naming.NOT)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every statement of every document with all its checks; computed when asked for."""
        return tuple(
            Finding(policy, statement, tuple(checks(policy, statement, self.request)))
            for policy in self.policies
            for statement in policy.statements
        )


def evaluate(policies: Policy | Iterable[Policy], request: Request) -> Evaluation:
    """What one document, or several of one layer read as one, say about the request. Their order does not matter."""
    together = (policies,) if isinstance(policies, Policy) else tuple(policies)
    for effect, ruling in (("Deny", Ruling.DENIED), ("Allow", Ruling.ALLOWED)):
        deciding = tuple(
            (policy, statement)
            for policy in together
            for statement in policy.statements
            if statement.effect == effect and applies(policy, statement, request)
        )
        if deciding:
            return Evaluation(ruling, request, together, deciding)
    return Evaluation(Ruling.NOT_ALLOWED, request, together, ())


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the caller's own side holds."""

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    """Session policies; None when the session was made without any, which differs from one that allows nothing."""
    controls: tuple[tuple[Policy, ...], ...] = ()
    """Service control policies, one tuple per level from the organization's root to the account; each level must allow.
    Leave empty for the management account and where they are switched off."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One of the things that had a say."""

    name: str
    """`resource`, `identity`, `boundary`, `session`, `service control`, `resource control`."""
    evaluation: Evaluation
    needed: bool
    """Whether the call fails when this layer does not allow it."""

    @property
    def ruling(self) -> Ruling:
        return self.evaluation.ruling


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one request, with every layer that had a say."""

    ruling: Ruling
    request: Request
    layers: tuple[Layer, ...]

    @property
    def allowed(self) -> bool:
        return self.ruling is Ruling.ALLOWED

    @property
    def blocking(self) -> tuple[Layer, ...]:
        """The layers that refuse: those that deny, else those that are needed and do not allow."""
        denied = tuple(layer for layer in self.layers if layer.ruling is Ruling.DENIED)
        if denied or self.allowed:
            return denied
        return tuple(layer for layer in self.layers if layer.needed and layer.ruling is not Ruling.ALLOWED)

    @property
    def deciding(self) -> tuple[tuple[Policy, Statement], ...]:
        """The statements the answer rests on: the Denies, or the Allows of every needed layer; else none."""
        if self.ruling is Ruling.NOT_ALLOWED:
            return ()
        layers = (
            self.blocking
            if self.ruling is Ruling.DENIED
            else tuple(layer for layer in self.layers if layer.needed)
        )
        return tuple(pair for layer in layers for pair in layer.evaluation.deciding)

    @property
    def lines(self) -> tuple[str, ...]:
        """The explanation for people, most decisive first."""
        what = f"{self.request.action} on {self.request.resource} by {self.request.caller.arn}"
        head = f"{what}: {self.ruling.replace('_', ' ')}"
        decided = tuple(
            f"{statement.effect} {statement.label} of {policy.name or policy.kind}"
            for policy, statement in self.deciding
        )
        misses = tuple(
            line
            for layer in self.blocking
            if layer.ruling is Ruling.NOT_ALLOWED
            for line in _miss_lines(layer)
        )
        return (head, *decided, *misses)


def _miss_lines(layer: Layer) -> tuple[str, ...]:
    allows = [finding for finding in layer.evaluation.findings if finding.statement.effect == "Allow"]
    if not allows:
        return (f"{layer.name}: no statement allows anything",)
    return tuple(f"{layer.name}: {finding.text}" for finding in allows)


def decide(
    request: Request,
    permissions: Permissions,
    *,
    resource: Policy | None = None,
    resource_account: str = "",
    resource_controls: tuple[tuple[Policy, ...], ...] = (),
) -> Decision:
    """The answer of all layers together.

    `resource` is the policy of the thing called, if it has one; a trust policy must always allow, another
    resource policy may be enough by itself inside its account.
    `resource_account` is needed only for ARNs without an account field.
    `resource_controls` are resource control policies, as `Permissions.controls` are service control policies.
    """
    own = request.caller
    foreign = own.kind in (CallerKind.PROVIDER, CallerKind.SERVICE, CallerKind.ANONYMOUS)
    said = None if resource is None else evaluate(resource, request)
    target = resource_account or account_of(request.resource) or own.account
    across = foreign or target != own.account
    direct = Naming.NOT if across or said is None or said.ruling is not Ruling.ALLOWED else said.naming
    layers: list[Layer] = []
    if said is not None:
        trust = resource is not None and resource.kind is Kind.TRUST
        layers.append(Layer("resource", said, across or trust or direct > Naming.ACCOUNT))
    if not foreign:
        layers += _caller_layers(request, permissions, direct)
    layers += [Layer("resource control", evaluate(level, request), True) for level in resource_controls]
    if across and said is None:
        layers.append(Layer("resource", evaluate((), request), True))
    return Decision(_ruling(layers), request, tuple(layers))


def _caller_layers(request: Request, permissions: Permissions, direct: Naming) -> list[Layer]:
    """The caller's side. What a resource policy of the same account says by name lifts implicit denies here: for a
    session or a user all of them, for a role those of its identity policies only."""
    lifted = direct is Naming.SESSION or (
        direct is Naming.PRINCIPAL and request.caller.kind is CallerKind.USER
    )
    layers = []
    if request.caller.kind is not CallerKind.ROOT:
        layers.append(Layer("identity", evaluate(permissions.identity, request), direct < Naming.PRINCIPAL))
    if permissions.boundary is not None:
        layers.append(Layer("boundary", evaluate(permissions.boundary, request), not lifted))
    if permissions.session is not None:
        layers.append(Layer("session", evaluate(permissions.session, request), not lifted))
    return layers + [
        Layer("service control", evaluate(level, request), True) for level in permissions.controls
    ]


def _ruling(layers: list[Layer]) -> Ruling:
    if any(layer.ruling is Ruling.DENIED for layer in layers):
        return Ruling.DENIED
    if all(layer.ruling is Ruling.ALLOWED for layer in layers if layer.needed):
        return Ruling.ALLOWED
    return Ruling.NOT_ALLOWED
