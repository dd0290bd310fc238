"""H1: what upstream's components planned is what gatepass compiles, policy by policy, byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.teams.declared import GOLDEN, SEED, compile_stack, stack

from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled

CASES = sorted(path.name for path in GOLDEN.glob("*.json"))
RESULTS = [name for name in CASES if not name.startswith("e")]
FAULTS = {
    "e01-duplicate-policy-arn.json": ("duplicate-policy", "role_policy_arns[1]"),
    "e04-session-too-short.json": ("session-out-of-range", "max_session_duration"),
    "e06-missing-attr.json": ("attribute-missing", "denied_teams"),
    "e07-unknown-account.json": ("unknown-account", "allowed_roles"),
}


def _compiled(case: dict[str, Any], folder: Path) -> Compiled:
    """The case as a user would run it: its variables in a stack, its remote state in a context file."""
    states = case["remote_state"]
    context: dict[str, Any] = {"account_map": states["account-map"], "trust_policy_quota": 8192}
    saml = states.get("aws-saml", {}).get("saml_provider_assume_role_policy")
    account = "core-identity" if case["component"] == "aws-teams" else "plat-dev"
    if saml:
        context["saml_providers"] = {account: [json.loads(saml)["Statement"][0]["Principal"]["Federated"]]}
    if "github-oidc-provider" in states:
        context["oidc_providers"] = {account: states["github-oidc-provider"]["oidc_provider_arn"]}
        context["trusted_github_org"] = (
            "cloudposse"  # upstream's default, which gatepass does not have (T-31)
        )
    return compile_stack(folder, stack(case["component"], case["vars"]), context)


@pytest.mark.parametrize("name", RESULTS)
def test_roles_policies_and_outputs_are_upstreams(name: str, tmp_path: Path) -> None:
    case = json.loads((GOLDEN / name).read_text())
    compiled = _compiled(case, tmp_path)
    assert not compiled.faults
    (component,) = compiled.components
    wanted = case["result"]
    assert {role.short: _as_planned(role) for role in component.roles} == wanted["roles"]
    assert {policy.name: policy.document for policy in component.policies} == {
        policy["name"]: policy["document"] for policy in wanted["policies"].values()
    }
    assert {policy.name: dict(policy.tags) for policy in component.policies} == {
        policy["name"]: policy["tags"] for policy in wanted["policies"].values()
    }
    assert {key: role for key, (role, _) in component.attachments.items()} == {
        key: attached["role"] for key, attached in wanted["attachments"].items()
    }
    known = {key: said["policy_arn"] for key, said in wanted["attachments"].items() if said["policy_arn"]}
    assert known.items() <= {key: arn for key, (_, arn) in component.attachments.items()}.items()
    if wanted["outputs"].get("teams_config") is not None:
        assert component.config == wanted["outputs"]["teams_config"]


def _as_planned(role: Any) -> dict[str, Any]:
    return {
        "description": role.description,
        "max_session_duration": role.max_session,
        "minified_chars": role.characters,
        "name": role.name,
        "path": role.path,
        "tags": dict(role.tags),
        "trust_policy": role.trust,
    }


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_faults_are_found_where_upstream_fails(name: str, tmp_path: Path) -> None:
    case = json.loads((GOLDEN / name).read_text())
    (fault,) = _compiled(case, tmp_path).faults
    wanted_id, wanted_path = FAULTS[name]
    assert fault.id == wanted_id
    assert fault.path.endswith(wanted_path)
    assert fault.place is not None
    assert fault.place.line == 1
    assert fault.advice


def test_every_golden_case_is_used() -> None:
    assert set(CASES) == {*RESULTS, *FAULTS}


def test_the_seed_as_it_is_written() -> None:
    """Seed 004's YAML, unmodified, imported by a stack that only names the account."""
    compiled = compile_wanted(Wanted((SEED / "identity.yaml",), context=SEED / "context.json"))
    wanted = json.loads((GOLDEN / "t00-seed-004.json").read_text())["result"]["roles"]
    assert {role.short: role.trust for role in compiled.resources.roles} == {
        short: role["trust_policy"] for short, role in wanted.items()
    }
    assert [role.characters for role in compiled.resources.roles] == [1312, 1303, 444]


def test_the_seed_without_a_stack_takes_its_names_from_the_account_map() -> None:
    compiled = compile_wanted(Wanted((SEED / "aws-teams.yaml",), context=SEED / "context.json"))
    assert [role.name for role in compiled.resources.roles] == [
        "eg-core-gbl-identity-admin",
        "eg-core-gbl-identity-spacelift",
        "eg-core-gbl-identity-viewer",
    ]
    assert not compiled.faults
