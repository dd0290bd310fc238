"""Whether a thing stands between what it was and what it is to be: what an apply that was broken off leaves behind.

Nothing is written down for it: the plan says what the thing was, the declaration what it will be, and our writes take
it from one to the other part by part. A live thing all of whose parts are of one or of the other is ours to finish;
one that has anything else was changed by somebody and is left alone (T-76, T-83).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from gatepass.teams.kinds.kind import Kind

T = TypeVar("T")
PIECES = frozenset(
    {"tags", "policies", "inline", "groups", "members", "managed_policies", "customer_policies", "audiences"}
)
"""What `Kind.shown` names so is written piece by piece; everything else by one call."""
Parts = Mapping[str, str | Mapping[str, str]]
"""A thing by its fields: a short hash of each, or of each of its pieces. Small and telling nothing, for plan files."""


def parts_of(kind: Kind[T], value: T | None) -> Parts | None:
    """The parts of a thing; None of none."""
    return None if value is None else _parts(kind.shown(value))


def is_halfway(kind: Kind[T], live: T | None, before: Parts | None, wanted: T | None) -> bool:
    """Whether our writes, broken off anywhere, can have led from `before` (None: there was nothing) to `live`, on the
    way to `wanted` (None: removed)."""
    now, start, goal, bare = parts_of(kind, live), before, parts_of(kind, wanted), _parts(kind.bare)
    if start is None and goal is not None:
        start = {**goal, **bare}
    if goal is None and start is not None:
        goal = {**start, **bare}
    if now is None or start is None or goal is None or not now.keys() == start.keys() == goal.keys():
        return False
    return all(_between(now[name], start[name], goal[name]) for name in now)


def _between(now: Any, start: Any, goal: Any) -> bool:
    if not (isinstance(now, Mapping) and isinstance(start, Mapping) and isinstance(goal, Mapping)):
        return now in (start, goal)
    return all(now.get(name) in (start.get(name), goal.get(name)) for name in {*now, *start, *goal})


def _parts(shown: Mapping[str, Any]) -> Parts:
    return {name: _pieces(value) if name in PIECES else _hash(value) for name, value in shown.items()}


def _pieces(value: Mapping[str, Any] | list[str]) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {name: _hash(item) for name, item in value.items()}
    return dict.fromkeys(value, "")


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]
