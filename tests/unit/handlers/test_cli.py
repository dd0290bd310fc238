"""P7: `gatepass handlers test`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from gatepass.cli.main import main
from gatepass.handlers import Runner

FILES = Path(__file__).parents[2] / "assets"


@pytest.fixture
def run(runner: Runner) -> Callable[..., Result]:
    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["handlers", "test", *arguments])

    return invoke


def test_a_submission_is_shown_with_what_it_comes_to(run: Callable[..., Result]) -> None:
    result = run(
        str(FILES / "implementations" / "account_by_choice.py"), "--field", "account_id=111111111111"
    )
    assert result.exit_code == 0, result.output
    assert "get_permissions              RequestPermission" in result.stdout
    assert "=> the request would be pending" in result.stdout
    assert "=> who may decide: every admin, every member" in result.stdout
    assert "isolation: " in result.stderr


def test_json_for_scripts(run: Callable[..., Result], tmp_path: Path) -> None:
    world = tmp_path / "world.json"
    world.write_text(json.dumps({"accounts": {"111111111111": "Production"}}))
    file = str(FILES / "implementations" / "account_by_choice.py")
    result = run(file, "--step", "prompt", "--world", str(world), "--output", "json")
    shown = json.loads(result.stdout)
    assert shown["options"] == {"account_id": [{"value": "111111111111", "label": "Production"}]}
    assert shown["handlers"][0]["handler"] == "prefetch:account_id"
    assert shown["outcome"] == "go"


def test_an_event_can_be_kept_and_given_back(run: Callable[..., Result], tmp_path: Path) -> None:
    file = str(FILES / "implementations" / "account_by_choice.py")
    shown = run(file, "--show-event", "--for", "6h")
    kept = tmp_path / "event.json"
    kept.write_text(shown.stdout)
    assert "the requester reads: At most four hours, please." in run(file, "--event", str(kept)).stdout


def test_a_fault_is_told_and_gives_one(run: Callable[..., Result], tmp_path: Path) -> None:
    broken = tmp_path / "impl.py"
    broken.write_text(
        "from sym.sdk import hook\n\n@hook\ndef on_request(event):\n    return event.payload.fields['x']\n"
    )
    result = run(str(broken))
    assert result.exit_code == 1
    assert "impl.py:5 flow=flow handler=on_request: it raised KeyError: 'x'" in result.stderr
    assert "=> the request would be failed" in result.stdout


def test_a_file_that_cannot_be_used_gives_two(run: Callable[..., Result], tmp_path: Path) -> None:
    broken = tmp_path / "impl.py"
    broken.write_text("def (\n")
    result = run(str(broken))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: impl.py:1 flow=flow handler=(file): SyntaxError")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--field", "reason"], "is not KEY=VALUE"),
        (["--for", "soon"], "no length of time"),
        (["--event", "EVENT"], "not acceptable JSON"),
        (["--world", "WORLD"], "must be an object of"),
        (["--world", "ASKS"], "no handler can ask"),
    ],
)
def test_bad_input_gives_two(
    run: Callable[..., Result], tmp_path: Path, arguments: list[str], says: str
) -> None:
    files = {"EVENT": "{", "WORLD": '{"rooms": 1}', "ASKS": '{"answers": {"rooms.list": []}}'}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    given = [str(tmp_path / each) if each in files else each for each in arguments]
    result = run(str(FILES / "implementations" / "services.py"), *given)
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())


def test_the_doctor_prints_the_level() -> None:
    """Rule 26."""
    from gatepass.cli.doctor.handlers import handler_faults

    @click.command()
    def look() -> None:
        for line in handler_faults():
            click.echo(f"fault: {line}")

    result = CliRunner().invoke(look)
    assert result.stdout.startswith("handlers: isolation ")
    assert ("fault: " in result.stdout) is ("isolation unisolated" in result.stdout)
