"""The commands as a person types them: output, stable keys, exit codes (A1, A2; architecture.md 10)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.unit.teams.declared import SEED, account_map, attributes, stack

from gatepass.cli.main import main

EXAMPLE = Path(__file__).parents[3] / "examples" / "teams"
CONTEXT = ("--context", str(SEED / "context.json"))


def _run(*words: str) -> Result:
    return CliRunner().invoke(main, ["teams", *words])


def _json(*words: str) -> Any:
    return json.loads(_run(*words, "--output", "json").stdout)


def test_a1_compile_of_the_seed() -> None:
    value = _json("compile", str(SEED / "identity.yaml"), *CONTEXT)
    part = value["components"]["aws-teams"]
    assert set(part["roles"]["admin"]) >= {
        "name", "arn", "path", "description", "max_session_duration", "tags", "trust_policy", "characters", "policies",
    }  # fmt: skip
    assert part["outputs"]["team_names"] == [
        f"eg-core-gbl-identity-{name}" for name in ("admin", "spacelift", "viewer")
    ]
    assert part["policies"]["team_role_access"]["name"] == "eg-core-gbl-identity-TeamRoleAccess"
    assert part["attachments"]["spacelift"]["policy_arn"].endswith("TeamRoleAccess")
    assert value["errors"] == []


def test_a1_errors_stop_with_2_and_what_could_be_compiled_is_there(tmp_path: Path) -> None:
    config = {"good": attributes(), "bad": {**attributes(), "denied_teams": None}}
    (tmp_path / "s.yaml").write_text(
        json.dumps(stack("aws-teams", {"namespace": "eg", "teams_config": config}))
    )
    (tmp_path / "c.json").write_text(json.dumps({"account_map": account_map()}))
    result = _run(
        "compile", str(tmp_path / "s.yaml"), "--context", str(tmp_path / "c.json"), "--output", "json"
    )
    assert result.exit_code == 2
    value = json.loads(result.stdout)
    assert list(value["components"]["aws-teams"]["roles"]) == ["good"]
    (error,) = value["errors"]
    assert {
        key: bool(error[key]) for key in ("id", "file", "line", "column", "path", "advice", "message")
    } == dict.fromkeys(("id", "file", "line", "column", "path", "advice", "message"), True)
    assert error["id"] == "null-list"


def test_compile_without_an_account_map_says_what_to_give() -> None:
    result = _run("compile", str(SEED / "identity.yaml"))
    assert result.exit_code == 2
    assert "--context" in result.stderr


def test_component_and_account_choose() -> None:
    assert list(_json("compile", str(EXAMPLE), "--account", "plat-prod")["components"]) == ["roles", "people"]
    assert (
        _run("compile", str(SEED / "identity.yaml"), *CONTEXT, "--component", "aws-team-roles").exit_code == 2
    )


def test_lint_ends_with_2_for_errors(tmp_path: Path) -> None:
    assert _run("lint", str(EXAMPLE)).exit_code == 0
    config = {"a": attributes(trusted_teams=["*"])}
    (tmp_path / "s.yaml").write_text(
        json.dumps(stack("aws-teams", {"namespace": "eg", "teams_config": config}))
    )
    result = _run("lint", str(tmp_path / "s.yaml"), *CONTEXT)
    assert result.exit_code == 2
    assert "star-team" in result.stdout


def test_t40_the_shell_helper_has_the_five_look_ups(tmp_path: Path) -> None:
    script = tmp_path / "roles.sh"
    script.write_text(_run("outputs", str(SEED / "identity.yaml"), *CONTEXT, "--format", "shell").stdout)

    def ask(*words: str) -> str:
        return subprocess.run(
            ["sh", str(script), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    assert ask("namespace") == "eg"
    assert ask("role-names").split() == ["admin", "spacelift", "viewer"]
    assert ask("profiles").split()[0] == "eg-core-gbl-identity-admin"
    assert ask("profile", "viewer") == "eg-core-gbl-identity-viewer"
    assert ask("role-arn", "admin") == "arn:aws:iam::111111111111:role/eg-core-gbl-identity-admin"
    assert len(ask("role-arns").split()) == 3
    assert subprocess.run(["sh", str(script), "role-arn", "nobody"], capture_output=True).returncode == 1


def test_outputs_in_json() -> None:
    value = json.loads(_run("outputs", str(SEED / "identity.yaml"), *CONTEXT).stdout)
    assert value["aws-teams"]["team_name_role_arn_map"]["admin"].endswith("role/eg-core-gbl-identity-admin")


def test_a4_the_hand_over_document() -> None:
    (document,) = json.loads(_run("handover", str(EXAMPLE)).stdout)
    assert document["account_id"] == "999999999999"
    assert document["external_id"] in document["steps"][2]


@pytest.mark.parametrize("form", ["terraform", "cloudformation", "atmos"])
def test_export_writes_files(form: str, tmp_path: Path) -> None:
    result = _run("export", str(EXAMPLE), "--format", form, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert all(Path(line).is_file() for line in result.stdout.splitlines())


def test_import_of_a_template_compiles(tmp_path: Path) -> None:
    template = {"Resources": {"G": {"Type": "AWS::IAM::Group", "Properties": {"GroupName": "g"}}}}
    (tmp_path / "t.json").write_text(json.dumps(template))
    out = tmp_path / "teams.yaml"
    words = (
        "--from",
        "cloudformation",
        str(tmp_path / "t.json"),
        "--account",
        "dev=333333333333",
        "--out",
        str(out),
    )
    assert _run("import", *words).exit_code == 0
    assert list(_json("compile", str(out))["groups"]) == ["arn:aws:iam::333333333333:group/g"]


def test_plans_that_are_none_and_missing_files_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("[]")
    assert _run("apply", str(tmp_path / "plan.json")).exit_code == 2
    assert _run("compile", str(tmp_path / "nope.yaml")).exit_code == 2


def test_json_is_short_for_output_json() -> None:
    """T 11.1: all of them have `--json`."""
    words = ("compile", str(EXAMPLE))
    assert _run(*words, "--json").stdout == _run(*words, "--output", "json").stdout
    assert json.loads(_run("who-can", "terraform@plat-prod", "-e", str(EXAMPLE), "--json").stdout)["who"]
    for name in _run("--help").stdout.partition("Commands:")[2].split("\n")[1:-1]:
        command = name.split()[0]
        if command not in {"handover", "import", "migrate", "outputs"}:  # they answer in JSON anyway
            assert "--json" in _run(command, "--help").stdout, command


@pytest.mark.parametrize(
    "command", ["compile", "lint", "who-can", "plan", "drift", "outputs", "unused", "diff"]
)
def test_estate_is_where_the_declaration_is_in_every_command(command: str) -> None:
    """One word, one meaning: the same `-e/--estate PATH` as for the other commands of gatepass."""
    shown = _run(command, "--help").stdout
    assert "-e, --estate PATH" in shown
    assert "Native estate, Atmos stack file or folder" in shown


def test_the_estate_is_the_current_directory_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    named = _run("compile", "-e", str(EXAMPLE)).stdout
    monkeypatch.chdir(EXAMPLE)
    assert _run("compile").stdout == named == _run("compile", ".").stdout
    assert _run("unused").exit_code == 0


def test_t55_every_role_says_its_headroom() -> None:
    part = _json("compile", str(SEED / "identity.yaml"), *CONTEXT)["components"]["aws-teams"]
    viewer = part["roles"]["viewer"]
    assert (viewer["characters"], viewer["quota"], viewer["headroom_percent"]) == (444, 2048, 78)
    assert (
        "444 of 2048 characters, 78 % free" in _run("compile", str(SEED / "identity.yaml"), *CONTEXT).stdout
    )


def test_every_subcommand_has_help() -> None:
    listed = _run("--help").stdout
    for name in (
        "apply",
        "compile",
        "drift",
        "export",
        "import",
        "lint",
        "outputs",
        "plan",
        "who-can",
        "explain",
    ):
        assert name in listed
        assert _run(name, "--help").exit_code == 0
