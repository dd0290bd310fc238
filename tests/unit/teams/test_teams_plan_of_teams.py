"""`plan --team`: only what concerns a team is planned and applied, and the plan file remembers it (T 11.1)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.teams.sim_iam import SimIam

from gatepass.clock import Clock
from gatepass.errors import GatepassError
from gatepass.teams.applying.running import (
    PlanFile,
    apply_file,
    known_accounts,
    plan_live,
    read_plan,
    write_plan,
)
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Options, Plan, estate_hash
from gatepass.testing.clock import VirtualClock

ESTATE = """
organizations:
  acme:
    identity_account: identity
    accounts: {identity: "111111111111", dev: "333333333333", prod: "555555555555"}
    policies: {deploy: [{Effect: Allow, Action: "ecs:*", Resource: "*"}]}
    permission_sets: {Reader: {managed_policies: [ReadOnlyAccess]}}
    directory_groups: {Readers: {members: [ana]}}
    assignments: [{permission_set: Reader, groups: [Readers], accounts: [identity]}]
    teams:
      admin: {policies: [team_role_access]}
      ops: {policies: [team_role_access], trusted_permission_sets: [Reader]}
    roles:
      terraform: {accounts: [dev], trusted_teams: [admin], policies: [deploy]}
      operate: {accounts: [dev, prod], trusted_teams: [OPS]}
"""


def _written(folder: Path, ops: str = "ops") -> Wanted:
    (folder / "teams.yaml").write_text(ESTATE.replace("OPS", ops))
    return Wanted((folder / "teams.yaml",))


def _compiled(wanted: Wanted) -> Compiled:
    compiled = compile_wanted(wanted)
    assert not compiled.faults, compiled.faults
    return compiled


def _plan(iam: SimIam, compiled: Compiled, *teams: str) -> Plan:
    clock: Clock = VirtualClock()
    return plan_live(iam, clock, compiled, Options(estate="acme", teams=teams))


def _named(plan: Plan) -> set[str]:
    return {f"{change.kind} {change.name}" for change in plan.writes}


def test_a_team_with_the_roles_that_trust_it_and_their_policies(tmp_path: Path) -> None:
    compiled = _compiled(_written(tmp_path))
    admin, ops = _plan(SimIam(), compiled, "admin"), _plan(SimIam(), compiled, "acme/ops")
    assert _named(admin) == {"role admin", "policy TeamRoleAccess", "role terraform", "policy deploy"}
    assert _named(ops) == {"role ops", "policy TeamRoleAccess", "role operate"}
    both = _plan(SimIam(), compiled, "admin", "ops")
    assert _named(both) == _named(_plan(SimIam(), compiled)) == _named(admin) | _named(ops)


def test_a_role_that_no_longer_trusts_the_team_concerns_it_still(tmp_path: Path) -> None:
    """T-12: who is dropped from a list loses by it, so the live trust counts as well as the wanted."""
    iam = SimIam()
    before = _written(tmp_path)
    clock = VirtualClock()
    file = tmp_path / "plan.json"
    options = Options(estate="acme")
    compiled = _compiled(before)
    made = plan_live(iam, clock, compiled, options)
    write_plan(file, made, compiled, PlanFile(before, options, clock.now()))
    assert apply_file(iam, clock, read_plan(file)).is_complete
    after = _compiled(_written(tmp_path, "admin"))
    found = _plan(iam, after, "ops")
    assert _named(found) == {"role operate"}
    assert any("role/ops" in arn for change in found.writes for arn in change.meaning.loses)


def test_apply_does_no_more_than_was_planned(tmp_path: Path) -> None:
    """T-76: the plan file carries the teams."""
    iam = SimIam()
    clock = iam.clock
    wanted = _written(tmp_path)
    compiled = _compiled(wanted)
    options = Options(estate="acme", teams=("ops",))
    made = plan_live(iam, clock, compiled, options)
    file = tmp_path / "plan.json"
    write_plan(
        file, made, compiled, PlanFile(wanted, options, clock.now(), estate_hash=estate_hash(compiled))
    )
    assert read_plan(file).options.teams == ("ops",)
    report = apply_file(iam, clock, read_plan(file))
    assert report.is_complete
    assert set(iam.held("333333333333").roles) == {"operate"}
    assert set(iam.held("111111111111").roles) == {"ops"}
    assert plan_live(iam, clock, compiled, replace(options)).is_empty
    assert _named(plan_live(iam, clock, compiled, Options(estate="acme"))) >= {"role admin", "role terraform"}


def test_names_that_nobody_declares_are_refused(tmp_path: Path) -> None:
    compiled = _compiled(_written(tmp_path))
    with pytest.raises(GatepassError, match="'opps' is no team") as caught:
        _plan(SimIam(), compiled, "opps")
    assert "did you mean ops?" in (caught.value.advice or "")
    with pytest.raises(GatepassError, match="account 'deev' is not declared") as missed:
        known_accounts(compiled, ["prod", "deev"])
    assert "acme/dev" in (missed.value.advice or "")
    assert known_accounts(compiled, ["prod", "acme/dev", "111111111111", "identity-center"]) == (
        "555555555555", "333333333333", "111111111111", "identity-center",
    )  # fmt: skip
