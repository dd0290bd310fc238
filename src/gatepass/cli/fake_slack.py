"""The demo with a fake Slack beside it: everybody of the estate is in the workspace, linked, and can be played."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gatepass.app.build import Installation
from gatepass.app.demo import serve_demo
from gatepass.app.settings import Settings
from gatepass.estate.model import ADMINS
from gatepass.estate.reading.sources import load_directory
from gatepass.testing.slack import FakeSlack
from gatepass.testing.slack_server import SlackServer

CHANNEL = "access"


def serve_with_slack(settings: Settings, estate_path: Path, *, say: Callable[[str], None]) -> None:
    """Serve the demo with a fake Slack over Socket Mode. Blocks."""
    slack = FakeSlack()
    people = load_directory(estate_path).people
    users = {person: slack.add_user(_user(person), person, each.email) for person, each in people.items()}
    slack.add_channel("C0GENERAL", "general", *users.values())
    slack.add_channel("C0ACCESS", CHANNEL, *users.values())
    os.environ.update(FAKE_SLACK_BOT=slack.bot_token, FAKE_SLACK_APP=slack.app_token)

    def link(installation: Installation) -> None:
        admins = [p.id for p in people.values() if ADMINS.includes(p)]
        with installation.store.write() as tx:
            for person, user in users.items():
                by = admins[0] if admins else "demo"
                tx.people.replace_identity(person, "slack", slack.team, user, by)

    with SlackServer(slack) as server:
        settings = replace(
            settings,
            slack_bot_token="env:FAKE_SLACK_BOT",  # noqa: S106  # a reference
            slack_app_token="env:FAKE_SLACK_APP",  # noqa: S106
            slack_team=slack.team,
            slack_url=server.api_url,
            slack_channel=f"#{CHANNEL}",
        )
        say(f"fake Slack on {server.url}")
        serve_demo(settings, estate_path, say=say, before=link)


def _user(person: str) -> str:
    return "U0" + "".join(c for c in person.upper() if c.isalnum())
