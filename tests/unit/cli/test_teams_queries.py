"""The questions of `gatepass teams` on the terminal, asked of the published example and of the seed's Atmos files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from gatepass.cli.teams.group import teams

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "teams" / "teams.yaml"
SEED = ROOT / "tests" / "golden" / "teams" / "seed"


def ask(*words: str, estate: Path = EXAMPLE, context: Path | None = None) -> Result:
    more = ["--context", str(context)] if context else []
    return CliRunner().invoke(teams, [words[0], "-e", str(estate), *more, *words[1:]])


def as_json(*words: str) -> Any:
    found = ask(*words, "--output", "json")
    assert found.exit_code in (0, 2, 4), found.output
    return json.loads(found.stdout)


def test_who_can_names_people_and_outsiders() -> None:
    """T 12 `who-can`."""
    found = ask("who-can", "terraform@plat-prod")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[-1] == (
        "ana > Administrators > IdentityAdminTeamAccess@core-identity > terraform@plat-prod for at most 1 h (chained)"
    )
    ids = [path["start"]["id"] for path in as_json("who-can", "terraform@plat-prod")["who"]]
    assert "person:ana" in ids
    assert "foreign:arn:aws:iam::123456789012:role/eg-ue2-auto-spacelift-worker-pool-admin" in ids


def test_who_can_escalate_adds_a_class_of_its_own() -> None:
    """T-96."""
    found = as_json("who-can", "observer@plat-dev", "--escalate")
    actions = {path["edges"][-1]["action"] for path in found["may_grant_themselves"]}
    assert "iam:UpdateAssumeRolePolicy" in actions
    assert all(path["edges"][-1]["kind"] == "may-change" for path in found["may_grant_themselves"])
    assert not any(edge["kind"] == "may-change" for path in found["who"] for edge in path["edges"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("can", "ana", "terraform@plat-prod"), 0, "yes: ana > Administrators"),
        (("can", "john.doe", "terraform@plat-prod"), 4, "no\n"),
        (("can", "john.doe"), 0, "john.doe > john.doe@core-identity > developer@plat-dev for at most"),
        (
            ("path", "ana", "terraform@plat-prod"),
            0,
            "trust: Allow RoleAssumeRole of trust of terraform@plat-prod",
        ),
        (("path", "john.doe", "terraform@plat-prod"), 4, "no way of at most 6 steps"),
        (
            ("explain", "john.doe", "terraform@plat-prod"),
            0,
            "no: john.doe does not reach terraform@plat-prod",
        ),
        (("blast", "spacelift"), 0, "spacelift@core-identity > terraform@plat-dev"),
        (("unused",), 0, "viewer@core-identity  nobody reaches it"),
        (
            ("matrix", "--output", "csv", "--team", "admin@core-identity", "--in", "plat-prod"),
            0,
            '"observer, terraform"',
        ),
        (("diff", str(EXAMPLE)), 0, "nobody gains or loses anything"),
    ],
)
def test_answers_for_people_and_exit_codes(words: tuple[str, ...], code: int, said: str) -> None:
    found = ask(*words)
    assert said in found.stdout
    assert found.exit_code == code


def test_a_matrix_without_teams_says_what_to_name(tmp_path: Path) -> None:
    """An empty table would look like nobody reaching anything."""
    estate = tmp_path / "teams.yaml"
    estate.write_text(
        "organizations: {acme: {identity_account: hub, accounts: {hub: '111111111111', dev: '333333333333'},\n"
        "  users: {ana: {}}, groups: {devs: {members: [ana], assume: [dev/Developer]}}}}\n"
    )
    assert "--team" in ask("matrix", estate=estate).stderr
    named = ask("matrix", "--team", "ana", "--accounts", "dev", estate=estate)
    assert (named.stderr, "Developer" in named.stdout) == ("", True)


def test_path_all_lists_every_way() -> None:
    one = as_json("path", "ana", "spacelift@core-identity")["paths"]
    every = as_json("path", "ana", "spacelift@core-identity", "--all")["paths"]
    assert len(one) == 1
    assert len(every) > 1
    assert [path["hops"] for path in every] == sorted(path["hops"] for path in every)


def test_diff_says_who_gains(tmp_path: Path) -> None:
    """T-75: people behind the team, not only the team."""
    changed = tmp_path / "teams.yaml"
    changed.write_text(
        EXAMPLE.read_text().replace("Administrators: {members: [ana]}", "Administrators: {members: [eve]}")
    )
    found = ask("diff", str(EXAMPLE), estate=changed)
    assert found.exit_code == 2
    assert "+ eve gains terraform@plat-prod  (eve > Administrators" in found.stdout
    assert "- ana loses terraform@plat-prod  (ana > Administrators" in found.stdout


@pytest.mark.parametrize(
    "words", [("matrix",), ("path", "ana", "terraform@plat-dev"), ("who-can", "terraform@plat-dev")]
)
def test_pictures(words: tuple[str, ...]) -> None:
    """A9."""
    found = ask(*words, "--output", "svg")
    assert found.exit_code == 0
    assert ElementTree.fromstring(found.stdout).tag.endswith("svg")
    assert "terraform" in found.stdout


def test_unmodified_atmos_files_can_be_asked_too() -> None:
    """Seed 004, T 6.1: admin can leave by PowerUserAccess, viewer by ViewOnlyAccess cannot."""
    found = ask(
        "who-can", "spacelift@core-identity", estate=SEED / "identity.yaml", context=SEED / "context.json"
    )
    assert found.exit_code == 0, found.output
    assert "eg-core-gbl-identity-saml-okta > admin@core-identity > spacelift@core-identity" in found.stdout
    assert "any session of a permission set of core-identity matching IdentityAdminTeamAccess" in found.stdout


def test_a_name_that_is_not_there_and_a_faulty_estate_are_bad_input(tmp_path: Path) -> None:
    """Exit code 2, nothing on stdout, what is near on stderr."""
    found = ask("who-can", "terrafrom@plat-prod")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "did you mean terraform@plat-" in found.stderr
    faulty = tmp_path / "teams.yaml"
    faulty.write_text(EXAMPLE.read_text().replace("trusted_teams: [admin, spacelift]", "trusted_teams: null"))
    found = ask("can", "ana", estate=faulty)
    assert (found.exit_code, found.stdout) == (2, "")
    assert "null-list" in found.stderr


def test_lint_says_where_the_profiles_differ_and_compile_does_not() -> None:
    """T-32, A7."""
    words = [str(SEED / "identity.yaml"), "--context", str(SEED / "context.json")]
    linted, compiled = (CliRunner().invoke(teams, [command, *words]) for command in ("lint", "compile"))
    assert linted.stdout.count("profile cloudposse lets in") == 3
    assert "profile-difference" not in compiled.output
