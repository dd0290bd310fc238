"""H6: the laptop side on a stand-in for Windows (`as_windows`): every module, and a whole story through real processes.

What it shows: no module that Windows has not is needed, the agent is reached and started over loopback, the launcher's
command is one that botocore splits there into the right words. What it cannot: how Windows itself behaves.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.compat import _windows_shell_split
from tests.unit.sessions.conftest import DEV, GATEWAY_KEY, GATEWAY_SECRET, end_process
from tests.unit.sessions.fake_aws import FakeAws, endpoints
from tests.waiting import LONG

import gatepass.sessions
from gatepass.sessions.where import directories

POSIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "termios", "tty"}
STAND_IN = Path(__file__).with_name("as_windows.py")
BEFORE = f"exec(compile(open({str(STAND_IN)!r}).read(), 'as_windows', 'exec')); "

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
# Runs the commands of the first argument: [[words], text for --fd or None], each as the whole program would.
COMMANDS = """
import json, os
from gatepass.sessions import launcher
launcher._BOOT = BEFORE + launcher._BOOT
from gatepass.cli.main import main
for words, text in json.loads(sys.argv[1]):
    if text is not None:
        far, near = os.pipe()
        os.write(near, text.encode())
        os.close(near)
        words = [*words, "--fd", str(far)]
    print("$", *words, flush=True)
    try:
        main(words)
    except SystemExit as ended:
        print("->", ended.code or 0, flush=True)
"""
LAUNCH = "sys.argv = sys.argv[1:]; exec(compile(open(sys.argv[0]).read(), sys.argv[0], 'exec'))"


def windows(
    code: str, *words: str, env: dict[str, str], plain: bool = False
) -> subprocess.CompletedProcess[str]:
    flags = ["-I", "-S"] if plain else []
    return subprocess.run(
        [sys.executable, *flags, "-c", BEFORE + code, *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def env(short_tmp: Path) -> dict[str, str]:
    home = short_tmp / "Dana"
    return {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
        "USERNAME": "dana",
        "PATH": os.environ["PATH"],
    }


def test_h6_no_module_begins_with_an_import_that_windows_has_not() -> None:
    """But for what starts an agent over a unix socket."""
    package = Path(gatepass.sessions.__file__).parents[1]
    begin = {}
    for path in [*package.glob("sessions/**/*.py"), *package.glob("cli/*.py")]:
        lines = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import)]
        begin[path.name] = {name.name for line in lines for name in line.names} & POSIX_ONLY
    assert {name for name, found in begin.items() if found} == {"cold.py"}


@pytest.mark.long
def test_h6_every_module_is_imported_where_windows_has_not_what_posix_has(env: dict[str, str]) -> None:
    done = windows(IMPORT_ALL, env=env)
    assert done.returncode == 0, done.stderr
    faults = {line.partition(":")[0]: line for line in done.stdout.split("\n") if line}
    others = {"gatepass.sessions.cold", "gatepass.cli.handlers", "gatepass.cli.fake_slack"}
    assert set(faults) == others, (
        faults.values()
    )  # the start over a unix socket; and the server's, which say so


ROLE = [f"{key}={value}" for key, value in DEV.items() if key != "kind"]
Command = tuple[list[str], str | None]


def workspace(fake: FakeAws, env: dict[str, str], settings: str = "") -> tuple[Path, Path, Path, Path]:
    """A workspace that addresses the fake, where Windows has it; all four places."""
    places = [Path(each) for each in directories(env, "win32")]
    places[0].mkdir(parents=True, mode=0o700)
    head = f'version = 1\n[settings]\n{settings}region = "eu-west-1"\nidentity = "dana@example.com"\n'
    lines = "".join(f'{k} = "{v}"\n' for k, v in endpoints(fake).items())
    (places[0] / "workspace.toml").write_text(f"{head}[settings.endpoints]\n{lines}")
    return places[0], places[1], places[2], places[3]


def story(env: dict[str, str], *commands: Command) -> str:
    """What these commands said, one after the other."""
    code = f"BEFORE = {BEFORE!r}\n{COMMANDS}"
    done = windows("exec(sys.argv.pop(1))", code, json.dumps(commands), env=env)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def codes(told: str) -> list[str]:
    return re.findall(r"^-> (\d)", told, re.MULTILINE)


def test_h6_a_whole_story_over_loopback(fake: FakeAws, env: dict[str, str], short_tmp: Path) -> None:
    """Vault, sessions, profiles, launcher cold and locked, unlocked, warm; `exec`, `status`, the end."""
    _, data, state, run = workspace(fake, env)
    passphrase = "correct horse battery"
    told = story(
        env,
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
    assert (data / "vault.bin").is_file()
    installed = (Path(env["HOME"]) / ".aws" / "config").read_text()
    command = re.search(r"^credential_process = (.*)$", installed, re.MULTILINE)
    assert command is not None
    words = [word.replace("\\", "/") for word in _windows_shell_split(command[1])]
    launcher = data / "bin" / "gatepass-credential"
    assert words[1:3] == ["-IS", str(launcher)]
    assert os.path.isabs(words[0])

    locked = windows(LAUNCH, str(launcher), "dev", env=env, plain=True)
    assert (locked.returncode, locked.stdout) == (1, "")
    assert locked.stderr.count("\n") == 1
    assert "gatepass vault unlock" in locked.stderr
    port = (run / "agent.port").read_text()
    told = story(
        env,
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
    warm = windows(LAUNCH, str(launcher), "dev", env=env, plain=True)
    assert json.loads(warm.stdout)["Version"] == 1, warm.stderr
    assert (run / "agent.port").read_text() == port  # one agent all the way
    pid = re.search(r"^process +(\d+)", told, re.MULTILINE)
    assert pid is not None
    assert "stopped" in story(env, (["agent", "stop"], None))
    end_process(int(pid[1]))
    assert not (run / "agent.port").exists()
    assert (state / "audit.jsonl").is_file()
    assert GATEWAY_SECRET not in installed + (state / "agent.log").read_text()


@pytest.mark.long
def test_h6_without_an_agent_and_what_windows_cannot(
    fake: FakeAws, env: dict[str, str], short_tmp: Path
) -> None:
    """S-36 over the sealed file; S-28: nothing private outside the profile; what is refused says why."""
    _, data, _, run = workspace(fake, env, "agent = false\n")
    told = story(
        env,
        (["vault", "init", "--provider", "keyfile", "--key-file", f"{env['HOME']}/keys/key"], None),
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
    done = windows(LAUNCH, str(data / "bin" / "gatepass-credential"), "dev", env=env, plain=True)
    assert json.loads(done.stdout)["Version"] == 1, done.stderr
    assert not (run / "agent.port").exists()
