"""Plan and apply over botocore against the strict simulator: IAM and Identity Center (A5, H2, T-98)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from gatepass.aws.accounts import Accounts
from gatepass.sim import Simulator, build, session
from gatepass.teams.applying.apply import Report
from gatepass.teams.applying.entering import calls_for
from gatepass.teams.applying.running import apply_plan, plan_live
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.drift.differences import differences
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Action, Options, Plan
from gatepass.testing.clock import VirtualClock

FOLDER = Path(__file__).parents[3] / "examples" / "teams"
OPTIONS = Options(estate="acme")
OPERATOR = "AKIAOPERATOR00000000"


@dataclass
class World:
    """The example's accounts, simulated, with an operator in the management account."""

    sim: Simulator
    clock: VirtualClock
    compiled: Compiled
    calls: Accounts

    def plan(self, options: Options = OPTIONS) -> Plan:
        return plan_live(self.calls, self.clock, self.compiled, options)

    def apply(self, options: Options = OPTIONS) -> Report:
        return apply_plan(self.calls, self.clock, self.compiled, self.plan(options))


@pytest.fixture
def world() -> World:
    clock = VirtualClock()
    sim = build(yaml.safe_load((FOLDER.parent / "teams-world.yaml").read_text()), clock)
    compiled = compile_wanted(Wanted((FOLDER / "teams.yaml",)))
    source = session(sim, sim.world.credentials[OPERATOR])
    return World(sim, clock, compiled, calls_for(compiled, clock, source=source))


def test_h2_apply_then_plan_is_empty_on_a_strict_aws(world: World) -> None:
    report = world.apply()
    assert report.is_complete, [
        (result.change.id, result.reason) for result in report.results if result.reason
    ]
    plan = world.plan()
    assert plan.is_empty, [
        (change.id, change.fields) for change in plan.changes if change.action is not Action.NONE
    ]
    assert world.apply().writes == 0


def test_a5_permission_sets_groups_and_assignments_are_made_and_drift_is_seen(world: World) -> None:
    world.apply()
    made = {assignment.principal for assignment in world.compiled.resources.assignments}
    assert made == {"Everybody", "Administrators"}
    roles = world.sim.world.iam_of("111111111111").roles.values()
    assert any(role.name.startswith("AWSReservedSSO_IdentityAdminTeamAccess_") for role in roles)
    center = next(iter(world.sim.world.instances.values()))
    readonly = next(item for item in center.permission_sets.values() if item.name == "ReadOnly")
    readonly.session = "PT1H"
    (change,) = world.plan().writes
    assert (change.kind, [field.name for field in change.fields]) == ("permission-set", ["session_seconds"])
    assert world.apply().is_complete
    assert world.plan().is_empty


def test_drift_by_hand_is_shown_and_repaired(world: World) -> None:
    world.apply()
    role = world.sim.world.iam_of("333333333333").roles["eg-plat-gbl-dev-admin"]
    role.trust = role.trust.replace("eg-core-gbl-identity-admin", "eg-core-gbl-identity-viewer")
    grant, revocation = world.plan().writes
    assert grant.name == revocation.name == "eg-plat-gbl-dev-admin"
    assert grant.meaning.gains == ("arn:aws:iam::111111111111:role/eg-core-gbl-identity-admin",)
    assert revocation.meaning.loses == ("arn:aws:iam::111111111111:role/eg-core-gbl-identity-viewer",)
    assert [each.id for each in differences(world.plan())] == [revocation.id]
    assert world.apply().is_complete
    assert world.plan().is_empty


def test_h3_scripted_faults_are_ridden_out(world: World) -> None:
    world.sim.set_faults(
        [
            {"service": "iam", "do": "throttle", "chance": 0.1},
            {"operation": "CreateRole", "do": "answer-lost", "calls": [2, 5]},
            {"operation": "AttachRolePolicy", "do": "request-lost", "calls": [1]},
            {"operation": "CreateAccountAssignment", "do": "answer-lost", "calls": [1]},
        ]
    )
    report = world.apply()
    assert report.is_complete, [
        (result.change.id, result.reason) for result in report.results if result.reason
    ]
    world.sim.set_faults([])
    assert world.plan().is_empty


def test_a5_what_is_ours_and_no_longer_declared_is_removed_when_allowed_and_nothing_else(
    world: World,
) -> None:
    world.apply()
    center = next(iter(world.sim.world.instances.values()))
    before = {item.name for item in center.permission_sets.values()}
    assert "ReadOnly" in before
    resources = world.compiled.resources
    fewer = replace(
        resources,
        permission_sets=tuple(item for item in resources.permission_sets if item.name != "ReadOnly"),
        assignments=tuple(item for item in resources.assignments if item.permission_set != "ReadOnly"),
    )
    world.compiled = replace(world.compiled, resources=fewer)
    blocked = world.plan().blocked
    assert {change.kind for change in blocked} == {"permission-set", "assignment"}
    assert all("--allow-delete" in change.reason for change in blocked)
    report = world.apply(replace(OPTIONS, allow_delete=True))
    assert report.is_complete, [
        (result.change.id, result.reason) for result in report.results if result.reason
    ]
    assert {item.name for item in center.permission_sets.values()} == before - {"ReadOnly"}
    assert world.plan().is_empty
