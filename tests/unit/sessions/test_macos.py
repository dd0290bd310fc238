"""H6: the laptop side on a stand-in for macOS (`as_macos`): a story through real processes whose system names users by
`LOCAL_PEERCRED` and processes by `libproc`, and has no `/proc`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import GATEWAY_KEY, GATEWAY_SECRET
from tests.unit.sessions.fake_aws import FakeAws
from tests.unit.sessions.stand_ins import ROLE, StandIn, at_home, codes


@pytest.fixture
def machine(short_tmp: Path) -> Iterator[StandIn]:
    made = StandIn("as_macos.py", "darwin", {**at_home(short_tmp / "dana"), "TMPDIR": str(short_tmp / "t")})
    yield made
    made.end()


def test_h6_a_whole_story_with_rules_for_programs(machine: StandIn, fake: FakeAws) -> None:
    """S-31, S-32: the agent's socket below TMPDIR; `allow` names programs, the audit log has them and their parents."""
    python = os.path.realpath(sys.executable)
    machine.workspace(fake)
    told = machine.story(
        (["vault", "init", "--provider", "keyfile", "--key-file", f"{machine.env['HOME']}/keys/key"], None),
        (["session", "add", "gateway", "iam-user"], f"{GATEWAY_KEY}\n{GATEWAY_SECRET}\n"),
        (["session", "add", "dev", "role", *ROLE, f"allow={python}"], None),
        (["session", "add", "shut", "role", *ROLE, "allow=/opt/terraform"], None),
        (["session", "add", "asked", "role", *ROLE, "confirm=*/python*"], None),
        (["profiles", "install"], None),
        (["status"], None),
        (["endpoint", "dev", "--imds"], None),
    )
    assert codes(told) == ["0"] * 7 + ["2"], told
    assert "every user of the machine" in told
    assert machine.run.parent == Path(machine.env["TMPDIR"])
    made = machine.launcher("dev")
    assert json.loads(made.stdout)["Version"] == 1, made.stderr
    refused = machine.launcher("shut")
    assert f"is for /opt/terraform only; this is {python}" in refused.stderr
    assert "must be confirmed and nobody is there" in machine.launcher("asked").stderr
    events = [json.loads(line) for line in (machine.state / "audit.jsonl").read_text().splitlines()]
    issued = next(event for event in events if event["event"] == "issued")
    assert (issued["exe"], issued["parents"][0]) == (python, python)
