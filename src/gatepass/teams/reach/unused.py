"""Trust that serves nobody: entries that no existing principal matches, and roles nobody reaches (`unused`, T 12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gatepass.teams.reach.nodes import SET_ROLE, Node
from gatepass.teams.reach.questions import Reach
from gatepass.teams.reach.trust import ANYONE, Opening


@dataclass(frozen=True, slots=True)
class Stale:
    """One trusted entry of one role that matches nobody."""

    role: Node
    statement: str
    entry: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unused:
    stale: tuple[Stale, ...]
    unreachable: tuple[Node, ...]
    """Roles to which no way in leads, by name."""


def unused(reach: Reach) -> Unused:
    """Looks at every role. An entry of an account outside the estate is never called stale: nobody here can know."""
    roles = sorted(reach.graph.nodes[identifier] for identifier in reach.graph.roles)
    stale = tuple(found for role in roles for found in _stale(reach, role))
    reached = reach.reachable(reach.starting())
    return Unused(stale, tuple(role for role in roles if role.id not in reached))


def _stale(reach: Reach, role: Node) -> Iterator[Stale]:
    for opening in reach.graph.trust(role).openings:
        for entry in _entries(opening):
            if reason := _reason(reach, opening, entry):
                yield Stale(role, opening.statement.label, entry, reason)


def _entries(opening: Opening) -> tuple[str, ...]:
    """What the opening names besides whole accounts."""
    if opening.kind != "AWS":
        return ()
    if opening.account:
        parts = [pattern.split(":", 5) for pattern in opening.patterns or ()]
        mine = [
            ":".join(part) for part in parts if opening.account in (ANYONE, *part[4:5]) or "*" in part[4:5]
        ]
        return tuple(mine)
    return (opening.entry,)


def _reason(reach: Reach, opening: Opening, entry: str) -> str:
    if not entry.startswith("arn:"):
        return "its principal was deleted; IAM keeps only the unique id"
    parts = entry.split(":", 5)
    account = opening.account if parts[4] == "*" else parts[4]
    if account not in reach.graph.accounts or reach.graph.known_matches(entry):
        return ""
    if parts[5] == "root":
        return "it matches only the root user, which cannot assume roles"
    if parts[5].startswith("assumed-role/"):
        return "" if opening.entry == entry else "aws:PrincipalArn is the role's ARN, never a session's"
    if SET_ROLE in entry:
        if not reach.graph.knows_sets_of(account):
            return ""
        return "no such permission set is assigned in that account"
    return "no known principal matches"
