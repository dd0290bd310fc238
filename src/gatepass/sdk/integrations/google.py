"""Google Workspace groups. Raises `GoogleError`."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.integrations.people import ask_dicts, ask_users
from gatepass.sdk.user import User


def is_user_in_group(user: User, *, group_email: str) -> bool:
    """Whether the person is in the group, directly or through another."""
    return bool(link.ask("google.is_user_in_group", user=user.as_json(), group_email=group_email))


def list_groups(domain: str | None = None) -> list[dict[str, Any]]:
    """The groups of a domain; of the integration's own when none is given."""
    return ask_dicts("google.list_groups", domain=domain)


def users_in_group(group_email: str, *, include_indirect_members: bool = True) -> list[User]:
    """The members of the group."""
    return ask_users(
        "google.users_in_group", group_email=group_email, include_indirect_members=include_indirect_members
    )
