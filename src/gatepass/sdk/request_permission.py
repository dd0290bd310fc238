"""Who may see and who may decide a request."""

from __future__ import annotations

from enum import Enum
from typing import Any
from uuid import UUID

from pydantic import field_validator

from gatepass.sdk.model import Model


class PermissionLevel(str, Enum):
    """A level includes every person of the levels above it."""

    ADMIN = "admin"
    MEMBER = "member"
    ALL_USERS = "all_users"


class RequestPermission(Model):
    """Who sees a request in the portal and who may approve, deny or revoke it: a level, or the ids of people."""

    webapp_view: PermissionLevel | list[UUID]
    approve_deny: PermissionLevel | list[UUID]
    allow_self_approval: bool = False

    @field_validator("webapp_view", "approve_deny", mode="before")
    @classmethod
    def _level_or_people(cls, value: Any) -> Any:
        if value is None or value in ("", [], ()):
            raise ValueError("must not be empty: give a PermissionLevel or a list of user ids")
        if isinstance(value, str):
            return _level(value)
        if isinstance(value, list | tuple | set | frozenset):
            return [_uuid(each) for each in value]
        raise ValueError(f"a PermissionLevel or a list of user ids was expected, not {type(value).__name__}")


def _level(value: str) -> PermissionLevel:
    try:
        return PermissionLevel(value)
    except ValueError:
        known = ", ".join(level.value for level in PermissionLevel)
        raise ValueError(f"{value!r} is no permission level; known are {known}") from None


def _uuid(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value) if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(
            f"{value!r} is no user id; sym.sdk.user.user_ids() gives the ids of a list of users"
        ) from None
