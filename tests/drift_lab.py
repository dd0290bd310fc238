"""Accounts of an organization whose declared teams a whole gatepass compares with AWS; time is virtual, AWS simulated.

What the job engine does in a thread of some process, `process(...)` does at once: a process may be "killed" in the
middle of a write, and another goes on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from tests.crash.jobs_lab import IDENTITY, MANAGEMENT, WAY_IN, numbers, world
from tests.installation import EXAMPLE

from gatepass.app.build import build
from gatepass.app.drift import EstateDrift
from gatepass.app.health import LoggedAlarms
from gatepass.app.settings import Settings
from gatepass.aws.accounts import AccountReach, Accounts
from gatepass.desk import Caller
from gatepass.engine.jobs.declared import compiled_drift
from gatepass.engine.jobs.drift import TeamsDrift, last_report
from gatepass.engine.jobs.drift_schedule import DriftSchedule
from gatepass.engine.jobs.loop import Due, JobLoop, Pace
from gatepass.engine.messages import Messages
from gatepass.estate.model import Estate
from gatepass.estate.reading.loader import load
from gatepass.estate.reading.sources import read_sources
from gatepass.notify import DriftNotifier
from gatepass.sim import root_credential, session
from gatepass.sim.iam.state import Role
from gatepass.sim.worlds.of_seeds import ACCESS_KEY
from gatepass.teams.applying.calls import Calls
from gatepass.teams.applying.entering import calls_for
from gatepass.teams.applying.running import apply_plan, plan_live
from gatepass.teams.drift.differences import Report
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Options
from gatepass.testing.clock import VirtualClock

ADMIN = Caller("cleo", "test")
A, B, C = numbers(3).values()
STRANGER = "arn:aws:iam::999999999999:root"
EVERY = timedelta(hours=6)


class Killed(BaseException):
    """The process ends here."""


def declared() -> dict[str, Any]:
    """A team, a role of it in three accounts, and one that is enforced in the first two."""
    accounts = {"many-management": {"id": MANAGEMENT, "management": True}, "identity": IDENTITY, **numbers(3)}
    said = {
        "identity_account": "identity",
        "apply_role": WAY_IN,
        "accounts": accounts,
        "teams": {"platform": {"policies": ["team_role_access"]}},
        "roles": {
            "deployer": {"accounts": list(numbers(3)), "trusted_teams": ["platform"]},
            "guarded": {"accounts": ["a000", "a001"], "trusted_teams": ["platform"], "enforce": True},
        },
    }
    return {"organizations": {"many": said}}


def estate(teams: Mapping[str, Any] | None = None, **drift: Any) -> Estate:
    """The example's estate, which watches its teams."""
    watch = {"drift": {"every": "6h", **drift}}
    files = {"watch.yaml": json.dumps(watch), "teams/teams.yaml": json.dumps(teams or declared())}
    return load({**read_sources(EXAMPLE), **files})


class Inline:
    """Fills the job engine: what it is given is done before it answers."""

    def __init__(self, work: TeamsDrift) -> None:
        self.work = work
        self.done: list[str] = []

    def enqueue(self, due: Iterable[Due]) -> None:
        for each in due:
            self.work(each.job, each.phase, each.item)
            self.done.append(f"{each.phase}/{each.item}")

    def broken(self, ids: Collection[str]) -> set[str]:
        return set()

    def holders(self) -> set[str]:
        return set()

    def resume(self, executor: str) -> int:
        return 0

    def forget(self, before: datetime) -> int:
        return 0

    def stop(self) -> None:
        """Nothing runs."""


class Dying:
    """Calls of a process that is killed once it has done so many writes."""

    def __init__(self, calls: Calls, writes: int) -> None:
        self.calls, self.left = calls, writes

    def identity(self) -> str:
        return self.calls.identity()

    def call(self, account_id: str, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        writes = not operation.startswith(("Get", "List", "Describe"))
        if writes and not self.left:
            raise Killed
        self.left -= writes
        return self.calls.call(account_id, service, operation, **params)


class DriftLab:
    """One installation, everything applied."""

    def __init__(self, folder: Path, **drift: Any) -> None:
        self.clock = VirtualClock()
        self.alarms = LoggedAlarms()
        self.sim = world(folder, 3, clock=self.clock)
        self.own = session(self.sim, self.sim.world.credentials[ACCESS_KEY])
        self.parts = build(Settings(data_dir=folder), clock=self.clock, source=self.own, exclusive=False)
        self.store = self.parts.store
        self.estate = estate(**drift)
        self.parts.applying.apply("test", self.estate)
        self._apply_teams()
        self.first = self.process("w1")
        self.told: list[str] = []
        self.posted: list[dict[str, Any]] = []

    def _apply_teams(self) -> None:
        assert self.estate.drift is not None
        compiled = compiled_drift(self.estate.drift)
        calls = self.enter(compiled, "")
        plan = plan_live(calls, self.clock, compiled, Options(estate="many", adopt=True))
        report = apply_plan(calls, self.clock, compiled, plan)
        assert report.is_complete, report

    def enter(self, compiled: Compiled, role: str) -> Calls:
        return calls_for(compiled, self.clock, source=self.own, apply_role=role)

    def process(self, name: str, *, dies_after: int | None = None) -> JobLoop:
        """A server or worker with a schedule of its own; or one that dies in the middle of a repair."""

        def enter(compiled: Compiled, role: str) -> Calls:
            calls = self.enter(compiled, role)
            return calls if dies_after is None else Dying(calls, dies_after)

        drift = EstateDrift(self.parts.book)
        work = TeamsDrift(self.store, self.clock, name, drift.declared, enter)
        schedule = DriftSchedule(self.store, self.clock, drift.watched, self.alarms)
        runner = Inline(work)
        return JobLoop(
            self.store, self.clock, name, lambda: runner, Pace(), shared=False, schedule=schedule.once
        )

    def rounds(self, loop: JobLoop | None = None) -> None:
        """All rounds until nothing is open, and all messages."""
        loop = loop or self.first
        for _ in range(20):
            if loop.once() == 0:
                break
        self.messages()

    def messages(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            self.posted.append(json.loads(request.content))
            return httpx.Response(200)

        notifier = DriftNotifier(
            self.store,
            self.clock,
            self.parts.book,
            alarms=self.told.append,
            slack=lambda to, words: self.told.append(f"{to}: {words}"),
            mail=None,
            web=httpx.Client(transport=httpx.MockTransport(answer)),
            secret=lambda reference: "key",
        )
        Messages(self.store, self.clock, self.parts.engine.core.settings, notifier).once()

    def after(self, length: timedelta = EVERY, loop: JobLoop | None = None) -> str:
        """What is told in the rounds after this time has passed."""
        before = len(self.told)
        self.clock.advance(length)
        self.rounds(loop)
        return "\n".join(self.told[before:])

    # -- the world

    def by_hand(self, account: str, operation: str, **params: Any) -> Mapping[str, Any]:
        """A call of IAM by the account's own administrator."""
        own = session(self.sim, root_credential(self.sim.world, account))
        return Accounts(AccountReach, self.clock, source=own).call(account, "iam", operation, **params)

    def let_in(self, account: str, role: str, who: str = STRANGER) -> None:
        """Somebody widens a role's trust in the console."""
        statement = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:AssumeRole"}
        held = json.loads(json.dumps(self.trust(account, role)))
        held["Statement"] = [*held["Statement"], statement]
        document = json.dumps(held)
        self.by_hand(account, "UpdateAssumeRolePolicy", RoleName=role, PolicyDocument=document)

    def put_back(self, account: str, role: str, document: Any) -> None:
        self.by_hand(account, "UpdateAssumeRolePolicy", RoleName=role, PolicyDocument=json.dumps(document))

    def role(self, account: str, name: str) -> Role:
        return self.sim.world.iam_of(account).roles[name.lower()]

    def trust(self, account: str, role: str) -> Any:
        return self.by_hand(account, "GetRole", RoleName=role)["Role"]["AssumeRolePolicyDocument"]

    def held(self) -> dict[str, dict[str, Role]]:
        """Every role there is, to put all back by."""
        return {number: deepcopy(self.sim.world.iam_of(number).roles) for number in (A, B, C, IDENTITY)}

    def put_back_all(self, held: Mapping[str, Mapping[str, Role]]) -> None:
        for number, roles in held.items():
            now = self.sim.world.iam_of(number).roles
            now.clear()
            now.update(deepcopy(dict(roles)))

    def forget_what_was_told(self) -> None:
        self.told.clear()
        self.posted.clear()

    # -- what is known

    def report(self) -> Report:
        with self.store.read() as view:
            found = last_report(view)
        assert found is not None
        return found[1]

    def jobs(self) -> list[str]:
        """The ids of all looks that were asked for, in order."""
        return [entry["job"] for entry in self.audit("job.asked")]

    def audit(self, kind: str) -> list[dict[str, Any]]:
        lines = self.parts.office.export(ADMIN)
        bodies = [json.loads(json.loads(line)["body"]) for line in lines]
        return [body["fields"] for body in bodies if body["kind"] == kind]

    def close(self) -> None:
        self.parts.close()
