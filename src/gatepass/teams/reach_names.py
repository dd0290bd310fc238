"""From what people type to nodes: `admin@plat-dev`, an ARN, an e-mail address, `set:Admin@plat-dev`, a stable id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gatepass.errors import GatepassError
from gatepass.teams.model import Account
from gatepass.teams.reach_graph import Graph
from gatepass.teams.reach_nodes import Node, NodeKind

_SHOWN = 5


class Unknown(GatepassError):
    """A question names a principal, role or account that is not there, or that several have."""

    code = "unknown_name"


class Names:
    """Look-up by name. A name must mean one thing; where it does not, the error lists what it could mean."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

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
        known = [node for node in self._graph.nodes.values() if node.kind in kinds]
        for matching in (self._exactly, self._named):
            found = sorted(node for node in known if matching(node, text))
            people = [node for node in found if node.kind is NodeKind.PERSON]
            found = people or found  # a person has whatever their user of that name has
            if len(found) == 1:
                return found[0]
            if found:
                raise self._error(what, text, [node.id for node in found], [])
        raise self._error(what, text, [], [node.label for node in known])

    def _exactly(self, node: Node, text: str) -> bool:
        return text in (node.id, node.arn) and bool(text)

    def _named(self, node: Node, text: str) -> bool:
        kind, colon, rest = text.partition(":")
        if colon and kind in tuple(NodeKind):
            if node.kind != kind:
                return False
            text = rest
        name, at, account = text.rpartition("@")
        if at and node.account is not None:
            in_account = account in (node.account.name, node.account.full_name, node.account.id)
            return in_account and name in self._names(node)
        return text == node.label or text in self._names(node)

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
