"""AWS IAM Identity Center and the organization behind the flow. Raises `AWSSSOError`."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.integrations.people import ask_dicts, ask_users
from gatepass.sdk.user import User


def is_user_in_group(user: User, *, group_name: str) -> bool:
    """Whether the person is in the group of that display name; an error when there is no such group."""
    return bool(link.ask("aws_sso.is_user_in_group", user=user.as_json(), group_name=group_name))


def list_groups() -> list[dict[str, Any]]:
    """All groups, in the shape of the Identity Store."""
    return ask_dicts("aws_sso.list_groups")


def users_in_group(group_name: str) -> list[User]:
    """The members of the group; an error when it is missing or has more than 20."""
    return ask_users("aws_sso.users_in_group", group_name=group_name)


def list_accounts(organizational_unit_id: str | None = None) -> list[dict[str, Any]]:
    """Accounts, in the shape of Organizations: all, or the direct children of a root or organizational unit."""
    return ask_dicts("aws_sso.list_accounts", organizational_unit_id=organizational_unit_id)
