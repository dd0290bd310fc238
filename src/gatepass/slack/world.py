"""What a flow's code may ask of Slack (the SDK's `slack` module), answered by the workspace itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gatepass.engine.ports import TryLater, Undeliverable
from gatepass.errors import GatepassError
from gatepass.estate.model import Estate, Person, normalise_email
from gatepass.handlers import Ask, Unanswered
from gatepass.handlers.event import person_id, person_json
from gatepass.slack.client import SlackClient, SlackFault
from gatepass.slack.sink import Links

PAGE = 200
MOST_PAGES = 50
Function = Callable[[Ask], Any]


@dataclass(frozen=True, slots=True)
class SlackWorld:
    """The functions of one call. Messages are the code's own: it may mention and link, and escapes what it quotes."""

    slack: SlackClient
    links: Links
    team: str
    estate: Estate
    thread: tuple[str, str] | None
    """Channel and timestamp of the request's message; None: it was not sent to Slack."""

    def functions(self) -> Mapping[str, Function]:
        """By name, as handlers ask."""
        known: dict[str, Function] = {
            "slack.user": lambda ask: self._find(str(ask.arguments["identifier"])),
            "slack.send_message": self._send,
            "slack.send_thread_message": self._send_thread,
            "slack.get_user_info": lambda ask: self._info(self._slack_id(ask.arguments["user"])),
            "slack.list_users": self._list_users,
            "slack.is_user_in_group": self._is_in_group,
            "slack.users_in_channel": self._in_channel,
        }
        return {name: _answering(function) for name, function in known.items()}

    # -- people

    def _find(self, identifier: str) -> str:
        """A Slack id by e-mail address or @name. Where to write to, never who somebody is."""
        if "@" in identifier.lstrip("@"):
            return str(self.slack.call("users_lookupByEmail", email=identifier)["user"]["id"])
        name = identifier.lstrip("@").casefold()
        for each in self._users():
            profile = each.get("profile") or {}
            if name in (
                str(each.get("name", "")).casefold(),
                str(profile.get("display_name", "")).casefold(),
            ):
                return str(each["id"])
        raise Unanswered("Slack", "USER_NOT_FOUND", f"there is nobody called {identifier} in the workspace")

    def _users(self) -> Iterator[dict[str, Any]]:
        yield from self._pages("users_list", "members")

    def _pages(self, method: str, name: str, **arguments: Any) -> Iterator[Any]:
        cursor = ""
        for _ in range(MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            answer = self.slack.call(method, limit=PAGE, **more, **arguments)
            yield from answer[name]
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return
        raise Unanswered("Slack", "ERROR_RESPONSE", f"{method} has more than {PAGE * MOST_PAGES} entries")

    def _slack_id(self, user: Mapping[str, Any]) -> str:
        """Of a User: the verified link, else the one the event carries, else by address."""
        for person in self.estate.people.values():
            if person_id(person.id) == user.get("id"):
                linked = self.links.user(person.id)
                if linked is not None:
                    return linked
        for each in user.get("identities") or ():
            if (each["service"], each["service_id"]) == ("slack", self.team):
                return str(each["user_id"])
        return self._find(str(user.get("email") or user.get("username")))

    def _info(self, slack_id: str) -> dict[str, Any]:
        return dict(self.slack.call("users_info", user=slack_id)["user"])

    def _list_users(self, ask: Ask) -> list[dict[str, Any]]:
        active_only = bool(ask.arguments["active_only"])
        return [each for each in self._users() if not (active_only and each.get("deleted"))]

    def _is_in_group(self, ask: Ask) -> bool:
        group = str(ask.arguments["group_id"])
        members = self.slack.call("usergroups_users_list", usergroup=group)["users"]
        return self._slack_id(ask.arguments["user"]) in members

    def members(self, channel: str) -> frozenset[str]:
        """The ids of everybody who can read a channel, by name or id."""
        found = self._pages("conversations_members", "members", channel=self._channel_id(channel))
        return frozenset(str(each) for each in found)

    def _in_channel(self, ask: Ask) -> list[dict[str, Any]]:
        channel = self._channel_id(ask.arguments["channel"])
        return [
            person_json(self._person(str(each)))
            for each in self._pages("conversations_members", "members", channel=channel)
        ]

    def _person(self, slack_id: str) -> Person:
        """The linked person; somebody else is a guest under their own address."""
        linked = self.links.person(self.team, slack_id)
        if linked is not None and linked in self.estate.people:
            return self.estate.people[linked]
        profile = self._info(slack_id).get("profile") or {}
        email = str(profile.get("email") or "")
        address = normalise_email(email)
        name = str(profile.get("real_name") or slack_id)
        return Person(slack_id, email, frozenset({address} if address else ()), name, "guest")

    # -- messages

    def _channel_id(self, channel: Any) -> str:
        if isinstance(channel, Mapping):
            channel = channel.get("channel_id") or channel.get("channel_name")
        name = str(channel)
        if name[:1] in "CDG" and name.isalnum() and name.isupper():
            return name
        wanted = name.lstrip("#")
        listed = self._pages(
            "conversations_list", "channels", types="public_channel,private_channel", exclude_archived=True
        )
        for each in listed:
            if each["name"] == wanted:
                return str(each["id"])
        raise Unanswered("Slack", "CHANNEL_NOT_FOUND", f"there is no channel #{wanted} that the app can see")

    def _send(self, ask: Ask) -> None:
        destination, message = ask.arguments["destination"], str(ask.arguments["message"])
        for channel in self._channels(destination):
            self.slack.call("chat_postMessage", channel=channel, text=message)

    def _channels(self, destination: Mapping[str, Any]) -> list[str]:
        if "channel_id" in destination:
            return [str(destination["channel_id"])]
        if "channel_name" in destination:
            return ["#" + str(destination["channel_name"]).lstrip("#")]
        if "user_id" in destination:
            return [str(destination["user_id"])]
        if "users" in destination:
            users = ",".join(str(each["user_id"]) for each in destination["users"])
            return [str(self.slack.call("conversations_open", users=users)["channel"]["id"])]
        return [self._slack_id(destination)]

    def _send_thread(self, ask: Ask) -> None:
        if self.thread is None:
            raise Unanswered("Slack", "NO_THREAD", "this request was not sent to Slack")
        channel, ts = self.thread
        self.slack.call("chat_postMessage", channel=channel, thread_ts=ts, text=str(ask.arguments["message"]))


_NAMES = {
    "channel_not_found": "CHANNEL_NOT_FOUND",
    "not_in_channel": "NOT_IN_CHANNEL",
    "user_not_found": "USER_NOT_FOUND",
    "users_not_found": "USER_NOT_FOUND",
    "no_such_subteam": "GROUP_NOT_FOUND",
}


def _answering(function: Function) -> Function:
    """Slack's refusals as the SDK's `SlackError`, with the names that are published."""

    def answer(ask: Ask) -> Any:
        try:
            return function(ask)
        except Unanswered:
            raise
        except SlackFault as fault:
            raise Unanswered("Slack", _NAMES.get(fault.error, "ERROR_RESPONSE"), fault.message) from fault
        except Undeliverable as nobody:
            error = nobody.message.rpartition(": ")[2]
            raise Unanswered(
                "Slack", _NAMES.get(error, "ERROR_RESPONSE"), nobody.message, nobody.advice
            ) from nobody
        except (TryLater, GatepassError) as away:
            raise Unanswered("Slack", "ERROR_RESPONSE", str(away), "try again later") from away

    return answer
