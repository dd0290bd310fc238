"""Okta. Raises `OktaError`."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.integrations.people import ask_dicts, ask_users
from gatepass.sdk.user import User


def is_user_in_group(user: User, *, group_id: str) -> bool:
    """Whether the person is in the group."""
    return bool(link.ask("okta.is_user_in_group", user=user.as_json(), group_id=group_id))


def users_in_group(*, group_id: str) -> list[User]:
    """The members of the group."""
    return ask_users("okta.users_in_group", group_id=group_id)


def get_user_info(user: User) -> dict[str, Any]:
    """What Okta knows about a person."""
    return dict(link.ask("okta.get_user_info", user=user.as_json()))


def list_groups(
    *,
    name_filter: str | None = None,
    filter: str | None = None,
    expand: str | None = None,
    only_native_groups: bool = True,
) -> list[dict[str, Any]]:
    """Groups, by name or by an Okta filter expression."""
    return ask_dicts(
        "okta.list_groups",
        name_filter=name_filter,
        filter=filter,
        expand=expand,
        only_native_groups=only_native_groups,
    )
