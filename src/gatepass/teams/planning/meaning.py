"""What a change of trust means: who gets in that did not, and who no longer does (T-75).

Asked of the one evaluator over the principals that are known; patterns are shown as open sets beside them (T-93).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from gatepass.policy import (
    Kind,
    Policy,
    PolicyError,
    Request,
    Ruling,
    evaluate,
    parse,
    provider,
    role_session,
    user,
)
from gatepass.policy.request import Caller
from gatepass.teams.compiling.patterns import RESERVED, has_wildcard
from gatepass.teams.model import Document, Resources

SESSION = "gatepass"
ANY_ROLE = "arn:aws:iam::000000000000:role/any"
"""A trust policy names no resource: it is about the role it belongs to."""
EVERYBODY = "*"
_ACCOUNT = re.compile("[0-9]{12}")
SUFFIX = "0" * 16
"""Stands for the 16 hexadecimal digits of a permission set's role."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Principals that gain and lose access, sorted."""

    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()


def meaning(before: Document | None, after: Document | None, candidates: Iterable[str]) -> Meaning:
    """The difference of two trust policies over the candidates and whoever either document names itself."""
    named = {*candidates, *_named(before), *_named(after)}
    was, is_now = _let_in(before, named), _let_in(after, named)
    return Meaning(tuple(sorted(is_now - was)), tuple(sorted(was - is_now)))


def candidates_of(*states: Resources) -> set[str]:
    """Everybody who might call: roles, users and permission-set roles of these states."""
    found: set[str] = set()
    for state in states:
        found.update(role.arn for role in state.roles)
        found.update(person.arn for person in state.users)
        found.update(
            item.account.arn(
                f"role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_{item.permission_set}_{SUFFIX}"
            )
            for item in state.assignments
        )
    return found


def lets_in(trust: Document, principal: str, *, mfa: bool | None = None) -> bool:
    """Whether the trust policy alone lets this principal assume the role; its own permissions are not looked at."""
    return principal in _let_in(trust, {principal})


def _let_in(trust: Document | None, principals: set[str]) -> set[str]:
    if trust is None:
        return set()
    policy = _parsed(json.dumps(trust, sort_keys=True))
    if policy is None:
        return set()
    return {arn for arn in principals if _allows(policy, arn)}


@lru_cache(maxsize=4096)
def _parsed(trust: str) -> Policy | None:
    try:
        return parse(trust, Kind.TRUST, name="trust")
    except PolicyError:
        return None  # AWS holds it, so somebody could write it; nobody we know gets in by it


_ACTIONS = {
    "saml-provider": "sts:AssumeRoleWithSAML",
    "oidc-provider": "sts:AssumeRoleWithWebIdentity",
}


def _allows(policy: Policy, arn: str) -> bool:
    principal, _, detail = arn.partition(" ")
    principal = ANY_ROLE if principal == EVERYBODY else principal
    resource = principal.split(":", 5)[5] if principal.count(":") >= 5 else ""
    action = _ACTIONS.get(resource.partition("/")[0], "sts:AssumeRole")
    caller = _caller(principal, resource)
    context = dict(item.split("=", 1) for item in detail.split(" ") if "=" in item)
    request = Request(caller, action, ANY_ROLE, context=context)
    return evaluate(policy, request).ruling is Ruling.ALLOWED


def _caller(principal: str, resource: str) -> Caller:
    if resource.startswith("user/"):
        return user(principal, mfa=True)
    if resource.startswith(("saml-provider/", "oidc-provider/")):
        return provider(principal)
    return role_session(principal, SESSION)


def _named(trust: Document | None) -> set[str]:
    """Principals a document names: exact ARNs, a witness for every pattern of a permission set, and for an account (or
    everybody) the open set of its roles (T-93)."""
    found: set[str] = set()
    statements = (trust or {}).get("Statement", ())
    for statement in [statements] if isinstance(statements, dict) else statements:
        arns = statement.get("Condition", {}).get("ArnLike", {}).get("aws:PrincipalArn", ())
        for arn in [arns] if isinstance(arns, str) else arns:
            witness = witness_of(arn)
            if witness is not None:
                found.add(witness)
        found.update(_principals(statement))
        found.update(_federated(statement))
    return found


def _principals(statement: Document) -> Iterable[str]:
    said = statement.get("Principal", ())
    said = said.get("AWS", ()) if isinstance(said, dict) else said
    for principal in [said] if isinstance(said, str) else said:
        if principal == EVERYBODY:
            yield EVERYBODY
        elif _ACCOUNT.fullmatch(principal):
            yield f"arn:aws:iam::{principal}:role/*"
        elif principal.endswith(":root"):
            yield f"{principal.removesuffix('root')}role/*"
        elif ":role/" in principal or ":user/" in principal:
            yield principal


def _federated(statement: Document) -> Iterable[str]:
    principal = statement.get("Principal")
    federated = principal.get("Federated", ()) if isinstance(principal, dict) else ()
    values: dict[str, list[str]] = {}
    for keys in statement.get("Condition", {}).values():
        for key, said in keys.items():
            values[key] = [said] if isinstance(said, str) else list(said)
    for arn in [federated] if isinstance(federated, str) else federated:
        claims = [(key, said) for key, said in values.items() if key.endswith(":sub")]
        rest = " ".join(f"{key}={said[0]}" for key, said in values.items() if not key.endswith(":sub"))
        for key, said in claims or [("", [""])]:
            for claim in said:
                yield " ".join(part for part in (arn, f"{key}={claim}" if key else "", rest) if part)


_RESERVED = "/aws-reserved/sso.amazonaws.com/"


def witness_of(pattern: str) -> str | None:
    """One principal that a pattern matches: itself, or a permission-set role with a made-up suffix."""
    if not has_wildcard(pattern):
        return pattern
    if RESERVED.partition("*")[0] not in pattern or "user/" in pattern:
        return None
    exact = pattern.replace("/aws-reserved/sso.amazonaws.com*/", _RESERVED).replace(
        "/aws-reserved/*/", _RESERVED
    )
    exact = exact.replace("?" * 16, SUFFIX)
    exact = exact.removesuffix("_*") + f"_{SUFFIX}" if exact.endswith("_*") else exact
    return None if has_wildcard(exact) else exact
