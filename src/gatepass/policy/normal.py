"""Size and sameness of documents: what IAM counts, and when two documents say the same (T 11.3, T-54)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gatepass.policy import operators

Normal = tuple[Any, ...]
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")


def minified(document: Mapping[str, Any]) -> str:
    """The document as one line without blanks between tokens, keys in the order given."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def size(document: str | Mapping[str, Any]) -> int:
    """Characters as IAM counts them for its quotas: no white space between tokens; blanks inside strings do count,
    which is the safe reading (T-54)."""
    return len(minified(json.loads(document) if isinstance(document, str) else document))


def normal(document: str | Mapping[str, Any]) -> Normal:
    """A value that is equal for two documents iff they are the same policy (T 11.3): order, case where IAM ignores it
    and the two spellings of lists and of an account do not matter, Sids and Version do."""
    value = json.loads(document) if isinstance(document, str) else document
    statements = sorted((_statement(item) for item in _many(value.get("Statement", []))), key=repr)
    return (value.get("Version", "2008-10-17"), tuple(statements))


def same(one: str | Mapping[str, Any], other: str | Mapping[str, Any]) -> bool:
    """Whether the two documents are the same policy."""
    return normal(one) == normal(other)


def dangling(document: str | Mapping[str, Any]) -> tuple[str, ...]:
    """Principals given as unique ids (`AROA...`, `AIDA...`): IAM writes them where the user or role was deleted."""
    value = json.loads(document) if isinstance(document, str) else document
    found = {
        entry
        for statement in _many(value.get("Statement", []))
        for element in ("Principal", "NotPrincipal")
        for kind, entry in _principals(statement.get(element))
        if kind == "AWS" and re.fullmatch(r"A[A-Z]{3}[A-Z0-9]{12,}", entry)
    }
    return tuple(sorted(found))


def _statement(item: Mapping[str, Any]) -> Normal:
    return (
        item.get("Sid", ""),
        item.get("Effect", ""),
        *(_names(item.get(key), lower=True) for key in ("Action", "NotAction")),
        *(_names(item.get(key), lower=False) for key in ("Resource", "NotResource")),
        *(
            None if key not in item else tuple(sorted(_principals(item[key])))
            for key in ("Principal", "NotPrincipal")
        ),
        _conditions(item.get("Condition", {})),
    )


def _names(value: Any, *, lower: bool) -> Normal | None:
    if value is None:
        return None
    return tuple(sorted({str(name).lower() if lower else str(name) for name in _many(value)}))


def _principals(value: Any) -> set[tuple[str, str]]:
    if value is None:
        return set()
    if not isinstance(value, Mapping):
        return {("AWS", str(value))}
    return {(kind, _account(str(entry))) for kind, entries in value.items() for entry in _many(entries)}


def _account(entry: str) -> str:
    match = _ROOT.fullmatch(entry)
    return match[1] if match else entry


def _conditions(block: Mapping[str, Any]) -> Normal:
    merged: dict[tuple[str, str], set[str]] = {}
    found = []
    for name, keys in block.items():
        for key, values in keys.items():
            place = (name.lower(), key.lower())
            texts = {_text(item, name) for item in _many(values)}
            if place in merged:
                found.append((place, tuple(sorted(texts))))
            else:
                merged[place] = texts
    return tuple(sorted([*((place, tuple(sorted(texts))) for place, texts in merged.items()), *found]))


def _text(value: Any, operator: str) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    bare = operator.lower().rpartition(":")[2].removesuffix("ifexists")
    return text.lower() if operators.NAMES.get(bare) in ("Bool", operators.NULL) else text


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
