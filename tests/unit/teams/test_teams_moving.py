"""T-79: access that moves is granted first and revoked after; what is between lets in both, and nobody else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from tests.unit.teams.test_teams_interrupted import DECLARED, DEV, IDENTITY, OPTIONS, Lab
from tests.unit.teams.test_trust_properties import EVERYBODY, configs, kinds, ruling, trust_of

from gatepass.policy import Ruling
from gatepass.policy.normal import size
from gatepass.teams.applying.apply import Manner
from gatepass.teams.applying.running import apply_plan, plan_live
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Profile
from gatepass.teams.planning.meaning import lets_in
from gatepass.teams.planning.moving import between
from gatepass.teams.planning.plan import Action
from gatepass.teams.upstream.config import RoleConfig

TEAMS = {name: {"policies": ["team_role_access"]} for name in ("old", "new")}
HOST = "token.actions.githubusercontent.com"


@settings(max_examples=60, deadline=None)
@given(configs, configs, kinds)
def test_between_two_trusts_exactly_those_of_either_come_in(
    one: RoleConfig, other: RoleConfig, kind: str
) -> None:
    before, after = (trust_of(config, kind, Profile.HARDENED) for config in (one, other))
    both = between(before, after, {who.caller.arn for who in EVERYBODY}, 10_000)
    if both is not None:
        for who in EVERYBODY:
            either = Ruling.ALLOWED in {ruling(before, who), ruling(after, who)}
            assert (ruling(both, who) is Ruling.ALLOWED) == either, who


def _moving(team: str) -> dict[str, Any]:
    return {"teams": TEAMS, "roles": {"deploy": {"accounts": ["dev"], "trusted_teams": [team]}}}


def _trusts(lab: Lab) -> tuple[bool, bool]:
    role = next(role for role in lab.sim.world.iam_of(DEV).roles.values() if role.name == "deploy")
    trust = json.loads(role.trust)
    return tuple(lets_in(trust, f"arn:aws:iam::{IDENTITY}:role/{name}") for name in ("old", "new"))  # type: ignore[return-value]


def test_t79_a_role_that_moves_lets_in_both_between_the_phases(tmp_path: Path) -> None:
    lab = Lab(tmp_path, _moving("old"), _moving("new"))
    plan = plan_live(lab.calls, lab.clock, lab.compiled, OPTIONS)
    assert [(change.step, change.phase) for change in plan.writes] == [("grant", 1), ("", 2)]
    first = apply_plan(lab.calls, lab.clock, lab.compiled, plan, Manner(phases=(1,)))
    assert [str(result.outcome) for result in first.results] == ["done", "skipped"]
    assert _trusts(lab) == (True, True)
    assert lab.apply(lab.calls).is_complete  # the whole plan file, made before
    assert _trusts(lab) == (False, True)
    assert lab.is_as_wanted()


def test_t79_what_does_not_fit_is_one_write_among_the_revocations_and_says_so(tmp_path: Path) -> None:
    lab = Lab(tmp_path, _moving("old"), _moving("new"))
    trust = next(role for role in lab.compiled.resources.roles if role.short == "deploy").trust
    assert between(trust, trust, (), size(trust)) is not None
    lab.sim.world.quotas[DEV] = size(trust) + 10
    (change,) = plan_live(lab.calls, lab.clock, lab.compiled, OPTIONS).writes
    assert (change.phase, "one write" in change.reason) == (2, True)


@pytest.mark.parametrize("create", [True, False])
def test_t80_providers_of_ours_are_removed_when_nobody_declares_them_or_refers_to_them(
    tmp_path: Path, create: bool
) -> None:
    made = {"oidc_providers": {"github": {"account": "dev", "host": HOST, "create": True}}}
    referred = {} if create else {"oidc_providers": {"github": {"account": "dev", "host": HOST}}}
    lab = Lab(tmp_path, {**_moving("old"), **made}, {**_moving("old"), **referred})
    careful = replace(OPTIONS, allow_delete=False)
    changes = [
        change
        for change in plan_live(lab.calls, lab.clock, lab.compiled, careful).changes
        if change.kind == "oidc-provider"
    ]
    assert [change.action for change in changes] == ([Action.BLOCKED] if create else [])
    assert lab.apply(lab.calls).is_complete
    left = list(lab.sim.world.iam_of(DEV).oidc)
    assert (left == []) is create
    assert lab.is_as_wanted()


def test_t80_providers_of_others_are_left_alone(tmp_path: Path) -> None:
    lab = Lab(tmp_path, _moving("old"), _moving("old"))
    lab.calls.call(DEV, "iam", "CreateOpenIDConnectProvider", Url=f"https://{HOST}", ClientIDList=["x"])
    assert lab.is_as_wanted()


def test_t23_a_team_of_another_organization_brings_the_permission_set_that_stands_for_it(
    tmp_path: Path,
) -> None:
    other = {
        "identity_account": "hub",
        "accounts": {"hub": "777777777777"},
        "team_permission_set_pattern": "Hub%sAccess",
        "teams": {"dev-ops": {"path": "/teams/", "policies": ["team_role_access"]}},
    }
    path = tmp_path / "teams.yaml"
    mine = {
        **DECLARED,
        "teams": TEAMS,
        "roles": {"deploy": {"accounts": ["dev"], "trusted_teams": ["other/dev-ops"]}},
    }
    path.write_text(json.dumps({"organizations": {"acme": mine, "other": other}}))
    compiled = compile_wanted(Wanted((path,)))
    assert not compiled.faults
    trust = next(role for role in compiled.resources.roles if role.short == "deploy").trust
    reserved = "arn:aws:iam::777777777777:role/aws-reserved/sso.amazonaws.com"
    held = f"{reserved}/AWSReservedSSO_HubDevOpsAccess_0123456789abcdef"
    assert lets_in(trust, held)
    assert not lets_in(trust, held.replace("777777777777", IDENTITY))
    assert lets_in(trust, "arn:aws:iam::777777777777:role/teams/dev-ops")
