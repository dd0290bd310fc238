"""People on the way to the parent and back. Not for implementers."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.user import User


def ask_users(function: str, **arguments: Any) -> list[User]:
    """The parent's answer as users."""
    return [User(seen) for seen in link.ask(function, **arguments)]


def ask_dicts(function: str, **arguments: Any) -> list[dict[str, Any]]:
    """The parent's answer as a list of dictionaries."""
    return [dict(each) for each in link.ask(function, **arguments)]
