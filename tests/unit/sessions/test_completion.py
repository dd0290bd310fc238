"""2.10: what Tab offers, by the script as printed, in the real shell, asking the real program."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.debian import provided
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables
from tests.waiting import LONG

from gatepass.cli.shells import COMPLETIONS
from gatepass.sessions.files import private_dir
from gatepass.sessions.paths import Paths, paths_from

Write = Callable[[Tables], None]
CASES: list[tuple[str, list[str]]] = [
    ("gatepass sess", ["session"]),
    ("gatepass session li", ["list"]),
    ("gatepass status --out", ["--output"]),
    ("gatepass status --output ", ["table", "json", "csv"]),
    ("gatepass vault nosuch x", []),
    ("gatepass session start ", ["dev", "gateway"]),
    ("gatepass session start d", ["dev"]),
    ("gatepass login ", ["corp"]),
    ("gatepass sync c", ["corp"]),
    ("gatepass whoami g", ["gateway"]),
    ("gatepass ssh-forward host -s d", ["dev"]),
    ("gatepass profiles install prod", ["prod/dev"]),
    ("gatepass vault rotate-iam-key ", ["gateway"]),
    ("gatepass session edit dev vi", ["via="]),
    ("gatepass session add x role via=g", ["via=gateway"]),
    ("gatepass session add x sso-role integration=", ["integration=corp"]),
]
FEW = [CASES[0], CASES[5], CASES[-2]]
"""Each is a start of `gatepass`: the rest is for the long run."""


@pytest.fixture
def environment(
    short_tmp: Path, write: Write, monkeypatch: pytest.MonkeyPatch, paths: Paths
) -> dict[str, str]:
    center = {"kind": "identity-center", "start_url": "https://corp.awsapps.com/start"}
    write(
        {
            ("session", "gateway"): GATEWAY,
            ("session", "dev"): {**DEV, "profile": "prod/dev"},
            ("integration", "corp"): center,
        }
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "GATEPASS_HOME": str(short_tmp / "g"), "PATH": path, "TERM": "xterm"}


@pytest.fixture
def paths(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("GATEPASS_HOME", str(short_tmp / "g"))
    found = paths_from(os.environ)
    private_dir(found.config)
    return found


def _bash(typed: str) -> str:
    words = re.split(r"[ =]", typed)
    if "=" in typed:  # as readline cuts it: the sign is a word of its own
        words[-1:] = ["=", words[-1]] if words[-1] else ["="]
    listed = " ".join(f"'{word}'" for word in words)
    return (
        f"{COMPLETIONS['bash']}\ncompopt() {{ :; }}; COMP_LINE='{typed}' COMP_POINT={len(typed)}\n"
        f"COMP_WORDS=({listed}) COMP_CWORD={len(words) - 1}\n"
        "gatepass_complete; printf '%s\\n' \"${COMPREPLY[@]}\""
    )


def _zsh(typed: str) -> str:
    words = " ".join(f"'{word}'" for word in typed.split(" "))
    return (
        "compdef() { :; }; compadd() { local a=${@[-1]}; print -l -- ${(P)a}; }\n"
        f"{COMPLETIONS['zsh']}\nwords=({words}); CURRENT=$#words; gatepass_complete"
    )


def _fish(typed: str) -> str:
    return f"{COMPLETIONS['fish']}\ncomplete -C '{typed}'"


ASKED = {"bash": (_bash, ["-c"]), "zsh": (_zsh, ["-f", "-c"]), "fish": (_fish, ["--no-config", "-c"])}


@pytest.mark.parametrize("shell", ASKED)
@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=() if c in FEW else pytest.mark.long, id=c[0]) for c in CASES]
)
def test_2_10_completes(shell: str, case: tuple[str, list[str]], environment: dict[str, str]) -> None:
    program = provided((shell,), (shell,), "its completion")
    (script, flags), (typed, offered) = ASKED[shell], case
    done = subprocess.run(
        [program, *flags, script(typed)], capture_output=True, text=True, check=False, env=environment
    )
    found = done.stdout.split()
    if shell == "bash" and "=" in typed:
        offered = [word.partition("=")[2] for word in offered]  # readline has the key already
    assert sorted(found) == sorted(offered), done.stderr


@pytest.mark.long
@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("gatepass session start d", "dev"),
        ("gatepass session add x role vi", "via="),
        ("gatepass exec dev -- lsbl", "lsblk"),
    ],
)
def test_2_10_a_person_presses_tab(
    shell: str, typed: str, shown: str, environment: dict[str, str], short_tmp: Path
) -> None:
    program = provided((shell,), (shell,), "its completion")
    (short_tmp / "script").write_text(COMPLETIONS[shell])
    flags = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"]}[shell]
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(short_tmp)
        os.execve(
            program, [shell, *flags, "-i"], {**environment, "PS1": "ready> ", "ZDOTDIR": str(short_tmp)}
        )
    screen = Screen(fd)
    try:
        screen.wait_for("ready> ")
        os.write(fd, b"source ./script; echo loa''ded\n")
        screen.wait_for("loaded")
        screen.wait_for("ready> ")
        os.write(fd, typed.encode() + b"\t")
        screen.wait_for(shown)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(fd)
        os.waitpid(pid, 0)


class Screen:
    """What a terminal was sent; `wait_for` goes on behind what it has found."""

    def __init__(self, fd: int) -> None:
        self._fd, self._said = fd, ""

    def wait_for(self, text: str) -> None:
        ends = time.monotonic() + LONG
        while text not in self._said:
            assert time.monotonic() < ends, repr(self._said)
            if select.select([self._fd], [], [], 1.0)[0]:
                new = os.read(self._fd, 65536).decode(errors="replace")
                self._said += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x07", "", new)
        self._said = self._said.partition(text)[2]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_2_10_the_script_is_sound(shell: str, short_tmp: Path) -> None:
    program = provided((shell,), (shell,), "its completion")
    (short_tmp / "script").write_text(COMPLETIONS[shell])
    subprocess.run([program, "-n", str(short_tmp / "script")], check=True)


def test_2_10_what_cannot_be_read_offers_nothing(environment: dict[str, str], paths: Paths) -> None:
    paths.workspace.write_text("[broken")
    done = subprocess.run(
        ["bash", "-c", _bash("gatepass session start ")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert (done.stdout.split(), done.stderr) == ([], "")
