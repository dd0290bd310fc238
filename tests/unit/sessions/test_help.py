import subprocess
import sys

import click
import pytest

from gatepass.cli.main import COMMANDS, main
from gatepass.cli.summaries import SUMMARIES


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
    shared = {"gatepass.cli.main", "gatepass.cli.summaries", "gatepass.cli.outcomes"}
    if not unknown:
        assert loaded <= shared, loaded - shared
    assert "session" in done.stdout or allowed
