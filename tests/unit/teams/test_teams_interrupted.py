"""H3, T-76, T-83: an apply that dies after any of its writes is finished by the next, nothing twice; what somebody else
changed in the meantime is still left alone. On a laptop (the same plan file, or a new plan) and as a server's job."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gatepass.cli.teams.server import body_of
from gatepass.engine.jobs.teams import Sent, apply_account, opened
from gatepass.sim import Settings, Simulator, build, session
from gatepass.teams.applying.apply import Manner, Outcome, Report
from gatepass.teams.applying.calls import Calls
from gatepass.teams.applying.entering import calls_for
from gatepass.teams.applying.running import PlanFile, apply_file, apply_plan, plan_live, read_plan, write_plan
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.kinds.kind import REVOKED
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Action, Options
from gatepass.testing.clock import VirtualClock

MANAGEMENT, IDENTITY, DEV = "222222222222", "111111111111", "333333333333"
ADMIN, READ = "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/ReadOnlyAccess"
WORLD = {
    "organizations": [
        {
            "id": "o-interrupted",
            "root": "r-some",
            "management": {"id": MANAGEMENT, "name": "root"},
            "accounts": [{"id": IDENTITY, "name": "identity"}, {"id": DEV, "name": "dev"}],
            "identity_center": {
                "instance": "ssoins-7223000000000000",
                "region": "us-east-1",
                "identity_store": "d-9067000000",
                "users": [{"user_name": name, "email": f"{name}@host.example"} for name in ("ana", "ben")],
                "groups": [],
            },
        }
    ],
    "roles": [
        {"account": number, "name": "WayIn", "trusted_by": f"arn:aws:iam::{MANAGEMENT}:root", "managed": [ADMIN]}
        for number in (IDENTITY, DEV)
    ],
    "users": [
        {"account": MANAGEMENT, "name": "op", "access_key": "AKIAOPERATOR00000000", "secret": "s", "managed": [ADMIN]}
    ],
}  # fmt: skip
DECLARED: dict[str, Any] = {
    "identity_account": "identity",
    "apply_role": "WayIn",
    "accounts": {"root": {"id": MANAGEMENT, "management": True}, "identity": IDENTITY, "dev": DEV},
    "identity_center": {
        "instance_arn": "arn:aws:sso:::instance/ssoins-7223000000000000",
        "identity_store_id": "d-9067000000",
        "region": "us-east-1",
    },
}
S3 = [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]
SQS = [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]
BEFORE: dict[str, Any] = {
    "teams": {"admin": {"policies": ["team_role_access"]}, "ops": {"policies": ["team_role_access"]}},
    "policies": {"own": S3},
    "roles": {
        "deploy": {
            "accounts": ["dev"], "trusted_teams": ["admin", "ops"], "policies": [READ, "own"],
            "inline": {"a": {"Version": "2012-10-17", "Statement": S3}}, "tags": {"cost": "1", "old": "x"},
        },
        "gone": {"accounts": ["dev"], "trusted_teams": ["admin"], "policies": [READ]},
    },
    "users": {"ana": {}, "ben": {}},
    "groups": {"g": {"members": ["ana", "ben"], "assume": ["dev/Shared"]}},
    "permission_sets": {"Read": {"managed_policies": [READ], "session": "8h"}},
    "directory_groups": {"All": {"members": ["ana"]}},
    "assignments": [{"permission_set": "Read", "group": "All", "accounts": ["dev"]}],
}  # fmt: skip
AFTER: dict[str, Any] = {
    **BEFORE,
    "teams": {**BEFORE["teams"], "web": {"policies": ["team_role_access"]}},
    "policies": {"own": SQS},
    "roles": {
        "deploy": {
            "accounts": ["dev"], "trusted_teams": ["admin", "web"], "policies": [ADMIN, "own"],
            "inline": {"b": {"Version": "2012-10-17", "Statement": SQS}}, "tags": {"cost": "2", "new": "y"},
            "description": "now described", "max_session": "4h", "boundary": READ,
        },
        "fresh": {
            "accounts": ["dev"], "trusted_teams": ["web"], "policies": [READ, "own"],
            "inline": {"c": {"Version": "2012-10-17", "Statement": S3}},
        },
    },
    "users": {"ana": {}, "carl": {"policies": [READ]}},
    "groups": {
        "g": {"members": ["ana"], "assume": ["dev/Shared"]},
        "h": {"members": ["carl"], "assume": ["dev/Other"], "policies": [READ, ADMIN]},
    },
    "oidc_providers": {"github": {"account": "dev", "host": "token.actions.githubusercontent.com", "create": True}},
    "permission_sets": {
        "Read": {"managed_policies": [ADMIN], "session": "4h", "tags": {"n": "1"}},
        "Write": {"managed_policies": [ADMIN, READ], "inline": {"Version": "2012-10-17", "Statement": S3}},
    },
    "directory_groups": {"All": {"members": ["ben"]}, "Some": {"members": ["ana", "ben"]}},
    "assignments": [{"permission_set": "Write", "group": "Some", "accounts": ["dev"]}],
}  # fmt: skip
READS = ("Get", "List", "Describe", "Assume")
OPTIONS = Options(estate="acme", allow_delete=True)


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Dying:
    """Calls of a process that is killed right after a write that `last` names; then nothing gets through any more."""

    inner: Calls
    last: Callable[[str, Mapping[str, Any]], bool] = lambda operation, params: True
    dead: bool = False

    def identity(self) -> str:
        return self.inner.identity()

    def call(self, account_id: str, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        if self.dead:
            raise Killed
        answer = self.inner.call(account_id, service, operation, **params)
        if not operation.startswith(READS) and self.last(operation, params):
            self.dead = True
            raise Killed
        return answer


@dataclass
class Lab:
    """The accounts as `BEFORE` declares them, and a plan file that leads to `AFTER`."""

    folder: Path
    before: Mapping[str, Any] = field(default_factory=lambda: BEFORE)
    after: Mapping[str, Any] = field(default_factory=lambda: AFTER)
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.sim: Simulator = build(WORLD, self.clock, Settings(rates={}))
        first = self._declare(self.before)
        assert apply_plan(self.calls, self.clock, first, self._plan(first)).is_complete
        self.compiled = self._declare(self.after)
        self.path = self.folder / "plan.json"
        self.replan()
        self.begun = len(self.sim.calls)

    @property
    def calls(self) -> Calls:
        source = session(self.sim, self.sim.world.credentials["AKIAOPERATOR00000000"])
        return calls_for(self.compiled, self.clock, source=source)

    def _declare(self, said: Mapping[str, Any]) -> Compiled:
        path = self.folder / "teams.yaml"
        path.write_text(json.dumps({"organizations": {"acme": {**DECLARED, **said}}}))
        self.compiled = compile_wanted(Wanted((path,)))
        assert not self.compiled.faults, self.compiled.faults
        return self.compiled

    def _plan(self, compiled: Compiled) -> Any:
        return plan_live(self.calls, self.clock, compiled, OPTIONS)

    def replan(self) -> None:
        plan = self._plan(self.compiled)
        assert not plan.blocked, [(change.id, change.reason) for change in plan.blocked]
        options = replace(OPTIONS, leaving=plan.leaving)
        file = PlanFile(Wanted((self.folder / "teams.yaml",)), options, self.clock.now())
        write_plan(self.path, plan, self.compiled, file)

    def apply(self, calls: Calls) -> Report:
        return apply_file(calls, self.clock, read_plan(self.path), Manner(parallel=1))

    def apply_as_job(self, calls: Calls) -> bool:
        sent = body_of(self.path)
        plan = opened(Sent(sent["plan"], sent["files"]))
        places = Sent(sent["plan"], sent["files"]).items
        answers = [apply_account(plan, calls, self.clock, place, Manner()) for place in places]
        return all(answer["complete"] for answer in answers)

    def writes(self) -> list[tuple[str, str, str]]:
        """Every write that AWS did since the plan, without order."""
        return sorted(
            (str(record.account), record.operation, json.dumps(record.params, sort_keys=True, default=str))
            for record in list(self.sim.calls)[self.begun :]
            if record.outcome == "ok" and not record.operation.startswith(READS)
        )

    def has_ended_sessions(self) -> bool:
        """Of the role that trusted somebody who left."""
        role = next(role for role in self.sim.world.iam_of(DEV).roles.values() if role.name == "Shared")
        return REVOKED in role.permissions.inline

    def is_as_wanted(self) -> bool:
        return bool(self._plan(self.compiled).is_empty)


def _one_kill_after_another(lab: Lab, run: Callable[[Calls], bool], every: int = 1) -> int:
    """A process that dies after each write (or each of so many), begun again until it gets through; how often."""
    for deaths in range(400):
        done = itertools.count(1)
        try:
            assert run(Dying(lab.calls, lambda operation, params, done=done: next(done) == every))
        except Killed:
            continue
        return deaths
    raise AssertionError("it never ends")


def _kept(writes: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Without ids, which Identity Center gives anew in every world, and without the ending of sessions, which is
    written again, of the present, for as long as the trust lets somebody in."""
    return [
        (account, operation, "" if "Instance" in params or "Store" in params else params)
        for account, operation, params in writes
        if REVOKED not in params
    ]


@pytest.fixture(scope="module")
def unhurt(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    """The writes of an apply that nothing happens to."""
    lab = Lab(tmp_path_factory.mktemp("unhurt"))
    report = lab.apply(lab.calls)
    assert report.is_complete, [(item.change.id, item.reason) for item in report.results if item.reason]
    assert lab.is_as_wanted()
    return _kept(lab.writes())


def test_h3_the_same_plan_file_finishes_what_was_broken_off_after_any_write(
    tmp_path: Path, unhurt: list[tuple[str, str, str]]
) -> None:
    lab = Lab(tmp_path)
    assert _one_kill_after_another(lab, lambda calls: lab.apply(calls).is_complete) > len(unhurt) > 45
    assert _kept(lab.writes()) == unhurt  # all of it, nothing twice
    assert lab.is_as_wanted()
    assert lab.has_ended_sessions()


def test_h3_planning_again_finishes_what_was_broken_off_after_any_write(
    tmp_path: Path, unhurt: list[tuple[str, str, str]]
) -> None:
    """But for the sessions of a user who left before the kill: a new plan does not know him any more."""
    lab = Lab(tmp_path)

    def again(calls: Calls) -> bool:
        lab.replan()
        return lab.apply(calls).is_complete

    assert _one_kill_after_another(lab, again, every=4) >= len(unhurt) // 4
    assert _kept(lab.writes()) == unhurt
    assert lab.is_as_wanted()


def test_h3_a_job_finishes_what_a_killed_worker_broke_off_after_any_write(
    tmp_path: Path, unhurt: list[tuple[str, str, str]]
) -> None:
    lab = Lab(tmp_path)
    assert _one_kill_after_another(lab, lab.apply_as_job) > len(unhurt)
    assert _kept(lab.writes()) == unhurt
    assert lab.is_as_wanted()
    assert lab.has_ended_sessions()


def _tagged(lab: Lab, name: str) -> None:
    lab.calls.call(DEV, "iam", "TagRole", RoleName=name, Tags=[{"Key": "by", "Value": "hand"}])


def _trusting(lab: Lab, name: str) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{DEV}:root"},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    lab.calls.call(DEV, "iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=trust)


def _attached(lab: Lab, name: str) -> None:
    other = "arn:aws:iam::aws:policy/job-function/Billing"
    lab.calls.call(DEV, "iam", "AttachRolePolicy", RoleName=name, PolicyArn=other)


@pytest.mark.parametrize(
    ("edit", "name"),
    [(_tagged, "deploy"), (_trusting, "deploy"), (_trusting, "fresh"), (_attached, "gone")],
)
def test_t76_what_somebody_else_changed_of_it_is_stale_all_the_same(
    tmp_path: Path, edit: Callable[[Lab, str], None], name: str
) -> None:
    """Half way through each role: made but bare, tagged but not described, its policies gone but not itself."""
    lab = Lab(tmp_path)
    with pytest.raises(Killed):
        lab.apply(Dying(lab.calls, lambda operation, params: params.get("RoleName") == name))
    edit(lab, name)
    report = lab.apply(lab.calls)
    assert not report.is_complete
    outcomes = {(result.change.name, result.outcome) for result in report.results}
    assert (name, Outcome.STALE) in outcomes
    assert (name, Outcome.DONE) not in outcomes
    planned = {change.id: change for change in plan_live(lab.calls, lab.clock, lab.compiled, OPTIONS).changes}
    assert planned[f"{DEV}/role/{name}"].action in {Action.UPDATE, Action.DELETE}
