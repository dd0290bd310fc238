from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.slack.slack_lab import SlackLab, lab

from gatepass.testing.slack import FakeSlack
from gatepass.testing.slack_server import SlackServer


@pytest.fixture(scope="session")
def slack_server() -> Iterator[SlackServer]:
    with SlackServer(FakeSlack()) as server:
        yield server


@pytest.fixture
def office(tmp_path: Path, slack_server: SlackServer) -> Iterator[SlackLab]:
    """A whole gatepass with Slack."""
    with lab(tmp_path, slack_server) as made:
        yield made
