"""The shapes that a piece of YAML may have: one description from which reading, JSON schema and reference are made.

A shape reads a node into an `Item` and adds every mistake it finds to the list of faults; what is wrong is left out of
the item, so that whoever builds from it goes on and finds the other mistakes too. It says nothing about meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Protocol

from gatepass.estate.durations import ALLOWED as DURATION_ALLOWED
from gatepass.estate.durations import parse_duration
from gatepass.estate.reading.yaml import Fault, Node, Place, join

Json = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """What a shape made of a node: for scalars the value, for lists `Item`s, for maps `Item`s by name."""

    value: Any
    node: Node
    path: str

    def get(self, name: str) -> Any:
        """The plain value of an entry, or None when it is not there (or was wrong, which is already told)."""
        entry = self.item(name)
        return entry.value if entry else None

    def item(self, name: str) -> Item | None:
        """An entry of a map, or None."""
        return self.value.get(name) if isinstance(self.value, dict) else None

    def items(self, name: str = "") -> list[tuple[str, Item]]:
        """The entries of a map (of the entry `name`, when given), in order."""
        inner = self.item(name) if name else self
        return list(inner.value.items()) if inner and isinstance(inner.value, dict) else []

    def elements(self, name: str = "") -> list[Item]:
        """The elements of a list (of the entry `name`, when given)."""
        inner = self.item(name) if name else self
        return list(inner.value) if inner and isinstance(inner.value, list) else []

    def values(self, name: str) -> list[Any]:
        """The plain values of a list under `name`."""
        return [each.value for each in self.elements(name)]

    def has(self, name: str) -> bool:
        """Whether the key was written, right or wrong."""
        return name in self.node.entries()

    @property
    def place(self) -> Place:
        """Where it stands: for an entry of a map, its key."""
        return self.node.key or self.node.place

    def fault(self, code: str, found: str, allowed: str = "", advice: str = "") -> Fault:
        """A fault of meaning at this item."""
        place = self.node.place if isinstance(self.node.value, str | int | float | None) else self.place
        return Fault(code, place, self.path, found, allowed, advice)


class Shape(Protocol):
    """One kind of thing that may be written."""

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        """The item, or None when the node is not of this shape; then at least one fault was added."""
        ...

    def schema(self, named: dict[str, Json]) -> Json:
        """JSON schema (2020-12); records put themselves into `named`."""
        ...

    def words(self) -> str:
        """What is allowed, for messages and the reference."""
        ...


def describe(node: Node) -> str:
    """What stands there, shortly and without values that could be long."""
    if isinstance(node.value, dict):
        return "a map"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "nothing"
    text = node.text if len(node.text) <= 60 else node.text[:57] + "..."
    return repr(text) if isinstance(node.value, str) else f"the {_kind(node)} {text}"


def _kind(node: Node) -> str:
    return "truth value" if isinstance(node.value, bool) else "number"


def _wrong(node: Node, path: str, shape: Shape, advice: str = "", code: str = "wrong_type") -> Fault:
    return Fault(code, node.place, path, f"found {describe(node)}", shape.words(), advice)


@dataclass(frozen=True)
class Text:
    """Text, perhaps of a certain form."""

    says: str = "text"
    pattern: str = ""
    code: str = "wrong_form"
    advice: str = ""
    most: int = 2000
    empty: bool = False
    cast: bool = False
    """Numbers and truth values count as the text they are written with, as in Sym's maps."""

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        scalar = isinstance(node.value, str) or (self.cast and isinstance(node.value, bool | int | float))
        if not scalar:
            quote = isinstance(node.value, bool | int | float)
            advice = f'put it in quotes: "{node.text}"' if quote else self.advice
            faults.append(_wrong(node, path, self, advice, "unquoted_text" if quote else "wrong_type"))
            return None
        text = node.text
        if (not text.strip() and not self.empty) or len(text) > self.most:
            found = f"found {len(text)} characters" if text.strip() else "found nothing"
            faults.append(Fault("length", node.place, path, found, f"{self.words()}, 1 to {self.most}"))
            return None
        if self.pattern and not re.fullmatch(self.pattern, text):
            faults.append(_wrong(node, path, self, self.advice, self.code))
            return None
        return Item(text, node, path)

    def schema(self, named: dict[str, Json]) -> Json:
        kind = ["string", "number", "boolean"] if self.cast else "string"
        shape: Json = {"type": kind, "maxLength": self.most}
        if not self.empty:
            shape["minLength"] = 1
        return {**shape, "pattern": f"^(?:{self.pattern})$"} if self.pattern else shape

    def words(self) -> str:
        return self.says


@dataclass(frozen=True)
class AccountId(Text):
    """An AWS account id: 12 digits, always in quotes (security.md rule 34)."""

    says: str = 'a 12-digit account id in quotes, such as "123456789012"'
    pattern: str = "[0-9]{12}"
    code: str = "account_id"
    advice: str = "account ids have exactly 12 digits"

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        if not isinstance(node.value, int) or isinstance(node.value, bool):
            return Text.read(self, node, path, faults)
        digits = node.text if node.text.isdigit() else str(node.value)
        advice = f'put it in quotes: "{digits}"'
        if len(digits) != 12:
            advice = "put the 12 digits in quotes; without them leading zeros are lost"
        found = f"found {digits} without quotes"
        faults.append(Fault("unquoted_account_id", node.place, path, found, self.says, advice))
        return None


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        if isinstance(node.value, bool):
            return Item(node.value, node, path)
        advice = "write true or false" if str(node.value).lower() in ("yes", "no", "on", "off") else ""
        faults.append(_wrong(node, path, self, advice))
        return None

    def schema(self, named: dict[str, Json]) -> Json:
        return {"type": "boolean"}

    def words(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Whole:
    """A whole number within bounds."""

    least: int
    most: int

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        whole = isinstance(node.value, int) and not isinstance(node.value, bool)
        if whole and isinstance(node.value, int) and self.least <= node.value <= self.most:
            return Item(node.value, node, path)
        faults.append(_wrong(node, path, self))
        return None

    def schema(self, named: dict[str, Json]) -> Json:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def words(self) -> str:
        return (
            f"the number {self.most}"
            if self.least == self.most
            else f"a whole number from {self.least} to {self.most}"
        )


@dataclass(frozen=True)
class Length:
    """A length of time."""

    most: timedelta | None = None

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        length = parse_duration(node.text) if isinstance(node.value, str) else None
        if length is not None:
            return Item(length, node, path)
        number = isinstance(node.value, int) and not isinstance(node.value, bool)
        advice = f"say the unit: {node.text}m or {node.text}h" if number else ""
        faults.append(_wrong(node, path, self, advice, "duration"))
        return None

    def schema(self, named: dict[str, Json]) -> Json:
        return {"type": "string", "pattern": "^(?:[1-9][0-9]*(?:s|m|h|d|mo)|P[0-9WDTHMS]+)$"}

    def words(self) -> str:
        return DURATION_ALLOWED


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    """Words that mean something but cannot be had: why, and what to do. Refused, never ignored."""

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        if isinstance(node.value, str) and node.text in self.options:
            return Item(node.text, node, path)
        if node.text in self.refused:
            faults.append(_wrong(node, path, self, self.refused[node.text], "not_built"))
            return None
        near = get_close_matches(node.text.lower(), self.options, 1)
        faults.append(_wrong(node, path, self, f"did you mean {near[0]}?" if near else "", "unknown_word"))
        return None

    def schema(self, named: dict[str, Json]) -> Json:
        return {"enum": list(self.options)}

    def words(self) -> str:
        return " or ".join(self.options) if len(self.options) < 3 else ", ".join(self.options)


@dataclass(frozen=True)
class Anything:
    """Any scalar or list; meaning is for the reader of the field's type."""

    says: str

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        if not isinstance(node.value, dict) and node.value is not None:
            return Item(node.value, node, path)
        faults.append(_wrong(node, path, self))
        return None

    def schema(self, named: dict[str, Json]) -> Json:
        return {"type": ["string", "number", "boolean", "array"]}

    def words(self) -> str:
        return self.says


@dataclass(frozen=True)
class ListOf:
    """A list of one kind of thing, without repetitions of the same scalar."""

    of: Shape
    least: int = 0
    most: int = 1000

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        if not isinstance(node.value, list):
            advice = f"write [{node.text}]" if isinstance(node.value, str) else ""
            faults.append(_wrong(node, path, self, advice))
            return None
        if not self.least <= len(node.value) <= self.most:
            found = f"found {len(node.value)} elements"
            faults.append(Fault("length", node.place, path, found, f"{self.least} to {self.most}"))
        read = [self.of.read(each, f"{path}[{index}]", faults) for index, each in enumerate(node.value)]
        items = [each for each in read if each is not None]
        self._repetitions(items, faults)
        return Item(items, node, path)

    def _repetitions(self, items: list[Item], faults: list[Fault]) -> None:
        seen = set()
        for each in items:
            if isinstance(each.value, str | int | timedelta):
                if each.value in seen:
                    faults.append(
                        each.fault("repeated", f"{describe(each.node)} stands here twice", "", "keep one")
                    )
                seen.add(each.value)

    def schema(self, named: dict[str, Json]) -> Json:
        return {
            "type": "array",
            "items": self.of.schema(named),
            "minItems": self.least,
            "maxItems": self.most,
        }

    def words(self) -> str:
        return f"a list, each element {self.of.words()}"


@dataclass(frozen=True)
class MapOf:
    """Entries of one kind under names of the writer's own."""

    of: Shape
    names: Text

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        if not isinstance(node.value, dict):
            faults.append(_wrong(node, path, self))
            return None
        read: dict[str, Item] = {}
        for name, child in node.value.items():
            key = Node(child.key or child.place, name, name)
            valid = self.names.read(key, join(path, name[:80]), faults)
            item = self.of.read(child, join(path, name[:80]), faults)
            if valid and item:
                read[name] = item
        return Item(read, node, path)

    def schema(self, named: dict[str, Json]) -> Json:
        names = self.names.schema(named)
        return {"type": "object", "propertyNames": names, "additionalProperties": self.of.schema(named)}

    def words(self) -> str:
        return f"a map of names, under each {self.of.words()}"


@dataclass(frozen=True)
class Key:
    """One key of a record."""

    shape: Shape
    means: str
    """One or two sentences for the reference and for editors."""
    required: bool = False
    default: str = ""
    """In words, for the reference."""


@dataclass(frozen=True)
class Record:
    """A map with known keys."""

    name: str
    means: str
    keys: Mapping[str, Key]

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        if not isinstance(node.value, dict):
            faults.append(_wrong(node, path, self, f"its keys: {', '.join(self.keys)}"))
            return None
        read: dict[str, Item] = {}
        for name, child in node.value.items():
            if name not in self.keys:
                faults.append(self._unknown(name, child, path))
            elif item := self.keys[name].shape.read(child, join(path, name), faults):
                read[name] = item
        for name, key in self.keys.items():
            if key.required and name not in node.value:
                place = node.key or node.place
                found = f"{name} is missing"
                faults.append(Fault("missing", place, path, found, key.shape.words(), ""))
        return Item(read, node, path)

    def _unknown(self, name: str, child: Node, path: str) -> Fault:
        near = get_close_matches(name.lower(), self.keys, 1, 0.7)
        advice = f"did you mean {near[0]}?" if near else ""
        known = ", ".join(self.keys)
        return Fault(
            "unknown_key", child.key or child.place, path, f"unknown key {name[:80]!r}", known, advice
        )

    def schema(self, named: dict[str, Json]) -> Json:
        if self.name not in named:
            named[self.name] = {}  # stands there already, should a key lead back to this record
            required = [name for name, key in self.keys.items() if key.required]
            named[self.name] = {
                "type": "object",
                "description": self.means,
                "properties": {
                    name: {"description": key.means, **key.shape.schema(named)}
                    for name, key in self.keys.items()
                },
                "additionalProperties": False,
                **({"required": required} if required else {}),
            }
        return {"$ref": f"#/$defs/{self.name}"}

    def words(self) -> str:
        article = "an" if self.name[0] in "aeiou" else "a"
        return f"a map describing {article} {self.name.replace('_', ' ')}"


@dataclass(frozen=True)
class Either:
    """One shape when a scalar stands there, another for a list, another for a map."""

    scalar: Shape | None = None
    sequence: Shape | None = None
    mapping: Shape | None = None

    def read(self, node: Node, path: str, faults: list[Fault]) -> Item | None:
        match node.value:
            case dict():
                shape = self.mapping
            case list():
                shape = self.sequence
            case _:
                shape = self.scalar
        if shape is not None:
            return shape.read(node, path, faults)
        faults.append(_wrong(node, path, self))
        return None

    def _shapes(self) -> Iterator[Shape]:
        yield from (shape for shape in (self.scalar, self.sequence, self.mapping) if shape is not None)

    def schema(self, named: dict[str, Json]) -> Json:
        return {"anyOf": [shape.schema(named) for shape in self._shapes()]}

    def words(self) -> str:
        return ", or ".join(shape.words() for shape in self._shapes())


def records(shape: Shape) -> Iterator[Record]:
    """This shape's records, outermost first, each once: the order of the reference."""
    seen: set[str] = set()
    waiting = [shape]
    while waiting:
        each = waiting.pop(0)
        match each:
            case Record() if each.name not in seen:
                seen.add(each.name)
                yield each
                waiting = [*(key.shape for key in each.keys.values()), *waiting]
            case ListOf() | MapOf():
                waiting = [each.of, *waiting]
            case Either():
                waiting = [*each._shapes(), *waiting]
            case _:
                pass
