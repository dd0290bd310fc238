"""Slack: destinations are made here, everything else is asked. Raises `SlackError`."""

from __future__ import annotations

import re
from typing import Any

from gatepass.sdk import link
from gatepass.sdk.integrations.people import ask_dicts, ask_users
from gatepass.sdk.request_destination import (
    RequestDestination,
    RequestDestinationFallback,
    SlackChannelID,
    SlackChannelName,
    SlackUser,
    SlackUserGroup,
)
from gatepass.sdk.user import User

_USER_ID = re.compile(r"[UW][A-Z0-9]{5,}")
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{5,}")


def user(identifier: str | User, allow_self: bool = False, timeout: int | None = None) -> SlackUser:
    """A direct message to a person: a Slack id, an e-mail address, `@name` or a User."""
    return SlackUser(user_id=_slack_id(identifier), allow_self=allow_self, timeout=timeout)


def channel(
    name: str, allow_self: bool = False, timeout: int | None = None
) -> SlackChannelID | SlackChannelName:
    """A channel, by `#name` or id."""
    text = name.strip()
    if _CHANNEL_ID.fullmatch(text):
        return SlackChannelID(channel_id=text, allow_self=allow_self, timeout=timeout)
    return SlackChannelName(channel_name=text, allow_self=allow_self, timeout=timeout)


def group(
    users: list[str | User | SlackUser], allow_self: bool = False, timeout: int | None = None
) -> SlackUserGroup:
    """A group message to one to seven people."""
    members = [each if isinstance(each, SlackUser) else user(each) for each in users]
    return SlackUserGroup(users=members, allow_self=allow_self, timeout=timeout)


def fallback(
    *destinations: RequestDestination,
    continue_on_delivery_failure: bool = True,
    continue_on_timeout: bool = False,
) -> RequestDestinationFallback:
    """At least two destinations, tried in order."""
    if len(destinations) < 2:
        raise ValueError("a fallback takes at least two destinations")
    return RequestDestinationFallback(
        destinations=list(destinations),
        continue_on_delivery_failure=continue_on_delivery_failure,
        continue_on_timeout=continue_on_timeout,
    )


def mention(identifier: str | User) -> str:
    """The text that mentions a person in a message."""
    return f"<@{_slack_id(identifier)}>"


def send_message(destination: User | RequestDestination, message: str) -> None:
    """Send a message to a person or destination."""
    link.ask("slack.send_message", destination=_written(destination), message=str(message))


def send_thread_message(message: str) -> None:
    """Reply under the request's message; an error when the request was not sent to Slack."""
    link.ask("slack.send_thread_message", message=str(message))


def get_user_info(user: User) -> dict[str, Any]:
    """What Slack knows about a person."""
    return dict(link.ask("slack.get_user_info", user=user.as_json()))


def list_users(active_only: bool = True) -> list[dict[str, Any]]:
    """The people of the workspace."""
    return ask_dicts("slack.list_users", active_only=active_only)


def is_user_in_group(user: User, *, group_id: str) -> bool:
    """Whether the person is in the Slack user group of that id."""
    return bool(link.ask("slack.is_user_in_group", user=user.as_json(), group_id=group_id))


def users_in_channel(channel: str | SlackChannelID | SlackChannelName) -> list[User]:
    """The members of a channel, outsiders of shared channels included."""
    return ask_users("slack.users_in_channel", channel=_written(channel))


def _slack_id(identifier: str | User) -> str:
    if isinstance(identifier, User):
        known = identifier.identity("slack")
        if known is not None:
            return known.user_id
        return str(link.ask("slack.user", identifier=identifier.email or identifier.username))
    text = identifier.strip()
    return text if _USER_ID.fullmatch(text) else str(link.ask("slack.user", identifier=text))


def _written(value: Any) -> Any:
    if isinstance(value, User):
        return value.as_json()
    return value.model_dump(mode="json") if isinstance(value, RequestDestination) else value
