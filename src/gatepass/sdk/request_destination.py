"""Where a request's message goes."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ModelWrapValidatorHandler, SerializeAsAny, field_validator, model_validator

from gatepass.sdk.model import Model


class RequestDestination(Model):
    """The base. Parsing one picks the kind by its key: channel_name, channel_id, user_id or users."""

    allow_self: bool = False
    timeout: int | None = None
    """Seconds until the next destination is tried."""

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if cls is not RequestDestination or isinstance(value, RequestDestination):
            return handler(value)
        kind = _kind_of(value)
        try:
            return kind.model_validate(value)
        except ValueError as cause:
            raise ValueError(f"not a valid {kind.__name__}: {cause}") from cause


def _kind_of(value: object) -> type[RequestDestination]:
    if isinstance(value, dict):
        for key, kind in _KINDS.items():
            if key in value:
                return kind
    raise ValueError(f"unknown type of destination; it needs one of {', '.join(_KINDS)}")


def _trimmed(value: object, starts: tuple[str, ...] = ()) -> str:
    text = str(value).strip()
    if not text:
        raise ValueError("must not be empty")
    if starts and not text.startswith(starts):
        raise ValueError(f"{text!r} must start with {' or '.join(starts)}")
    return text


class SlackRequestDestination(RequestDestination):
    """A destination in Slack."""


class SlackChannelID(SlackRequestDestination):
    """A Slack channel by id."""

    channel_id: str

    @field_validator("channel_id", mode="before")
    @classmethod
    def _id(cls, value: object) -> str:
        return _trimmed(value, ("C", "D", "G"))


class SlackChannelName(SlackRequestDestination):
    """A Slack channel by name."""

    channel_name: str

    @field_validator("channel_name", mode="before")
    @classmethod
    def _name(cls, value: object) -> str:
        return _trimmed(value)


class SlackUser(SlackRequestDestination):
    """One person in Slack."""

    user_id: str

    @field_validator("user_id", mode="before")
    @classmethod
    def _id(cls, value: object) -> str:
        return _trimmed(value, ("U", "W"))

    def mention(self) -> str:
        """The text that mentions the person in a message."""
        return f"<@{self.user_id}>"


class SlackUserGroup(SlackRequestDestination):
    """A group message to one to seven people; their own `allow_self` is ignored."""

    users: list[SlackUser] = Field(min_length=1, max_length=7)


_KINDS: dict[str, type[RequestDestination]] = {
    "channel_name": SlackChannelName,
    "channel_id": SlackChannelID,
    "user_id": SlackUser,
    "users": SlackUserGroup,
}


class RequestDestinationFallback(Model):
    """Destinations tried in order."""

    destinations: list[SerializeAsAny[RequestDestination]]
    continue_on_delivery_failure: bool = True
    continue_on_timeout: bool = False


class RequestForwardContext(Model):
    """Where a request that is being forwarded stands."""

    all_request_destinations: list[Any]
    current_destination_index: int
    next_destination_index: int | None = None
