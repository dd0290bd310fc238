"""Deep merge of YAML trees as Atmos does it: mappings key by key, lists and scalars are replaced (T-12).

Trees are shared, never copied where one side is silent: a catalog that a hundred stacks import is in memory once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatepass.teams.model import Finding, Level
from gatepass.teams.nodes import Mapping, Node, Scalar, Sequence
from gatepass.teams.upstream.config import LISTS


@dataclass(frozen=True, slots=True)
class Drop:
    """An override that left out entries of the list it replaced."""

    path: tuple[str, ...]
    node: Sequence
    entries: tuple[str, ...]
    default: Sequence

    def finding(self) -> Finding:
        """As a lint: people often expect lists to be appended."""
        listed = ", ".join(self.entries)
        return Finding(
            "list-override-drops",
            Level.INFO,
            f"{self.path[-1]} of {self.path[-2]} replaces the list at {self.default.place} and drops {listed}",
            self.node.place,
            path=".".join(self.path),
            value=listed,
            advice="lists are replaced, not appended: repeat what should stay",
            role=self.path[-2],
        )


class Merger:
    """Merges trees and remembers which lists lost entries."""

    def __init__(self) -> None:
        self.drops: dict[int, Drop] = {}
        """By the identity of the overriding list, so that each is reported once."""

    def merged(self, base: Node | None, over: Node | None, path: tuple[str, ...] = ()) -> Node | None:
        """`over` on top of `base`."""
        if base is None or over is None or base is over:
            return over if over is not None else base
        if isinstance(base, Mapping) and isinstance(over, Mapping):
            return self._mappings(base, over, path)
        if isinstance(base, Sequence) and isinstance(over, Sequence) and path and path[-1] in LISTS:
            self._note(base, over, path)
        return over

    def all(self, trees: Iterable[Node | None]) -> Mapping:
        """The trees on top of each other, the last wins; an empty mapping when there are none."""
        result: Node | None = None
        for tree in trees:
            result = self.merged(result, tree)
        return result if isinstance(result, Mapping) else Mapping("", 1, 1, {})

    def _mappings(self, base: Mapping, over: Mapping, path: tuple[str, ...]) -> Mapping:
        if not base.entries:
            return over
        if not over.entries:
            return base
        entries, keys = dict(base.entries), dict(base.keys)
        for name, node in over.entries.items():
            merged = self.merged(entries.get(name), node, (*path, name))
            assert merged is not None
            entries[name], keys[name] = merged, over.keys.get(name) or keys[name]
        return Mapping(over.file, over.line, over.column, entries, keys)

    def _note(self, base: Sequence, over: Sequence, path: tuple[str, ...]) -> None:
        kept = {item.text for item in over.items if isinstance(item, Scalar)}
        lost = [item.text for item in base.items if isinstance(item, Scalar) and item.text not in kept]
        if lost and len(path) > 1:
            self.drops[id(over)] = Drop(path, over, tuple(lost), base)
