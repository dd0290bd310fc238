"""A teams plan over many accounts on a whole gatepass: real workers as processes, a simulated AWS in this one."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.crash.crash_lab import EXAMPLE, _lead_to
from tests.waiting import LONG

from gatepass.app.build import Installation, build
from gatepass.app.keys import Keys
from gatepass.app.serve import serve, work
from gatepass.app.settings import Settings
from gatepass.cli.teams.server import body_of
from gatepass.clock import Clock, SystemClock
from gatepass.estate.reading.sources import load_directory
from gatepass.sim import Settings as SimSettings
from gatepass.sim import Simulator, session, two_tenants
from gatepass.sim import build as build_world
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, HOST
from gatepass.teams.applying.entering import calls_for
from gatepass.teams.applying.running import PlanFile, plan_live, write_plan
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.planning.plan import Options

Json = dict[str, Any]
WAY_IN = "OrganizationAccountAccessRole"
MANAGEMENT = "600000001000"
IDENTITY = "600000001001"
FORMER = f"arn:aws:iam::{IDENTITY}:role/former"
"""A team that loses its way into the accounts where the role was before."""
DEAD_AFTER = timedelta(seconds=5)

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.crash.crash_lab", "tests.crash.jobs_lab"])


def numbers(count: int) -> dict[str, str]:
    """Names and ids of the accounts the plan goes over."""
    return {f"a{number:03}": str(600000000000 + number) for number in range(count)}


def world(folder: Path, count: int, held_before: Sequence[str] = (), clock: Clock | None = None) -> Simulator:
    """The seeds' tenants, and an organization of `count` accounts that gatepass's host may enter. In `held_before` a
    role of the wanted name exists that lets somebody else in."""
    keys = Keys.open(Settings(data_dir=folder).key)
    estate = load_directory(EXAMPLE)
    external = {name: keys.external_id(o.connector.instance_arn) for name, o in estate.organizations.items()}
    described = two_tenants(external)
    accounts = {"identity": IDENTITY, **numbers(count)}
    managed = ["arn:aws:iam::aws:policy/AdministratorAccess"]
    root = f"arn:aws:iam::{HOST}:root"
    described["organizations"].append(
        {
            "id": "o-many000000",
            "root": "r-many",
            "management": {"id": MANAGEMENT, "name": "many-management"},
            "accounts": [{"id": number, "name": name} for name, number in accounts.items()],
        }
    )
    described["roles"] += [
        {"account": number, "name": WAY_IN, "trusted_by": root, "managed": managed}
        for number in accounts.values()
    ]
    described["roles"] += [
        {"account": number, "name": "deployer", "trusted_by": FORMER} for number in held_before
    ]
    return build_world(described, clock or SystemClock(), SimSettings(rates={}, operation_seconds=0))


def planned(folder: Path, sim: Simulator, count: int) -> Json:
    """What `gatepass teams apply --server` would send: two teams, and a role of one of them in every account."""
    said = {
        "identity_account": "identity",
        "apply_role": WAY_IN,
        "accounts": {
            "many-management": {"id": MANAGEMENT, "management": True},
            "identity": IDENTITY,
            **numbers(count),
        },
        "teams": {name: {"policies": ["team_role_access"]} for name in ("former", "platform")},
        "roles": {"deployer": {"accounts": list(numbers(count)), "trusted_teams": ["platform"]}},
    }
    declared = folder / "teams.yaml"
    declared.write_text(json.dumps({"organizations": {"many": said}}), encoding="utf-8")
    wanted = Wanted((declared,))
    compiled = compile_wanted(wanted)
    assert not compiled.faults, compiled.faults
    clock, options = SystemClock(), Options(estate="many", adopt=True)
    own = session(sim, sim.world.credentials[ACCESS_KEY])
    plan = plan_live(calls_for(compiled, clock, source=own), clock, compiled, options)
    assert not plan.unread, plan.unread
    kept = folder / "plan.json"
    write_plan(kept, plan, compiled, PlanFile(wanted, options, clock.now()))
    return body_of(kept)


def settings(folder: Path, url: str = "") -> Settings:
    return Settings(data_dir=folder, database_url=url, port=0, dead_after=DEAD_AFTER, job_threads=8)


def installation(folder: Path, sim: Simulator, url: str = "") -> Installation:
    """A whole gatepass in this process, the example's estate applied: cleo is its admin."""
    own = session(sim, sim.world.credentials[ACCESS_KEY])
    made = build(settings(folder, url), source=own, exclusive=False)
    made.applying.apply("test", load_directory(EXAMPLE))
    return made


def _run_worker(chosen: Settings, aws: str) -> None:
    _lead_to(aws)
    if chosen.database_url:
        work(chosen, say=lambda words: None)
    else:  # on SQLite the server is the one process there is
        serve(chosen, EXAMPLE, say=lambda words: None)


@contextmanager
def workers(folder: Path, aws: str, url: str, count: int = 2) -> Iterator[list[BaseProcess]]:
    """`gatepass worker` as processes (on SQLite the server itself), ended by force at the end."""
    chosen = replace(settings(folder, url))
    running = [_CONTEXT.Process(target=_run_worker, args=(chosen, aws), daemon=True) for _ in range(count)]
    for process in running:
        process.start()
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.join(LONG)
