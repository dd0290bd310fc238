"""S-31, S-34: the same agent, launcher and command line over a unix socket and over loopback TCP, really run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables, agent_pid, is_gone
from tests.unit.sessions.fake_aws import FakeAws
from tests.unit.sessions.test_agent import Typist, take
from tests.waiting import LONG, until

from gatepass.sessions import link
from gatepass.sessions.client import agent_is_running, conversation, request
from gatepass.sessions.errors import BadInput, SessionError, UnknownSession
from gatepass.sessions.files import try_lock
from gatepass.sessions.launcher import cold, loopback, loopback_cold
from gatepass.sessions.launcher.install import install_launcher, launch_for, launcher_faults
from gatepass.sessions.launcher.loopback import AGENT, CLIENT, HELLO, HELLO_BYTES, PROOF_BYTES, proof
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault.store import Vault

pytestmark = pytest.mark.usefixtures("agent_ends", "key_vault")
MFA = "arn:aws:iam::111111111111:mfa/dana"
Write = Callable[[Tables], None]


@pytest.fixture(params=["unix socket", "loopback"])
def paths(request: pytest.FixtureRequest, short_tmp: Path) -> Paths:
    loopback = getattr(request, "param", "loopback") == "loopback"
    return Paths(short_tmp / "c", short_tmp / "d", short_tmp / "s", short_tmp / "r", loopback)


on_loopback = pytest.mark.parametrize("paths", ["loopback"], indirect=True)


def test_s31_s33_cold_and_warm_the_launcher_has_the_same_answer(
    paths: Paths, fake: FakeAws, write: Write, key_vault: Vault
) -> None:
    """T-13: without an environment, from a directory of hostile modules; and again once the agent was killed."""
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    launcher = install_launcher(paths)
    assert launcher_faults(paths) == []
    hostile = paths.state / "hostile"
    hostile.mkdir()
    for name in ("socket", "os", "_socket", "_blake2", "nt", "subprocess", "gatepass"):
        (hostile / f"{name}.py").write_text("raise SystemExit('hostile module ran')")
    cold = subprocess.run(
        ["env", "-i", str(launcher), "dev"], cwd=hostile, capture_output=True, text=True, check=False
    )
    assert cold.returncode == 0, cold.stderr
    assert take(launcher, "dev").stdout == cold.stdout
    assert os.stat(paths.socket).st_mode & 0o777 == 0o600
    pid = agent_pid(paths)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)  # what it leaves names a port where nobody listens
    until(lambda: is_gone(pid))
    assert paths.socket.exists()
    assert json.loads(take(launcher, "dev").stdout)["Version"] == 1
    assert agent_pid(paths) != pid
    unknown = take(launcher, "nobody")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)


def test_s34_the_same_protocol(paths: Paths, fake: FakeAws, write: Write) -> None:
    """Statuses, versions, questions, events and the end."""
    fake.mfa[MFA] = "123456"
    write({("session", "gateway"): {**GATEWAY, "mfa_serial": MFA}, ("session", "dev"): DEV})
    with ThreadPoolExecutor(12) as pool:  # one of them starts it, all are answered
        pids = set(pool.map(lambda _: request(paths, "hello 1").split()[1], range(12)))
    assert len(pids) == 1
    typist = Typist("123456")
    with conversation(paths, typist) as talk:
        talk.call("start", name="dev")
        assert talk.call("agent")["held"] == 2
    assert [kind for kind, _ in typist.asked] == ["mfa"]
    for line, fault in (("get nobody", UnknownSession), ("frobnicate", BadInput), ("hello 2", SessionError)):
        with pytest.raises((fault, BadInput) if fault is UnknownSession else fault):
            request(paths, line)
    second = subprocess.run(launch_for(paths).argv, capture_output=True, text=True, timeout=LONG, check=False)
    assert second.returncode == 1
    assert "another agent runs" in second.stderr
    watching = link.connect(str(paths.socket))
    watching.sendall(b"watch\n")
    assert watching.recv(2) == b"0 "
    watching.close()
    assert request(paths, "quit") == b"bye\n"
    until(lambda: not paths.socket.exists())
    assert not agent_is_running(paths)


@on_loopback
def test_s91_on_loopback_the_launcher_imports_what_is_built_in(
    paths: Paths, fake: FakeAws, write: Write
) -> None:
    write({("session", "gateway"): GATEWAY})
    launcher = install_launcher(paths)
    take(launcher, "gateway")
    interpreter = launcher.read_text().splitlines()[0][2:].removesuffix(" -IS")
    probe = (
        "import sys\nbefore = set(sys.modules)\n"
        "source = open(sys.argv[1]).read().replace('\\nleave(', '\\ncode = (')\n"
        "sys.argv = ['x', 'gateway']\nexec(compile(source, 'x', 'exec'))\nprint(*set(sys.modules) - before)"
    )
    warm = subprocess.run(
        [interpreter, "-I", "-S", "-c", probe, str(launcher)], capture_output=True, text=True, check=True
    )
    assert set(warm.stdout.splitlines()[-1].split()) <= {"_socket", "_blake2", "_operator"}


@on_loopback
def test_s33_an_agent_without_a_console_writes_its_log(paths: Paths) -> None:
    """As Windows starts it at login: what it says goes where the launcher would have sent it."""
    paths.run.mkdir(mode=0o700)
    paths.state.mkdir(mode=0o700)
    assert try_lock(paths.agent_lock) is not None  # another agent, it seems: so it says why it ends
    argv = launch_for(paths).argv
    done = subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *argv], check=False, timeout=LONG)
    assert done.returncode == 1
    assert "another agent runs" in paths.log.read_text()


# --- strangers on either side ----------------------------------------------------------------------------------------


def told(paths: Paths) -> tuple[int, bytes]:
    port, key = paths.socket.read_text().split()
    return int(port), bytes.fromhex(key)


def tell(paths: Paths, port: int, key: bytes) -> None:
    paths.socket.write_text(f"{port} {key.hex()}\n")


def said_to(port: int, *words: bytes) -> bytes:
    """What the agent says to these words and the end of ours."""
    with socket.create_connection(("127.0.0.1", port), LONG) as caller:
        with suppress(OSError):  # it may have closed already
            for word in words:
                caller.sendall(word)
            caller.shutdown(socket.SHUT_WR)
        return rest_of(caller)


def rest_of(caller: socket.socket) -> bytes:
    answer = b""
    with suppress(ConnectionResetError):
        while part := caller.recv(65536):
            answer += part
    return answer


@contextmanager
def stranger(answer: Callable[[bytes], bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """A process of somebody else on a port of its own, which notes what it is told and answers the first words."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller:
                try:
                    first = caller.recv(4096)
                    heard.append(first)
                    caller.sendall(answer(first))
                    caller.shutdown(socket.SHUT_WR)
                    while more := caller.recv(4096):
                        heard.append(more)
                except OSError:
                    continue

    thread = Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(LONG)


@on_loopback
def test_s31_who_has_not_the_key_hears_nothing_but_noise(paths: Paths, fake: FakeAws, write: Write) -> None:
    """No key, another key, the agent's own proof sent back, an old proof again: no verb is ever looked at."""
    write({("session", "gateway"): GATEWAY})
    request(paths, "get gateway")
    port, key = told(paths)
    ours = os.urandom(PROOF_BYTES)
    hello = HELLO + ours.hex().encode() + b"\n"
    assert said_to(port, b"get gateway\n") == b""
    assert said_to(port, b"gatepass 2 " + hello[len(HELLO) :], b"get gateway\n") == b""
    assert len(said_to(port, hello, os.urandom(PROOF_BYTES), b"get gateway\n")) == 2 * PROOF_BYTES
    with socket.create_connection(("127.0.0.1", port), LONG) as caller:
        caller.sendall(hello)
        answer = read_exactly(caller, 2 * PROOF_BYTES)
        caller.sendall(answer[PROOF_BYTES:] + b"get gateway\n")  # reflected
        assert rest_of(caller) == b""
    with socket.create_connection(("127.0.0.1", port), LONG) as caller:
        caller.sendall(hello)
        theirs = read_exactly(caller, 2 * PROOF_BYTES)[:PROOF_BYTES]
        shown = proof(CLIENT, port, ours, theirs, key)
        caller.sendall(shown + b"hello 1\n")
        assert caller.recv(4096).startswith(b"0 1 ")
    assert len(said_to(port, hello, shown, b"get gateway\n")) == 2 * PROOF_BYTES  # again
    tell(paths, port, os.urandom(len(key)))
    with pytest.raises(OSError, match="has not its key"):
        link.connect(str(paths.socket))
    tell(paths, port, key)
    refused = [e for e in map(json.loads, paths.audit.read_text().splitlines()) if e["event"] == "refused"]
    assert any("has not the agent's key" in e["cause"] for e in refused)
    assert key.hex() not in paths.audit.read_text() + paths.log.read_text()


def read_exactly(link: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = link.recv(count - len(found))
        assert part
        found += part
    return found


@on_loopback
@pytest.mark.parametrize("answers", ["echo", "credentials", "nothing", "a proof of another key"])
def test_s31_a_stranger_on_a_dead_agents_port_learns_and_forges_nothing(
    paths: Paths, fake: FakeAws, write: Write, answers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He hears one fresh number; the caller believes none of his words and starts an agent of its own."""
    monkeypatch.setattr(loopback, "PROOF_SECONDS", 1)
    key = os.urandom(32)

    def answer(heard: bytes) -> bytes:
        theirs = bytes.fromhex(heard[len(HELLO) : -1].decode())
        other = b"n" * PROOF_BYTES + proof(AGENT, 1, theirs, b"n" * PROOF_BYTES, b"k" * 32)
        return {"echo": heard * 2, "credentials": b'0 {"Version": 1}', "nothing": b""}.get(answers, other)

    paths.run.mkdir(mode=0o700)
    with stranger(answer) as (port, heard):
        tell(paths, port, key)
        with pytest.raises(OSError):
            link.connect(str(paths.socket))
        if answers == "echo":
            write({("session", "gateway"): GATEWAY})
            assert json.loads(take(install_launcher(paths), "gateway").stdout)["Version"] == 1
            assert told(paths)[0] != port
    assert {len(each) for each in heard} == {HELLO_BYTES}
    assert all(key not in each and b"gateway" not in each for each in heard)


@on_loopback
def test_s31_a_proof_is_worth_nothing_on_another_port(paths: Paths, key_vault: Vault) -> None:
    """Somebody between caller and agent, on a port of his own, is found out by both."""
    request(paths, "hello 1")
    port, key = told(paths)

    def pass_on(heard: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), LONG) as agent:
            agent.sendall(heard)
            return read_exactly(agent, 2 * PROOF_BYTES)

    with stranger(pass_on) as (between, heard):
        tell(paths, between, key)
        with pytest.raises(OSError, match="has not its key"):
            link.connect(str(paths.socket))
    assert [len(each) for each in heard] == [HELLO_BYTES]
    tell(paths, port, key)


@on_loopback
@pytest.mark.parametrize("text", ["", "x", "12", "99999999 00", "70000 " + "00" * 32, "1 zz"])
def test_s31_a_damaged_port_file_is_an_agent_that_is_not_there(paths: Paths, text: str) -> None:
    paths.run.mkdir(mode=0o700)
    paths.socket.write_text(text)
    with pytest.raises(OSError):
        link.connect(str(paths.socket))
    assert not agent_is_running(paths)


def test_s33_either_way_the_agent_inherits_the_same_of_its_starter() -> None:
    """But for what only the desktops of the one and the profiles of the other need; never credentials."""
    desktop = {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS"}
    both = {name.upper() for name in cold.KEPT} - desktop
    assert both <= set(loopback_cold.KEPT)
    assert {n for n in loopback_cold.KEPT if n.startswith("AWS_")} == {
        n for n in cold.KEPT if n.startswith("AWS_")
    }
    assert set(cold.KEPT_PREFIXES) - set(loopback_cold.KEPT_PREFIXES) == {"XDG_"}


def test_s31_windows_has_loopback_and_the_others_sockets(short_tmp: Path) -> None:
    assert Paths.from_words([str(short_tmp)] * 4).socket.name == "agent.sock"
    assert replace(Paths.from_words([str(short_tmp)] * 4), loopback=True).socket.name == "agent.port"
