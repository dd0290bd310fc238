"""Issue 4, H4: how soon Slack's clicks are acknowledged at 50 a second, with the database slowed by 300 ms.

A real server on PostgreSQL, a fake Slack beside it; the clicks are signed deliveries sent at an even rate from another
process, each timed from when it was due. Slowed: every round trip to the database takes 300 ms longer, the check for
replays included.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from bench._load import generate
from bench._serving import Servers, serving
from bench._slow import SlowWay, slow_way
from bench.figure import Figure, p50
from bench.store import _postgresql
from gatepass.testing.slack import FakeSlack
from gatepass.testing.slack_hands import sign
from gatepass.testing.slack_server import SlackServer

RATE, SECONDS = 50, 10
SLOWER = 0.3


def figures() -> Iterator[Figure]:
    """About fifteen seconds for each of two runs."""
    slack = FakeSlack()
    slack.add_user("U0BEN", "ben")
    with (
        SlackServer(slack) as fake,
        _postgresql() as database,
        slow_way(database) as (way, url),
        tempfile.TemporaryDirectory() as folder,
        serving(0, 1, url, _settings(slack, fake, Path(folder))) as servers,
    ):
        _link(servers, slack)
        _click(servers, slack, "warm", 2)
        for name, slower in (("database as it is", 0.0), ("database slowed by 300 ms", SLOWER)):
            yield from _measured(servers, slack, way, name, slower)


def _measured(servers: Servers, slack: FakeSlack, way: SlowWay, name: str, slower: float) -> Iterator[Figure]:
    way.delay, before = slower, way.messages
    try:
        lasted, wrong = _click(servers, slack, name, SECONDS)
    finally:
        way.delay = 0.0
    yield Figure(f"acknowledged, {name}: p50", p50(lasted), "ms")
    yield Figure(f"acknowledged, {name}: p99", lasted[int(len(lasted) * 0.99)], "ms", 1000.0, "allowed")
    yield Figure(f"not acknowledged, {name}", wrong, f"of {RATE * SECONDS}")
    yield Figure(f"messages to the database meanwhile, {name}", way.messages - before, "")


def _settings(slack: FakeSlack, fake: SlackServer, folder: Path) -> dict[str, str]:
    (folder / "bot").write_text(slack.bot_token)
    (folder / "key").write_text(slack.signing_secret)
    return {
        "GATEPASS_SLACK_BOT_TOKEN": f"file:{folder}/bot",
        "GATEPASS_SLACK_SIGNING_SECRET": f"file:{folder}/key",
        "GATEPASS_SLACK_TEAM": slack.team,
        "GATEPASS_SLACK_URL": fake.api_url,
    }


def _link(servers: Servers, slack: FakeSlack) -> None:
    answer = httpx.put(
        f"{servers.urls[0]}/v1/people/ben/identities",
        json={"service": "slack", "external_id": slack.team, "identity": "U0BEN"},
        headers={"Authorization": f"Bearer {servers.admin}"},
        timeout=60,
    )
    answer.raise_for_status()


def _click(servers: Servers, slack: FakeSlack, series: str, seconds: int) -> tuple[list[float], int]:
    posts = [_press(slack, f"{series} {number}") for number in range(RATE * seconds)]
    outcome = generate(list(servers.urls), RATE, seconds, posts, 200)
    return outcome.lasted, sum(outcome.wrong.values())


def _press(slack: FakeSlack, stamp: str) -> dict[str, Any]:
    action = {
        "type": "button",
        "action_id": "gatepass:approve",
        "value": "r23456789abcd:1",
        "action_ts": stamp,
    }
    payload = {
        "type": "block_actions",
        "team": {"id": slack.team},
        "user": {"id": "U0BEN", "team_id": slack.team},
        "trigger_id": slack.trigger(),
        "container": {"type": "message", "message_ts": stamp, "channel_id": "C0"},
        "actions": [action],
    }
    body = urlencode({"payload": json.dumps(payload)})
    return {"path": "/slack/events", "headers": sign(slack, body.encode()), "body": body}
