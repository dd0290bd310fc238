"""H3: a plan over many accounts, two workers, one killed in the middle: it finishes, and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import DatabaseMaker

from gatepass.clock import SystemClock
from gatepass.sim import Settings, Simulator, build
from gatepass.sim.server import SimServer

GATEPASS = str(Path(sys.executable).parent / "gatepass")
MANAGEMENT = "222222222222"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def _accounts(count: int) -> dict[str, str]:
    return {f"a{number:03}": str(300000000000 + number) for number in range(count)}


def _world(count: int) -> Simulator:
    accounts = {"identity": "111111111111", **_accounts(count)}
    root = f"arn:aws:iam::{MANAGEMENT}:root"
    roles = [
        {"account": number, "name": "OrganizationAccountAccessRole", "trusted_by": root, "managed": [ADMIN]}
        for number in accounts.values()
    ]
    described = {
        "organizations": [
            {
                "id": "o-many000000",
                "root": "r-many",
                "management": {"id": MANAGEMENT, "name": "management"},
                "accounts": [{"id": number, "name": name} for name, number in accounts.items()],
            }
        ],
        "roles": roles,
        "users": [
            {
                "account": MANAGEMENT,
                "name": "op",
                "access_key": "AKIAOPERATOR00000000",
                "secret": "s",
                "managed": [ADMIN],
            }
        ],
    }
    return build(described, SystemClock(), Settings(rates={}))


def _estate(folder: Path, count: int) -> Path:
    said = {
        "identity_account": "identity",
        "apply_role": "OrganizationAccountAccessRole",
        "accounts": {
            "management": {"id": MANAGEMENT, "management": True},
            "identity": "111111111111",
            **_accounts(count),
        },
        "teams": {"admin": {"policies": ["team_role_access"]}},
        "roles": {
            "terraform": {
                "accounts": list(_accounts(count)),
                "trusted_teams": ["admin"],
                "policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            }
        },
    }
    path = folder / "teams.yaml"
    path.write_text(json.dumps({"organizations": {"many": said}}))
    return path


def _environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAOPERATOR00000000",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _made(sim: Simulator) -> int:
    return sum("terraform" in account.roles for account in sim.world.iam.values())


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("count", [12, pytest.param(200, marks=pytest.mark.long)])
def test_a_killed_workers_accounts_are_finished_by_the_other_and_nothing_is_done_twice(
    count: int, postgres_database: DatabaseMaker, tmp_path: Path
) -> None:
    sim, estate, database = _world(count), _estate(tmp_path, count), postgres_database()
    plan = tmp_path / "plan.json"
    with SimServer(sim) as server:
        environment = _environment(server.url)

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [GATEPASS, "teams", *words], env=environment, capture_output=True, text=True
            )

        planned = run("plan", str(estate), "--out", str(plan))
        assert planned.returncode == 0, planned.stderr
        share = [GATEPASS, "teams", "apply", str(plan), "--database", database]
        share += ["--dead-after", "2", "--output", "json"]
        with (tmp_path / "one.log").open("wb") as log:
            killed = subprocess.Popen(
                [*share, "--audit", str(tmp_path / "one")], env=environment, stdout=log, stderr=log
            )
        _until(lambda: _made(sim) >= count // 4, 60, tmp_path / "one.log")
        other = subprocess.Popen(
            [*share, "--audit", str(tmp_path / "two")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        out, err = other.communicate(timeout=240)
        assert other.returncode == 0, err + out
        answers = json.loads(out)["accounts"]
        assert sum(1 for answer in answers.values() if answer["complete"]) == len(answers) >= count + 1
        assert "no changes" in run("plan", str(estate)).stdout
    assert _made(sim) == count
    created = Counter(
        (record.account, record.params["RoleName"])
        for record in sim.calls
        if record.operation == "CreateRole" and record.outcome == "ok"
    )
    assert set(created.values()) == {1}  # nothing twice


def _until(holds: Any, seconds: float, log: Path) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.05)
