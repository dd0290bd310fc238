import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gatepass.cli.main import SECTIONS, main
from gatepass.cli.summaries import SUMMARIES

COMMANDS = {name: place for commands in SECTIONS.values() for name, place in commands.items()}


@pytest.mark.parametrize("name", sorted(SUMMARIES))
def test_every_summary_is_the_commands_own(name: str) -> None:
    if name not in COMMANDS:
        pytest.fail(f"{name} is no command any more: remove its line from summaries.py")
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert SUMMARIES[name] == command.get_short_help_str(100)


def test_help_imports_no_command() -> None:
    """Specification 6.2: `gatepass --help` costs what click costs."""
    code = "import sys; sys.argv[1:] = ['--help']; from gatepass.cli.main import main\ntry: main()\nfinally: "
    code += "print(*sorted(m for m in sys.modules if m.startswith('gatepass.cli.')), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    unknown = COMMANDS.keys() - SUMMARIES.keys()
    allowed = {COMMANDS[name].split(":")[0] for name in unknown}
    shared = {"gatepass.cli.main", "gatepass.cli.sections", "gatepass.cli.summaries", "gatepass.cli.outcomes"}
    if not unknown:
        assert loaded <= shared, loaded - shared
    assert "session" in done.stdout or allowed


def test_every_command_stands_in_one_section() -> None:
    assert len(COMMANDS) == sum(len(commands) for commands in SECTIONS.values())


def _commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _commands(child, (*words, name))


def test_every_example_in_a_help_page_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option that was renamed must not live on in an example."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "estate").mkdir()
    (tmp_path / "examples").symlink_to(Path(__file__).parents[3] / "examples")
    for name in ("log.jsonl", "checkpoint.json", "plan.json"):
        (tmp_path / name).touch()
    examples = [
        line.strip()
        for words in _commands(main)
        for line in _page(words).partition("Examples:")[2].partition("Options:")[0].splitlines()
        if line.strip()
    ]
    assert len(examples) > 20
    for example in examples:
        _parse(example)


def test_no_summary_of_a_command_is_cut_off() -> None:
    lines = [line for words in _commands(main) for line in _page(words).splitlines()]
    assert not [line for line in lines if re.search(r"[a-z,:]\.\.\.$", line)]


@pytest.mark.parametrize(("typed", "meant"), [("aproove", "approve"), ("teams who-cn", "teams who-can")])
def test_an_unknown_command_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    done = CliRunner().invoke(main, typed.split())
    assert done.exit_code == 2
    assert f"did you mean {meant.split()[-1]}?" in done.output


def _page(words: tuple[str, ...]) -> str:
    context = click.Context(main, info_name="gatepass")
    for name in words:
        group = context.command
        assert isinstance(group, click.Group)
        command = group.get_command(context, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=context)
    return context.get_help()


def _parse(example: str) -> None:
    plain = example.partition(" > ")[0].removeprefix('eval "$(').removesuffix(')"')
    first, *words = shlex.split(plain)
    assert first == "gatepass", example
    command: click.Group = main
    context = click.Context(main, info_name=first)
    while True:
        found = command.get_command(context, words[0])
        assert found is not None, example
        name, *words = words
        if not isinstance(found, click.Group):
            break
        command, context = found, click.Context(found, info_name=name, parent=context)
    found.make_context(name, words, parent=context)
