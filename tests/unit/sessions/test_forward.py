"""S-47: sessions on another machine over ssh: only those named, nothing but `get`, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables, agent_pid
from tests.unit.sessions.fake_aws import FakeAws

from gatepass.sessions.client import conversation
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault.store import Vault

GATEPASS = str(Path(sys.executable).with_name("gatepass"))
FAKE_SSH = """#!/bin/sh
# The other machine is a directory of this one: a forwarded socket is a link, a remote command is a shell's.
while :; do case "$1" in
  -o) shift 2;; -t) shift;;
  -R) ln -s "${2#*:}" "${2%%:*}"; shift 2;;
  --) shift; break;;
  *) echo "unexpected $1" >&2; exit 9;;
esac; done
shift
exec env -i PATH="$PATH" XDG_RUNTIME_DIR="$FAR" HOME="$FAR" SHELL=/bin/sh sh -c "$*"
"""
TAKE = "python3 -IS $(dirname $AWS_CONFIG_FILE)/gatepass-credential"


@pytest.fixture
def ready(
    paths: Paths, fake: FakeAws, write: Callable[[Tables], None], key_vault: Vault, agent_ends: None
) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): {**DEV, "region": "eu-west-1"}})


@pytest.fixture
def far(short_tmp: Path) -> Path:
    place = short_tmp / "far"
    place.mkdir(mode=0o700)
    (short_tmp / "bin").mkdir()
    (short_tmp / "bin" / "ssh").write_text(FAKE_SSH)
    (short_tmp / "bin" / "ssh").chmod(0o700)
    return place


def forward(paths: Paths, far: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run in this laptop's directories, whose four places are those of the XDG variables."""
    environment = {
        "PATH": f"{far.parent / 'bin'}:{os.environ['PATH']}",
        "FAR": str(far),
        "HOME": str(far.parent),
        "XDG_CONFIG_HOME": str(far.parent / "x" / "c"),
        "XDG_DATA_HOME": str(far.parent / "x" / "d"),
        "XDG_STATE_HOME": str(far.parent / "x" / "s"),
        "XDG_RUNTIME_DIR": str(far.parent / "x" / "r"),
    }
    for name, place in zip("cdsr", (paths.config, paths.data, paths.state, paths.run), strict=True):
        (far.parent / "x" / name).mkdir(parents=True, exist_ok=True)
        link = far.parent / "x" / name / "gatepass"
        if not link.is_symlink():
            place.mkdir(mode=0o700, exist_ok=True)
            place.rename(link)
            place.symlink_to(link)
    return subprocess.run(
        [GATEPASS, "ssh-forward", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_s47_the_far_shell_has_the_named_session_and_nothing_stays(
    paths: Paths, fake: FakeAws, ready: None, far: Path
) -> None:
    show = f"cat $AWS_CONFIG_FILE; {TAKE} dev; {TAKE} gateway; true"
    done = forward(paths, far, "host.example", "-s", "dev", "--", "sh", "-c", show)
    assert done.returncode == 0, done.stderr
    config, _, made = done.stdout.partition("{")
    assert "[profile dev]" in config
    assert "region = eu-west-1" in config
    assert json.loads("{" + made)["Version"] == 1
    assert "'gateway' is not forwarded to this machine" in done.stderr
    assert list(far.iterdir()) == [], "something stayed on the far machine"
    assert not list(paths.run.glob("forward-*"))


def test_s47_the_carried_socket_answers_get_alone(paths: Paths, fake: FakeAws, ready: None) -> None:
    with conversation(paths) as talk:
        place = paths.run / "forward-test.sock"
        talk.call("forward", names=["dev"], place=str(place))
        assert place.stat().st_mode & 0o777 == 0o600

        def ask(line: str) -> bytes:
            with socket.socket(socket.AF_UNIX) as link:
                link.connect(str(place))
                link.sendall(line.encode() + b"\n")
                return b"".join(iter(lambda: link.recv(65536), b""))

        assert ask("get dev").startswith(b"0 {")
        for line in ("get gateway", "status", "control 1", "stop dev", "lock", "env dev", "quit", "watch"):
            assert ask(line)[:1] in (b"2", b"4"), line
        assert ask("nonsense")[:1] == b"2"
    while place.exists():  # goes with the conversation
        assert agent_pid(paths) is not None
        os.sched_yield()


def test_s47_a_host_that_is_an_option_is_refused(paths: Paths, ready: None, far: Path) -> None:
    done = forward(paths, far, "-s", "dev", "--", "-oProxyCommand=evil")
    assert done.returncode == 2
    assert "allowed: a host" in done.stderr


@pytest.fixture
def sshd(short_tmp: Path) -> Iterator[tuple[int, Path]]:
    """A real sshd of this user on loopback, and a configuration for ssh."""
    program = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/sbin")
    if program is None or shutil.which("ssh") is None:
        pytest.skip("OpenSSH's server and client are not installed here")
    if os.geteuid() == 0 and not Path("/run/sshd").is_dir():
        pytest.skip("/run/sshd is missing: sshd does not start as root without it")
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(short_tmp / name)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [
        f"HostKey={short_tmp / 'host'}",
        f"AuthorizedKeysFile={short_tmp / 'user.pub'}",
        "StrictModes=no",
        "UsePAM=no",
        "PermitRootLogin=yes",
        f"PidFile={short_tmp / 'sshd.pid'}",
        "ListenAddress=127.0.0.1",
    ]
    words = [program, "-D", "-e", "-f", os.devnull, "-p", str(port), *(w for o in options for w in ("-o", o))]
    server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    for line in server.stderr:
        if "listening" in line:
            break
    else:
        pytest.skip("sshd does not start here")
    try:
        yield port, short_tmp / "user"
    finally:
        server.terminate()
        server.wait(30)
        server.stderr.close()


def test_s47_over_a_real_ssh(
    paths: Paths, fake: FakeAws, ready: None, short_tmp: Path, sshd: tuple[int, Path]
) -> None:
    import getpass

    port, key = sshd
    far = short_tmp / "far"
    far.mkdir()
    host = f"{getpass.getuser()}@127.0.0.1"
    options = (
        f"Port={port}",
        f"IdentityFile={key}",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
    )
    words = [w for option in options for w in ("-o", option)]
    done = forward(
        paths, far, host, "-s", "dev", *words, "--", "sh", "-c", f"{TAKE} dev; dirname $AWS_CONFIG_FILE"
    )
    assert done.returncode == 0, done.stderr
    made, place = done.stdout.splitlines()
    assert json.loads(made)["AccessKeyId"].startswith("ASIA")
    assert not Path(place).exists()
