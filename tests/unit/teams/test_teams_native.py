"""The native form: organizations, people (seeds 002 and 003), Identity Center, federation, profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.teams.declared import ids

from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled, Role
from gatepass.teams.planning.meaning import lets_in

IDENTITY, DEV, PROD, OTHER = "111111111111", "333333333333", "555555555555", "777777777777"


def _compile(folder: Path, organization: dict[str, Any], **others: Any) -> Compiled:
    base = {"identity_account": "identity", "accounts": {"identity": IDENTITY, "dev": DEV, "prod": PROD}}
    path = folder / "teams.yaml"
    path.write_text(json.dumps({"organizations": {"acme": {**base, **organization}, **others}}))
    return compile_wanted(Wanted((path,)))


def _role(compiled: Compiled, name: str, account_id: str = DEV) -> Role:
    return next(
        role for role in compiled.resources.roles if role.name == name and role.account.id == account_id
    )


SEED_002 = {
    "users": ["user1", "user2", "user3"],
    "groups": ["group1", "group2"],
    "group_members": {"user1": ["group1", "group2"], "user2": ["group1"], "user3": ["group2"]},
    "account_lookup": {"dev": DEV, "prod": PROD},
    "group_permissions": {
        "group1": [["dev", "FooAppDeveloper"], ["prod", "FooAppReadOnly"]],
        "group2": [["dev", "BarAppDeveloper"], ["prod", "BarAppReadOnly"]],
    },
}


def test_t57_the_data_of_seed_002_makes_both_sides(tmp_path: Path) -> None:
    compiled = _compile(tmp_path, SEED_002)
    assert not compiled.faults
    members = {user.name: user.groups for user in compiled.resources.users}
    assert members == {"user1": ("group1", "group2"), "user2": ("group1",), "user3": ("group2",)}
    group = compiled.resources.groups[0]
    assert group.inline["gatepass-assume"]["Statement"][0]["Resource"] == [
        f"arn:aws:iam::{DEV}:role/FooAppDeveloper",
        f"arn:aws:iam::{PROD}:role/FooAppReadOnly",
    ]
    trust = _role(compiled, "FooAppDeveloper").trust
    assert trust["Statement"][0]["Condition"]["ArnLike"]["aws:PrincipalArn"] == [
        f"arn:aws:iam::{IDENTITY}:user/user1",
        f"arn:aws:iam::{IDENTITY}:user/user2",
    ]
    assert not lets_in(trust, f"arn:aws:iam::{IDENTITY}:user/user3")


@pytest.mark.parametrize(
    ("mode", "condition"),
    [
        ("account", None),
        ("listed", {"aws:PrincipalArn": f"arn:aws:iam::{IDENTITY}:user/ana"}),
        ("path", {"aws:PrincipalArn": f"arn:aws:iam::{IDENTITY}:user/gatepass/g/*"}),
    ],
)
def test_t61_t62_the_mode_of_trust_is_explicit(mode: str, condition: object, tmp_path: Path) -> None:
    said = {
        "users": {"ana": {}},
        "groups": {"g": {"members": ["ana"], "assume": ["dev/Dev"]}},
        "child_roles": {"Dev": {"trust": mode, "mfa_age": "1h"}},
    }
    compiled = _compile(tmp_path, said)
    (statement,) = _role(compiled, "Dev").trust["Statement"]
    assert statement["Condition"].get("ArnLike") == condition
    assert statement["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
    assert statement["Condition"]["NumericLessThan"] == {"aws:MultiFactorAuthAge": "3600"}
    assert compiled.resources.users[0].path == ("/gatepass/g/" if mode == "path" else "/")
    assert not lets_in(_role(compiled, "Dev").trust, f"arn:aws:iam::{DEV}:user/ana")


def test_t58_limits_of_users_and_groups_are_faults(tmp_path: Path) -> None:
    many = {f"g{number}": {"members": ["ana"]} for number in range(11)}
    assert "group-limit" in ids(_compile(tmp_path, {"users": {"ana": {}}, "groups": many}))
    assert "role-name-invalid" in ids(_compile(tmp_path, {"users": {"a b": {}}}))
    assert "unknown-user" in ids(_compile(tmp_path, {"groups": {"g": {"members": ["ghost"]}}}))


@pytest.mark.parametrize(("roles", "managed"), [(40, 0), (100, 2), (900, None)])
def test_t58_roles_that_do_not_fit_inline_go_into_managed_policies(
    roles: int, managed: int | None, tmp_path: Path
) -> None:
    assume = [f"dev/{'R' * 40}{number:03}" for number in range(roles)]
    compiled = _compile(
        tmp_path, {"users": {"ana": {}}, "groups": {"g": {"members": ["ana"], "assume": assume}}}
    )
    if managed is None:
        assert "group-policy-too-long" in ids(compiled)
        return
    (group,) = compiled.resources.groups
    assert (len(group.policies), bool(group.inline)) == (managed, not managed)
    granted = json.dumps([group.inline, [policy.document for policy in compiled.resources.policies]])
    assert all(f"role/{name.removeprefix('dev/')}" in granted for name in assume)


@pytest.mark.parametrize(("variant", "statements"), [("basic", 3), ("hardened", 4)])
def test_t60_the_self_service_policy_keeps_iams_own_variable(
    variant: str, statements: int, tmp_path: Path
) -> None:
    compiled = _compile(tmp_path, {"users": {"ana": {}}, "self_service": variant})
    (policy,) = compiled.resources.policies
    assert len(policy.document["Statement"]) == statements
    assert policy.document["Statement"][0]["Resource"] == "arn:aws:iam::*:user/${aws:username}"
    assert compiled.resources.users[0].policies == (policy.arn,)


def test_a3_sandboxes_trust_their_owner_only(tmp_path: Path) -> None:
    said = {
        "accounts": {"identity": IDENTITY, "sandbox-ana": DEV, "sandbox-ben": PROD},
        "users": {"ana": {}, "ben": {}},
        "sandboxes": {"people": "all", "account": "sandbox-{person}", "role": "Owner", "mfa": False},
    }
    compiled = _compile(tmp_path, said)
    assert not compiled.faults
    ana, ben = (f"arn:aws:iam::{IDENTITY}:user/{name}" for name in ("ana", "ben"))
    trust = _role(compiled, "Owner", DEV).trust
    assert (lets_in(trust, ana), lets_in(trust, ben)) == (True, False)
    user = next(user for user in compiled.resources.users if user.name == "ana")
    assert user.inline["gatepass-assume"]["Statement"][0]["Resource"] == f"arn:aws:iam::{DEV}:role/Owner"


def test_a3_a_sandbox_without_account_is_a_fault(tmp_path: Path) -> None:
    assert "unknown-account" in ids(
        _compile(tmp_path, {"users": {"ana": {}}, "sandboxes": {"people": ["ana"]}})
    )


def test_t65_a_gateway_makes_both_sides_from_one_line(tmp_path: Path) -> None:
    said = {
        "gateway": [
            {"account": "identity", "user": "john.doe", "roles": ["dev/developer", f"{OTHER}/developer"]}
        ]
    }
    compiled = _compile(tmp_path, said)
    assert not compiled.faults
    (user,) = compiled.resources.users
    (statement,) = user.inline["gatepass-gateway"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Resource"] == [
        f"arn:aws:iam::{DEV}:role/developer",
        f"arn:aws:iam::{OTHER}:role/developer",
    ]
    assert lets_in(_role(compiled, "developer").trust, user.arn)
    (handover,) = compiled.handovers
    assert (handover.account_id, handover.role, handover.caller) == (OTHER, "developer", user.arn)
    assert handover.trust["Statement"][0]["Condition"]["StringEquals"] == {
        "sts:ExternalId": handover.external_id
    }
    assert len(handover.external_id) == 32
    assert _compile(tmp_path, said).handovers == compiled.handovers  # the generated id is stable


def test_t66_gateway_users_have_no_other_permission(tmp_path: Path) -> None:
    said = {
        "users": {"john": {"policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}},
        "gateway": [{"account": "identity", "user": "john", "roles": ["dev/d"]}],
    }
    assert ids(_compile(tmp_path, said)) == ["gateway-user-extra-permission"]


CENTER = {
    "permission_sets": {
        "ReadOnly": {
            "managed_policies": ["ReadOnlyAccess"],
            "customer_policies": ["/x/Custom"],
            "session": "8h",
            "inline": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}],
        }
    },
    "directory_groups": {"G": {"members": ["ana"]}},
}


def test_a5_permission_sets_and_assignments_by_account_unit_and_tag(tmp_path: Path) -> None:
    said = {
        "accounts": {
            "identity": IDENTITY,
            "dev": {"id": DEV, "unit": "ou-1/ou-2", "tags": {"tier": "dev"}},
            "prod": {"id": PROD, "tags": {"tier": "prod"}},
        },
        **CENTER,
        "assignments": [
            {"permission_set": "ReadOnly", "group": "G", "accounts": {"unit": "ou-1"}},
            {"permission_set": "ReadOnly", "group": "G", "accounts": {"tag": "tier=prod"}},
            {"permission_set": "ReadOnly", "user": "ana", "accounts": ["identity", "dev"]},
        ],
    }
    compiled = _compile(tmp_path, said)
    assert not compiled.faults
    (item,) = compiled.resources.permission_sets
    assert (item.session_seconds, item.managed_policies) == (
        28800,
        ("arn:aws:iam::aws:policy/ReadOnlyAccess",),
    )
    assert {(one.account.name, one.principal) for one in compiled.resources.assignments} == {
        ("dev", "G"),
        ("prod", "G"),
        ("identity", "ana"),
        ("dev", "ana"),
    }


def test_a5_t38_teams_with_groups_get_the_set_that_stands_for_them(tmp_path: Path) -> None:
    said = {
        "teams": {"dev_ops": {"policies": ["team_role_access"], "groups": ["G"]}},
        "directory_groups": {"G": {}},
    }
    compiled = _compile(tmp_path, said)
    (item,) = compiled.resources.permission_sets
    assert item.name == "IdentityDevOpsTeamAccess"
    assert item.inline is not None
    assert item.inline["Statement"][0]["Resource"] == "*"
    (assignment,) = compiled.resources.assignments
    assert (assignment.account.name, assignment.principal) == ("identity", "G")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"permission_sets": {"x" * 33: {}}}, "set-name-invalid"),
        ({"permission_sets": {"x": {"session": "13h"}}}, "session-out-of-range"),
        ({"permission_sets": {"x": {"sesion": "1h"}}}, "unknown-attribute"),
        ({"assignments": [{"permission_set": "nope", "group": "G", "accounts": "all"}]}, "unknown-set"),
        (
            {**CENTER, "assignments": [{"permission_set": "ReadOnly", "group": "H", "accounts": "all"}]},
            "unknown-group",
        ),
        ({"roles": {"r": {"accounts": ["nope"]}}}, "unknown-account"),
        ({"roles": {"r": {"trusted_team": ["x"]}}}, "unknown-attribute"),
        (
            {"roles": {"r": {"extra_statements": [{"Effect": "Allow", "Action": "s3:*"}]}}},
            "statement-invalid",
        ),
        ({"roles": {"r": {"policies": ["arn:aws-cn:iam::aws:policy/X"]}}}, "partition-mismatch"),
        ({"roles": {"r": {"external_id": "x"}}}, "type-mismatch"),
        ({"accounts": {"identity": IDENTITY, "dev": IDENTITY}}, "account-id-twice"),
        ({"accounts": {"identity": "12345"}}, "type-mismatch"),
        ({"saml_providers": {"okta": {"metadata": "../secret.xml"}}}, "import-refused"),
        ({"partition": "aws-mars"}, "type-mismatch"),
        ({"permission_sets": {"x": {"session": "30m"}}}, "session-out-of-range"),
        ({"permission_sets": {"x": {"managed_policies": [f"P{n}" for n in range(21)]}}}, "set-limit"),
        (
            {
                "users": ["ana"],
                "child_roles": {"Dev": {"trust": "path"}},
                "groups": {name: {"members": ["ana"], "assume": ["dev/Dev"]} for name in ("a", "b")},
            },
            "user-path",
        ),
    ],
)
def test_h5_faults_have_places_and_advice(change: dict[str, Any], wanted: str, tmp_path: Path) -> None:
    found = [finding for finding in _compile(tmp_path, change).faults if finding.id == wanted]
    assert found, ids(_compile(tmp_path, change))
    assert all(finding.place is not None and finding.path and finding.advice for finding in found)


@pytest.mark.parametrize("session", ["1h", "12h", "PT8H"])
def test_t52_a_permission_set_lasts_one_to_twelve_hours(session: str, tmp_path: Path) -> None:
    compiled = _compile(tmp_path, {"permission_sets": {"x": {"session": session}}})
    assert not compiled.faults
    (made,) = compiled.resources.permission_sets
    assert 3600 <= made.session_seconds <= 12 * 3600


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"roles": {"r": {"trusted_permission_sets": ["X"], "require_mfa": True}}}, "mfa-not-carried"),
        (
            {"users": ["ana"], "accounts": {"identity": {"id": IDENTITY, "management": True}}},
            "management-account-users",
        ),
        ({"groups": {"g": {"members": [], "assume": ["dev/Dev"]}}}, "role-unused"),
    ],
)
def test_h5_lints_of_the_native_form(change: dict[str, Any], wanted: str, tmp_path: Path) -> None:
    """H-5 of 4.4, 9.1: told with a place and what to do, and nothing is stopped."""
    compiled = _compile(tmp_path, change)
    found = [finding for finding in compiled.lints if finding.id == wanted]
    assert not compiled.faults
    assert found
    assert all(finding.place is not None and finding.path and finding.advice for finding in found)


def test_t67_external_ids_of_gateways_are_checked_and_tags_of_users_kept(tmp_path: Path) -> None:
    gateway = [{"account": "identity", "user": "joe", "roles": ["dev/x"], "external_id": "no blanks"}]
    (fault,) = _compile(tmp_path, {"gateway": gateway}).faults
    assert (fault.path, fault.value) == ("organizations.acme.gateway[0].external_id", "no blanks")
    (user,) = _compile(tmp_path, {"users": {"ana": {"tags": {"Team": "platform"}}}}).resources.users
    assert user.tags == {"Team": "platform"}
    assert "type-mismatch" in ids(_compile(tmp_path, {"users": [["ana"]]}))


def test_a6_providers_are_made_or_referred_to(tmp_path: Path) -> None:
    (tmp_path / "okta.xml").write_text("<EntityDescriptor entityID='x'/>")
    said = {
        "saml_providers": {
            "okta": {"account": "identity", "metadata": "okta.xml"},
            "old": {"account": "dev"},
        },
        "oidc_providers": {"github": {"accounts": ["dev"], "create": True}},
        "trusted_github_org": "acme",
        "roles": {
            "ci": {"accounts": ["dev"], "saml_login": True, "trusted_github_repos": ["infra:main"]},
        },
    }
    compiled = _compile(tmp_path, said)
    assert not compiled.faults
    managed = {provider.name: provider.managed for provider in compiled.resources.saml_providers}
    assert managed == {"okta": True, "old": False}
    text = json.dumps(_role(compiled, "ci").trust)
    assert f"arn:aws:iam::{DEV}:saml-provider/old" in text
    assert "repo:acme/infra:ref:refs/heads/main" in text
    assert "us-gov" not in text  # H-6


def test_t68_teams_of_another_organization_by_qualified_name(tmp_path: Path) -> None:
    other = {"identity_account": "id", "accounts": {"id": OTHER}, "teams": {"ops": {}}}
    compiled = _compile(
        tmp_path, {"teams": {"admin": {}}, "roles": {"r": {"trusted_teams": ["other/ops"]}}}, other=other
    )
    assert not compiled.faults
    trust = _role(compiled, "r").trust
    assert lets_in(trust, f"arn:aws:iam::{OTHER}:role/ops")
    assert not lets_in(trust, f"arn:aws:iam::{IDENTITY}:role/ops")


def test_t69_never_across_partitions(tmp_path: Path) -> None:
    other = {
        "partition": "aws-us-gov",
        "identity_account": "id",
        "accounts": {"id": OTHER},
        "teams": {"ops": {}},
    }
    compiled = _compile(tmp_path, {"roles": {"r": {"trusted_teams": ["other/ops"]}}}, other=other)
    assert "partition-mismatch" in ids(compiled)


def test_h4_h5_h7_conditions_of_hardened_roles(tmp_path: Path) -> None:
    """H-4, H-5, H-7 of 4.4: what a caller must bring besides being named."""
    said = {
        "id": "o-acme",
        "roles": {
            "r": {
                "trusted_role_arns": [f"arn:aws:iam::{DEV}:user/ana"],
                "require_org": True,
                "require_mfa": True,
                "external_id": "abc",
                "source_identity": "required",
            }
        },
    }
    condition = _role(_compile(tmp_path, said), "r").trust["Statement"][0]["Condition"]
    assert condition["StringEquals"] == {"aws:PrincipalOrgID": "o-acme", "sts:ExternalId": "abc"}
    assert condition["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
    assert condition["StringLike"] == {"sts:SourceIdentity": "*"}


def test_t56_hardened_compacts_only_when_it_must(tmp_path: Path) -> None:
    sets = [f"Team{number:02}ReadWriteAccess" for number in range(14)]
    roles = {
        "r": {
            "accounts": ["dev"],
            "trusted_permission_sets": sets,
            "denied_role_arns": [f"arn:aws:iam::{PROD}:role/x"],
        }
    }
    wide = _role(_compile(tmp_path, {"roles": roles, "trust_policy_quota": 4096}), "r")
    tight = _role(_compile(tmp_path, {"roles": roles, "trust_policy_quota": wide.characters - 100}), "r")
    assert tight.characters <= wide.characters - 100
    assert "Sid" in json.dumps(wide.trust)
    for name in sets:
        principal = (
            f"arn:aws:iam::{DEV}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_{name}_0123456789abcdef"
        )
        assert lets_in(wide.trust, principal)
        assert lets_in(tight.trust, principal)


def test_t23_t32_lint_tells_where_the_profiles_differ_with_a_witness(tmp_path: Path) -> None:
    roles = {
        "r": {
            "accounts": ["dev"],
            "trusted_permission_sets": ["Foo"],
            "trusted_role_arns": [f"arn:aws:iam::{PROD}:role/x"],
            "denied_role_arns": [f"arn:aws:iam::{PROD}:role/*"],
        }
    }
    path = tmp_path / "teams.yaml"
    _compile(tmp_path, {"roles": roles})
    findings = compile_wanted(Wanted((path,), compare_profiles=True)).findings
    found = [finding for finding in findings if finding.id == "profile-difference"]
    witnesses = {finding.value for finding in found}
    assert f"arn:aws:iam::{PROD}:role/x" in witnesses  # H-1
    assert any("AWSReservedSSO_Foo_" in witness for witness in witnesses)  # H-2


def test_disabled_native_teams_are_not_made(tmp_path: Path) -> None:
    assert not _compile(tmp_path, {"teams": {"a": {"enabled": False}}}).resources.roles


def test_paths_and_names_of_teams_are_known_to_those_who_trust_them(tmp_path: Path) -> None:
    said = {
        "teams": {"admin": {"path": "/team/", "name": "TheAdmins"}},
        "roles": {"r": {"trusted_teams": ["admin"]}},
    }
    compiled = _compile(tmp_path, said)
    assert lets_in(_role(compiled, "r").trust, f"arn:aws:iam::{IDENTITY}:role/team/TheAdmins")


def test_several_files_are_one_declaration(tmp_path: Path) -> None:
    accounts = {
        "organizations": {"acme": {"identity_account": "identity", "accounts": {"identity": IDENTITY}}}
    }
    (tmp_path / "accounts.yaml").write_text(json.dumps(accounts))
    (tmp_path / "teams.yaml").write_text("organizations:\n  acme:\n    teams: {admin: {}}\n")
    assert [role.name for role in compile_wanted(Wanted((tmp_path,))).resources.roles] == ["admin"]
