"""`gatepass check`, `init`, `generate`: what they print, what they write, how they end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gatepass.cli.main import main
from gatepass.estate import load

ROOT = Path(__file__).parents[3]
EXAMPLE = str(ROOT / "examples" / "multi-organization")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_check_says_what_it_understood() -> None:
    result = _run("check", EXAMPLE)
    assert result.exit_code == 0
    golden = ROOT / "tests" / "golden" / "cli" / "check-example.txt"
    shown = result.stdout.split(":", 1)[1]
    assert shown == golden.read_text().split(":", 1)[1]


def test_check_answers_in_json() -> None:
    answer = json.loads(_run("check", EXAMPLE, "--output", "json").stdout)
    assert answer["ok"] is True
    assert answer["counts"] == {"people": 5, "organizations": 2, "targets": 5, "strategies": 2, "flows": 3}
    admin = next(each for each in answer["can_be_asked_for"] if each["target"] == "tenant_bar-admin")
    assert (admin["decided_by"], admin["at_most"]) == ("2 of group oncall", "1h")
    assert answer["odd"] == []


def test_check_expand_prints_an_estate() -> None:
    text = _run("check", EXAMPLE, "--expand").stdout
    code = Path(EXAMPLE, "impls", "account_by_choice.py").read_text()
    assert "tenant_foo-main" in load({"long.yaml": text, "impls/account_by_choice.py": code}).targets


def test_h5_a_bad_estate_ends_with_2_and_every_fault(tmp_path: Path) -> None:
    (tmp_path / "estate.yaml").write_text("gatepass: 1\nflows: {one: {end_sessions: deny, colour: red}}\n")
    result = _run("check", str(tmp_path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert [line.split(" ")[0].rpartition("/")[2] for line in result.stderr.splitlines()] == [
        "estate.yaml:2:29",
        "estate.yaml:2:35",
        "2",
    ]
    faults = json.loads(_run("check", str(tmp_path), "--output", "json").stdout)["faults"]
    assert [each["code"] for each in faults] == ["not_built", "unknown_key"]


@pytest.mark.parametrize(
    "arguments", [("check",), ("check", "--live"), ("generate", "okta", "--flow-name", "x")]
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert _run(*arguments).exit_code == 2


def test_the_starter_works_as_it_stands(tmp_path: Path) -> None:
    assert _run("init", str(tmp_path / "new")).exit_code == 0
    result = _run("check", str(tmp_path / "new"))
    assert result.exit_code == 0
    assert "Perhaps not meant" not in result.stdout
    again = _run("init", str(tmp_path / "new"))
    assert again.exit_code == 2
    assert "exists already" in again.stderr


def test_generated_flows_are_part_of_the_estate(tmp_path: Path) -> None:
    root = str(tmp_path)
    _run("init", root)
    sso = _run("generate", "aws-sso", "--directory", root, "--flow-name", "billing", "--permission-set", "Billing",
               "--account", "012345678901", "--group", "Payers")  # fmt: skip
    assert sso.exit_code == 0, sso.output
    assert _run("generate", "approval-only", "--directory", root, "--flow-name", "freeze").exit_code == 0
    answer = json.loads(_run("check", root, "--output", "json").stdout)
    flows = {(each["flow"], each["gives"]) for each in answer["can_be_asked_for"]}
    assert ("billing", "permission set Billing in account 012345678901") in flows
    assert ("billing", "membership of group Payers") in flows
    assert ("freeze", "nothing: the decision is what counts") in flows


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--flow-name", "../x", "--group", "G"], "a name of lower case letters"),
        (["--flow-name", "x"], "--permission-set or --group"),
        (["--flow-name", "x", "--group", "G", "--organization", "other"], "there is no organization 'other'"),
        (["--flow-name", "x", "--permission-set", "P", "--account", "123"], "12-digit account id"),
        (["--flow-name", "aws-access", "--group", "G"], "is declared at"),
    ],
)
def test_generate_writes_nothing_that_would_not_load(tmp_path: Path, more: list[str], words: str) -> None:
    _run("init", str(tmp_path))
    result = _run("generate", "aws-sso", "--directory", str(tmp_path), *more)
    assert result.exit_code == 2
    assert words in result.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["estate.yaml"]
