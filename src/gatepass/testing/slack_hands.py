"""The hands of a person in the fake Slack: what they type, press and send, delivered as Slack delivers it."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gatepass.clock import to_ms
from gatepass.testing.slack import MUST_ACK, FakeSlack, Posted
from gatepass.testing.slack_limits import Json, check_options, check_view

Answer = tuple[int, Json]
Post = Callable[[bytes, dict[str, str]], Answer]
"""How a delivery reaches the app: body and headers in, status and body out."""


def sign(slack: FakeSlack, body: bytes, at: int | None = None) -> dict[str, str]:
    """The headers of a delivery at a time in seconds (now)."""
    stamp = str(to_ms(slack.clock.now()) // 1000 if at is None else at)
    digest = hmac.new(slack.signing_secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
    return {
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={digest.hexdigest()}",
        "content-type": "application/x-www-form-urlencoded",
    }


@dataclass
class Hands:
    """One user. Every delivery asserts that it was acknowledged within Slack's three seconds."""

    slack: FakeSlack
    user: str
    post: Post
    socket: Callable[[str, Json], Json] | None = None
    """Deliver over Socket Mode instead."""
    team: str | None = None
    """Of the user, where they come from another workspace."""
    must_ack: float = MUST_ACK
    """Seconds; more where the machine, not the app, may be slow."""

    def slash(self, text: str, command: str = "/gatepass", channel: str = "C0GENERAL") -> Json:
        """Type a command."""
        payload = {
            "command": command,
            "text": text,
            "team_id": self.slack.team,
            "user_id": self.user,
            "channel_id": channel,
            "trigger_id": self.slack.trigger(self.user),
            "api_app_id": "A0",
        }
        return self._deliver("slash_commands", payload, urlencode(payload).encode())

    def shortcut(self, name: str = "gatepass_request") -> Json:
        """Use the global shortcut."""
        return self.interact(
            {"type": "shortcut", "callback_id": name, "trigger_id": self.slack.trigger(self.user)}
        )

    def click(self, message: Posted, action: str, value: str | None = None) -> Json:
        """Press a button of a message; `value` forges what it carries."""
        button = message.buttons().get(action) or {"action_id": action, "value": value, "type": "button"}
        pressed = {**button, "value": value if value is not None else button["value"], "action_ts": "1.0"}
        payload = {
            "type": "block_actions",
            "trigger_id": self.slack.trigger(self.user),
            "channel": {"id": message.channel, "name": "x"},
            "container": {"type": "message", "message_ts": message.ts, "channel_id": message.channel},
            "message": {"ts": message.ts, "text": message.text, "blocks": message.blocks},
            "actions": [pressed],
        }
        return self.interact(payload)

    def press(self, view: Json, pressed: str) -> Json:
        """Press a button in a modal: its action and value, with a space between them."""
        action, _, value = pressed.partition(" ")
        payload = {
            "type": "block_actions",
            "trigger_id": self.slack.trigger(self.user),
            "container": {"type": "view", "view_id": view["id"]},
            "view": self.slack.views[view["id"]],
            "actions": [
                {"type": "button", "action_id": action, "value": value, "action_ts": str(time.time())}
            ],
        }
        return self.interact(payload)

    def choose(self, view: Json, block: str, value: Any, others: Mapping[str, Any] | None = None) -> Json:
        """Change a field that reports its changes; `others` stand in the other fields."""
        current = self.slack.views[view["id"]]
        state = _state(current, {**(others or {}), block: value})
        found = next(b for b in current["blocks"] if _name(b) == block)
        element = found["element"]
        action = {**state[found["block_id"]][element["action_id"]], "action_id": element["action_id"]}
        action |= {"block_id": found["block_id"], "action_ts": "1.0"}
        payload = {
            "type": "block_actions",
            "trigger_id": self.slack.trigger(self.user),
            "container": {"type": "view", "view_id": view["id"]},
            "view": {**current, "state": {"values": state}},
            "actions": [action],
        }
        return self.interact(payload)

    def options(self, view: Json, block: str, query: str) -> list[Json]:
        """Type into a select whose options come from the app."""
        current = self.slack.views[view["id"]]
        found = next(b for b in current["blocks"] if _name(b) == block)
        payload = {
            "type": "block_suggestion",
            "action_id": found["element"]["action_id"],
            "block_id": found["block_id"],
            "value": query,
            "view": {**current, "state": {"values": {}}},
            "container": {"type": "view", "view_id": view["id"]},
        }
        options = list(self.interact(payload).get("options", []))
        faults: list[str] = []
        if options:
            check_options(options, faults)
        assert not faults, faults
        return options

    def submit(self, view: Json, values: Mapping[str, Any] | None = None) -> Json:
        """Send a modal with these values by field; the acknowledgement, applied as Slack applies it."""
        current = self.slack.views[view["id"]]
        state = _state(current, values or {})
        payload = {
            "type": "view_submission",
            "trigger_id": self.slack.trigger(self.user),
            "view": {**current, "state": {"values": state}},
        }
        answer = self.interact(payload)
        if answer.get("response_action") == "update":
            check_view(answer["view"])
            with self.slack.changed:
                self.slack.keep(view["id"], answer["view"], current["revision"] + 1, self.user)
                self.slack.changed.notify_all()
        if answer.get("response_action") == "errors":
            known = {b.get("block_id") for b in current["blocks"] if b["type"] == "input"}
            assert set(answer["errors"]) <= known, answer
        return answer

    def interact(self, payload: Json) -> Json:
        """Deliver an interaction."""
        user = {"id": self.user, "username": self.user, "team_id": self.team or self.slack.team}
        whole = {
            **payload,
            "team": {"id": self.slack.team, "domain": "fake"},
            "user": user,
            "api_app_id": "A0",
        }
        return self._deliver("interactive", whole, urlencode({"payload": json.dumps(whole)}).encode())

    def _deliver(self, kind: str, payload: Json, body: bytes) -> Json:
        begun = time.monotonic()
        if self.socket is not None:
            answer = self.socket(kind, payload)
        else:
            status, answer = self.post(body, sign(self.slack, body))
            assert status == 200, (status, answer)
        took = time.monotonic() - begun
        assert took < self.must_ack, f"acknowledged after {took:.1f} s"
        return answer


def _name(block: Json) -> str:
    """The field a block asks for, whatever its revision."""
    return str(block.get("block_id", "")).partition("/")[0]


def _state(view: Json, values: Mapping[str, Any]) -> Json:
    state: Json = {}
    blocks = {_name(b): b for b in view["blocks"] if b["type"] == "input"}
    unknown = set(values) - set(blocks)
    assert not unknown, f"the form has no {unknown}; it has {sorted(blocks)}"
    for name, block in blocks.items():
        element = block["element"]
        held = _held(element, values.get(name))
        state[block["block_id"]] = {element["action_id"]: {"type": element["type"], **held}}
    return state


def _held(element: Json, value: Any) -> Json:
    kind = element["type"]
    if kind in ("static_select", "external_select"):
        chosen = {"value": value, "text": {}} if value is not None else element.get("initial_option")
        return {"selected_option": chosen}
    if kind in ("multi_static_select", "multi_external_select", "checkboxes"):
        chosen = (
            [{"value": each, "text": {}} for each in value]
            if value is not None
            else element.get("initial_options")
        )
        return {"selected_options": chosen or []}
    if kind == "users_select":
        return {"selected_user": value if value is not None else element.get("initial_user")}
    if kind == "multi_users_select":
        return {"selected_users": list(value or element.get("initial_users", []))}
    return {"value": value if value is not None else element.get("initial_value")}
