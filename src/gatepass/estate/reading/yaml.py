"""YAML with positions, safely: every node knows its file, line and column; every fault says what to do.

Only what plain data needs (security.md rule 33): no tags, no merge keys, no duplicate keys; aliases, depth and size are
bounded. Used for the estate and for everything else that people write in YAML.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from gatepass.errors import GatepassError
from gatepass.surrogates import joined

Scalar: TypeAlias = str | int | float | bool | None

MAX_TEXT = 1 << 20
"""Characters in one file."""
MAX_DEPTH = 32
MAX_NODES = 200_000
"""Nodes in one file, with every alias counted as what it stands for."""


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands; line and column count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Fault:
    """One mistake in what somebody wrote, for that person to mend."""

    code: str
    """Stable and snake_case; scripts and tests may match on it."""
    place: Place
    path: str
    """Of the field, such as `organizations.tenant_foo.region`; may be empty."""
    found: str
    allowed: str = ""
    advice: str = ""

    def __str__(self) -> str:
        head = f"{self.place} {self.path}".rstrip()
        allowed = f"allowed: {self.allowed}" if self.allowed else ""
        return f"{head}: " + "; ".join(part for part in (self.found, allowed, self.advice) if part)


class EstateError(GatepassError):
    """What was written cannot be used; `faults` holds every mistake found, in the order of the files."""

    code = "estate"

    def __init__(self, faults: Iterable[Fault]) -> None:
        ordered = sorted(set(faults), key=lambda fault: (fault.place, fault.path, fault.code, fault.found))
        self.faults: tuple[Fault, ...] = tuple(ordered)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True)
class Node:
    """A piece of a YAML file: a scalar, a list or a map, with its place."""

    place: Place
    value: Scalar | list[Node] | dict[str, Node]
    text: str = ""
    """A scalar as it was written, without quotes."""
    plain: bool = False
    """Whether a scalar stood there without quotes."""
    key: Place | None = None
    """Where the key of this entry of a map stands."""
    size: int = 1
    height: int = 0

    def entries(self) -> dict[str, Node]:
        """The entries of a map; nothing for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """This node and all below it, each with its path."""
        yield path, self
        if isinstance(self.value, dict):
            for name, child in self.value.items():
                yield from child.walk(join(path, name))
        elif isinstance(self.value, list):
            for index, child in enumerate(self.value):
                yield from child.walk(f"{path}[{index}]")


def join(path: str, name: str) -> str:
    """The path of an entry: `path.name`."""
    return f"{path}.{name}" if path else name


def parse(file: str, text: str, faults: list[Fault]) -> Node | None:
    """The one document in `text`, or None when it is empty or cannot be read; mistakes are added to `faults`.

    Pure: `file` is only the name that faults carry. Never raises for bad input.
    """
    if len(text) > MAX_TEXT:
        found = f"the file has {len(text)} characters"
        faults.append(Fault("too_large", Place(file, 1, 1), "", found, f"at most {MAX_TEXT}"))
        return None
    builder = _Builder(file, faults)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except _Stop:
        return None
    except (YAMLError, ValueError, OverflowError) as error:  # the last two: escapes such as "\UFFFFFFFF"
        faults.append(_syntax_fault(file, text, error))
        return None
    return builder.root


def write(document: Mapping[str, object]) -> str:
    """Plain data as YAML in block style, in its own order; what looks like a number stays text."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares it as None
    yaml.width = 110
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


class _Stop(Exception):
    """Reading on makes no sense; the fault is recorded."""


@dataclass
class _Open:
    """A list or map whose end has not been read yet."""

    place: Place
    anchor: str | None
    items: list[Node] | dict[str, Node]
    key: Node | None = None
    size: int = 1
    height: int = 0


class _Builder:
    """Makes nodes from parser events, iteratively, so that depth costs no stack."""

    def __init__(self, file: str, faults: list[Fault]) -> None:
        self.file = file
        self.faults = faults
        self.root: Node | None = None
        self.documents = 0
        self.open: list[_Open] = []
        self.anchors: dict[str, Node] = {}

    def take(self, event: Event) -> None:
        place = Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent) and event.tag is not None:
            self._fault("tag", place, "a tag", "plain data only", "take the tag away")
        match event:
            case DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self._stop(
                        "documents",
                        place,
                        "a second document",
                        "one per file",
                        "put it into a file of its own",
                    )
            case ScalarEvent():
                self._place_node(self._scalar(event, place), event.anchor)
            case SequenceStartEvent():
                self._begin(_Open(place, event.anchor, []))
            case MappingStartEvent():
                self._begin(_Open(place, event.anchor, {}))
            case SequenceEndEvent() | MappingEndEvent():
                done = self.open.pop()
                node = Node(done.place, done.items, size=done.size, height=done.height + 1)
                self._place_node(node, done.anchor)
            case AliasEvent():
                self._alias(event.anchor, place)

    def _scalar(self, event: ScalarEvent, place: Place) -> Node:
        text = joined(event.value)
        if text is None:
            self._stop(
                "surrogate", place, "half of a surrogate pair", "both halves, such as \\ud83d\\ude00", ""
            )
        return _scalar(event, place, str(text))

    def _begin(self, container: _Open) -> None:
        if len(self.open) >= MAX_DEPTH:
            self._stop("too_deep", container.place, f"more than {MAX_DEPTH} levels", "", "flatten it")
        self.open.append(container)

    def _alias(self, anchor: str, place: Place) -> None:
        node = self.anchors.get(anchor)
        if node is None:
            self._stop("alias", place, f"*{anchor} stands for nothing yet", "an anchor defined above", "")
            return
        if len(self.open) + node.height > MAX_DEPTH:
            self._stop("too_deep", place, f"more than {MAX_DEPTH} levels", "", "flatten it")
        self._place_node(replace(node, key=None), None)

    def _place_node(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.size += node.size
        parent.height = max(parent.height, node.height)
        if sum(each.size for each in self.open) > MAX_NODES:
            self._stop("too_large", node.place, f"more than {MAX_NODES} values", "", "use fewer aliases")
        if isinstance(parent.items, list):
            parent.items.append(node)
        elif parent.key is None:
            parent.key = node
        else:
            key, parent.key = parent.key, None
            self._enter(parent.items, key, node)

    def _enter(self, items: dict[str, Node], key: Node, node: Node) -> None:
        if isinstance(key.value, dict | list):
            self._fault("key", key.place, "a list or map as a key", "text", "")
        elif key.plain and key.text == "<<":
            self._fault("merge_key", key.place, "a merge key (<<)", "plain keys", "write the entries out")
        elif key.text in items:
            first = items[key.text].key
            where = f"first at line {first.line}" if first else "already given"
            self._fault(
                "duplicate_key", key.place, f"{key.text!r} stands here twice, {where}", "", "keep one of them"
            )
        else:
            items[key.text] = replace(node, key=key.place)

    def _fault(self, code: str, place: Place, found: str, allowed: str, advice: str) -> None:
        self.faults.append(Fault(code, place, "", found, allowed, advice))

    def _stop(self, code: str, place: Place, found: str, allowed: str, advice: str) -> None:
        self._fault(code, place, found, allowed, advice)
        raise _Stop


_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_CONSTANTS: Mapping[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


def _scalar(event: ScalarEvent, place: Place, text: str) -> Node:
    if not event.implicit[0]:  # quoted, or a block of text
        return Node(place, text, text)
    value: Scalar = text
    if text in _CONSTANTS:
        value = _CONSTANTS[text]
    elif len(text) <= 30 and _INT.fullmatch(text):
        value = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    elif len(text) <= 30 and _FLOAT.fullmatch(text):
        value = float(
            text.replace(".inf", "inf")
            .replace(".Inf", "inf")
            .replace(".INF", "inf")
            .replace(".nan", "nan")
            .replace(".NaN", "nan")
            .replace(".NAN", "nan")
        )
    return Node(place, value, text, plain=True)


def _syntax_fault(file: str, text: str, error: Exception) -> Fault:
    advice = "check the indentation and quotes just before this place"
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        place = Place(file, error.problem_mark.line + 1, error.problem_mark.column + 1)
        return Fault("syntax", place, "", f"not YAML: {error.problem}", "", advice)
    position = getattr(error, "position", 0)
    before = text[: position if isinstance(position, int) else 0]
    place = Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    return Fault("syntax", place, "", "not YAML: a character that is not allowed", "", advice)
