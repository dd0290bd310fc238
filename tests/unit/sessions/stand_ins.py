"""Processes on Linux that look like another system (`as_windows`, `as_macos`): the real command line, agent and
launcher run in them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.unit.sessions.conftest import DEV, agent_pid, end_process
from tests.unit.sessions.fake_aws import FakeAws, endpoints
from tests.waiting import LONG

from gatepass.sessions.client import request
from gatepass.sessions.errors import SessionError
from gatepass.sessions.paths import Paths
from gatepass.sessions.where import directories

# Runs the commands of the first argument: [[words], text for --fd or None], each as the whole program would.
_COMMANDS = """
import json, os
from gatepass.sessions.launcher import install as launcher
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
_LAUNCH = "sys.argv = sys.argv[1:]; exec(compile(open(sys.argv[0]).read(), sys.argv[0], 'exec'))"
ROLE = [f"{key}={value}" for key, value in DEV.items() if key != "kind"]
Command = tuple[list[str], str | None]


class StandIn:
    """A person's machine of another system: its environment, its places, and what runs there."""

    def __init__(self, script: str, platform: str, env: dict[str, str]) -> None:
        place = str(Path(__file__).with_name(script))
        self._before = f"exec(compile(open({place!r}).read(), {script!r}, 'exec')); "
        self.env = env
        self.paths = Paths.from_words(list(directories(env, platform)), loopback=platform == "win32")
        self.config, self.data, self.state, self.run = map(Path, self.paths.words())

    def workspace(self, fake: FakeAws, settings: str = "") -> None:
        """One that addresses the fake."""
        self.config.mkdir(parents=True, mode=0o700)
        head = f'version = 1\n[settings]\n{settings}region = "eu-west-1"\nidentity = "dana@example.com"\n'
        lines = "".join(f'{k} = "{v}"\n' for k, v in endpoints(fake).items())
        file = self.config / "workspace.toml"
        file.write_text(f"{head}[settings.endpoints]\n{lines}")
        file.chmod(0o600)

    def python(self, code: str, *words: str, plain: bool = False) -> subprocess.CompletedProcess[str]:
        """Run this code; `plain` as the launcher is run."""
        flags = ["-I", "-S"] if plain else []
        return subprocess.run(
            [sys.executable, *flags, "-c", self._before + code, *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def story(self, *commands: Command) -> str:
        """What these commands said, one after the other."""
        code = f"BEFORE = {self._before!r}\n{_COMMANDS}"
        done = self.python("exec(sys.argv.pop(1))", code, json.dumps(commands))
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def launcher(self, profile: str) -> subprocess.CompletedProcess[str]:
        """What a tool gets."""
        return self.python(_LAUNCH, str(self.data / "bin" / "gatepass-credential"), profile, plain=True)

    def end(self) -> None:
        """End an agent that a story left."""
        pid = agent_pid(self.paths)
        if pid is not None:
            with contextlib.suppress(SessionError, OSError):
                request(self.paths, "quit", start_it=False)
            end_process(pid)


def codes(told: str) -> list[str]:
    """The exit codes of a story."""
    return re.findall(r"^-> (\d)", told, re.MULTILINE)


def at_home(home: Path) -> dict[str, str]:
    """The environment of every system."""
    return {"HOME": str(home), "PATH": os.environ["PATH"]}
