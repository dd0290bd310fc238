"""Atmos files: imports, inheritance, precedence, former spellings, refusals (2.4 to 2.7)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.teams.declared import (
    DEV,
    LABELS,
    SEED,
    account_map,
    attributes,
    compile_roles,
    compile_stack,
    compile_teams,
    copy_seed,
    ids,
    role,
    stack,
    team_roles,
)

from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled


def _written(folder: Path, files: dict[str, Any], start: str = "stack") -> Compiled:
    for name, tree in files.items():
        path = folder / "stacks" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(tree))
    context = folder / "context.json"
    context.write_text(json.dumps({"account_map": account_map()}))
    return compile_wanted(Wanted((folder / "stacks" / f"{start}.yaml",), context=context))


def test_t11_imports_are_merged_in_order_and_the_importer_wins(tmp_path: Path) -> None:
    one = {"vars": {**LABELS, "stage": "root"}, "import": ["catalog/teams"]}
    compiled = _written(
        tmp_path,
        {
            "catalog/teams": stack(
                "aws-teams", {"teams_config": {"admin": attributes(role_description="catalog")}}
            ),
            "catalog/late": stack("aws-teams", {"teams_config": {"admin": {"role_description": "late"}}}),
            "orgs/base": one,
            "stack": {"import": ["orgs/base", "./catalog/late"], "vars": {"stage": "identity"}},
        },
    )
    assert not compiled.faults
    assert role(compiled, "admin").description == "late"
    assert role(compiled, "admin").name == "eg-core-gbl-identity-admin"


def test_t12_lists_are_replaced_and_the_loss_is_told(tmp_path: Path) -> None:
    catalog = stack("aws-team-roles", {"roles": {"admin": team_roles(trusted_teams=["admin", "devops"])}})
    override = stack("aws-team-roles", {**LABELS, **DEV, "roles": {"admin": {"trusted_teams": ["admin"]}}})
    compiled = _written(tmp_path, {"catalog": catalog, "stack": {**override, "import": ["catalog"]}})
    declared = role(compiled, "admin").declared
    assert declared is not None
    assert declared.trusted_teams == ("admin",)
    (lint,) = [finding for finding in compiled.findings if finding.id == "list-override-drops"]
    assert lint.value == "devops"


@pytest.mark.parametrize(
    "target",
    [
        "git::https://host.example/x",
        "https://host.example/x.yaml",
        "s3::bucket/x",
        "oci://x",
        "/etc/passwd",
        "../../x",
    ],
)
def test_t11_remote_and_escaping_imports_are_refused(tmp_path: Path, target: str) -> None:
    compiled = _written(tmp_path, {"stack": {"import": [target], **stack("aws-teams", {"teams_config": {}})}})
    assert "import-refused" in ids(compiled)


def test_t11_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "secret.yaml"
    outside.write_text("vars: {}")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "link.yaml").symlink_to(outside)
    compiled = _written(tmp_path, {"stack": {"import": ["link"]}})
    assert {"import-refused", "import-missing"} & set(ids(compiled))


def test_t11_cycles_name_the_chain(tmp_path: Path) -> None:
    compiled = _written(
        tmp_path, {"stack": {"import": ["a"]}, "a": {"import": ["b"]}, "b": {"import": ["a"]}}
    )
    fault = next(finding for finding in compiled.faults if finding.id == "import-cycle")
    assert "a.yaml -> b.yaml -> a.yaml" in fault.message


def test_a_missing_import_is_a_fault_unless_it_may_be_missing(tmp_path: Path) -> None:
    assert "import-missing" in ids(_written(tmp_path, {"stack": {"import": ["nope"]}}))
    optional = {"import": [{"path": "nope", "skip_if_missing": True}]}
    assert "import-missing" not in ids(_written(tmp_path, {"stack": optional}))


def test_t13_precedence_of_variables(tmp_path: Path) -> None:
    tree = {
        "vars": {
            **LABELS,
            "tags": {"a": "global", "b": "global", "c": "global", "d": "global", "e": "global"},
        },
        "terraform": {"vars": {"tags": {"b": "type", "c": "type", "d": "type", "e": "type"}}},
        "components": {
            "terraform": {
                "base": {
                    "metadata": {"type": "abstract"},
                    "vars": {"tags": {"c": "base", "d": "base", "e": "base"}},
                },
                "aws-teams/x": {
                    "metadata": {"component": "aws-teams", "inherits": ["base"]},
                    "vars": {"tags": {"d": "own", "e": "own"}, "teams_config": {"admin": attributes()}},
                    "overrides": {"vars": {"tags": {"e": "override"}}},
                },
            }
        },
    }
    tags = role(compile_stack(tmp_path, tree), "admin").tags
    assert {key: tags[key] for key in "abcde"} == {
        "a": "global",
        "b": "type",
        "c": "base",
        "d": "own",
        "e": "override",
    }


def test_t14_abstract_components_are_not_compiled(tmp_path: Path) -> None:
    tree = stack("aws-teams", {**LABELS, "teams_config": {"admin": attributes()}})
    tree["components"]["terraform"]["aws-teams"]["metadata"] = {"type": "abstract"}
    assert ids(compile_stack(tmp_path, tree)) == ["component-missing"]


def test_t14_a_component_is_known_by_its_variables(tmp_path: Path) -> None:
    tree = stack("example", {**LABELS, "teams_config": {"admin": attributes()}})
    assert role(compile_stack(tmp_path, tree), "admin").kind == "team"


def test_t15_templates_are_faults_only_where_they_are_needed(tmp_path: Path) -> None:
    tree = stack("aws-teams", {**LABELS, "teams_config": {"admin": attributes(role_description="{{ .x }}")}})
    tree["components"]["terraform"]["aws-teams"]["backend"] = {"s3": {"bucket": "{{ .y }}"}}
    (fault,) = compile_stack(tmp_path, tree).faults
    assert fault.id == "template-unsupported"
    assert fault.path.endswith("admin.role_description")


def test_t6_numbers_and_truth_values_as_text_are_accepted(tmp_path: Path) -> None:
    config = {
        "admin": attributes(max_session_duration="7200", aws_saml_login_enabled="true", role_description=12)
    }
    compiled = compile_teams(tmp_path, config)
    assert not compiled.faults
    assert (role(compiled, "admin").max_session, role(compiled, "admin").description) == (7200, "12")


def test_t7_t8_every_fault_at_once(tmp_path: Path) -> None:
    config = {
        "a": attributes(trusted_teams=None),
        "b": attributes(trusted_teams=["x", "x"], max_session_duration=60),
        "c": attributes(role_policy_arns=["nope"], trusted_role_arns=["nope"]),
        "d": {**attributes(), "denied_teams": "text"},
    }
    found = ids(compile_teams(tmp_path, config))
    wanted = {
        "null-list",
        "duplicate-team",
        "session-out-of-range",
        "unknown-policy-key",
        "malformed-arn",
        "type-mismatch",
    }
    assert wanted <= set(found)


def test_faults_leave_the_other_roles_compiled(tmp_path: Path) -> None:
    compiled = compile_teams(tmp_path, {"good": attributes(), "bad": attributes(trusted_teams=None)})
    assert [role.short for role in compiled.resources.roles] == ["good"]
    assert compiled.faults


def test_t1_disabled_roles_are_skipped_and_t4_disabled_teams_are_not(tmp_path: Path) -> None:
    assert not compile_roles(tmp_path, {"t": team_roles(enabled=False)}).resources.roles
    assert not compile_roles(tmp_path, {"t": {"enabled": None}}).resources.roles
    compiled = compile_teams(tmp_path, {"t": attributes(enabled=False)})
    assert role(compiled, "t")
    assert "team-enabled-ignored" in ids(compiled)


def test_t9_former_components_and_attributes(tmp_path: Path) -> None:
    old = {"sso_login_enabled": False, "trusted_primary_roles": ["ops"], "denied_primary_roles": []}
    kept = {
        key: value
        for key, value in attributes(role_policy_arns=["delegated_assume_role", "support"]).items()
        if key not in {"aws_saml_login_enabled", "trusted_teams", "denied_teams"}
    }
    variables = {**LABELS, "primary_roles_config": {"admin": {**kept, **old}}, "delegated_roles_config": {}}
    compiled = compile_stack(tmp_path, stack("iam-primary-roles", variables))
    assert not compiled.faults
    assert "IdentityOpsRoleAccess" in json.dumps(role(compiled, "admin").trust)
    assert role(compiled, "admin").policies == (
        "arn:aws:iam::111111111111:policy/eg-core-gbl-identity-TeamRoleAccess",
        "arn:aws:iam::aws:policy/AWSSupportAccess",
    )
    assert "legacy-spelling" in ids(compiled)


def test_folders_compile_the_stacks_nobody_imports(tmp_path: Path) -> None:
    folder = copy_seed(tmp_path)
    compiled = compile_wanted(Wanted((tmp_path,), context=folder / "context.json"))
    assert [component.name for component in compiled.components] == ["aws-teams"]


def test_t17_the_static_account_map_and_saml_component_are_read(tmp_path: Path) -> None:
    accounts = account_map()
    accounts["iam_role_arn_templates"] = {}
    tree = stack("aws-teams", {**LABELS, "teams_config": {"admin": attributes(aws_saml_login_enabled=True)}})
    tree["components"]["terraform"]["account-map"] = {"remote_state_backend": {"static": accounts}}
    tree["components"]["terraform"]["aws-saml"] = {
        "vars": {**LABELS, "attributes": ["saml"], "saml_providers": {"okta": "okta.xml"}}
    }
    compiled = compile_stack(tmp_path, tree, {"trust_policy_quota": 2048})
    assert not compiled.faults
    assert "saml-provider/eg-core-gbl-identity-saml-okta" in json.dumps(role(compiled, "admin").trust)


def test_t20_names_that_collide_ignoring_case(tmp_path: Path) -> None:
    compiled = compile_teams(tmp_path, {"admin": attributes(), "Admin": attributes()})
    assert "role-name-collision" in ids(compiled)


def test_t39_disabled_components_only_echo(tmp_path: Path) -> None:
    compiled = compile_teams(tmp_path, {"admin": attributes()}, enabled=False)
    assert not compiled.resources.roles
    assert list(compiled.components[0].config) == ["admin"]


def test_without_a_stacks_folder_imports_are_found_a_little_above(tmp_path: Path) -> None:
    catalog = stack("aws-teams", {"teams_config": {"admin": attributes()}})
    for name, tree in {
        "catalog/teams": catalog,
        "orgs/core": {"import": ["catalog/teams"], "vars": LABELS},
    }.items():
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(tree))
    (tmp_path / "context.json").write_text(json.dumps({"account_map": account_map()}))
    compiled = compile_wanted(Wanted((tmp_path / "orgs" / "core.yaml",), context=tmp_path / "context.json"))
    assert not compiled.faults
    assert role(compiled, "admin")


def test_a_catalog_nobody_imports_is_named_and_left_out(tmp_path: Path) -> None:
    """Walking a folder, a file without labels is no stack of its own; naming it with --account compiles it."""
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    (stacks / "identity.yaml").write_text(
        json.dumps(stack("aws-teams", {**LABELS, "teams_config": {"a": attributes()}}))
    )
    (stacks / "loose.yaml").write_text(json.dumps(stack("aws-teams", {"teams_config": {"b": attributes()}})))
    compiled = compile_wanted(Wanted((stacks,), context=SEED / "context.json"))
    (told,) = [finding for finding in compiled.lints if finding.id == "component-skipped"]
    assert "loose.yaml" in told.message
    assert "--account" in told.advice
    assert [role.short for part in compiled.components for role in part.roles] == ["a"]
    named = Wanted((stacks / "loose.yaml",), context=SEED / "context.json", account="core-identity")
    assert [role.short for part in compile_wanted(named).components for role in part.roles] == ["b"]


def test_an_account_nobody_declares_is_a_fault(tmp_path: Path) -> None:
    tree = stack("aws-teams", {**LABELS, "teams_config": {"admin": attributes()}})
    (fault,) = compile_stack(tmp_path, tree, account="core-identty").faults
    assert (fault.id, fault.advice.startswith("did you mean core-identity")) == ("unknown-account", True)


def test_t8_duplicate_permission_sets_are_one_pattern_and_echoed_as_written(tmp_path: Path) -> None:
    compiled = compile_teams(tmp_path, {"a": attributes(trusted_permission_sets=["S", "S"])})
    assert json.dumps(role(compiled, "a").trust).count("AWSReservedSSO_S_*") == 1
    assert compiled.components[0].config["a"]["trusted_permission_sets"] == ["S", "S"]
