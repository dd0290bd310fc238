"""`gatepass teams drift --last` and `--server`, and what `check` says of teams that the server is to compare."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.drift_lab import declared

from gatepass.cli.main import main
from gatepass.cli.teams import drift as teams_drift
from gatepass.teams.drift.differences import Difference, Looked, Sort, concluded, report_json
from gatepass.teams.drift.words import whole

FOUND = Difference(Sort.TRUST, "1/role/a", "1", "dev", "trust")


class Server:
    """Answers one after the other, the last for ever; remembers what was asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        self.asked.append(f"GET {path}")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(f"POST {path}")
        return self.answers.pop(0)


def answer(looked: dict[str, Looked] | None, running: str | None = None, done: int = 0) -> dict[str, Any]:
    report = concluded(None, looked, datetime(2026, 1, 1, tzinfo=UTC)) if looked is not None else None
    return {
        "running": running,
        "progress": {"done": done, "whole": 3},
        "report": report_json(report) if report is not None else None,
        "text": whole(report) if report is not None else [],
    }


@pytest.fixture
def drift(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teams_drift, "_EVERY", 0.0)

    def run(server: Server, *words: str) -> Result:
        monkeypatch.setattr("gatepass.cli.server.connect", lambda: server)
        return CliRunner().invoke(main, ["teams", "drift", *words])

    return run


@pytest.mark.parametrize(
    ("looked", "code", "said"),
    [
        (None, 1, "the server has not looked yet"),
        ({"1": Looked()}, 0, "1 place: no drift"),
        ({"1": Looked((FOUND,))}, 2, "changed trust: 1/role/a in dev (trust)"),
        ({"1": Looked((FOUND,)), "2": Looked(why="denied")}, 1, "cannot be read: 2: denied"),
        ({"1": Looked(why="denied"), "2": Looked(why="denied")}, 1, "cannot be read: 1, 2: denied"),
    ],
)
def test_what_the_server_found_last(drift: Any, looked: Any, code: int, said: str) -> None:
    server = Server(answer(looked))
    result = drift(server, "--last")
    assert (result.exit_code, server.asked) == (code, ["GET /v1/teams/drift"])
    assert said in result.stdout
    as_json = drift(server, "--last", "--json")
    assert as_json.exit_code == code
    assert json.loads(as_json.stdout)["report"] == answer(looked)["report"]


def test_the_server_looks_now_and_is_waited_for(drift: Any) -> None:
    found = {"1": Looked((FOUND,))}
    server = Server(answer(None, "d1"), answer(None, "d1", 2), answer(found))
    result = drift(server, "--server")
    assert result.exit_code == 2
    assert server.asked == ["POST /v1/teams/drift", "GET /v1/teams/drift", "GET /v1/teams/drift"]
    assert "changed trust: 1/role/a" in result.stdout
    assert "2 of 3 steps done" in result.stderr


def test_check_tells_every_fault_of_the_teams_at_its_place(tmp_path: Path) -> None:
    said = declared()
    said["organizations"]["many"]["roles"]["deployer"]["accounts"] = ["nowhere"]
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "teams.yaml").write_text(json.dumps(said, indent=1))
    (tmp_path / "estate.yaml").write_text("gatepass: 1\ndrift: {every: 6h}\n")
    result = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert result.exit_code == 2
    assert "teams/teams.yaml:" in result.stderr
    assert "unknown-account" in result.stderr
    assert "gatepass-teams-" not in result.stderr
    (tmp_path / "teams" / "teams.yaml").write_text(json.dumps(declared()))
    assert CliRunner().invoke(main, ["check", str(tmp_path)]).exit_code == 0
