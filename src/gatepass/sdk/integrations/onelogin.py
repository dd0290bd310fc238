"""OneLogin. Raises `OneLoginError`, and `MissingArgument` when an argument is empty."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.exceptions import MissingArgument
from gatepass.sdk.integrations.people import ask_dicts, ask_users
from gatepass.sdk.user import User


def list_roles(name_filter: str | None = None) -> list[dict[str, Any]]:
    """Roles, by name when a filter is given."""
    return ask_dicts("onelogin.list_roles", name_filter=name_filter)


def get_user_info(user: User) -> dict[str, Any]:
    """What OneLogin knows about a person."""
    return dict(link.ask("onelogin.get_user_info", user=user.as_json()))


def users_in_role(role_id: str) -> list[User]:
    """The people who have the role."""
    return ask_users("onelogin.users_in_role", role_id=_given(role_id))


def is_user_in_role(user: User, *, role_id: str) -> bool:
    """Whether the person has the role."""
    return bool(link.ask("onelogin.is_user_in_role", user=user.as_json(), role_id=_given(role_id)))


def _given(role_id: str) -> str:
    if not role_id:
        raise MissingArgument("role_id is empty", "onelogin.list_roles() shows the ids.")
    return role_id
