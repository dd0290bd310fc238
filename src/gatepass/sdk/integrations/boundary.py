"""HashiCorp Boundary groups. Raises `BoundaryError`."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.integrations.people import ask_dicts


def list_groups(
    scope_id: str = "global", filter: str | None = None, recursive: bool = False
) -> list[dict[str, Any]]:
    """The groups of a scope, and of those below it when `recursive`."""
    return ask_dicts("boundary.list_groups", scope_id=scope_id, filter=filter, recursive=recursive)


def get_group(group_id: str) -> dict[str, Any]:
    """One group."""
    return dict(link.ask("boundary.get_group", group_id=group_id))
