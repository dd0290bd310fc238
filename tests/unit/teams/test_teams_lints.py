"""Every lint of section 15 that a compile can give, by an estate that has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.teams.declared import (
    account_map,
    attributes,
    compile_roles,
    compile_teams,
    ids,
    team_roles,
)

DEV_OPS = "arn:aws:iam::111111111111:role/eg-core-gbl-identity-dev"
CASES: list[tuple[str, dict[str, Any]]] = [
    ("star-team", {"a": attributes(trusted_teams=["*"])}),
    ("star-team", {"a": attributes(denied_teams=["*"])}),
    (
        "deny-exempted",
        {
            "a": attributes(
                trusted_role_arns=["arn:aws:iam::222222222222:role/x"],
                denied_role_arns=["arn:aws:iam::222222222222:role/*"],
            )
        },
    ),
    ("unknown-team", {"a": attributes(trusted_teams=["ghost"])}),
    ("derived-set-collision", {"a": attributes(trusted_teams=["dev_ops"], denied_teams=["dev-ops"])}),
    ("set-name-too-long", {"a": attributes(trusted_teams=["a-very-long-team-name"])}),
    ("trusted-and-denied", {"a": attributes(trusted_teams=["a"], denied_teams=["a"])}),
    (
        "deny-bypass",
        {
            "a": attributes(),
            "b": attributes(trusted_teams=["a"]),
            "c": attributes(trusted_teams=["b"], denied_teams=["a"]),
        },
    ),
    ("team-enabled-ignored", {"a": attributes(enabled=False)}),
    ("saml-without-provider", {"a": attributes(aws_saml_login_enabled=True)}),
    ("foreign-account", {"a": attributes(trusted_role_arns=["arn:aws:iam::999999999999:role/x"])}),
    ("user-trusted", {"a": attributes(trusted_role_arns=["arn:aws:iam::222222222222:user/x"])}),
    ("assumed-role-arn", {"a": attributes(trusted_role_arns=["arn:aws:sts::222222222222:assumed-role/x/y"])}),
    ("wildcard-account", {"a": attributes(trusted_role_arns=["arn:aws:iam::*:role/x"])}),
    ("cross-partition-arn", {"a": attributes(trusted_role_arns=["arn:aws-cn:iam::222222222222:role/x"])}),
    ("root-arn", {"a": attributes(trusted_role_arns=["arn:aws:iam::222222222222:root"])}),
    ("chained-long-session", {"a": attributes(trusted_teams=["a"], max_session_duration=7200)}),
    ("self-lock", {"a": attributes(trusted_teams=["a"], denied_teams=["a"])}),
]


@pytest.mark.parametrize(("lint", "config"), CASES)
def test_lints_have_places_and_do_not_stop(lint: str, config: dict[str, Any], tmp_path: Path) -> None:
    compiled = compile_teams(tmp_path, config)
    found = [finding for finding in compiled.findings if finding.id == lint]
    assert found
    assert all(finding.place is not None and not finding.is_fault for finding in found)
    assert not compiled.faults


def test_a_quiet_estate_has_no_lints(tmp_path: Path) -> None:
    config = {"a": attributes(trusted_teams=["b"]), "b": attributes(denied_teams=["a"])}
    assert not ids(compile_teams(tmp_path, config))


def test_t17_a_template_that_names_other_roles(tmp_path: Path) -> None:
    accounts = account_map()
    accounts["iam_role_arn_templates"]["core-identity"] = "arn:aws:iam::111111111111:role/other-%s"
    compiled = compile_teams(tmp_path, {"a": attributes()}, {"account_map": accounts})
    assert ids(compiled) == ["arn-template-mismatch"]


def test_h2_sets_that_share_a_prefix(tmp_path: Path) -> None:
    context = {"account_map": account_map(), "permission_sets": ["Foo", "Foo_Bar"]}
    compiled = compile_roles(tmp_path, {"a": team_roles(trusted_permission_sets=["Foo", "Gone"])}, context)
    assert ids(compiled) == ["set-prefix-ambiguous", "unknown-permission-set"]


def test_t31_github_lints(tmp_path: Path) -> None:
    context = {
        "account_map": account_map(),
        "oidc_providers": {
            "core-identity": "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"
        },
    }
    writes = attributes(role_policy_arns=["arn:aws:iam::aws:policy/AdministratorAccess"])
    repos = {"a": ["org/*", "org/app", "org/app:pull_request", "org/app:main"]}
    compiled = compile_teams(tmp_path, {"a": writes}, context, trusted_github_repos=repos)
    assert ids(compiled) == ["github-wildcard-org", "github-wildcard-org", "github-pull-request"]


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("https://github.com/o/r", "github-entry-invalid"),
        ("o/r/x", "github-entry-invalid"),
        ("/r", "github-entry-invalid"),
        ("r", "github-org-missing"),
        ("o/r:main", "oidc-without-provider"),
    ],
)
def test_t31_github_faults(entry: str, wanted: str, tmp_path: Path) -> None:
    compiled = compile_teams(tmp_path, {"a": attributes()}, trusted_github_repos={"a": [entry]})
    assert wanted in [fault.id for fault in compiled.faults]


def test_t54_t55_trust_that_does_not_fit_says_what_to_do(tmp_path: Path) -> None:
    sets = [f"Team{number:02}ReadWriteAccess" for number in range(20)]
    compiled = compile_teams(tmp_path, {"big": attributes(trusted_permission_sets=sets)})
    (fault,) = compiled.faults
    assert fault.id == "trust-too-long"
    for word in ("core-identity", "111111111111", "2048", "trusted_permission_sets"):
        assert word in fault.message
    for word in ("L-C07B4B0D", "us-east-1", "4096", "C-5"):
        assert word in fault.advice
    assert compiled.resources.roles[0].characters > 2048


def test_t55_near_the_limit(tmp_path: Path) -> None:
    sets = [f"Team{number:02}ReadWriteAccess" for number in range(14)]
    context = {"account_map": account_map(), "trust_policy_quota": {"core-identity": 2100}}
    assert ids(compile_teams(tmp_path, {"big": attributes(trusted_permission_sets=sets)}, context)) == [
        "trust-near-limit"
    ]
