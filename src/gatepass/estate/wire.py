"""An estate as plain JSON and back: how a version is kept, and how an old one is read after the files have changed.

The form is that of `canonical`; `from_plain(to_plain(x)) == x`, with the same digest. What reads it is the types of
the model, so a field added with a default reads in rows written before it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from gatepass.errors import Bug
from gatepass.estate.canonical import canonical
from gatepass.estate.model import Estate

T = TypeVar("T")


def to_plain(value: object) -> Any:
    """The JSON form of an estate or any part of it. Pure; equal values give equal forms."""
    return canonical(value)


def from_plain(document: object, kind: type[T] = Estate) -> T:  # type: ignore[assignment]  # Estate is the default T
    """The value that `to_plain` wrote. `Bug` when it is not of that form: such a row was not written by us."""
    return typing.cast(T, _read(kind, document))


def _read(hint: Any, raw: Any) -> Any:
    if is_dataclass(hint):
        return _read_record(typing.cast(type, hint), raw)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, raw)
    if origin is Literal:
        return _demand(raw in arguments, raw, raw)
    if origin is tuple:
        return tuple(_read(arguments[0], each) for each in _demand(isinstance(raw, list), raw, raw))
    if origin is frozenset:
        return frozenset(_read(arguments[0], each) for each in _demand(isinstance(raw, list), raw, raw))
    if origin is Mapping:
        return {
            key: _read(arguments[1], each) for key, each in _demand(isinstance(raw, dict), raw, raw).items()
        }
    if hint is timedelta:
        _demand(isinstance(raw, dict) and isinstance(raw.get("seconds"), int), raw, raw)
        return timedelta(seconds=raw["seconds"])
    return _demand(type(raw) is hint, raw, raw)


def _read_record(kind: type, raw: Any) -> Any:
    _demand(isinstance(raw, dict), raw, raw)
    hints = _hints(kind)
    found = {}
    for each in fields(kind):
        if each.name in raw:
            found[each.name] = _read(hints[each.name], raw[each.name])
        else:
            _demand(each.default is not MISSING or each.default_factory is not MISSING, each.name, raw)
    return kind(**found)


def _read_union(kinds: tuple[Any, ...], raw: Any) -> Any:
    for kind in kinds:
        try:
            return _read(kind, raw)
        except (Bug, TypeError):
            continue
    raise Bug(f"a stored estate holds {str(raw)[:80]!r} where {kinds} belongs")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _demand(condition: bool, value: Any, shown: object) -> Any:
    if not condition:
        raise Bug(f"a stored estate is not in the form gatepass writes: {str(shown)[:80]!r}")
    return value
