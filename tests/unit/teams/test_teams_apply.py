"""Plan, apply, drift: what changes in words, in what order, what is left alone (T-74 to T-88, H2, H3)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.teams.declared import without_center
from tests.unit.teams.sim_iam import SimIam

from gatepass.teams.applying.apply import Manner, Outcome, Report
from gatepass.teams.applying.running import (
    Lockout,
    PlanFile,
    StalePlan,
    TeamsError,
    apply_file,
    apply_plan,
    plan_live,
    read_plan,
    refuse_faulty,
    request_quotas,
    write_plan,
)
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.drift.differences import enforced
from gatepass.teams.kinds.kind import REVOKED
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Action, Options, Plan

EXAMPLE = Path(__file__).parents[3] / "examples" / "teams" / "teams.yaml"
OPTIONS = Options(estate="acme")
BY_HAND = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
WAY_IN = "arn:aws:iam::222222222222:role/OrganizationAdmin"
IDENTITY, DEV, PROD = "111111111111", "333333333333", "555555555555"


def _compiled(text: str = "", folder: Path | None = None) -> Compiled:
    path = EXAMPLE
    if folder is not None:
        path = folder / "teams.yaml"
        path.write_text(text)
    compiled = compile_wanted(Wanted((path,)))
    assert not compiled.faults, compiled.faults
    return without_center(compiled)


def _plan(iam: SimIam, compiled: Compiled, **more: Any) -> Plan:
    return plan_live(iam, iam.clock, compiled, replace(OPTIONS, **more))


def _apply(iam: SimIam, compiled: Compiled, manner: Manner | None = None, **more: Any) -> Report:
    return apply_plan(iam, iam.clock, compiled, _plan(iam, compiled, **more), manner or Manner(parallel=2))


def _small(**trusts: str) -> str:
    """An organization of two accounts with one role each, trusting the given teams."""
    roles = "\n".join(
        f"      {name}: {{accounts: [dev], trusted_teams: [{teams}]}}" for name, teams in trusts.items()
    )
    return f"""
organizations:
  acme:
    identity_account: identity
    accounts: {{identity: "{IDENTITY}", dev: "{DEV}"}}
    teams: {{admin: {{policies: [team_role_access]}}, ops: {{policies: [team_role_access]}}}}
    roles:
{roles}
"""


def test_h2_apply_then_plan_is_empty_and_writes_nothing() -> None:
    iam, compiled = SimIam(), _compiled()
    report = _apply(iam, compiled)
    assert report.is_complete, [result for result in report.results if result.reason]
    assert report.writes == len(iam.writes) > 20
    iam.writes.clear()
    plan = _plan(iam, compiled)
    assert plan.is_empty, [change for change in plan.changes if change.action is not Action.NONE]
    assert _apply(iam, compiled).writes == 0
    assert not iam.writes  # T-83


def test_t75_the_plan_says_who_gains(tmp_path: Path) -> None:
    iam = SimIam()
    _apply(iam, _compiled(_small(terraform="admin"), tmp_path))
    plan = _plan(iam, _compiled(_small(terraform="ops"), tmp_path))
    grant, revocation = plan.writes
    assert (grant.name, revocation.name) == ("terraform", "terraform")
    assert [field.name for field in (*grant.fields, *revocation.fields)] == ["trust", "trust"]
    assert (grant.phase, revocation.phase) == (1, 2)
    assert f"arn:aws:iam::{IDENTITY}:role/ops" in grant.meaning.gains
    assert f"arn:aws:iam::{IDENTITY}:role/admin" in revocation.meaning.loses
    assert not grant.meaning.loses
    assert not revocation.meaning.gains


def test_t77_plans_are_deterministic_and_sorted() -> None:
    iam, compiled = SimIam(), _compiled()
    one, other = _plan(iam, compiled), _plan(iam, compiled)
    assert one == other
    keys = [(change.account_id, change.kind, change.name) for change in one.changes]
    assert keys == sorted(keys)


def test_t79_grants_come_before_revocations_and_one_can_stop_between(tmp_path: Path) -> None:
    iam = SimIam()
    _apply(iam, _compiled(_small(old="admin"), tmp_path))
    moved = _compiled(_small(old="ops", new="admin"), tmp_path)
    report = _apply(iam, moved, Manner(phases=(1,)))
    assert {result.change.name: result.outcome for result in report.results} == {
        "new": Outcome.DONE,
        "old": Outcome.SKIPPED,
    }
    report = _apply(iam, moved)
    assert [result.change.name for result in report.results] == ["old"]


def test_t79_revocations_wait_for_grants_that_failed(tmp_path: Path) -> None:
    iam = SimIam()
    _apply(iam, _compiled(_small(old="admin"), tmp_path))
    plan = _plan(iam, _compiled(_small(old="ops", new="admin"), tmp_path))
    iam.sim.world.quotas[DEV] = 10  # so that making the new role fails
    report = apply_plan(iam, iam.clock, _compiled(_small(old="ops", new="admin"), tmp_path), plan)
    outcomes = {result.change.name: result.outcome for result in report.results}
    assert outcomes == {"new": Outcome.FAILED, "old": Outcome.SKIPPED}
    assert "L-C07B4B0D" in next(result.reason for result in report.results if result.change.name == "new")


def test_t81_what_is_not_ours_is_not_touched_unless_adopted() -> None:
    iam, compiled = SimIam(), _compiled()
    _apply(iam, compiled)
    for account in iam.sim.world.iam.values():
        for entity in (*account.roles.values(), *account.policies.values(), *account.users.values()):
            entity.tags = {
                key: value for key, value in entity.tags.items() if not key.startswith("gatepass:")
            }
    plan = _plan(iam, compiled)
    assert not plan.writes  # A7: the first plan over what somebody else made alike is empty
    assert not plan.blocked
    iam.role(DEV, "eg-plat-gbl-dev-admin").description = "by hand"
    (blocked,) = _plan(iam, compiled).blocked
    assert "--adopt" in blocked.reason
    adopted = _plan(iam, compiled, adopt=True)
    assert {change.action for change in adopted.writes} == {Action.ADOPT}
    assert _apply(iam, compiled, adopt=True).is_complete
    assert _plan(iam, compiled).is_empty


def test_t80_only_ours_are_removed_and_only_when_allowed(tmp_path: Path) -> None:
    iam = SimIam()
    _apply(iam, _compiled(_small(a="admin", b="admin"), tmp_path))
    iam.by_hand(
        DEV, "iam", "CreateRole", RoleName="theirs", AssumeRolePolicyDocument=iam.role(DEV, "b").trust
    )
    fewer = _compiled(_small(a="admin"), tmp_path)
    (blocked,) = _plan(iam, fewer).blocked
    assert (blocked.name, "--allow-delete" in blocked.reason) == ("b", True)
    assert _apply(iam, fewer, allow_delete=True).is_complete
    assert set(iam.held(DEV).roles) == {"a", "theirs"}


def test_t80_what_was_used_lately_needs_force(tmp_path: Path) -> None:
    iam = SimIam()
    _apply(iam, _compiled(_small(a="admin", b="admin"), tmp_path))
    used = iam.clock.now() - timedelta(days=3)
    iam.role(DEV, "b").last_used = used
    fewer = _compiled(_small(a="admin"), tmp_path)
    (blocked,) = _plan(iam, fewer, allow_delete=True).blocked
    assert "used 3 days ago" in blocked.reason
    assert _plan(iam, fewer, allow_delete=True, force=True).writes


def test_t79_nobody_is_locked_out(tmp_path: Path) -> None:
    text = _small(only="admin").replace("accounts: [dev]", "name: only, accounts: [dev]")
    iam = SimIam(identity=f"arn:aws:iam::{IDENTITY}:role/admin")
    _apply(iam, _compiled(text, tmp_path))
    moved = _compiled(text.replace("[admin]", "[ops]"), tmp_path)
    assert _plan(iam, moved).lockouts == (DEV,)
    with pytest.raises(Lockout, match=DEV):
        _apply(iam, moved)
    kept = _plan(iam, moved, actors=(f"arn:aws:iam::{IDENTITY}:role/ops",))
    assert kept.lockouts == ()


def test_t76_a_plan_file_is_applied_once_and_only_to_what_it_was_made_from(tmp_path: Path) -> None:
    iam = SimIam()
    clock = iam.clock
    path = tmp_path / "teams.yaml"
    path.write_text(_small(a="admin"))
    wanted = Wanted((path,))
    compiled = compile_wanted(wanted)
    plan = plan_live(iam, clock, compiled, OPTIONS)
    write_plan(tmp_path / "plan.json", plan, compiled, PlanFile(wanted, OPTIONS, clock.now()))
    file = read_plan(tmp_path / "plan.json")
    hand = json.dumps({"Version": "2012-10-17", "Statement": [BY_HAND]})
    iam.by_hand(DEV, "iam", "CreateRole", RoleName="a", AssumeRolePolicyDocument=hand)
    stale = apply_file(iam, clock, file)
    assert "a" not in {result.change.name for result in stale.results if result.outcome is Outcome.DONE}
    assert not stale.is_complete
    assert json.loads(iam.role(DEV, "a").trust)["Statement"] == [BY_HAND]
    path.write_text(_small(a="ops"))
    with pytest.raises(StalePlan):
        apply_file(iam, clock, file)


def test_a_plan_file_holds_no_documents_we_cannot_read_back(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(TeamsError, match="no plan file"):
        read_plan(tmp_path / "x.json")


def test_h5_nothing_is_applied_from_a_faulty_declaration(tmp_path: Path) -> None:
    path = tmp_path / "teams.yaml"
    path.write_text(_small(a="admin").replace("dev:", "dev: x, other:"))
    with pytest.raises(TeamsError, match="errors in the declaration"):
        refuse_faulty(compile_wanted(Wanted((path,))))


def test_h3_throttles_and_lost_answers_are_ridden_out() -> None:
    iam, compiled = SimIam(), _compiled()
    faults = {3: "throttle", 8: "lost", 15: "lost", 21: "throttle", 34: "lost", 55: "lost"}
    plan = _plan(iam, compiled)
    start = iam.calls
    iam.fault = lambda account, operation, number: faults.get(number - start, "")
    report = apply_plan(iam, iam.clock, compiled, plan, Manner(parallel=1))
    assert report.is_complete, [
        (result.change.id, result.reason) for result in report.results if result.reason
    ]
    iam.fault = lambda account, operation, number: ""
    assert _plan(iam, compiled).is_empty


def test_h3_a_denied_account_does_not_stop_the_others() -> None:
    iam, compiled = SimIam(), _compiled()
    iam.denied.add(PROD)
    report = _apply(iam, compiled)
    assert set(report.unread) == {PROD}
    assert not report.is_complete
    assert all(result.outcome is Outcome.DONE for result in report.results)
    iam.denied.clear()
    assert _apply(iam, compiled).is_complete


def test_t84_what_was_made_may_show_later() -> None:
    iam, compiled = SimIam(), _compiled()
    plan = _plan(iam, compiled)
    iam.lag = 3
    report = apply_plan(iam, iam.clock, compiled, plan)
    assert report.is_complete, [
        (result.change.id, result.reason) for result in report.results if result.reason
    ]
    made = [name for _, operation, name in iam.writes if operation == "CreateRole"]
    assert len(made) == len({params["RoleName"] + params["AssumeRolePolicyDocument"] for params in made})


def test_h3_an_interrupted_apply_is_continued_by_planning_again() -> None:
    compiled = _compiled()
    whole = SimIam()
    total = _apply(whole, compiled).writes
    for stop in range(1, total, 7):
        iam = SimIam()
        plan = _plan(iam, compiled)

        def cut(account: str, operation: str, number: int, iam: SimIam = iam, stop: int = stop) -> str:
            if len(iam.writes) >= stop:
                raise KeyboardInterrupt
            return ""

        iam.fault = cut
        with pytest.raises(KeyboardInterrupt):
            apply_plan(iam, iam.clock, compiled, plan, Manner(parallel=1))
        iam.fault = lambda account, operation, number: ""
        assert _apply(iam, compiled).is_complete
        assert len(iam.writes) == total  # nothing twice
        assert _plan(iam, compiled).is_empty


def test_t82_living_sessions_are_ended_and_the_ending_is_taken_away_later(tmp_path: Path) -> None:
    iam = SimIam()
    clock = iam.clock
    _apply(iam, _compiled(_small(a="admin, ops"), tmp_path))
    less = _compiled(_small(a="ops"), tmp_path)
    options = replace(OPTIONS, revoke_sessions=True)
    assert apply_plan(iam, clock, less, plan_live(iam, clock, less, options)).is_complete
    denial = json.loads(iam.role(DEV, "a").permissions.inline[REVOKED])
    assert denial["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"].startswith("2026-01-01T")
    assert plan_live(iam, clock, less, OPTIONS).is_empty
    clock.advance(timedelta(hours=13))
    assert apply_plan(iam, clock, less, plan_live(iam, clock, less, OPTIONS)).is_complete
    assert REVOKED not in iam.role(DEV, "a").permissions.inline


def test_a3_leaving_takes_keys_mfa_login_groups_and_user_in_this_order(tmp_path: Path) -> None:
    text = f"""
organizations:
  acme:
    identity_account: identity
    accounts: {{identity: "{IDENTITY}"}}
    users: {{ana: {{}}, ben: {{}}}}
    groups: {{g: {{members: [ana, ben]}}}}
"""
    iam = SimIam()
    _apply(iam, _compiled(text, tmp_path))
    iam.by_hand(IDENTITY, "iam", "CreateAccessKey", UserName="ana")
    iam.by_hand(IDENTITY, "iam", "CreateLoginProfile", UserName="ana", Password="long-and-secret-1")
    made = iam.by_hand(IDENTITY, "iam", "CreateVirtualMFADevice", VirtualMFADeviceName="ana")
    serial = made["VirtualMFADevice"]["SerialNumber"]
    iam.held(IDENTITY).users["ana"].devices.append(serial)
    iam.held(IDENTITY).devices[serial].user = "ana"
    iam.writes.clear()
    gone = _compiled(text.replace("ana: {}, ", "").replace("[ana, ben]", "[ben]"), tmp_path)
    assert _apply(iam, gone, allow_delete=True).is_complete
    assert [operation for _, operation, _ in iam.writes] == [
        "DeleteAccessKey",
        "DeactivateMFADevice",
        "DeleteVirtualMFADevice",
        "DeleteLoginProfile",
        "RemoveUserFromGroup",
        "DeleteUser",
    ]


def test_policies_keep_five_versions(tmp_path: Path) -> None:
    iam = SimIam()
    for number in range(8):
        text = _small(a="admin").replace(
            "    teams:",
            f"    policies: {{p: [{{Effect: Allow, Action: 's3:A{number}', Resource: '*'}}]}}\n    teams:",
        )
        text = text.replace("a: {", "a: {policies: [p], ")
        assert _apply(iam, _compiled(text, tmp_path)).is_complete
    (policy,) = [item for item in iam.held(DEV).policies.values() if item.name == "p"]
    assert len(policy.versions) == 5


def test_t88_roles_that_trust_our_teams_and_nobody_declares(tmp_path: Path) -> None:
    iam = SimIam()
    compiled = _compiled(_small(a="admin"), tmp_path)
    _apply(iam, compiled)
    trust = iam.role(DEV, "a").trust
    iam.by_hand(DEV, "iam", "CreateRole", RoleName="stranger", AssumeRolePolicyDocument=trust)
    assert _plan(iam, compiled).foreign == (f"arn:aws:iam::{DEV}:role/stranger",)


def test_dangling_principals_are_told(tmp_path: Path) -> None:
    iam = SimIam()
    compiled = _compiled(_small(a="admin"), tmp_path)
    _apply(iam, compiled)
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "AROAEXAMPLEEXAMPLE1"}}
    iam.role(DEV, "a").trust = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    plan = _plan(iam, compiled)
    assert plan.dangling == {f"arn:aws:iam::{DEV}:role/a": ("AROAEXAMPLEEXAMPLE1",)}
    assert plan.writes


def test_t80_protected_roles_are_not_removed(tmp_path: Path) -> None:
    iam = SimIam()
    text = _small(a="admin", b="admin").replace("b: {", "b: {protect: true, ")
    _apply(iam, _compiled(text, tmp_path))
    (blocked,) = _plan(iam, _compiled(_small(a="admin"), tmp_path), allow_delete=True).blocked
    assert (blocked.name, "protect" in blocked.reason) == ("b", True)
    before, after = (
        f"b: {{protect: true, accounts: [dev], trusted_teams: [{team}]" for team in ("admin", "ops")
    )
    (narrowed,) = _plan(iam, _compiled(text.replace(before, after), tmp_path)).blocked
    assert "narrowed" in narrowed.reason


def test_t88_enforced_roles_are_repaired_at_once_and_only_they(tmp_path: Path) -> None:
    iam = SimIam()
    compiled = _compiled(_small(a="admin", b="admin").replace("a: {", "a: {enforce: true, "), tmp_path)
    _apply(iam, compiled)
    for name in ("a", "b"):
        iam.role(DEV, name).description = "by hand"
    report = apply_plan(iam, iam.clock, compiled, enforced(_plan(iam, compiled)))
    assert [result.change.name for result in report.results] == ["a"]
    assert [change.name for change in _plan(iam, compiled).writes] == ["b"]


def test_t55_quotas_are_asked_for_where_they_are_needed(tmp_path: Path) -> None:
    iam = SimIam()
    compiled = _compiled(_small(a="admin"), tmp_path)
    iam.sim.world.quotas[DEV] = 300
    assert request_quotas(iam, _plan(iam, compiled)) == {DEV: 2048}
    (asked,) = [params for _, operation, params in iam.writes if operation == "RequestServiceQuotaIncrease"]
    assert asked == {"ServiceCode": "iam", "QuotaCode": "L-C07B4B0D", "DesiredValue": 2048.0}
    assert not _plan(iam, compiled).blocked  # as soon as it is granted


def test_a3_leaving_cuts_the_sessions_of_the_roles_it_takes_away(tmp_path: Path) -> None:
    text = f"""
organizations:
  acme:
    identity_account: identity
    accounts: {{identity: "{IDENTITY}", dev: "{DEV}"}}
    users: {{ana: {{}}, ben: {{}}}}
    groups:
      g: {{members: [ana, ben], assume: [dev/Shared]}}
      h: {{members: [ben], assume: [dev/Other]}}
"""
    iam = SimIam()
    _apply(iam, _compiled(text, tmp_path))
    gone = _compiled(text.replace("ana: {}, ", "").replace("[ana, ben]", "[ben]"), tmp_path)
    assert _apply(iam, gone, allow_delete=True).is_complete
    assert "ana" not in iam.held(IDENTITY).users
    assert REVOKED in iam.role(DEV, "shared").permissions.inline
    assert REVOKED not in iam.role(DEV, "other").permissions.inline
