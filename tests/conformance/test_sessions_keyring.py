"""S-27, T-7 against a real Secret Service: gnome-keyring on a session bus of its own; skips aloud without it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.canaries import private_place

GATEPASS = str(Path(sys.executable).with_name("gatepass"))
KEYS = "AKIAKEYRINGUSER00001\nkeyring-Canary-0123456789abcdefghijklmn\n"
UNLOCKED = "printf 'login-password' | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\n"
LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1\n"
PROMPTER = "org.gnome.keyring.SystemPrompter"


@pytest.fixture
def home() -> Path:
    for program in ("gnome-keyring-daemon", "dbus-run-session"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed here: no real keyring can be tried")
    return private_place()


def on_a_bus(home: Path, daemon: str, *commands: str, secrets: str = "") -> list[tuple[int, str, str]]:
    """Run `gatepass` commands on one session bus with this keyring: status, output, errors of each."""
    steps = "".join(
        f"printf '%s' \"$SECRETS\" | {command} >$HOME/out.{n} 2>$HOME/err.{n}; echo $? >$HOME/rc.{n}\n"
        for n, command in enumerate(commands)
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GATEPASS_HOME": str(home / "g"),
        "XDG_RUNTIME_DIR": str(home),
        "SECRETS": secrets,
    }
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", f"{daemon}{steps}{GATEPASS} agent stop >/dev/null 2>&1\n"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if not (home / "rc.0").exists():
        pytest.skip(f"no session bus can be had here: {done.stderr.strip()[:200]}")
    read = [
        [(home / f"{name}.{n}").read_text() for name in ("rc", "out", "err")] for n in range(len(commands))
    ]
    (home / "bus").write_text(done.stderr)
    return [(int(code), out, err) for code, out, err in read]


def test_s27_the_vaults_key_lives_in_the_secret_service(home: Path) -> None:
    add, listed, rotated, unlocked = on_a_bus(
        home,
        f"{UNLOCKED}{GATEPASS} vault init 2>/dev/null\n",
        f"{GATEPASS} session add gateway iam-user",
        f"{GATEPASS} vault list --output json",
        f"{GATEPASS} vault rotate-key",
        f"{GATEPASS} vault unlock",
        secrets=KEYS,
    )
    assert add[0] == rotated[0] == unlocked[0] == 0, (add, rotated, unlocked)
    assert json.loads(listed[1]) == [{"name": "iam-user/gateway"}]
    assert b'"kind": "keyring"' in (home / "g" / "vault.bin").read_bytes()
    for path in home.rglob("*"):
        assert not path.is_file() or b"keyring-Canary" not in path.read_bytes(), path


def test_t7_a_locked_secret_service_is_said_and_never_asked_by_a_tool(home: Path) -> None:
    """Status 6 in the launcher, and no prompt on the desktop: that is for `gatepass vault unlock`."""
    on_a_bus(
        home,
        f"{UNLOCKED}{GATEPASS} vault init 2>/dev/null\n",
        f"{GATEPASS} session add gateway iam-user",
        f"{GATEPASS} profiles install",
        secrets=KEYS,
    )
    launcher = home / "g" / "bin" / "gatepass-credential"
    (tool,) = on_a_bus(home, LOCKED, f"{launcher} gateway")
    assert tool[0] == 1
    assert tool[1:] == ("", "gatepass: the system keyring is locked; run: gatepass vault unlock\n")
    assert PROMPTER not in (home / "bus").read_text()
    (person,) = on_a_bus(home, LOCKED, f"{GATEPASS} vault unlock")
    assert person[0] == 3
    assert "the system keyring is locked" in person[2]
    assert PROMPTER in (home / "bus").read_text()
    assert not (home / "g" / "key").exists()
