"""KnowBe4 trainings. Raises `KnowBe4Error`."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.integrations.people import ask_dicts
from gatepass.sdk.user import User


def get_training_enrollments_for_user(
    user: User, store_purchase_id: int | None = None, campaign_id: int | None = None
) -> list[dict[str, Any]]:
    """The person's enrolments, of one purchase or campaign when given."""
    return ask_dicts(
        "knowbe4.get_training_enrollments_for_user",
        user=user.as_json(),
        store_purchase_id=store_purchase_id,
        campaign_id=campaign_id,
    )


def is_user_in_group(user: User, group_id: int) -> bool:
    """Whether the person is in the group."""
    return bool(link.ask("knowbe4.is_user_in_group", user=user.as_json(), group_id=group_id))
