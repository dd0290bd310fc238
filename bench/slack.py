"""Issue 4, H4: how soon Slack's clicks are acknowledged at 50 a second, with every transaction 300 ms slower.

The whole server's HTTP application on loopback, a fake Slack behind it; the clicks are real signed deliveries. Each
acknowledgement is timed from before the request to its answer.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import uvicorn

from bench.figure import Figure, p50
from gatepass.app.build import Installation, build
from gatepass.app.serve import application
from gatepass.app.settings import Settings
from gatepass.estate.sources import load_directory
from gatepass.store import Store
from gatepass.testing.slack import FakeSlack
from gatepass.testing.slack_hands import sign
from gatepass.testing.slack_server import SlackServer

EXAMPLE = Path(__file__).parent.parent / "examples" / "multi-organization"
RATE, SECONDS = 50, 6
SLOWER = 0.3


def figures() -> Iterator[Figure]:
    """About ten seconds for each of two runs."""
    for name, slower in (("database as it is", 0.0), ("database slowed by 300 ms", SLOWER)):
        lasted = sorted(_run(slower))
        yield Figure(f"acknowledged, {name}: p50", p50(lasted), "ms")
        yield Figure(f"acknowledged, {name}: p99", lasted[int(len(lasted) * 0.99)], "ms", 1000.0, "allowed")


def _run(slower: float) -> list[float]:
    slack = FakeSlack()
    slack.add_user("U0BEN", "ben")
    with tempfile.TemporaryDirectory() as folder, SlackServer(slack) as server:
        (Path(folder) / "bot").write_text(slack.bot_token)
        (Path(folder) / "key").write_text(slack.signing_secret)
        settings = Settings(
            data_dir=Path(folder) / "data",
            slack_bot_token=f"file:{folder}/bot",
            slack_signing_secret=f"file:{folder}/key",
            slack_team=slack.team,
            slack_url=server.api_url,
        )
        parts = build(settings)
        try:
            parts.applying.apply("bench", load_directory(EXAMPLE))
            with parts.store.write() as tx:
                tx.people.store_identity("ben", "slack", slack.team, "U0BEN", by="bench")
            with _slowed(slower), _served(parts) as url:
                return _click(slack, url)
        finally:
            parts.close()


@contextmanager
def _slowed(seconds: float) -> Iterator[None]:
    """Every transaction of the process takes so much longer."""
    read, write = Store.read, Store.write

    def later(begin: Any) -> Any:
        def begun(store: Store) -> Any:
            time.sleep(seconds)
            return begin(store)

        return begun

    Store.read, Store.write = later(read), later(write)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Store.read, Store.write = read, write  # type: ignore[method-assign]


@contextmanager
def _served(parts: Installation) -> Iterator[str]:
    config = uvicorn.Config(application(parts), port=0, log_level="error", access_log=False, lifespan="off")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/slack/events"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)


def _click(slack: FakeSlack, url: str) -> list[float]:
    """Clicks at an even rate, whether or not the ones before were answered; milliseconds of each."""
    with httpx.Client() as client, ThreadPoolExecutor(RATE) as hands:
        begun = time.perf_counter()
        presses = []
        for number in range(RATE * SECONDS):
            time.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            presses.append(hands.submit(_press, client, slack, url, number))
        return [each.result() for each in presses]


def _press(client: httpx.Client, slack: FakeSlack, url: str, number: int) -> float:
    action = {
        "type": "button",
        "action_id": "gatepass:approve",
        "value": "r23456789abcd:1",
        "action_ts": str(number),
    }
    payload = {
        "type": "block_actions",
        "team": {"id": slack.team},
        "user": {"id": "U0BEN", "team_id": slack.team},
        "trigger_id": slack.trigger(),
        "container": {"type": "message", "message_ts": f"{number}.1", "channel_id": "C0"},
        "actions": [action],
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    headers = sign(slack, body)
    begun = time.perf_counter()
    answer = client.post(url, content=body, headers=headers, timeout=10)
    lasted = (time.perf_counter() - begun) * 1000
    assert answer.status_code == 200, answer.text
    return lasted
