"""A whole gatepass with a fake Slack before it: virtual time, the example's estate, everybody linked but eve."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient
from tests.installation import Whole
from tests.waiting import LONG

from gatepass.app.serve import application
from gatepass.desk import Caller
from gatepass.slack import SlackFace
from gatepass.testing.slack import FakeSlack, Posted
from gatepass.testing.slack_hands import Hands
from gatepass.testing.slack_server import SlackServer

USERS = {"ana": "U0ANA", "ben": "U0BEN", "cleo": "U0CLEO", "dan": "U0DAN"}
TEAM = "T0GATEPASS"


class SlackLab:
    """The parts, and hands by person."""

    def __init__(self, folder: Path, server: SlackServer, **settings: Any) -> None:
        secrets = {"bot": server.slack.bot_token, "signing": server.slack.signing_secret}
        for name, value in secrets.items():
            (folder / name).write_text(value)
        given = {
            "slack_bot_token": f"file:{folder / 'bot'}",
            "slack_signing_secret": f"file:{folder / 'signing'}",
            "slack_team": TEAM,
            "slack_url": server.api_url,
            "slack_channel": "#access",
            **settings,
        }
        self.slack = server.slack
        self.whole = Whole(folder / "data", settings=given)
        self.slack.clock = self.whole.clock
        for person, user in USERS.items():
            self.slack.add_user(user, person, f"{person}@host.example")
            self.whole.parts.office.store_identity(Caller("cleo", "test"), person, "slack", TEAM, user)
        self.slack.add_user("U0EVE", "eve", "eve@host.example")
        self.slack.add_channel("C0GENERAL", "general", *USERS.values())
        self.slack.add_channel("C0ACCESS", "access", *USERS.values())
        self.web = TestClient(application(self.whole.parts))  # type: ignore[arg-type]
        # A busy machine is not a slow database.
        self.face().settings = replace(self.face().settings, patience=LONG)

    def face(self) -> SlackFace:
        face = self.whole.parts.faces.slack
        assert face is not None
        return face

    def hands(self, who: str, **more: Any) -> Hands:
        return Hands(self.slack, USERS.get(who, who), self.post, must_ack=LONG, **more)

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        answer = self.web.post("/slack/events", content=body, headers=headers)
        try:
            said = answer.json() if answer.content else {}
        except json.JSONDecodeError:
            said = {"text": answer.text}
        return answer.status_code, said

    def open(self, who: str, text: str) -> dict[str, Any]:
        """Type a command; the modal once it shows something."""
        before = set(self.slack.views)
        self.hands(who).slash(text)
        return self.modal_after(before)

    def modal_after(self, before: set[str]) -> dict[str, Any]:
        def ready() -> Any:
            new = [v for key, v in self.slack.views.items() if key not in before]
            return new and new[-1]["revision"] > 1 and new[-1]

        found: dict[str, Any] = self.slack.wait_for(ready)
        return found

    def ask(self, who: str, flow: str, **values: Any) -> str:
        """Ask through the modal; the request's id, with everything due done."""
        view = self.open(who, f"req {flow}")
        if "target_id" in values:
            target, revision = values["target_id"], self.slack.views[view["id"]]["revision"]
            self.hands(who).choose(view, "target_id", target)
            self.slack.wait_for(lambda: self.slack.views[view["id"]]["revision"] > revision)
        answer = self.hands(who).submit(view, values)
        assert answer.get("response_action") == "update", answer
        assert answer["view"]["title"]["text"] == "Sent", answer
        self.whole.settle(3)
        return str(self.newest().id)

    def sent(self, answer: dict[str, Any]) -> Any:
        """The request that an acknowledged modal made."""
        found = re.search(r"`(r[a-z0-9]{12})`", json.dumps(answer))
        assert found is not None, answer
        return self.request(found.group(1))

    def newest(self) -> Any:
        return self.whole.parts.desk.requests(Caller("cleo", "test")).requests[0]

    def request(self, request_id: str) -> Any:
        return self.whole.parts.desk.show(Caller("cleo", "test"), request_id).request

    def card(self, channel: str = "C0ACCESS") -> Posted:
        return self.slack.in_channel(channel)[-1]

    def told(self, who: str) -> str:
        """The last thing shown to this person alone."""
        user = USERS.get(who, who)
        found = self.slack.wait_for(lambda: self.slack.seen_only_by(user))
        return str(found[-1].text)

    def click(self, who: str, message: Posted, action: str, value: str | None = None) -> str:
        """Press; what one is told, with everything due done afterwards."""
        told = self.told_after(who, lambda: self.hands(who).click(message, f"gatepass:{action}", value))
        self.whole.settle(3)
        return told

    def told_after(self, who: str, act: Callable[[], object]) -> str:
        """What this person alone is shown after something was done."""
        user = USERS.get(who, who)
        before = len(self.slack.seen_only_by(user))
        act()
        self.slack.wait_for(lambda: len(self.slack.seen_only_by(user)) > before)
        return str(self.slack.seen_only_by(user)[-1].text)

    def close(self) -> None:
        self.whole.close()


@contextmanager
def lab(folder: Path, server: SlackServer, **settings: Any) -> Iterator[SlackLab]:
    """A lab on a fresh workspace of a server."""
    server.slack = FakeSlack(socket_url=server.slack.socket_url)
    made = SlackLab(folder, server, **settings)
    try:
        yield made
    finally:
        made.close()
