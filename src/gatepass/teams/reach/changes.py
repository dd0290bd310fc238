"""Who gains and who loses when one state becomes another: the meaning of a plan (T-75, `diff`).

Only what a change can touch is asked again: roles whose trust changed, callers whose own side changed, sets and users
whose holders changed, and everything reachable from those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gatepass.policy import same
from gatepass.teams.model import Resources, Role
from gatepass.teams.reach.graph import Graph
from gatepass.teams.reach.nodes import CALLING, Edge, Node, NodeKind, Path
from gatepass.teams.reach.permissions import Side
from gatepass.teams.reach.questions import Reach

_ENTERED = (NodeKind.ROLE, NodeKind.SET)


@dataclass(frozen=True, slots=True)
class Change:
    """One principal that gains or loses one role, with a shortest path: the new one, or the one that is gone."""

    principal: Node
    role: Node
    gained: bool
    path: Path

    @property
    def sort_key(self) -> tuple[Any, ...]:
        return (self.role.sort_key, self.principal.sort_key, self.gained)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a change of state means for people. Both lists are sorted by role and principal."""

    steps: tuple[Change, ...]
    """Single hops that open or close: team by role, whoever stands behind."""
    ways: tuple[Change, ...]
    """Starts of ways in (people, federated subjects, outsiders) that gain or lose a role, by whatever path."""

    @property
    def is_empty(self) -> bool:
        return not self.steps and not self.ways


def meaning(before: Resources, after: Resources) -> Meaning:
    """Who gains and loses between two states. Equal states mean nothing."""
    return compare(Reach(before), Reach(after))


def compare(before: Reach, after: Reach) -> Meaning:
    """As `meaning`, for states whose reach is known already."""
    targets = _affected(before, after)
    steps = [change for target in targets for change in _steps(before, after, target)]
    ways = [change for target in targets for change in _ways(before, after, target)]
    return Meaning(
        tuple(sorted(steps, key=lambda change: change.sort_key)),
        tuple(sorted(ways, key=lambda change: change.sort_key)),
    )


def _steps(before: Reach, after: Reach, target: str) -> Iterator[Change]:
    old, new = _direct(before, target), _direct(after, target)
    for gained, one, other in ((True, new, old), (False, old, new)):
        for identifier in one.keys() - other.keys():
            edge = one[identifier]
            yield Change(edge.source, edge.target, gained, (edge,))


def _direct(reach: Reach, target: str) -> dict[str, Edge]:
    node = reach.graph.nodes.get(target)
    return {edge.source.id: edge for edge in reach.into(node)} if node else {}


def _ways(before: Reach, after: Reach, target: str) -> Iterator[Change]:
    old, new = _starts(before, target), _starts(after, target)
    for gained, one, other in ((True, new, old), (False, old, new)):
        for identifier in one.keys() - other.keys():
            path = one[identifier]
            yield Change(path[0].source, path[-1].target, gained, path)


def _starts(reach: Reach, target: str) -> dict[str, Path]:
    node = reach.graph.nodes.get(target)
    return {path[0].source.id: path for path in reach.who_can(node)} if node else {}


def _affected(before: Reach, after: Reach) -> list[str]:
    """Ids of roles and sets whose ways in may differ."""
    touched = _touched(before.graph, after.graph)
    found: set[str] = set()
    for reach in (before, after):
        sources = [reach.graph.nodes[identifier] for identifier in touched if identifier in reach.graph.nodes]
        reached = reach.reachable(sources)
        found |= {identifier for identifier in reached if reach.graph.nodes[identifier].kind in _ENTERED}
    return sorted(found)


def _touched(before: Graph, after: Graph) -> set[str]:
    """Nodes into which or out of which an edge may differ."""
    found = {
        identifier
        for identifier in before.roles.keys() | after.roles.keys()
        if _trust_differs(before.roles.get(identifier), after.roles.get(identifier))
    }
    for identifier in before.nodes.keys() | after.nodes.keys():
        old, new = before.nodes.get(identifier), after.nodes.get(identifier)
        if _entered_from(before, old) != _entered_from(after, new):
            found.add(identifier)
    # Who may call more or less than before changes the way into each role that has an opening for them.
    for identifier in _callers_with_another_side(before, after):
        for graph in (before, after):
            if identifier in graph.nodes:
                found |= {target.id for target in graph.possible_targets(graph.nodes[identifier])}
    return found


def _trust_differs(old: Role | None, new: Role | None) -> bool:
    if old is None or new is None:
        return True
    return old.trust is not new.trust and old.trust != new.trust and not same(old.trust, new.trust)


def _entered_from(graph: Graph, node: Node | None) -> set[str] | None:
    return None if node is None else {edge.source.id for edge in graph.entering(node)}


def _callers_with_another_side(before: Graph, after: Graph) -> Iterator[str]:
    """A caller that is gone counts too: it may live on as an outsider whom a trust still names."""
    for identifier in before.nodes.keys() | after.nodes.keys():
        old, new = before.nodes.get(identifier), after.nodes.get(identifier)
        known = old or new
        if known is not None and known.kind in CALLING and (_side(before, old) != _side(after, new)):
            yield identifier


def _side(graph: Graph, node: Node | None) -> tuple[Side, tuple[tuple[str, str], ...]] | None:
    """What the caller brings: its policies and its tags."""
    return None if node is None else (graph.side(node), node.tags)
