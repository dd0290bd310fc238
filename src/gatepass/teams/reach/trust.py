"""What a trust policy says about who could come in at all: the openings of its Allow statements.

An opening is cheap to look up and never too narrow: everybody whom the policy lets in comes through one. Whether a
candidate really gets in is decided by `gatepass.policy` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gatepass.policy import Condition, Form, Kind, Policy, Statement, Value, examine
from gatepass.policy.wildcards import action_matches

_NARROWING = ("ArnLike", "ArnEquals", "StringEquals", "StringLike")
_FILLED = ("String", "Arn", "Bool", "Numeric", "Null")
_CALLER_KEYS = (
    "aws:principal",
    "aws:userid",
    "aws:username",
    "aws:sourceidentity",
    "aws:tokenissuetime",
    "aws:calledvia",
)
MFA_KEYS = ("aws:multifactorauthpresent", "aws:multifactorauthage")
ANYONE = "*"


@dataclass(frozen=True, slots=True)
class Opening:
    """One principal entry of one Allow statement, narrowed by the statement's test of `aws:PrincipalArn`, if any."""

    statement: Statement
    form: Form
    entry: str
    """An account id, an ARN, a provider, a service, a unique id, or `*`."""
    kind: str
    """`AWS`, `Federated` or `Service`."""
    patterns: tuple[str, ...] | None
    """What `aws:PrincipalArn` must look like; None when the statement does not ask."""

    @property
    def account(self) -> str:
        """The account the entry opens as a whole; empty for single principals, `*` for all."""
        if self.entry == ANYONE:
            return ANYONE
        return self.entry if self.entry.isdigit() else ""

    @property
    def subjects(self) -> tuple[str, ...]:
        """For web identity: the forms of subject the statement accepts; `*` where it does not ask."""
        values = [
            condition.values
            for condition in self.statement.conditions
            if condition.key.lower().endswith(":sub") and condition.base in _NARROWING
        ]
        return values[0] if values else (ANYONE,)


@dataclass(frozen=True, slots=True)
class Trust:
    """A trust policy as it was found, with its openings."""

    policy: Policy
    openings: tuple[Opening, ...]
    doubts: tuple[str, ...] = ()
    """What in it is not understood, and so is left out of every decision."""


def read_trust(document: Mapping[str, Any], name: str) -> Trust:
    """Reads what IAM holds, even where it is not what IAM accepts today."""
    policy, faults = examine(document, Kind.TRUST, name=name)
    policy = policy or Policy(name, Kind.TRUST, "2012-10-17", ())
    doubts = tuple(f"that nothing hangs on {fault.where} of the {name}: {fault.found}" for fault in faults)
    return Trust(policy, tuple(openings(policy)), doubts)


def openings(trust: Policy) -> Iterator[Opening]:
    """Every opening, in the order of the document."""
    for statement in trust.statements:
        if statement.effect != "Allow" or statement.principals is None:
            continue
        for kind, entry in statement.principals.entries:
            form = _form(statement, kind)
            if form is not None:
                yield Opening(
                    statement, form, _bare(entry), "AWS" if kind == "*" else kind, narrowing(statement)
                )


def narrowing(statement: Statement) -> tuple[str, ...] | None:
    """The values of the first positive test of `aws:PrincipalArn`, or None."""
    for condition in statement.conditions:
        if condition.base in _NARROWING and condition.key.lower() == "aws:principalarn":
            return condition.values
    return None


def wanted_context(statement: Statement) -> dict[str, Value]:
    """Keys of the call, not of the caller, with values that fulfil the statement's positive tests of them: an external
    id, a source identity, an audience. MFA is left out: the caller brings it or does not."""
    found: dict[str, Value] = {}
    for condition in statement.conditions:
        key = condition.key.lower()
        if key.startswith(_CALLER_KEYS) or key in MFA_KEYS or not condition.base.startswith(_FILLED):
            continue
        if (value := _witness(condition)) is not None:
            found[condition.key] = value
    return found


def wants_mfa(statement: Statement) -> bool:
    """Whether the statement tests MFA at all."""
    return any(condition.key.lower() in MFA_KEYS for condition in statement.conditions)


def witness(pattern: str) -> str:
    """A text that the pattern matches, for patterns that no known principal fills."""
    return pattern.replace("*", "any").replace("?", "x")


def _witness(condition: Condition) -> str | None:
    if not condition.values or "Not" in condition.base:
        return None
    value = condition.values[0]
    match condition.base:
        case "Null":
            return "any" if value.lower() == "false" else None
        case "NumericLessThan":
            return str(float(value) - 1)
        case "NumericGreaterThan":
            return str(float(value) + 1)
        case "StringLike" | "ArnLike" | "ArnEquals":
            return witness(value)
    return value


def _form(statement: Statement, kind: str) -> Form | None:
    """Which call an entry of this kind can make under the statement."""
    forms = (Form.SAML, Form.WEB_IDENTITY) if kind == "Federated" else (Form.ROLE,)
    for form in forms:
        named = any(action_matches(pattern, form.value) for pattern in statement.actions.patterns)
        if named is not statement.actions.negated:
            return form
    return None


def _bare(entry: str) -> str:
    """An account's root as its number; everything else as it is."""
    parts = entry.split(":")
    return parts[4] if len(parts) == 6 and parts[2] == "iam" and parts[5] == "root" else entry
