"""Lints that need to know who reaches what, each with the people or the way that show it (T 15, W1).

The lints of `lints` read one declaration; these ask the evaluator over the whole estate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gatepass.policy import Ruling
from gatepass.teams.compiling.policies import is_admin
from gatepass.teams.model import Compiled, Finding, Level
from gatepass.teams.reach.nodes import CALLING, Node, NodeKind, Path, label_of
from gatepass.teams.reach.questions import Reach

MANY = 20
"""More people than this behind an administrator's role are worth a look."""
_SHOWN = 5


def reach_lints(compiled: Compiled, reach: Reach, *, many: int = MANY) -> tuple[Finding, ...]:
    """Findings by role, in the order of their ARNs. `many` is how many people may reach an administrator's role."""
    told = {(finding.account, finding.role) for finding in compiled.findings if finding.id == "deny-bypass"}
    found = [*_admin_from_many(reach, many), *_deny_bypass(reach, told), *_too_far(reach)]
    return tuple(
        sorted(found, key=lambda finding: (finding.account, finding.role, finding.id, finding.value))
    )


def _admin_from_many(reach: Reach, many: int) -> Iterator[Finding]:
    """Administrator's roles that more than so many people reach."""
    for identifier, role in sorted(reach.graph.roles.items()):
        if not any(map(is_admin, role.policies)):
            continue
        node = reach.graph.nodes[identifier]
        people = [start.label for start, _ in reach.backward(node) if start.kind is NodeKind.PERSON]
        if len(people) > many:
            rest = len(people) - _SHOWN
            named = ", ".join(sorted(people)[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
            message = f"{node.label}: {len(people)} people can become this administrator: {named}"
            advice = "trust fewer teams, or give the access on request instead"
            yield _finding(reach, node, "admin-from-many", Level.INFO, message, str(len(people)), advice)


def _deny_bypass(reach: Reach, told: set[tuple[str, str]]) -> Iterator[Finding]:
    """Callers that a role denies and that get in over another role (T-49).

    Whom a role denies is found by its Deny statements; whether they get in after all, by following each caller once.
    """
    for caller, targets in sorted(_denied(reach).items()):
        ways = {end.id: path for end, path in reach.forward(caller)}
        for target in targets:
            path = ways.get(target.id)
            role = reach.graph.roles[target.id]
            if path and len(path) > 1 and (role.account.name, role.short) not in told:
                message = f"{target.label}: {caller.label} is denied but gets in: {label_of(path)}"
                advice = f"deny {caller.label} on {path[-1].source.label} too"
                yield _finding(reach, target, "deny-bypass", Level.WARNING, message, label_of(path), advice)


def _too_far(reach: Reach) -> Iterator[Finding]:
    """Ways to a role that go through more roles than `max_chain` allows (H-7): no trust policy can see the way that a
    session took, so the declaration is what is checked."""
    for identifier, role in sorted(reach.graph.roles.items()):
        most = role.declared.max_chain if role.declared is not None else 0
        if not most:
            continue
        node = reach.graph.nodes[identifier]
        shortest = {
            path[0].source.id: path for path in reach.who_can(node) if path and _roles_on(path) > most
        }
        for _, path in sorted(shortest.items()):
            message = (
                f"{node.label}: {label_of(path)} goes through {_roles_on(path)} roles, max_chain is {most}"
            )
            advice = "trust whoever begins the way directly, or let the way go"
            yield _finding(reach, node, "chain-too-long", Level.ERROR, message, label_of(path), advice)


def _roles_on(path: Path) -> int:
    return sum(edge.target.kind is NodeKind.ROLE for edge in path)


def _denied(reach: Reach) -> dict[Node, list[Node]]:
    """Every known caller that some role denies by name, with those roles."""
    found: dict[Node, list[Node]] = defaultdict(list)
    for identifier in sorted(reach.graph.roles):
        target = reach.graph.nodes[identifier]
        for caller in _named_in_denials(reach, target):
            if caller.id != target.id and reach.hop(caller, target).assumption.ruling is Ruling.DENIED:
                found[caller].append(target)
    return found


def _named_in_denials(reach: Reach, target: Node) -> list[Node]:
    patterns = {
        value
        for statement in reach.graph.trust(target).policy.statements
        if statement.effect == "Deny"
        for condition in statement.conditions
        if condition.key.lower() == "aws:principalarn" and condition.base in ("ArnLike", "ArnEquals")
        for value in condition.values
        if ":user/*" not in value
    }
    callers = {node.id: node for pattern in patterns for node in reach.graph.known_matches(pattern)}
    return sorted(node for node in callers.values() if node.kind in CALLING)


def _finding(
    reach: Reach, node: Node, lint: str, level: Level, message: str, value: str, advice: str
) -> Finding:
    role = reach.graph.roles[node.id]
    place = role.place
    return Finding(
        lint,
        level,
        message,
        place,
        value=value,
        advice=advice,
        account=role.account.name,
        role=role.short or role.name,
    )
