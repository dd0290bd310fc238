"""Rules of the specification that the golden cases do not show, each by its number."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.teams.declared import (
    DEV,
    LABELS,
    account_map,
    attributes,
    compile_roles,
    compile_stack,
    compile_teams,
    ids,
    role,
    stack,
    statement,
    team_roles,
)
from tests.unit.teams.sim_iam import SimIam

from gatepass.aws.accounts import IAM_REGIONS, AccountReach, Accounts
from gatepass.teams.applying.apply import Manner, Written
from gatepass.teams.applying.running import apply_plan, plan_live
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled
from gatepass.teams.planning.meaning import lets_in
from gatepass.teams.planning.plan import Options
from gatepass.testing.clock import VirtualClock

IDENTITY, DEV_ID, ROOT = "111111111111", "333333333333", "222222222222"


def _principals(compiled: Compiled, short: str, sid: str) -> Any:
    found = statement(compiled, short, sid)
    assert found is not None
    return found["Condition"]["ArnLike"]["aws:PrincipalArn"]


def test_t5_remote_state_variables_are_accepted_and_ignored(tmp_path: Path) -> None:
    more = {
        "account_map_component_name": "x",
        "aws_saml_stage_name": None,
        "import_role_arn": "{{ nonsense }}",
    }
    assert not compile_teams(tmp_path, {"a": attributes()}, **more).faults


def test_t21_t24_order_of_role_arns_and_patterns(tmp_path: Path) -> None:
    config = {
        "a": attributes(
            trusted_teams=["zeta", "alpha"],
            allowed_roles={"plat-dev": ["y", "x"], "core-audit": ["r"]},
            trusted_permission_sets=["Last", "First"],
        )
    }
    found = _principals(compile_teams(tmp_path, config), "a", "RoleAssumeRole")
    assert [arn.rpartition("/")[2] for arn in found] == [
        "eg-core-gbl-audit-r",
        "eg-core-gbl-identity-alpha",
        "eg-core-gbl-identity-zeta",
        "eg-plat-gbl-dev-x",
        "eg-plat-gbl-dev-y",
        "AWSReservedSSO_Last_*",
        "AWSReservedSSO_First_*",
        "AWSReservedSSO_IdentityZetaTeamAccess_*",
        "AWSReservedSSO_IdentityAlphaTeamAccess_*",
    ]


def test_t27_principals_are_account_roots(tmp_path: Path) -> None:
    arns = ["arn:aws:iam::222222222222:role/x", "arn:aws:iam::444444444444:user/y"]
    compiled = compile_roles(tmp_path, {"a": team_roles(trusted_teams=["t"], trusted_role_arns=arns)})
    for item in role(compiled, "a").trust["Statement"]:
        named = item["Principal"]["AWS"]
        assert all(arn.endswith(":root") for arn in ([named] if isinstance(named, str) else named))


def test_t29_malformed_arns_are_faults_with_their_index(tmp_path: Path) -> None:
    compiled = compile_teams(
        tmp_path, {"a": attributes(denied_role_arns=["arn:aws:iam::222222222222:role/x", "role/x"])}
    )
    (fault,) = compiled.faults
    assert (fault.id, fault.path.rpartition(".")[2]) == ("malformed-arn", "denied_role_arns[1]")


def test_t33_statements_of_ones_own_come_last(tmp_path: Path) -> None:
    mine = {"Sid": "Mine", "Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    said = {
        "accounts": {"dev": DEV_ID},
        "roles": {
            "r": {
                "accounts": ["dev"],
                "trusted_role_arns": [f"arn:aws:iam::{DEV_ID}:role/x"],
                "extra_statements": [mine],
            }
        },
    }
    said["identity_account"] = "dev"
    path = tmp_path / "teams.yaml"
    path.write_text(json.dumps({"organizations": {"acme": said}}))
    (made,) = compile_wanted(Wanted((path,))).resources.roles
    assert made.trust["Statement"][-1] == mine


def test_t34_t35_policy_keys_belong_to_one_component(tmp_path: Path) -> None:
    assert "unknown-policy-key" in ids(
        compile_teams(tmp_path, {"a": attributes(role_policy_arns=["eks_viewer"])})
    )
    compiled = compile_roles(tmp_path, {"a": team_roles(role_policy_arns=["team_role_access"])})
    (fault,) = compiled.faults
    assert fault.id == "unknown-policy-key"
    assert "eks_viewer, kms_planner, vpn_planner" in fault.advice
    assert not compile_roles(tmp_path, {"a": team_roles(role_policy_arns=[])}).faults


def test_t36_policies_are_made_only_when_an_enabled_role_uses_them(tmp_path: Path) -> None:
    off = team_roles(enabled=False, role_policy_arns=["vpn_planner"])
    compiled = compile_roles(tmp_path, {"a": team_roles(role_policy_arns=["kms_planner"]), "b": off})
    assert [policy.name for policy in compiled.resources.policies] == ["eg-plat-gbl-dev-kms_planner"]
    assert [policy.key for policy in compile_teams(tmp_path, {"a": attributes()}).resources.policies] == [
        "team_role_access"
    ]


def test_t37_attachment_keys_and_short_names_with_a_plus(tmp_path: Path) -> None:
    arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess", "kms_planner"]
    compiled = compile_roles(tmp_path, {"a": team_roles(role_policy_arns=arns)})
    assert list(compiled.components[0].attachments) == ["a", "a+kms_planner"]
    assert "role-name-invalid" in ids(compile_roles(tmp_path, {"a+b": team_roles()}))


def test_t48_a_permission_set_is_separated_from_its_team(tmp_path: Path) -> None:
    config = {"a": attributes(trusted_teams=["admin"], denied_permission_sets=["IdentityAdminTeamAccess"])}
    trust = role(compile_teams(tmp_path, config), "a").trust
    assert lets_in(trust, f"arn:aws:iam::{IDENTITY}:role/eg-core-gbl-identity-admin")
    reserved = "aws-reserved/sso.amazonaws.com/AWSReservedSSO_IdentityAdminTeamAccess_0123456789abcdef"
    assert not lets_in(trust, f"arn:aws:iam::{IDENTITY}:role/{reserved}")


def test_t59_role_names_are_what_is_written(tmp_path: Path) -> None:
    said = {
        "identity_account": "identity",
        "accounts": {"identity": IDENTITY, "dev": DEV_ID},
        "users": ["u"],
        "groups": {"g": {"members": ["u"], "assume": ["dev/FooAppDeveloper"]}},
    }
    path = tmp_path / "teams.yaml"
    path.write_text(json.dumps({"organizations": {"acme": said}}))
    assert [made.name for made in compile_wanted(Wanted((path,))).resources.roles] == ["FooAppDeveloper"]


def test_t70_t71_organizations_may_have_equal_names_in_different_accounts(tmp_path: Path) -> None:
    one = {"identity_account": "identity", "accounts": {"identity": IDENTITY}, "teams": {"admin": {}}}
    two = {**one, "accounts": {"identity": DEV_ID}}
    path = tmp_path / "teams.yaml"
    path.write_text(json.dumps({"organizations": {"a": one, "b": two}}))
    compiled = compile_wanted(Wanted((path,)))
    assert not compiled.faults
    assert [made.arn for made in compiled.resources.roles] == [
        f"arn:aws:iam::{IDENTITY}:role/admin",
        f"arn:aws:iam::{DEV_ID}:role/admin",
    ]
    assert {account.full_name for account in compiled.resources.accounts} == {"a/identity", "b/identity"}


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_t72_every_partition_has_its_iam(partition: str) -> None:
    class Source:
        regions: list[str] = []  # noqa: RUF012

        def create_client(self, service: str, region_name: str, **_: Any) -> Any:
            self.regions.append(region_name)
            raise RuntimeError("stop here")

    source = Source()
    calls = Accounts(lambda number: AccountReach(number, partition), VirtualClock(), source=source)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        calls.call("333333333333", "iam", "ListRoles")
    assert source.regions[-1] == IAM_REGIONS[partition]


def _applied(tmp_path: Path, iam: SimIam, heard: list[Written]) -> Compiled:
    said = {
        "identity_account": "identity",
        "accounts": {"identity": IDENTITY, "dev": DEV_ID},
        "users": ["u"],
        "groups": {"g": {"members": ["u"], "assume": ["dev/Dev"]}},
        "oidc_providers": {"github": {"account": "dev", "create": True}},
        "teams": {"admin": {"policies": ["team_role_access"]}},
        "roles": {"ci": {"accounts": ["dev"], "trusted_github_repos": ["o/r:main"]}},
    }
    path = tmp_path / "teams.yaml"
    path.write_text(json.dumps({"organizations": {"acme": said}}))
    compiled = compile_wanted(Wanted((path,)))
    assert not compiled.faults
    plan = plan_live(iam, iam.clock, compiled, Options("acme"))
    manner = Manner(plan_id="p-1", audit=heard.append, parallel=1)
    assert apply_plan(iam, iam.clock, compiled, plan, manner).is_complete
    return compiled


def test_t78_what_others_need_is_made_first(tmp_path: Path) -> None:
    iam = SimIam()
    _applied(tmp_path, iam, [])
    order = [operation for _, operation, _ in iam.writes]
    for first, then in (
        ("CreateGroup", "CreateUser"),
        ("CreateUser", "AddUserToGroup"),
        ("CreatePolicy", "AttachRolePolicy"),
        ("CreateOpenIDConnectProvider", "CreateRole"),
    ):
        mine = [index for index, name in enumerate(order) if name == first]
        account = iam.writes[mine[0]][0]
        later = [
            index for index, (number, name, _) in enumerate(iam.writes) if name == then and number == account
        ]
        assert mine[0] < later[0], (first, then)


def test_t85_throttled_calls_wait_longer_each_time(tmp_path: Path) -> None:
    iam = SimIam()
    clock = iam.clock
    compiled = compile_stack(tmp_path, stack("aws-teams", {**LABELS, "teams_config": {"a": attributes()}}))
    throttled = iter([True] * 6)
    iam.fault = lambda account, operation, number: "throttle" if next(throttled, False) else ""
    began = clock.monotonic()
    assert plan_live(iam, clock, compiled, Options("acme")).writes
    assert clock.monotonic() - began == pytest.approx(0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 5.0)


def test_t86_t87_every_write_is_audited_also_one_that_failed(tmp_path: Path) -> None:
    iam, heard = SimIam(), []
    faults = iter([""] * 30 + ["lost"])
    iam.fault = lambda account, operation, number: next(faults, "")
    _applied(tmp_path, iam, heard)
    written: list[Written] = heard
    assert len(written) == len(iam.writes)
    assert {item.actor for item in written} == {iam.identity()}
    assert {item.plan for item in written} == {"p-1"}
    assert all(item.request_id or item.error for item in written)
    assert all("/" in item.change for item in written)


@pytest.mark.parametrize(
    ("more", "attribute"),
    [
        ({"label_value_case": "camel"}, "label_value_case"),
        ({"label_key_case": "none"}, "label_key_case"),
        ({"id_length_limit": 5}, "id_length_limit"),
        ({"regex_replace_chars": "/(/"}, "regex_replace_chars"),
        ({"label_order": ["stage", "colour"]}, "label_order"),
        ({"label_order": ["name"]}, ""),
    ],
)
def test_t18_labels_that_cannot_be(more: dict[str, Any], attribute: str, tmp_path: Path) -> None:
    found = [
        item
        for item in compile_teams(tmp_path, {"a": attributes()}, **more).faults
        if item.id == "label-invalid"
    ]
    assert found
    assert attribute in found[0].path


def test_t20_a_name_that_is_too_long_says_by_how_much(tmp_path: Path) -> None:
    (fault,) = compile_roles(tmp_path, {"a" * 60: team_roles()}).faults
    assert fault.id == "role-name-too-long"
    assert "76 characters, 12 too many" in fault.message


def test_a_team_that_others_trust_but_that_cannot_leave(tmp_path: Path) -> None:
    tree = stack(
        "aws-teams",
        {
            **LABELS,
            "teams_config": {
                "viewer": attributes(),
                "ops": attributes(role_policy_arns=["team_role_access"]),
            },
        },
    )
    roles = {**LABELS, **DEV, "roles": {"observer": team_roles(trusted_teams=["viewer", "ops"])}}
    tree["components"]["terraform"]["aws-team-roles"] = {"vars": roles}
    found = [item for item in compile_stack(tmp_path, tree).findings if item.id == "team-cannot-leave"]
    assert [item.role for item in found] == ["viewer"]
    assert "plat-dev" in found[0].message


def test_the_quota_may_differ_by_account(tmp_path: Path) -> None:
    context = {"account_map": account_map(), "trust_policy_quota": {"plat-dev": 300}}
    (fault,) = compile_roles(tmp_path, {"a": team_roles(trusted_teams=["t"])}, context).faults
    assert fault.id == "trust-too-long"
    quota = {**context, "trust_policy_quota": 8192}
    assert not compile_roles(tmp_path, {"a": team_roles(trusted_teams=["t"])}, quota).faults


def test_a8_the_live_quota_decides_in_a_plan(tmp_path: Path) -> None:
    iam = SimIam()
    compiled = compile_roles(tmp_path, {"a": team_roles(trusted_teams=["t"])})
    iam.sim.world.quotas[DEV_ID] = 500
    (blocked,) = plan_live(iam, iam.clock, compiled, replace(Options("acme"))).blocked
    assert "trust-too-long" in blocked.reason
    assert "L-C07B4B0D" in blocked.reason


@pytest.mark.parametrize(
    "tags", [{f"k{number}": "v" for number in range(50)}, {"k" * 129: "v"}, {"k": "v" * 257}]
)
def test_tags_that_iam_does_not_take(tags: dict[str, str], tmp_path: Path) -> None:
    assert "tags-invalid" in ids(compile_teams(tmp_path, {"a": attributes()}, tags=tags))


def test_a1_a_context_may_be_written_loosely(tmp_path: Path) -> None:
    arn = f"arn:aws:iam::{IDENTITY}:saml-provider/okta"
    context = {
        **account_map(),
        "saml_providers": {"core-identity": arn},
        "oidc_providers": {"core-identity": None},
    }
    compiled = compile_teams(tmp_path, {"a": attributes(aws_saml_login_enabled=True)}, context)
    assert not compiled.faults
    found = statement(compiled, "a", "SamlProviderAssume")
    assert found is not None
    assert found["Principal"] == {"Federated": arn}
