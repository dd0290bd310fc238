"""People and bots as handlers see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from gatepass.sdk import link
from gatepass.sdk.request_permission import PermissionLevel


class UserRole(str, Enum):
    """What a person may do in the whole installation."""

    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"

    def permission_levels(self) -> set[PermissionLevel]:
        """The levels that include a person of this role."""
        levels = {PermissionLevel.ALL_USERS}
        if self is not UserRole.GUEST:
            levels.add(PermissionLevel.MEMBER)
        if self is UserRole.ADMIN:
            levels.add(PermissionLevel.ADMIN)
        return levels


class UserIdentity:
    """How one service knows a person."""

    def __init__(self, service: str, service_id: str, user_id: str) -> None:
        self.service = service
        self.service_id = service_id
        self.user_id = user_id

    def as_json(self) -> dict[str, str]:
        return {"service": self.service, "service_id": self.service_id, "user_id": self.user_id}

    def __eq__(self, other: object) -> bool:
        return self.as_json() == other.as_json() if isinstance(other, UserIdentity) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.service, self.service_id, self.user_id))

    def __repr__(self) -> str:
        return f"UserIdentity({self.service!r}, {self.service_id!r}, {self.user_id!r})"


class User:
    """A person or a bot. Two are the same when their user names are."""

    def __init__(self, seen: Mapping[str, Any]) -> None:
        """From JSON: `id` and `username`, and what else of the attributes is known."""
        self.id = UUID(str(seen["id"]))
        self.username: str = str(seen["username"])
        self.email: str | None = seen.get("email")
        self.type: str = seen.get("type", "normal")
        self.first_name: str | None = seen.get("first_name")
        self.last_name: str | None = seen.get("last_name")
        self.role = UserRole(seen.get("role", "member"))
        self.identities: dict[str, list[UserIdentity]] = {}
        for each in seen.get("identities", ()):
            identity = UserIdentity(each["service"], each["service_id"], each["user_id"])
            self.identities.setdefault(identity.service, []).append(identity)

    def identity(self, service_type: str, service_id: str | None = None) -> UserIdentity | None:
        """The identity in a service (of that external id, when given), or None. The first of several."""
        known = self.identities.get(service_type, [])
        return next((one for one in known if service_id in (None, one.service_id)), None)

    def get_event_count(
        self,
        event_name: str,
        since: datetime | None = None,
        until: datetime | None = None,
        filter_on: str = "flow",
        include_errored: bool = False,
    ) -> int:
        """How many such events there were on requests of this person, in the same `flow` or for the same `target`."""
        if filter_on not in ("flow", "target"):
            raise ValueError(f'filter_on is "flow" or "target", not {filter_on!r}')
        count = link.ask(
            "user.get_event_count",
            user=self.as_json(),
            event_name=str(getattr(event_name, "value", event_name)),
            since=since and since.isoformat(),
            until=until and until.isoformat(),
            filter_on=filter_on,
            include_errored=include_errored,
        )
        return int(count)

    def as_json(self) -> dict[str, Any]:
        """The dictionary that `User` can be built from again."""
        return {
            "id": str(self.id),
            "username": self.username,
            "email": self.email,
            "type": self.type,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "role": self.role.value,
            "identities": [one.as_json() for of_service in self.identities.values() for one in of_service],
        }

    def __eq__(self, other: object) -> bool:
        return self.username == other.username if isinstance(other, User) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.username)

    def __repr__(self) -> str:
        return f"User({self.username!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._checked, serialization=core_schema.plain_serializer_function_ser_schema(cls.as_json)
        )

    @classmethod
    def _checked(cls, value: object) -> User:
        if isinstance(value, User):
            return value
        if isinstance(value, Mapping) and "username" in value and "id" in value:
            return cls(value)
        raise ValueError(f"a User was expected, not {type(value).__name__}")


def user_ids(users: Iterable[User]) -> list[UUID]:
    """The ids of some users, as `RequestPermission` takes them."""
    return [user.id for user in users]
