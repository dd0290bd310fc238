"""Between two trust policies: one that lets in everybody whom either lets in, so that grants come first (T-79)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from gatepass.policy.normal import size
from gatepass.teams.compiling.compaction import patterns_of
from gatepass.teams.compiling.trust import one
from gatepass.teams.model import Document
from gatepass.teams.planning.meaning import meaning

Statement = dict[str, Any]


def between(before: Document, after: Document, people: Iterable[str], quota: int) -> Document | None:
    """A document that lets in exactly those of the people whom one of the two lets in, and fits; None when there is
    none to be had simply: then the move is one write, among the revocations."""
    known = set(people)
    try:
        both = _merged(before, after)
    except (KeyError, TypeError, AttributeError):
        return None  # not written by us
    if size(both) > quota:
        return None
    from_before, to_after = meaning(before, both, known), meaning(both, after, known)
    added = set(meaning(before, after, known).gains)
    exact = not from_before.loses and not to_after.gains and set(from_before.gains) == added
    return both if exact else None


def _merged(before: Document, after: Document) -> Document:
    """Statements that differ only in whom they name become one: of Allow the union, of Deny what both deny."""
    left, right = _by_kind(before), _by_kind(after)
    statements = []
    for key in sorted({*left, *right}):
        pair = [side[key] for side in (left, right) if key in side]
        if len(pair) == 2:
            statements.append(_joined(*pair))
        elif pair[0]["Effect"] == "Allow":
            statements.append(pair[0])
    for statement in statements:
        statement.pop("Sid", None)
    return {**after, "Statement": statements}


def _by_kind(trust: Document) -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    for number, statement in enumerate(trust["Statement"]):
        rest = deepcopy(statement)
        for name in ("Sid", "Principal"):
            rest.pop(name, None)
        for operator in ("ArnLike", "ArnNotEquals"):
            rest.get("Condition", {}).get(operator, {}).pop("aws:PrincipalArn", None)
        rest["Condition"] = {name: keys for name, keys in rest.get("Condition", {}).items() if keys}
        named = "" if patterns_of(statement) else json.dumps(statement.get("Principal"), sort_keys=True)
        key = json.dumps(rest, sort_keys=True) + named
        found[key if key not in found else f"{key} {number}"] = deepcopy(statement)
    return found


def _joined(one_: Statement, other: Statement) -> Statement:
    mine, its = patterns_of(one_), patterns_of(other)
    joined = deepcopy(other)
    if not mine or not its:
        return joined
    if joined["Effect"] == "Allow":
        both = list(dict.fromkeys([*mine, *its]))
    else:
        both = [pattern for pattern in its if pattern in mine]
        spared = [*_spared(one_), *(arn for arn in _spared(other) if arn not in _spared(one_))]
        if spared:
            joined["Condition"]["ArnNotEquals"] = {"aws:PrincipalArn": one(spared)}
    joined["Condition"]["ArnLike"]["aws:PrincipalArn"] = one(both)
    roots = [*_roots(one_), *(root for root in _roots(other) if root not in _roots(one_))]
    joined["Principal"] = {"AWS": one(roots)}
    return joined


def _spared(statement: Statement) -> list[str]:
    value = statement.get("Condition", {}).get("ArnNotEquals", {}).get("aws:PrincipalArn", [])
    return [value] if isinstance(value, str) else list(value)


def _roots(statement: Statement) -> list[str]:
    value = statement["Principal"]["AWS"]
    return [value] if isinstance(value, str) else list(value)
