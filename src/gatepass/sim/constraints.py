"""The constraints of a service model that SDKs do not check before sending: patterns, lengths, allowed values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.validate import ParamValidator

from gatepass.errors import Bug


def violations(shape: Any, params: Any, path: str = "") -> Iterator[str]:
    """What of `params` the model does not allow, each in the words AWS uses."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return
    if kind == "structure":
        for name, value in params.items():
            member = shape.members.get(name)
            if member is not None:
                yield from violations(member, value, f"{path}.{name}" if path else name)
    elif kind == "list":
        yield from _length(shape, params, path)
        for number, value in enumerate(params, 1):
            yield from violations(shape.member, value, f"{path}.{number}.member")
    elif kind == "string" and isinstance(params, str):
        yield from _text(shape, params, path)
    elif kind in ("integer", "long") and isinstance(params, int):
        yield from _range(shape, params, path)


def _words(path: str, value: Any, constraint: str) -> str:
    name = path[:1].lower() + path[1:]
    value = str(value)[:200]
    return f"Value '{value}' at '{name}' failed to satisfy constraint: Member must {constraint}"


def _length(shape: Any, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and len(value) < least:
        yield _words(path, value, f"have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        yield _words(path, value, f"have length less than or equal to {most}")


def _range(shape: Any, value: int, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield _words(path, value, f"have value greater than or equal to {least}")
    if most is not None and value > most:
        yield _words(path, value, f"have value less than or equal to {most}")


def _text(shape: Any, value: str, path: str) -> Iterator[str]:
    yield from _length(shape, value, path)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _words(path, value, f"satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    if pattern:
        compiled = _compiled(pattern)
        if compiled is not None and not compiled.fullmatch(value):
            yield _words(path, value, f"satisfy regular expression pattern: {pattern}")


def check_answer(shape: Any, answer: dict[str, Any]) -> None:
    """Refuse an answer that the service model does not know: serializers drop such members without a word.

    Raises `Bug`: the simulator is wrong, not the call.
    """
    if shape is None:
        return
    report = ParamValidator().validate(answer, shape)
    if report.has_errors():
        raise Bug(f"the simulator's answer does not fit {shape.name}: {report.generate_report()}")


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern in Python's words; None for one that uses classes Python does not know."""
    if r"\p" in pattern:
        return None
    try:
        return re.compile(pattern)
    except re.error:
        return None
