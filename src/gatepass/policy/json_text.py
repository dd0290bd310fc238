"""JSON with places: the value, and for each path in it the line and column where it stands.

Only what policy documents need on top of `json`: positions, and a refusal of repeated keys (of which `json` silently
keeps the last, so that a reader and AWS may see different policies).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Path = tuple[str | int, ...]

_BLANK = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")
_DECODER = json.JSONDecoder()
_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


class NotJson(ValueError):
    """The text is no JSON; `place` is where it stops being so, `reason` what was wanted there."""

    def __init__(self, reason: str, place: Place) -> None:
        super().__init__(f"line {place.line}, column {place.column}: {reason}")
        self.reason = reason
        self.place = place


@dataclass(slots=True)
class Reading:
    """The value, the place of every path in it, and the paths of keys that stand twice in one object."""

    text: str
    value: Json = None
    offsets: dict[Path, int] = field(default_factory=dict)
    repeated: list[Path] = field(default_factory=list)

    def place(self, path: Path) -> Place | None:
        """Where the value at `path`, or the nearest enclosing one, begins."""
        for length in range(len(path), -1, -1):
            if (offset := self.offsets.get(path[:length])) is not None:
                return self.at(offset)
        return None

    def at(self, offset: int) -> Place:
        line_start = self.text.rfind("\n", 0, offset) + 1
        return Place(self.text.count("\n", 0, offset) + 1, offset - line_start + 1)


def read(text: str) -> Reading:
    """Parse the whole text. Raises `NotJson`."""
    reading = Reading(text)
    reading.value, end = _value(reading, _blank(text, 0), ())
    if (end := _blank(text, end)) != len(text):
        raise NotJson("nothing may follow the document", reading.at(end))
    return reading


def _blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _value(reading: Reading, at: int, path: Path) -> tuple[Json, int]:
    reading.offsets[path] = at
    if len(path) > _DEPTH:
        raise NotJson(f"nested deeper than {_DEPTH}", reading.at(at))
    match reading.text[at : at + 1]:
        case "{":
            return _object(reading, at, path)
        case "[":
            return _array(reading, at, path)
        case '"':
            return _string(reading, at)
    if scalar := _SCALAR.match(reading.text, at):
        return json.loads(scalar.group()), scalar.end()
    raise NotJson("a value was expected", reading.at(at))


def _string(reading: Reading, at: int) -> tuple[str, int]:
    if reading.text[at : at + 1] != '"':
        raise NotJson("a key in double quotes was expected", reading.at(at))
    try:
        text, end = _DECODER.raw_decode(reading.text, at)
    except json.JSONDecodeError as error:
        raise NotJson(error.msg, reading.at(error.pos)) from None
    return str(text), end


def _object(reading: Reading, at: int, path: Path) -> tuple[Json, int]:
    found: dict[str, Json] = {}
    at = _blank(reading.text, at + 1)
    if reading.text[at : at + 1] == "}":
        return found, at + 1
    while True:
        key, at = _string(reading, at)
        at = _expect(reading, at, ":")
        if key in found:
            reading.repeated.append((*path, key))
        found[key], at = _value(reading, _blank(reading.text, at), (*path, key))
        at = _blank(reading.text, at)
        if reading.text[at : at + 1] == "}":
            return found, at + 1
        at = _blank(reading.text, _expect(reading, at, ","))


def _array(reading: Reading, at: int, path: Path) -> tuple[Json, int]:
    found: list[Json] = []
    at = _blank(reading.text, at + 1)
    if reading.text[at : at + 1] == "]":
        return found, at + 1
    while True:
        value, at = _value(reading, at, (*path, len(found)))
        found.append(value)
        at = _blank(reading.text, at)
        if reading.text[at : at + 1] == "]":
            return found, at + 1
        at = _blank(reading.text, _expect(reading, at, ","))


def _expect(reading: Reading, at: int, char: str) -> int:
    at = _blank(reading.text, at)
    if reading.text[at : at + 1] != char:
        raise NotJson(f"{char!r} was expected", reading.at(at))
    return at + 1
