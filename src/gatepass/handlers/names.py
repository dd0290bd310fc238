"""The names that make a function a handler, what each is called with and what it may return (sym.md 2.3)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

STEPS = (
    "prompt",
    "request",
    "request_forward",
    "request_expire",
    "approve",
    "deny",
    "escalate",
    "deescalate",
)
"""The steps of a request, in order: a hook may move a request forward in it, never back."""

EVENT = ("event",)
REDUCERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "get_permissions": EVENT,
        "get_request_notifications": EVENT,
        "get_approvers": EVENT,
        "get_identity": ("event", "service_type", "external_id", "user"),
        "get_identity_lookup": ("event", "service_type", "external_id", "user"),
        "get_flows": ("user", "flows", "flows_filter_vars"),
    }
)
HOOKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        f"{when}_{step}": ("event", "context") if step == "request_forward" else EVENT
        for step in STEPS
        for when in ("on", "after")
    }
)
REMOVED = frozenset({"get_timeout", "get_title", "get_message"})
"""Reducers that were gone long before the service ended; never called."""

ON_CHANGE = "on_change_"
ON_CHANGE_ARGUMENTS = ("username", "form")


def decorator_of(name: str) -> str | None:
    """`reducer` or `hook` for a name that is a handler's, else None."""
    if name in REDUCERS:
        return "reducer"
    return "hook" if name in HOOKS else None


def arguments_of(name: str) -> tuple[str, ...]:
    """What a handler of that name is called with."""
    if name.startswith(ON_CHANGE):
        return ON_CHANGE_ARGUMENTS
    return REDUCERS.get(name) or HOOKS.get(name) or EVENT


def nearest(name: str, kind: str) -> str | None:
    """The known handler that `name` was probably meant to be."""
    known = list(REDUCERS) if kind == "reducer" else list(HOOKS)
    return next(iter(difflib.get_close_matches(name, known, 1)), None)


def prefetch_name(field: str) -> str:
    """How the options function of a prompt field is called in reports and on the wire, whatever its own name."""
    return f"prefetch:{field}"


def on_change_name(field: str) -> str:
    """The function that is called when a field changes; dashes become underscores."""
    return ON_CHANGE + field.replace("-", "_")
