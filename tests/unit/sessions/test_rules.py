"""Who may have a session (S-32), and what happens when the machine has slept (S-29)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import GATEWAY, Tables, run

from gatepass.sessions.agent.peer import Peer
from gatepass.sessions.agent.service import Service
from gatepass.sessions.errors import Denied, Locked, NeedsHuman
from gatepass.sessions.paths import Paths
from gatepass.sessions.shown import Shown

Write = Callable[[Tables], None]
ME = Peer(os.geteuid(), os.getpid())
PYTHON = os.path.realpath(sys.executable)


class Yes:
    present, headless = True, True

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, kind: str, text: str, command: str) -> str:
        self.asked.append(text)
        return "yes"

    async def show(self, shown: Shown) -> None:
        raise AssertionError("nothing to show")


def test_s32_allow_names_the_programs_that_may_have_it(service: Service, write: Write, paths: Paths) -> None:
    write({("session", "gateway"): {**GATEWAY, "allow": ["/opt/*/terraform"]}})
    with pytest.raises(Denied, match=f"is for /opt/\\*/terraform only; this is {PYTHON}"):
        run(service.payload("gateway", ME))
    assert json.loads(paths.audit.read_text().splitlines()[-1])["event"] == "refused"
    write({("session", "gateway"): {**GATEWAY, "allow": ["/opt/*/terraform", PYTHON]}})
    run(service.payload("gateway", ME))


def test_s32_a_parent_decides_too_and_is_in_the_log(service: Service, write: Write, paths: Paths) -> None:
    parent = os.readlink(f"/proc/{os.getppid()}/exe")
    write({("session", "gateway"): {**GATEWAY, "allow": [parent]}})
    run(service.payload("gateway", ME))
    issued = [json.loads(line) for line in paths.audit.read_text().splitlines() if '"issued"' in line]
    if issued:  # noted after the answer, when the loop had time for it
        assert issued[0]["parents"][0] == parent


def test_s32_confirm_needs_a_yes_and_refuses_when_nobody_is_there(service: Service, write: Write) -> None:
    write({("session", "gateway"): {**GATEWAY, "confirm": ["*"]}})
    with pytest.raises(NeedsHuman, match="gatepass session watch --confirm"):
        run(service.payload("gateway", ME))
    person = Yes()
    service.present.append(person)
    run(service.payload("gateway", ME))
    run(service.payload("gateway", ME))
    assert len(person.asked) == 1
    assert PYTHON in person.asked[0]


def test_s32_confirm_spares_other_programs(service: Service, write: Write) -> None:
    write({("session", "gateway"): {**GATEWAY, "confirm": ["/opt/terraform"], "prod": True}})
    service.present.append(Yes())
    run(service.payload("gateway", ME))
    assert not service.present[0].asked  # type: ignore[attr-defined]


def test_s29_lock_on_sleep_is_optional(service: Service, paths: Paths) -> None:
    run(service.payload("gateway", ME))
    service.woke()
    assert service.keeper.entries
    text = paths.workspace.read_text()
    paths.workspace.write_text(text.replace("[settings]\n", "[settings]\nlock_on_sleep = true\n"))
    service.woke()
    assert not service.keeper.entries
    with pytest.raises(Locked):
        run(service.payload("gateway", ME))
    assert not Path(paths.socket).exists()
