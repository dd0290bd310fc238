"""Where a hook may move a request: forward only (sym.md 2.3, architecture.md 3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

IGNORE = "ignore"

MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "on_prompt": frozenset({IGNORE, "prompt", "request", "approve", "deny", "escalate"}),
        "after_prompt": frozenset({"request", "approve", "deny", "escalate"}),
        "on_request": frozenset({IGNORE, "request", "approve", "deny", "escalate"}),
        "after_request": frozenset({"approve", "deny", "escalate"}),
        "on_request_forward": frozenset[str](),
        "after_request_forward": frozenset[str](),
        # An expiry is not ignored: what nobody answered in time ends, whatever code says.
        "on_request_expire": frozenset({"request_expire", "approve", "deny", "escalate"}),
        "after_request_expire": frozenset[str](),
        "on_approve": frozenset({IGNORE, "approve", "deny", "escalate"}),
        "after_approve": frozenset({"escalate"}),
        # A person's "no" can be dropped or confirmed, never turned into "yes" by code.
        "on_deny": frozenset({IGNORE, "deny"}),
        "after_deny": frozenset[str](),
        "on_escalate": frozenset({"escalate"}),
        "after_escalate": frozenset({"deescalate"}),
        "on_deescalate": frozenset({"deescalate"}),
        "after_deescalate": frozenset[str](),
    }
)
"""Hook -> the steps that its return value may name. Its own step is honoured once."""

GRANTING = frozenset({"approve", "escalate"})
"""Moves that stand in for an approval: with a declarative block they need `automatic: true` in the rule."""
