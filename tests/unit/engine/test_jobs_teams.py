"""The steps of applying teams, without DBOS: repeated, broken off in the middle of a change, met by others' edits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.crash.jobs_lab import IDENTITY, Json, planned, world

from gatepass.clock import SystemClock
from gatepass.engine.jobs.teams import Opened, Sent, apply_account, opened
from gatepass.sim import Simulator, session
from gatepass.sim.worlds.of_seeds import ACCESS_KEY
from gatepass.teams.applying.apply import Manner, Written
from gatepass.teams.applying.calls import Calls
from gatepass.teams.applying.entering import calls_for


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Lab:
    """A plan over a few accounts."""

    sim: Simulator
    sent: Json
    plan: Opened
    calls: Calls

    def apply(
        self, item: str, heard: Callable[[Written], None] = lambda written: None, phase: int = 1
    ) -> dict[str, Any]:
        manner = Manner(audit=heard)
        return apply_account(self.plan, self.calls, SystemClock(), (phase, item), manner)

    def writes(self) -> list[str]:
        return [
            record.operation for record in self.sim.calls if record.operation.startswith(("Create", "Put"))
        ]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    sim = world(tmp_path, 3)
    sent = planned(tmp_path, sim, 3)
    plan = opened(Sent(sent["plan"], sent["files"]))
    own = session(sim, sim.world.credentials[ACCESS_KEY])
    return Lab(sim, sent, plan, calls_for(plan.compiled, SystemClock(), source=own))


def test_h2_a_step_that_runs_again_finds_everything_done(lab: Lab) -> None:
    first = lab.apply("600000000000")
    assert first["complete"]
    before = lab.writes()
    again = lab.apply("600000000000")
    assert again["complete"]
    assert again["writes"] == 0
    assert [result["outcome"] for result in again["results"]] == ["unchanged"]
    assert lab.writes() == before


def test_h3_killed_between_two_writes_of_one_change_it_is_finished_not_stale(lab: Lab) -> None:
    seen: list[str] = []

    def heard(written: Written) -> None:
        seen.append(written.operation)
        if written.operation == "CreateRole":
            raise Killed

    with pytest.raises(Killed):
        lab.apply(IDENTITY, heard)
    assert seen[-1] == "CreateRole"
    answer = lab.apply(IDENTITY)
    assert answer["complete"], answer
    created = [r for r in lab.sim.calls if r.operation == "CreateRole" and r.outcome == "ok"]
    names = [record.params["RoleName"] for record in created]
    assert len(names) == len(set(names))


def test_t76_what_somebody_else_made_since_the_plan_is_left_alone(lab: Lab) -> None:
    service = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [service]}
    lab.calls.call(
        "600000000001",
        "iam",
        "CreateRole",
        RoleName="deployer",
        AssumeRolePolicyDocument=json.dumps(trust),
    )
    answer = lab.apply("600000000001")
    assert not answer["complete"]
    assert [result["outcome"] for result in answer["results"]] == ["stale"]
    assert answer["writes"] == 0


def test_t86_an_account_that_cannot_be_entered_is_an_answer(lab: Lab) -> None:
    lab.sim.set_faults([{"operation": "AssumeRole", "do": "deny"}])
    answer = lab.apply("600000000002")
    assert not answer["complete"]
    assert answer["results"][0]["outcome"] == "failed"
    assert answer["results"][0]["reason"]


def test_a_team_that_cannot_be_made_stops_what_comes_after_everywhere(lab: Lab) -> None:
    lab.sim.set_faults([{"operation": "CreateRole", "do": "deny"}])
    assert lab.apply(IDENTITY)["stops"]
    assert not lab.apply("600000000002")["stops"]


def test_the_same_plan_is_the_same_job_and_another_is_another(lab: Lab) -> None:
    sent = Sent(lab.sent["plan"], lab.sent["files"])
    assert sent.digest == Sent({**lab.sent["plan"], "ways": ["x"]}, {}).digest
    assert sent.digest != Sent({**lab.sent["plan"], "made_at": "2026-01-01T00:00:00Z"}, {}).digest
