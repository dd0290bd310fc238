"""H3: kill -9 in the middle of 200 accounts on two workers; the other finishes, and nothing is done twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.crash.jobs_lab import WAY_IN, Json, installation, numbers, planned, workers, world
from tests.postgres import DatabaseMaker
from tests.waiting import LONG, until

from gatepass.app.build import Installation
from gatepass.desk import Caller
from gatepass.sim import Simulator
from gatepass.sim.server import SimServer

BEFORE = [f"6000000000{number:02}" for number in range(5)]
ADMIN = Caller("cleo", "test")


def _writes(sim: Simulator, operation: str) -> list[tuple[int, str, str]]:
    """Place in the log, account and role of every write of this kind that AWS did."""
    return [
        (place, str(record.account), str(record.params["RoleName"]))
        for place, record in enumerate(sim.calls)
        if record.operation == operation and record.outcome == "ok"
    ]


@pytest.mark.postgres
@pytest.mark.parametrize("count", [12, pytest.param(200, marks=pytest.mark.long)])
def test_h3_killed_in_the_middle_the_other_worker_finishes_and_nothing_is_done_twice(
    count: int, tmp_path: Path, postgres_database: DatabaseMaker
) -> None:
    url, sim = postgres_database(), world(tmp_path, count, BEFORE)
    sent = planned(tmp_path, sim, count)
    parts = installation(tmp_path, sim, url)
    with SimServer(sim) as server:
        job = parts.applies.start(ADMIN, sent["plan"], sent["files"])
        assert job["progress"] == {"done": 0, "whole": count + 1 + len(BEFORE)}
        with workers(tmp_path, server.url, url) as running:
            until(lambda: len(_writes(sim, "CreateRole")) >= count // 4)
            running[0].kill()
            running[0].join()
            until(lambda: _shown(parts, job)["state"] == "ended", 2 * LONG)
    shown = _shown(parts, job)
    parts.close()
    assert shown["complete"], [account for account in shown["accounts"] if not account["complete"]]
    # nothing twice
    created, moved = _writes(sim, "CreateRole"), _writes(sim, "UpdateAssumeRolePolicy")
    assert set(Counter((account, role) for _, account, role in created).values()) == {1}
    assert set(Counter((account, role) for _, account, role in moved).values()) == {2}  # in, then out
    assert {account for _, account, _ in created} | set(BEFORE) >= set(numbers(count).values())
    # grants everywhere before the first revocation anywhere (T-79)
    assert {account for _, account, _ in moved} == set(BEFORE)
    revoked = {account: place for place, account, _ in moved}  # the second of each
    granted = [place for place, account, _ in (*created, *moved) if place != revoked.get(account)]
    assert max(granted) < min(revoked.values())
    # nobody is ever without a way in: no call touches it
    touching = [record for record in sim.calls if record.params.get("RoleName") == WAY_IN]
    assert {record.operation for record in touching} <= {"GetRole", "ListRoleTags"}
    for account in numbers(count).values():
        assert any(role.name == WAY_IN for role in sim.world.iam_of(account).roles.values())


def test_h3_killed_on_sqlite_the_next_start_goes_on(tmp_path: Path) -> None:
    count = 12
    sim = world(tmp_path, count)
    sent = planned(tmp_path, sim, count)
    parts = installation(tmp_path, sim)
    with SimServer(sim) as server:
        job = parts.applies.start(ADMIN, sent["plan"], sent["files"])
        with workers(tmp_path, server.url, "", 1) as running:
            until(lambda: len(_writes(sim, "CreateRole")) >= 2)
            running[0].kill()
            running[0].join()
        assert _shown(parts, job)["state"] == "running"
        with workers(tmp_path, server.url, "", 1):
            until(lambda: _shown(parts, job)["state"] == "ended", 2 * LONG)
    shown = _shown(parts, job)
    parts.close()
    assert shown["complete"], [account for account in shown["accounts"] if not account["complete"]]
    created = _writes(sim, "CreateRole")
    assert set(Counter((account, role) for _, account, role in created).values()) == {1}


def _shown(parts: Installation, job: Json) -> Json:
    return parts.applies.show(ADMIN, job["id"])
