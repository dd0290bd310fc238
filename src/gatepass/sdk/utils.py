"""Functions that belong to no integration."""

from __future__ import annotations

from gatepass.sdk import link
from gatepass.sdk.user import UserIdentity

__all__ = ["persist_user_identity"]


def persist_user_identity(*, email: str, service: str, service_id: str, user_id: str) -> UserIdentity:
    """Keep how a service knows a person, creating the person when unknown. `CouldNotSaveError` when refused."""
    kept = link.ask(
        "utils.persist_user_identity", email=email, service=service, service_id=service_id, user_id=user_id
    )
    return UserIdentity(kept["service"], kept["service_id"], kept["user_id"])
