"""A fake Slack workspace: users, channels, messages, modals, and the part of the Web API that gatepass uses.

It refuses what Slack refuses (limits, expired triggers, unknown channels) and fails when told to. `slack_server` gives
it an address; `slack_hands` are the hands of people in it.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gatepass.clock import Clock, SystemClock
from gatepass.testing.slack_limits import Json, Refused, check_message, check_view

TRIGGER_LIVES = timedelta(seconds=3)
MUST_ACK = 3.0
"""Seconds in which an interaction must be acknowledged."""
PATIENCE = 120.0
"""Seconds to wait for what must come: a machine that tests may be slow, or stopped for a while."""


@dataclass
class Fault:
    """What the next calls of a method meet: a status, and how long to wait (429)."""

    method: str
    status: int
    times: int
    retry_after: int = 1


@dataclass
class Posted:
    """One message, as it stands now."""

    channel: str
    ts: str
    text: str
    blocks: list[Json]
    thread_ts: str | None = None
    only_for: str | None = None
    """The user who alone sees it."""
    edits: int = 0

    def buttons(self) -> dict[str, Json]:
        """Its buttons by action."""
        rows = [b["elements"] for b in self.blocks if b["type"] == "actions"]
        return {each["action_id"]: each for row in rows for each in row if each["type"] == "button"}

    def words(self) -> str:
        """Everything that can be read in it."""
        return "\n".join([self.text, *_texts(self.blocks)])


@dataclass
class FakeSlack:
    """One workspace with the app installed. Thread-safe."""

    team: str = "T0GATEPASS"
    bot_token: str = "xoxb-fake"  # noqa: S105  # of the fake
    app_token: str = "xapp-fake"  # noqa: S105
    signing_secret: str = "fake-signing-secret"  # noqa: S105
    clock: Clock = field(default_factory=SystemClock)
    users: dict[str, Json] = field(default_factory=dict)
    channels: dict[str, Json] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)
    views: dict[str, Json] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    calls: list[tuple[str, Json]] = field(default_factory=list)
    socket_url: str = ""

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._faults: list[Fault] = []
        self._triggers: dict[str, tuple[datetime, str]] = {}
        self._count = 0
        self.changed = threading.Condition(self._lock)
        """Notified after every call."""

    # -- what there is

    def add_user(self, user: str, name: str, email: str = "", **flags: Any) -> str:
        """Somebody in the workspace; flags such as `is_restricted`, `is_bot`, `deleted`, `team_id`."""
        profile = {"email": email, "real_name": name}
        self.users[user] = {"id": user, "team_id": self.team, "name": name, "profile": profile, **flags}
        return user

    def add_channel(self, channel: str, name: str, *members: str, app: bool = True) -> str:
        """A channel with members; `app`: whether the app is in it."""
        self.channels[channel] = {"id": channel, "name": name, "members": list(members), "app": app}
        return channel

    def trigger(self, user: str = "") -> str:
        """A fresh trigger id of a user, good for three seconds."""
        with self._lock:
            self._count += 1
            trigger = f"trigger.{self._count}"
            self._triggers[trigger] = (self.clock.now() + TRIGGER_LIVES, user)
        return trigger

    def fail(self, method: str, status: int = 503, times: int = 1, retry_after: int = 1) -> None:
        """Let the next calls of a method (`*`: any) fail; 429 with a Retry-After, 200 is an unknown error."""
        with self._lock:
            self._faults.append(Fault(method, status, times, retry_after))

    def heal(self) -> None:
        """No more failures."""
        with self._lock:
            self._faults.clear()

    def in_channel(self, channel: str, *, thread: bool = False) -> list[Posted]:
        """The messages of a channel or of a direct conversation with a user; replies only with `thread`."""
        where = channel if channel in self.channels else f"D{channel[1:]}"
        with self._lock:
            found = [m for m in self.posted if m.channel == where and m.only_for is None]
        return [m for m in found if thread or m.thread_ts is None]

    def seen_only_by(self, user: str) -> list[Posted]:
        """What was shown to this user alone."""
        with self._lock:
            return [m for m in self.posted if m.only_for == user]

    def wait_for(self, test: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait for something that the app does after its acknowledgement; AssertionError when it does not come."""
        with self.changed:
            if not self.changed.wait_for(lambda: bool(test()), seconds):
                raise AssertionError(f"not within {seconds} s; last calls: {[c[0] for c in self.calls[-5:]]}")
            return test()

    # -- the Web API

    def call(self, method: str, token: str, arguments: Json) -> tuple[int, Json, dict[str, str]]:
        """One call: status, body, headers."""
        with self.changed:
            self.calls.append((method, copy.deepcopy(arguments)))
            try:
                return self._call(method, token, arguments)
            finally:
                self.changed.notify_all()

    def _call(self, method: str, token: str, arguments: Json) -> tuple[int, Json, dict[str, str]]:
        fault = next((f for f in self._faults if f.method in (method, "*") and f.times > 0), None)
        if fault is not None:
            fault.times -= 1
            error = "ratelimited" if fault.status == 429 else "internal_error"
            headers = {"Retry-After": str(fault.retry_after)} if fault.status == 429 else {}
            return fault.status, {"ok": False, "error": error}, headers
        if token not in (self.bot_token, self.app_token):
            return 200, {"ok": False, "error": "invalid_auth"}, {}
        answer = _METHODS.get(method)
        if answer is None:
            return 200, {"ok": False, "error": "unknown_method"}, {}
        try:
            return 200, {"ok": True, **answer(self, arguments)}, {}
        except Refused as refused:
            more = {"response_metadata": {"messages": list(refused.places)}}
            return 200, {"ok": False, "error": refused.error, **more}, {}

    def auth_test(self, arguments: Json) -> Json:
        return {
            "team_id": self.team,
            "team": "fake",
            "user_id": "U0BOT",
            "user": "gatepass",
            "bot_id": "B0BOT",
            "url": "http://127.0.0.1/",
        }

    def apps_connections_open(self, arguments: Json) -> Json:
        if not self.socket_url:
            raise Refused("not_allowed_token_type")
        return {"url": self.socket_url}

    def _channel(self, name: str) -> str:
        if name in self.users or name.startswith("D"):
            user = name if name in self.users else f"U{name[1:]}"
            if user not in self.users:
                raise Refused("channel_not_found")
            self.channels.setdefault(
                f"D{user[1:]}", {"id": f"D{user[1:]}", "name": user, "members": [user], "app": True}
            )
            return f"D{user[1:]}"
        for channel in self.channels.values():
            if name in (channel["id"], f"#{channel['name']}", channel["name"]):
                if not channel["app"]:
                    raise Refused("not_in_channel")
                return str(channel["id"])
        raise Refused("channel_not_found")

    def _add(self, arguments: Json, only_for: str | None = None) -> Posted:
        blocks = list(arguments.get("blocks") or [])
        check_message(blocks, str(arguments.get("text") or ""))
        channel = self._channel(str(arguments["channel"]))
        self._count += 1
        ts = f"{int(self.clock.now().timestamp())}.{self._count:06d}"
        message = Posted(channel, ts, str(arguments["text"]), blocks, arguments.get("thread_ts"), only_for)
        self.posted.append(message)
        return message

    def chat_post_message(self, arguments: Json) -> Json:
        message = self._add(arguments)
        return {"channel": message.channel, "ts": message.ts, "message": {"text": message.text}}

    def chat_post_ephemeral(self, arguments: Json) -> Json:
        user = str(arguments["user"])
        if user not in self.users:
            raise Refused("user_not_found")
        return {"message_ts": self._add(arguments, only_for=user).ts}

    def chat_update(self, arguments: Json) -> Json:
        check_message(list(arguments.get("blocks") or []), str(arguments.get("text") or ""))
        for message in self.posted:
            if (message.channel, message.ts) == (arguments["channel"], arguments["ts"]):
                message.text = str(arguments["text"])
                message.blocks = list(arguments.get("blocks") or [])
                message.edits += 1
                return {"channel": message.channel, "ts": message.ts, "text": message.text}
        raise Refused("message_not_found")

    def views_open(self, arguments: Json) -> Json:
        expires, user = self._triggers.pop(str(arguments["trigger_id"]), (None, ""))
        if expires is None:
            raise Refused("invalid_trigger_id")
        if self.clock.now() > expires:
            raise Refused("expired_trigger_id")
        check_view(arguments["view"])
        self._count += 1
        return {"view": self.keep(f"V{self._count:06d}", arguments["view"], 1, user)}

    def views_update(self, arguments: Json) -> Json:
        view = self.views.get(str(arguments.get("view_id")))
        if "external_id" in arguments:
            marked = (v for v in self.views.values() if v.get("external_id") == arguments["external_id"])
            view = next(marked, None)
        if view is None:
            raise Refused("not_found")
        if arguments.get("hash") not in (None, view["hash"]):
            raise Refused("hash_conflict")
        check_view(arguments["view"])
        return {"view": self.keep(view["id"], arguments["view"], view["revision"] + 1, view["user"])}

    def keep(self, view_id: str, view: Json, revision: int, user: str) -> Json:
        """What a modal shows from now on, to the user whose it is."""
        kept = {**copy.deepcopy(view), "id": view_id, "root_view_id": view_id, "team_id": self.team}
        kept |= {"hash": f"{view_id}.{revision}", "revision": revision, "user": user}
        kept.setdefault("private_metadata", "")
        kept.setdefault("callback_id", "")
        self.views[view_id] = kept
        return kept

    def users_info(self, arguments: Json) -> Json:
        user = self.users.get(str(arguments["user"]))
        if user is None:
            raise Refused("user_not_found")
        return {"user": user}

    def users_list(self, arguments: Json) -> Json:
        return _page("members", list(self.users.values()), arguments)

    def users_lookup_by_email(self, arguments: Json) -> Json:
        for user in self.users.values():
            if user["profile"]["email"] == arguments["email"]:
                return {"user": user}
        raise Refused("users_not_found")

    def conversations_open(self, arguments: Json) -> Json:
        users = str(arguments["users"]).split(",")
        if not 1 <= len(users) <= 8 or any(user not in self.users for user in users):
            raise Refused("user_not_found")
        if len(users) == 1:
            return {"channel": {"id": self._channel(users[0])}}
        channel = "G" + "".join(sorted(user[1:] for user in users))
        self.channels.setdefault(channel, {"id": channel, "name": channel, "members": users, "app": True})
        return {"channel": {"id": channel}}

    def conversations_list(self, arguments: Json) -> Json:
        shown = [{"id": c["id"], "name": c["name"], "is_member": c["app"]} for c in self.channels.values()]
        return _page("channels", shown, arguments)

    def conversations_members(self, arguments: Json) -> Json:
        return _page("members", self.channels[self._channel(str(arguments["channel"]))]["members"], arguments)

    def usergroups_users_list(self, arguments: Json) -> Json:
        if str(arguments["usergroup"]) not in self.groups:
            raise Refused("no_such_subteam")
        return {"users": self.groups[str(arguments["usergroup"])]}


def _page(name: str, rows: list[Any], arguments: Json) -> Json:
    limit, start = int(arguments.get("limit") or 100), int(arguments.get("cursor") or 0)
    after = str(start + limit) if start + limit < len(rows) else ""
    return {name: rows[start : start + limit], "response_metadata": {"next_cursor": after}}


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, dict):
        own = [str(value["text"])] if isinstance(value.get("text"), str) else []
        return own + [text for each in value.values() for text in _texts(each)]
    return []


_METHODS: dict[str, Callable[[FakeSlack, Json], Json]] = {
    "auth.test": FakeSlack.auth_test,
    "apps.connections.open": FakeSlack.apps_connections_open,
    "chat.postMessage": FakeSlack.chat_post_message,
    "chat.postEphemeral": FakeSlack.chat_post_ephemeral,
    "chat.update": FakeSlack.chat_update,
    "views.open": FakeSlack.views_open,
    "views.update": FakeSlack.views_update,
    "users.info": FakeSlack.users_info,
    "users.list": FakeSlack.users_list,
    "users.lookupByEmail": FakeSlack.users_lookup_by_email,
    "conversations.open": FakeSlack.conversations_open,
    "conversations.list": FakeSlack.conversations_list,
    "conversations.members": FakeSlack.conversations_members,
    "usergroups.users.list": FakeSlack.usergroups_users_list,
}
