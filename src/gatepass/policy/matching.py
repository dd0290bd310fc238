"""Whether one statement speaks about one request, element by element, and why.

`applies` is the decision and stops at the first element that does not hold; `checks` is its explanation and says every
element, in the order in which people read a statement. Both ask the same functions, one for each element.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from gatepass.policy import operators
from gatepass.policy.document import Condition, Names, Policy, Principals, Statement
from gatepass.policy.request import Caller, CallerKind, Request
from gatepass.policy.wildcards import action_matches, literal, resource_matches

_VARIABLE = re.compile(r"\$\{\s*([^},]+?)\s*(?:,\s*'([^']*)'\s*)?\}")
_PLAIN_VARIABLES = ("*", "?", "$")


class Naming(IntEnum):
    """How closely a resource policy names the caller; the closer, the less else is needed (T-44)."""

    NOT = 0
    ACCOUNT = 1
    """Only the account: its own policies decide who of it."""
    PRINCIPAL = 2
    """The user or role, or everyone."""
    SESSION = 3
    """Exactly this session."""


@dataclass(frozen=True, slots=True)
class Check:
    """One element of a statement held against the request."""

    element: str
    """`Principal`, `Action`, `Resource`, or `Condition ArnLike aws:PrincipalArn`."""
    held: bool
    wanted: tuple[str, ...]
    found: tuple[str, ...] | None
    """None: the request has no such key."""

    @property
    def text(self) -> str:
        """One sentence for people."""
        found = "nothing" if self.found is None else _listed(self.found)
        held = "holds" if self.held else "does not hold"
        return f"{self.element} {held}: wants {_listed(self.wanted)}, found {found}"


def checks(policy: Policy, statement: Statement, request: Request) -> Iterator[Check]:
    """Every element of the statement against the request, principal first."""
    caller = request.caller
    if statement.principals is not None:
        held = _principals_hold(statement.principals, caller)
        element = "NotPrincipal" if statement.principals.negated else "Principal"
        wanted = tuple(f"{kind}:{value}" for kind, value in statement.principals.entries)
        yield Check(element, held, wanted, (caller.session_arn or caller.arn,))
    yield _names_check("Action", statement.actions, _action_holds(statement.actions, request), request.action)
    if statement.resources is not None:
        held = _resource_holds(policy, statement.resources, request)
        yield _names_check("Resource", statement.resources, held, request.resource)
    for condition in statement.conditions:
        held = _condition_holds(policy, condition, request)
        found = request.keys.get(condition.key.lower())
        yield Check(f"Condition {condition.operator} {condition.key}", held, condition.values, found)


def applies(policy: Policy, statement: Statement, request: Request) -> bool:
    """Whether every element holds; equal to all of `checks`."""
    if not _action_holds(statement.actions, request):
        return False
    if statement.principals is not None and not _principals_hold(statement.principals, request.caller):
        return False
    if statement.resources is not None and not _resource_holds(policy, statement.resources, request):
        return False
    return all(_condition_holds(policy, condition, request) for condition in statement.conditions)


def naming(principals: Principals, caller: Caller) -> Naming:
    """The closest way in which the entries name the caller, the Not form aside."""
    return max((_entry_naming(kind, value, caller) for kind, value in principals.entries), default=Naming.NOT)


def _principals_hold(principals: Principals, caller: Caller) -> bool:
    if not principals.negated:
        return naming(principals, caller) is not Naming.NOT
    # A caller is spared only when each of its names is listed: the account, the role and the session (AWS,
    # "NotPrincipal": otherwise the deny covers the account that contains the principal).
    return not all(
        any(value == "*" or _entry_naming(kind, value, caller) == name for kind, value in principals.entries)
        for name in _names(caller)
    )


def _names(caller: Caller) -> tuple[Naming, ...]:
    match caller.kind:
        case CallerKind.ROLE:
            return (Naming.ACCOUNT, Naming.PRINCIPAL, Naming.SESSION)
        case CallerKind.USER:
            return (Naming.ACCOUNT, Naming.PRINCIPAL)
        case CallerKind.FEDERATED_USER:
            return (Naming.ACCOUNT, Naming.SESSION)
        case CallerKind.ROOT:
            return (Naming.ACCOUNT,)
    return (Naming.PRINCIPAL,)


def _entry_naming(kind: str, value: str, caller: Caller) -> Naming:
    if value == "*" and kind in ("*", "AWS"):
        return Naming.PRINCIPAL
    match kind:
        case "AWS":
            return _aws_naming(value, caller)
        case "Federated":
            held = caller.kind is CallerKind.PROVIDER and value == caller.arn
        case "Service":
            held = caller.kind is CallerKind.SERVICE and value == caller.arn
        case _:
            held = False
    return Naming.PRINCIPAL if held else Naming.NOT


def _aws_naming(value: str, caller: Caller) -> Naming:
    if not caller.account or caller.kind is CallerKind.PROVIDER:
        return Naming.NOT
    if value in (caller.account, f"arn:{caller.partition}:iam::{caller.account}:root"):
        return Naming.ACCOUNT
    if caller.session_arn and value == caller.session_arn:
        return Naming.SESSION
    if caller.kind in (CallerKind.USER, CallerKind.ROLE) and value in (
        caller.arn,
        caller.unique_id or caller.arn,
    ):
        return Naming.PRINCIPAL
    return Naming.NOT


def _action_holds(actions: Names, request: Request) -> bool:
    return any(action_matches(pattern, request.action) for pattern in actions.patterns) is not actions.negated


def _resource_holds(policy: Policy, resources: Names, request: Request) -> bool:
    patterns = (_expanded(policy, pattern, request) for pattern in resources.patterns)
    found = any(pattern is not None and resource_matches(pattern, request.resource) for pattern in patterns)
    return found is not resources.negated


def _names_check(element: str, names: Names, held: bool, text: str) -> Check:
    label = f"Not{element}" if names.negated else element
    return Check(label, held, names.patterns, (text,))


def _condition_holds(policy: Policy, condition: Condition, request: Request) -> bool:
    found = request.keys.get(condition.key.lower())
    if condition.base == operators.NULL:
        return any((found is None) == operators.truth(value) for value in condition.values)
    if not found:
        return _holds_without(condition)
    values: Iterable[str] = condition.values
    if condition.has_variables:
        expanded = (_expanded(policy, value, request) for value in condition.values)
        values = [value for value in expanded if value is not None]
    positive = operators.NEGATED.get(condition.base, condition.base)
    compare = operators.POSITIVE[positive]
    hits = [any(compare(value, item) for value in values) for item in found]
    if positive == condition.base:
        return all(hits) if condition.each == "all" else any(hits)
    return not all(hits) if condition.each == "any" else not any(hits)


def _holds_without(condition: Condition) -> bool:
    """The key is missing (T-43), or a set of values is empty."""
    if condition.if_exists or condition.each == "all":
        return True
    return condition.each == "" and condition.base in operators.NEGATED


def _expanded(policy: Policy, pattern: str, request: Request) -> str | None:
    """The pattern with its policy variables filled in as literal text; None when one has neither a single value nor a
    default, and then the pattern matches nothing."""
    if "${" not in pattern or not policy.has_variables:
        return pattern
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        if match[1] in _PLAIN_VARIABLES:
            return literal(match[1])
        found = request.keys.get(match[1].lower())
        if found is not None and len(found) == 1:
            return literal(found[0])
        missing = missing or match[2] is None
        return literal(match[2] or "")

    expanded = _VARIABLE.sub(value, pattern)
    return None if missing else expanded


def _listed(values: tuple[str, ...]) -> str:
    if len(values) > 4:
        return f"{', '.join(values[:3])} or {len(values) - 3} more"
    return ", ".join(values) or "nothing"
