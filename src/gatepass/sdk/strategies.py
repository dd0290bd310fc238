"""Connections to services, and the class that custom strategies derive from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from gatepass.sdk.exceptions import IdentityNotFound
from gatepass.sdk.resource import SymResource
from gatepass.sdk.utils import persist_user_identity

if TYPE_CHECKING:
    from gatepass.sdk.event import Event
    from gatepass.sdk.user import User


class Integration(SymResource):
    """A typed connection to one instance of a service."""

    def __init__(
        self,
        srn: str,
        type: str,
        external_id: str,
        settings: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(srn)
        self.id = id
        self.type = type
        self.external_id = external_id
        self.settings: dict[str, Any] = dict(settings or {})

    def as_json(self) -> dict[str, Any]:
        """Without its resource name, as it is nested in a strategy's JSON."""
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "external_id": self.external_id,
            "settings": {key: value for key, value in self.settings.items() if isinstance(value, str)},
        }


class AccessStrategy:
    """A way of granting written by an implementer. Failing means raising; both steps must bear repetition."""

    @final
    def __init__(self, integration: Integration) -> None:
        self.integration = integration

    def fetch_remote_identity(self, user: User) -> str | None:
        """The person's id in the service, or None."""
        raise NotImplementedError("write fetch_remote_identity(self, user)")

    def escalate(self, target_id: str, event: Event) -> dict[str, Any] | None:
        """Give the person of `event` what `target_id` names; what is returned is kept for `deescalate`."""
        raise NotImplementedError("write escalate(self, target_id, event)")

    def deescalate(self, target_id: str, event: Event) -> dict[str, Any] | None:
        """Take it back; having nothing to take back is success."""
        raise NotImplementedError("write deescalate(self, target_id, event)")

    @final
    def get_requester_identity(self, event: Event) -> str:
        """The requester's id in the service: stored, else fetched and then stored, else `IdentityNotFound`."""
        user = event.get_actor("request")
        service, service_id = self.integration.type, self.integration.external_id
        if user is None:
            raise IdentityNotFound("the event names no requester")
        stored = user.identity(service, service_id)
        if stored is not None:
            return stored.user_id
        found = self.fetch_remote_identity(user)
        if not found:
            raise IdentityNotFound(
                f"{user.username} is not known in {service} {service_id}",
                "Store the identity with gatepass people, or let fetch_remote_identity find it.",
            )
        persist_user_identity(
            email=user.email or user.username, service=service, service_id=service_id, user_id=found
        )
        return found
