"""YAML with positions: a tree of nodes that know their file, line and column.

Only events are taken from the YAML library, no object is ever constructed: an unknown local tag stays a tagged
scalar, a duplicate key is a finding, alias bombs are refused (T-10, T-15, T-16). libyaml is used where it is present:
it reads ten times faster, and the largest estates are ten thousand roles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gatepass.surrogates import ESCAPED, joined, widened
from gatepass.teams.model import Finding, Level, Place

MAX_BYTES = 5 * 1024 * 1024
MAX_ALIASED = 100_000
MAX_MERGED = 1_000_000
MAX_DEPTH = 100
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")


# Nodes are compared by identity and made by the hundred thousand, so they are not frozen; nobody writes to them
# once they are composed.
@dataclass(slots=True, eq=False)
class Node:
    """What every node knows: where it was written."""

    file: str
    line: int
    column: int

    @property
    def place(self) -> Place:
        return Place(self.file, self.line, self.column)


@dataclass(slots=True, eq=False)
class Scalar(Node):
    """A single value; `kind` is null, bool, int, float, str or tagged."""

    text: str
    kind: str
    tag: str = ""

    @property
    def is_template(self) -> bool:
        """A Go template or a YAML function: gatepass does not evaluate them (T-15)."""
        return self.kind == "tagged" or "{{" in self.text


@dataclass(slots=True, eq=False)
class Sequence(Node):
    """A list of nodes."""

    items: list[Node]
    tag: str = ""


@dataclass(slots=True, eq=False)
class Mapping(Node):
    """Named nodes, in written order; merge keys are already merged."""

    entries: dict[str, Node]
    keys: dict[str, Scalar] = field(default_factory=dict)

    def get(self, name: str) -> Node | None:
        return self.entries.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)


class Unreadable(Exception):
    """The file cannot be read any further; carries the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def fault(id: str, message: str, node: Node | Place | None, **more: str) -> Finding:  # noqa: A002
    """A finding that stops an apply, at the node's place."""
    place = node.place if isinstance(node, Node) else node
    return Finding(id, Level.FAULT, message, place, **more)


def read_yaml(path: Path, shown: str, findings: list[Finding]) -> Node | None:
    """The tree of a YAML (or JSON) file, or None with the reason among the findings."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            findings.append(
                fault("yaml-refused", f"{shown} has {size} bytes, more than {MAX_BYTES}", Place(shown, 1, 1))
            )
            return None
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        findings.append(fault("yaml-invalid", f"{shown} cannot be read: {error}", Place(shown, 1, 1)))
        return None
    return parse_yaml(text, shown, findings)


def parse_yaml(text: str, shown: str, findings: list[Finding]) -> Node | None:
    """The tree of YAML text; faults are appended to `findings`, duplicate keys do not stop the reading."""
    try:
        return _Composer(text, shown, findings).document()
    except Unreadable as unreadable:
        findings.append(unreadable.finding)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(shown, mark.line + 1, mark.column + 1) if mark else Place(shown, 1, 1)
        findings.append(fault("yaml-invalid", f"not YAML: {error.problem or error.context}", place))
    except yaml.YAMLError as error:
        findings.append(fault("yaml-invalid", f"not YAML: {error}", Place(shown, 1, 1)))
    return None


class _Composer:
    """Events to nodes, with anchors, merge keys and the limits of T-16."""

    def __init__(self, text: str, file: str, findings: list[Finding]) -> None:
        loader = _LOADER
        if ESCAPED.search(
            text
        ):  # libyaml knows no surrogate pairs; what is no JSON is read by the slower reader
            whole = widened(text)
            text, loader = (text, yaml.SafeLoader) if whole is None else (whole, loader)
        self._next: Callable[[], Any] = iter(yaml.parse(text, Loader=loader)).__next__
        self._file = file
        self._findings = findings
        self._anchors: dict[str, Node | None] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        """Of every anchored node: how many nodes it stands for and how deep it is."""
        self._aliased = 0
        self._merged = 0

    def document(self) -> Node | None:
        next_event = self._next
        next_event()  # stream start
        if isinstance(next_event(), yaml.StreamEndEvent):
            return None
        node, _, _ = self._node(next_event(), 1)
        next_event()  # document end
        after = next_event()
        if not isinstance(after, yaml.StreamEndEvent):
            raise Unreadable(self._fault("yaml-refused", "more than one document in one file", after))
        return node

    def _fault(self, id: str, message: str, event: Any, **more: str) -> Finding:  # noqa: A002
        mark = event.start_mark
        return fault(id, message, Place(self._file, mark.line + 1, mark.column + 1), **more)

    def _node(self, event: Any, depth: int) -> tuple[Node, int, int]:
        """The node that begins with `event`, how many nodes it stands for, and its depth below."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            node: Node = self._scalar(event)
            size, below = 1, 1
        elif kind is yaml.AliasEvent:
            return self._alias(event, depth)
        else:
            if depth > MAX_DEPTH:
                raise Unreadable(self._fault("yaml-refused", f"nested deeper than {MAX_DEPTH}", event))
            if event.anchor:
                self._anchors[event.anchor] = None  # being composed: an alias to it now would be a cycle
            compose = self._mapping if kind is yaml.MappingStartEvent else self._sequence
            node, size, below = compose(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
            self._sizes[id(node)] = (size, below)
        return node, size, below

    def _alias(self, event: Any, depth: int) -> tuple[Node, int, int]:
        node = self._anchored(event)
        size, below = self._sizes[id(node)]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            message = f"aliases stand for more than {MAX_ALIASED} nodes"
            raise Unreadable(self._fault("yaml-refused", message, event, advice="write the lists out"))
        if depth + below > MAX_DEPTH:
            raise Unreadable(self._fault("yaml-refused", f"nested deeper than {MAX_DEPTH}", event))
        return node, size, below

    def _anchored(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            known = event.anchor in self._anchors
            message = f"alias *{event.anchor} " + ("contains itself" if known else "has no anchor before it")
            raise Unreadable(self._fault("yaml-invalid", message, event, advice="anchors do not cross files"))
        return node

    def _scalar(self, event: Any) -> Scalar:
        mark = event.start_mark
        text, tag = joined(event.value), event.tag
        if text is None:
            raise Unreadable(self._fault("yaml-invalid", "half of a surrogate pair", event))
        if tag and tag.startswith("!") and tag != "!":
            kind = "tagged"
        elif tag is None and event.implicit[0]:
            kind = _kind_of(text)
        else:
            kind = _kind_of_tag(tag, text)
            tag = ""
        return Scalar(self._file, mark.line + 1, mark.column + 1, text, kind, tag or "")

    def _sequence(self, event: Any, depth: int) -> tuple[Node, int, int]:
        items: list[Node] = []
        size, below = 1, 1
        mark = event.start_mark
        next_event = self._next
        while type(inner := next_event()) is not yaml.SequenceEndEvent:
            node, inner_size, inner_below = self._node(inner, depth + 1)
            items.append(node)
            size += inner_size
            below = max(below, inner_below + 1)
        return Sequence(self._file, mark.line + 1, mark.column + 1, items, event.tag or ""), size, below

    def _mapping(self, event: Any, depth: int) -> tuple[Node, int, int]:
        entries: dict[str, Node] = {}
        keys: dict[str, Scalar] = {}
        merges: list[tuple[Node, int, int]] = []
        size, below = 1, 1
        mark = event.start_mark
        next_event = self._next
        while type(inner := next_event()) is not yaml.MappingEndEvent:
            if type(inner) is not yaml.ScalarEvent:
                raise Unreadable(self._fault("yaml-refused", "a key that is not a plain value", inner))
            key = self._scalar(inner)
            if key.text == "<<" and inner.implicit[0]:
                merges.extend(self._merge_sources(next_event(), depth + 1))
                continue
            node, inner_size, inner_below = self._node(next_event(), depth + 1)
            size += inner_size + 1
            below = max(below, inner_below + 1)
            if key.text in keys:
                self._duplicate(key, keys[key.text])
                continue
            keys[key.text], entries[key.text] = key, node
        if merges:
            merged_size, merged_below = self._merge(entries, keys, merges, event)
            size, below = size + merged_size, max(below, merged_below)
        return Mapping(self._file, mark.line + 1, mark.column + 1, entries, keys), size, below

    def _merge_sources(self, event: Any, depth: int) -> list[tuple[Node, int, int]]:
        """What stands after `<<`: one mapping or a list of them, mostly aliases; the first wins (T-10)."""
        if type(event) is not yaml.SequenceStartEvent:
            return [self._merge_source(event, depth)]
        sources = []
        while type(inner := self._next()) is not yaml.SequenceEndEvent:
            sources.append(self._merge_source(inner, depth))
        return sources

    def _merge_source(self, event: Any, depth: int) -> tuple[Node, int, int]:
        if type(event) is not yaml.AliasEvent:
            return self._node(event, depth)
        node = self._anchored(event)
        return node, *self._sizes[id(node)]

    def _merge(
        self,
        entries: dict[str, Node],
        keys: dict[str, Scalar],
        merges: list[tuple[Node, int, int]],
        event: Any,
    ) -> tuple[int, int]:
        """Copies what is not there yet, shallowly; says how much larger and deeper the mapping became at most."""
        for source, _, _ in merges:
            if not isinstance(source, Mapping):
                raise Unreadable(
                    self._fault("yaml-invalid", "<< takes a mapping or a list of mappings", event)
                )
            self._merged += len(source.entries)
            if self._merged > MAX_MERGED:
                raise Unreadable(
                    self._fault("yaml-refused", f"merge keys copy over {MAX_MERGED} entries", event)
                )
            for name, node in source.entries.items():
                if name not in entries:
                    entries[name], keys[name] = node, source.keys[name]
        return sum(size for _, size, _ in merges), max(below for _, _, below in merges)

    def _duplicate(self, key: Scalar, first: Scalar) -> None:
        message = f"key {key.text!r} is written twice; first at line {first.line}"
        self._findings.append(
            fault(
                "yaml-duplicate-key", message, key, path=key.text, value=key.text, advice="remove one of them"
            )
        )


def _kind_of(text: str) -> str:
    """The type of a plain scalar, by the core schema: `yes` and `on` stay text, as in the tools that write this."""
    if text in _NULLS:
        return "null"
    if text in _BOOLS:
        return "bool"
    if text[0] in "-+.0123456789":
        if _INT.match(text):
            return "int"
        if _FLOAT.match(text):
            return "float"
    return "str"


def _kind_of_tag(tag: str | None, text: str) -> str:
    if tag and tag.startswith("tag:yaml.org,2002:"):
        name = tag.rpartition(":")[2]
        return name if name in {"null", "bool", "int", "float"} else "str"
    return "str"


def plain(node: Node | None) -> Any:
    """The node as JSON values, without positions."""
    if node is None:
        return None
    if isinstance(node, Mapping):
        return {name: plain(inner) for name, inner in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(inner) for inner in node.items]
    assert isinstance(node, Scalar)
    if node.kind == "null":
        return None
    if node.kind == "bool":
        return node.text.lower() == "true"
    if node.kind == "int":
        return int(node.text)
    return float(node.text) if node.kind == "float" else node.text
