"""Who reaches what: the questions of T 12 about one state, desired or live.

Hops between roles are decided by `gatepass.policy` when a question first needs them, and kept. A `Reach` answers about
the resources it was made from and never changes; make another one for another state.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from gatepass.teams.model import Account, Document, Resources
from gatepass.teams.reach.graph import Graph, starts
from gatepass.teams.reach.hops import Hop, target_of, try_hop
from gatepass.teams.reach.names import Names
from gatepass.teams.reach.nodes import Edge, Node, NodeKind, Path, path_key

_CALLER_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(?:role|user)/[\w+=,.@/-]+", re.ASCII)
MAX_HOPS = 6
MAX_PATHS = 1000
"""Where `paths` stops: more would not be read."""


class Reach:
    """The answers about one state. Not thread-safe; asking twice is cheaper than asking once.

    `managed` has texts of AWS's own policies where they were read; `now` decides conditions on the time, and without it
    such conditions do not hold.
    """

    def __init__(
        self,
        resources: Resources,
        *,
        managed: Mapping[str, Document] | None = None,
        now: datetime | None = None,
    ) -> None:
        self.graph = Graph(resources, managed)
        self.names = Names(self.graph)
        self._now = now
        self._hops: dict[tuple[str, str], Hop] = {}
        self._into: dict[str, list[Edge]] = {}
        self._out_of: dict[str, list[Edge]] = {}

    def role(self, text: str) -> Node:
        """The role people mean by `ROLE@ACCOUNT` or an ARN. Raises `Unknown`, naming what comes near."""
        return self.names.role(text)

    def principal(self, text: str) -> Node:
        """The person, group, set, user, role or outsider people mean. Raises `Unknown`.

        The ARN of a role or user that is not of the estate is an outsider: its own side is taken to allow everything.
        """
        if _CALLER_ARN.fullmatch(text) and text not in self.graph.by_arn:
            self.graph.add_outsider(text)
            self._into.clear()
            self._out_of.clear()
        return self.names.principal(text)

    def account(self, text: str) -> Account:
        """The account of that name or number. Raises `Unknown`."""
        return self.names.account(text)

    def hop(self, source: Node, target: Node) -> Hop:
        """The decision about one step, allowed or not."""
        key = (source.id, target.id)
        if key not in self._hops:
            trust = self.graph.trust(target)
            role = target_of(self.graph.roles[target.id], trust.policy)
            found = self.graph.openings_for(source, target)
            hop = try_hop(source, target, role, self.graph.side(source), found, self._now)
            self._hops[key] = replace(hop, assumes=(*hop.assumes, *trust.doubts)) if trust.doubts else hop
        return self._hops[key]

    def into(self, node: Node) -> list[Edge]:
        """Every edge to the node, by name of where it comes from."""
        if node.id not in self._into:
            edges = list(self.graph.entering(node))
            if node.id in self.graph.roles:
                sources = (source for source, _ in self.graph.candidates(node).values())
                edges += self._allowed((source, node) for source in sources)
            self._into[node.id] = sorted(edges, key=lambda edge: edge.source.sort_key)
        return self._into[node.id]

    def out_of(self, node: Node) -> list[Edge]:
        """Every edge from the node, by name of where it goes."""
        if node.id not in self._out_of:
            edges = list(self.graph.leaving(node))
            edges += self._allowed((node, target) for target in self.graph.possible_targets(node))
            self._out_of[node.id] = sorted(edges, key=lambda edge: edge.target.sort_key)
        return self._out_of[node.id]

    def who_can(self, target: Node, *, via: Node | None = None) -> tuple[Path, ...]:
        """One path per start: the shortest, ties by name. With `via`, only paths through that node.

        Starts are people, federated subjects, services, outsiders and open sets (T-93), and users and groups of whom
        nobody is known.
        """
        found = self.backward(target)
        if via is None:
            return tuple(
                sorted((path for node, path in found if path and starts(self.graph, node)), key=path_key)
            )
        tail = {node.id: path for node, path in found}.get(via.id)
        if tail is None:
            return ()
        heads = [path for node, path in self.backward(via) if starts(self.graph, node)]
        return tuple(sorted((head + tail for head in heads if head + tail), key=path_key))

    def can(self, source: Node) -> tuple[Path, ...]:
        """The shortest path to every role that the node reaches."""
        return tuple(
            sorted(
                (path for node, path in self.forward(source) if path and self._is_role(node)), key=path_key
            )
        )

    def blast(self, role: Node) -> tuple[Path, ...]:
        """Everything reachable from the role: what is at stake when one of its sessions is lost."""
        return self.can(role)

    def reaches(self, source: Node, target: Node) -> Path | None:
        """The shortest path, empty from a node to itself, or None."""
        for node, path in self.backward(target):
            if node.id == source.id:
                return path
        return None

    def paths(
        self, source: Node, target: Node, *, max_hops: int = MAX_HOPS, limit: int = MAX_PATHS
    ) -> tuple[Path, ...]:
        """Every path without a cycle of at most so many edges, shortest first, ties by name; at most `limit`."""
        between: dict[str, list[Edge]] = defaultdict(list)
        for node, _ in self.backward(target, only=source):
            for edge in self._sources(node, source):
                between[edge.source.id].append(edge)
        found: list[Path] = []
        waiting: deque[Path] = deque((edge,) for edge in between[source.id] if edge.target.id != source.id)
        while waiting and len(found) < limit:
            path = waiting.popleft()
            end = path[-1].target
            if end.id == target.id:
                found.append(path)
            elif len(path) < max_hops:
                seen = {source.id, *(edge.target.id for edge in path)}
                waiting.extend((*path, edge) for edge in between[end.id] if edge.target.id not in seen)
        return tuple(sorted(found, key=path_key))

    def backward(self, target: Node, *, only: Node | None = None) -> Iterator[tuple[Node, Path]]:
        """Every node that reaches the target with a shortest path to it, nearest first; the target itself first.

        With `only`, people and outsiders are left out but for this one: nothing leads through them.
        """
        edges = self.into if only is None else partial(self._sources, only=only)
        return _breadth_first(target, edges, lambda edge: edge.source, lambda edge, path: (edge, *path))

    def forward(self, source: Node) -> Iterator[tuple[Node, Path]]:
        """Every node that the source reaches with a shortest path from it, nearest first; the source itself first."""
        return _breadth_first(source, self.out_of, lambda edge: edge.target, lambda edge, path: (*path, edge))

    def starting(self) -> list[Node]:
        """Every node at which a way in begins, outsiders of all trusts included."""
        for identifier in self.graph.roles:
            self.graph.candidates(self.graph.nodes[identifier])
        return sorted(node for node in self.graph.nodes.values() if starts(self.graph, node))

    def reachable(self, sources: Iterable[Node]) -> set[str]:
        """Ids of all nodes that any of the sources reaches, the sources included.

        Steps to a node that is reached already are not decided: over a whole estate they are most.
        """
        seen = {source.id for source in sources}
        waiting = deque(self.graph.nodes[identifier] for identifier in sorted(seen))
        while waiting:
            for end in self._ends(waiting.popleft(), seen):
                seen.add(end.id)
                waiting.append(end)
        return seen

    def _ends(self, source: Node, seen: set[str]) -> Iterator[Node]:
        """Where the node's steps lead, but for the nodes seen before."""
        for edge in self.graph.leaving(source):
            if edge.target.id not in seen:
                yield edge.target
        for target in self.graph.possible_targets(source):
            if target.id not in seen and self.hop(source, target).allowed:
                yield target

    def _sources(self, node: Node, only: Node) -> list[Edge]:
        return [
            edge for edge in self.into(node) if not edge.source.always_starts or edge.source.id == only.id
        ]

    def _is_role(self, node: Node) -> bool:
        return node.kind in (NodeKind.ROLE, NodeKind.SET)

    def _allowed(self, pairs: Iterable[tuple[Node, Node]]) -> Iterator[Edge]:
        for source, target in pairs:
            hop = self.hop(source, target)
            if hop.allowed:
                yield hop.edge


def _breadth_first(
    start: Node,
    edges: Callable[[Node], list[Edge]],
    other_end: Callable[[Edge], Node],
    join: Callable[[Edge, Path], Path],
) -> Iterator[tuple[Node, Path]]:
    """Every node with a shortest path, in order of length and then of name; cycles are cut."""
    seen = {start.id}
    waiting: deque[tuple[Node, Path]] = deque([(start, ())])
    while waiting:
        node, path = waiting.popleft()
        yield node, path
        for edge in edges(node):
            end = other_end(edge)
            if end.id not in seen:
                seen.add(end.id)
                waiting.append((end, join(edge, path)))
