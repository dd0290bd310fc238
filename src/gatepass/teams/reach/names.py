"""From what people type to nodes: `admin@plat-dev`, an ARN, an e-mail address, `set:Admin@plat-dev`, a stable id."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable

from gatepass.errors import GatepassError
from gatepass.teams.model import Account
from gatepass.teams.reach.graph import Graph
from gatepass.teams.reach.nodes import Node, NodeKind

_SHOWN = 5


class Unknown(GatepassError):
    """A question names a principal, role or account that is not there, or that several have."""

    code = "unknown_name"


class Names:
    """Look-up by name. A name must mean one thing; where it does not, the error lists what it could mean."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known = -1
        self._written: dict[str, list[Node]] = {}

    def role(self, text: str) -> Node:
        """A role or a permission set in an account."""
        return self._one(text, "role", (NodeKind.ROLE, NodeKind.SET))

    def principal(self, text: str) -> Node:
        """Anything a way in may begin with."""
        return self._one(text, "principal", tuple(NodeKind))

    def account(self, text: str) -> Account:
        found = [one for one in self._graph.accounts.values() if text in (one.name, one.full_name, one.id)]
        if len(found) == 1:
            return found[0]
        known = sorted(one.full_name or one.id for one in self._graph.accounts.values())
        raise self._error("account", text, [one.full_name for one in found], known)

    def _one(self, text: str, what: str, kinds: Iterable[NodeKind]) -> Node:
        wanted = set(kinds)
        for found in (self._exact(text), self._spelled_so(text)):
            fitting = sorted(node for node in found if node.kind in wanted)
            people = [node for node in fitting if node.kind is NodeKind.PERSON]
            fitting = people or fitting  # a person has whatever their user of that name has
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                raise self._error(what, text, [node.id for node in fitting], [])
        raise self._error(
            what, text, [], [node.label for node in self._graph.nodes.values() if node.kind in wanted]
        )

    def _exact(self, text: str) -> list[Node]:
        node = self._graph.nodes.get(text) or self._graph.by_arn.get(text)
        return [node] if node else []

    def _spelled_so(self, text: str) -> list[Node]:
        kind, colon, rest = text.partition(":")
        if colon and kind in tuple(NodeKind):
            return [node for node in self._spellings.get(rest, ()) if node.kind == kind]
        return self._spellings.get(text, [])

    @property
    def _spellings(self) -> dict[str, list[Node]]:
        """Every way of writing each node; made anew when nodes were added."""
        if self._known != len(self._graph.nodes):
            self._written = defaultdict(list)
            for node in self._graph.nodes.values():
                for spelling in self._ways_to_write(node):
                    self._written[spelling].append(node)
            self._known = len(self._graph.nodes)
        return self._written

    def _ways_to_write(self, node: Node) -> set[str]:
        names = self._names(node)
        found = {node.label, *names}
        if node.arn:
            found.add(node.arn)
        if node.account is not None:
            accounts = (node.account.name, node.account.full_name, node.account.id)
            found |= {f"{name}@{account}" for name in names for account in accounts}
        return found

    def _names(self, node: Node) -> tuple[str, ...]:
        role = self._graph.roles.get(node.id)
        if role is not None:
            return (role.name, role.short or role.name)
        return (node.label.rpartition("@")[0] if node.account else node.label.rpartition("/")[2],)

    def _error(self, what: str, text: str, several: list[str], known: list[str]) -> Unknown:
        if several:
            message = f"{what} {text!r} may mean {len(several)} things: {_listed(several)}"
            return Unknown(message, advice="write one of them")
        near = difflib.get_close_matches(text, known, _SHOWN, 0.7)
        advice = f"did you mean {_listed(near)}?" if near else f"known are {_listed(sorted(known)) or 'none'}"
        return Unknown(f"there is no {what} {text!r}", advice=advice)


def _listed(names: list[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
