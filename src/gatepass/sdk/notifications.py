"""What `get_request_notifications` returns."""

from __future__ import annotations

from pydantic import Field, SerializeAsAny, field_validator

from gatepass.sdk.model import Model
from gatepass.sdk.request_destination import RequestDestination, SlackRequestDestination
from gatepass.sdk.user import User


class Notification(Model):
    """One attempt to reach somebody: it failed when no destination could be reached or `timeout` passed."""

    destinations: list[SerializeAsAny[RequestDestination] | User] = Field(min_length=1)
    timeout: int | None = None
    """Seconds until the next notification is tried; None: never."""

    @field_validator("destinations")
    @classmethod
    def _one_in_slack(cls, value: list[RequestDestination | User]) -> list[RequestDestination | User]:
        if sum(isinstance(each, SlackRequestDestination) for each in value) > 1:
            raise ValueError("a notification takes at most one Slack destination; use another Notification")
        return value
