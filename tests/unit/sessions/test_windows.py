"""H6: the laptop side on a stand-in for Windows (`as_windows`): every module, and a whole story through real processes.

What it shows: no module that Windows has not is needed, the agent is reached and started over loopback, the launcher's
command is one that botocore splits there into the right words. What it cannot: how Windows itself behaves.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.compat import _windows_shell_split
from tests.unit.sessions.conftest import GATEWAY_KEY, GATEWAY_SECRET, is_gone
from tests.unit.sessions.fake_aws import FakeAws
from tests.unit.sessions.stand_ins import ROLE, StandIn, at_home, codes
from tests.waiting import until

import gatepass.sessions
from gatepass.cli.person import Terminal
from gatepass.sessions.errors import NeedsHuman

POSIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "termios", "tty"}

IMPORT_ALL = """
import importlib, pkgutil
import gatepass.cli, gatepass.sessions
faults = []
for package in (gatepass.sessions, gatepass.cli):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        try:
            importlib.import_module(module.name)
        except Exception as error:
            faults.append(f"{module.name}: {error!r}")
print(*faults, sep="\\n")
"""


@pytest.fixture
def machine(short_tmp: Path) -> Iterator[StandIn]:
    """Dana's, whose user's directory is her profile."""
    home = short_tmp / "Dana"
    places = {"APPDATA": str(home / "AppData" / "Roaming"), "LOCALAPPDATA": str(home / "AppData" / "Local")}
    made = StandIn(
        "as_windows.py", "win32", {**at_home(home), "USERPROFILE": str(home), "USERNAME": "dana", **places}
    )
    yield made
    made.end()


def test_h6_no_module_begins_with_an_import_that_windows_has_not() -> None:
    """But for what starts an agent over a unix socket."""
    package = Path(gatepass.sessions.__file__).parents[1]
    begin = {}
    for path in [*package.glob("sessions/**/*.py"), *package.glob("cli/*.py")]:
        lines = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import)]
        begin[path.name] = {name.name for line in lines for name in line.names} & POSIX_ONLY
    assert {name for name, found in begin.items() if found} == {"cold.py"}


@pytest.mark.long
def test_h6_every_module_is_imported_where_windows_has_not_what_posix_has(machine: StandIn) -> None:
    done = machine.python(IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    faults = {line.partition(":")[0]: line for line in done.stdout.split("\n") if line}
    others = {"gatepass.sessions.launcher.cold", "gatepass.cli.handlers", "gatepass.cli.fake_slack"}
    # the start over a unix socket; and the server's, which say so
    assert set(faults) == others, faults.values()


def test_h6_a_whole_story_over_loopback(fake: FakeAws, machine: StandIn) -> None:
    """Vault, sessions, profiles, launcher cold and locked, unlocked, warm; `exec`, `status`, the end."""
    machine.workspace(fake)
    passphrase = "correct horse battery"
    told = machine.story(
        (["vault", "init", "--provider", "passphrase"], f"{passphrase}\n"),
        (["session", "add", "gateway", "iam-user", "--without-keys"], None),
        (["session", "add", "dev", "role", *ROLE], None),
        (["vault", "status"], None),
        (["profiles", "install"], None),
        (["profiles", "repair"], None),
        (["doctor"], None),
        (["handlers", "test"], None),
    )
    assert codes(told) == ["0"] * 7 + ["1"], told
    assert "gatepass handlers needs fcntl" in told
    assert (machine.data / "vault.bin").is_file()
    installed = (Path(machine.env["HOME"]) / ".aws" / "config").read_text()
    command = re.search(r"^credential_process = (.*)$", installed, re.MULTILINE)
    assert command is not None
    words = [word.replace("\\", "/") for word in _windows_shell_split(command[1])]
    launcher = machine.data / "bin" / "gatepass-credential"
    assert words[1:3] == ["-IS", str(launcher)]
    assert os.path.isabs(words[0])

    locked = machine.launcher("dev")
    assert (locked.returncode, locked.stdout) == (1, "")
    assert locked.stderr.count("\n") == 1
    assert "gatepass vault unlock" in locked.stderr
    port = (machine.run / "agent.port").read_text()
    told = machine.story(
        (["vault", "unlock"], f"{passphrase}\n"),
        (["session", "secret", "gateway"], f"{GATEWAY_KEY}\n{GATEWAY_SECRET}\n"),
        (["session", "start", "dev"], None),
        (["exec", "dev", "--", sys.executable, "-c", "import os; print(sorted(os.environ))"], None),
        (["env", "dev", "--format", "powershell"], None),
        (["files", "write", "dev", "--i-know"], None),
        (["status"], None),
        (["agent", "status"], None),
    )
    assert codes(told) == ["0"] * 8, told
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in told
    assert "agent.port" in told
    warm = machine.launcher("dev")
    assert json.loads(warm.stdout)["Version"] == 1, warm.stderr
    assert (machine.run / "agent.port").read_text() == port  # one agent all the way
    pid = re.search(r"^process +(\d+)", told, re.MULTILINE)
    assert pid is not None
    assert "stopped" in machine.story((["agent", "stop"], None))
    until(lambda: is_gone(int(pid[1])))
    assert not (machine.run / "agent.port").exists()
    assert (machine.state / "audit.jsonl").is_file()
    assert GATEWAY_SECRET not in installed + (machine.state / "agent.log").read_text()


@pytest.mark.long
def test_h6_without_an_agent_and_what_windows_cannot(
    fake: FakeAws, machine: StandIn, short_tmp: Path
) -> None:
    """S-36 over the sealed file; S-28: nothing private outside the profile; what is refused says why."""
    machine.workspace(fake, "agent = false\n")
    told = machine.story(
        (["vault", "init", "--provider", "keyfile", "--key-file", f"{machine.env['HOME']}/keys/key"], None),
        (["session", "add", "gateway", "iam-user"], f"{GATEWAY_KEY}\n{GATEWAY_SECRET}\n"),
        (["session", "add", "dev", "role", *ROLE], None),
        (["profiles", "install"], None),
        (["exec", "dev", "--", "true"], None),
        (["vault", "init", "--replace", "--provider", "keyfile", "--key-file", f"{short_tmp}/key"], None),
        (["endpoint", "dev", "--imds"], None),
        (["ssh-forward", "host", "-s", "dev"], None),
    )
    assert codes(told) == ["0"] * 5 + ["1", "2", "2"], told
    for said in ("is outside your profile", "every user of the machine", "run it in WSL"):
        assert said in told
    done = machine.launcher("dev")
    assert json.loads(done.stdout)["Version"] == 1, done.stderr
    assert not (machine.run / "agent.port").exists()


def test_s48_windows_asks_on_the_console(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stdin is; without a console nobody is asked."""
    real = open

    def console(path: str, *more: Any, **named: Any) -> Any:
        assert path in ("CONIN$", "CONOUT$")
        return real(short_tmp / path, *more, **named)

    monkeypatch.setattr("builtins.open", console)
    monkeypatch.setattr(sys, "platform", "win32")
    person = Terminal(stdin=False)
    with pytest.raises(NeedsHuman):
        person.ask("mfa", "code")
    (short_tmp / "CONIN$").write_text("123456\n")
    assert person.ask("mfa", "code") == "123456"
    assert (short_tmp / "CONOUT$").read_text() == "code: "
