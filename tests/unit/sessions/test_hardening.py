"""What a caller, a disk or a neighbour may do to the agent, and what it then does: H3, H7, security.md 26 to 32."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables, make_vault
from tests.unit.sessions.fake_aws import FakeAws
from tests.unit.sessions.test_agent import Typist
from tests.unit.sessions.test_keeper import Bench, role, user

from gatepass.sessions.agent import process
from gatepass.sessions.agent.keeper import Keeper
from gatepass.sessions.client import (
    Conversation,
    conversation,
    link_to_agent,
    request,
    vault_was_replaced,
)
from gatepass.sessions.errors import SessionError, Upstream
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault.store import read_sealed
from gatepass.testing.clock import VirtualClock

Write = Callable[[Tables], None]
agent = pytest.mark.usefixtures("agent_ends", "key_vault")


def raw(paths: Paths, *lines: bytes) -> bytes:
    """What the agent answers until it closes; ours is closed for writing after the lines."""
    link = _asking(paths, b"".join(lines))
    link.shutdown(socket.SHUT_WR)
    return _answer(link)


@agent
@pytest.mark.parametrize("number", ["null", '"1"', "[]", "{}", "1e99", "true", "99"])
def test_h7_answers_to_nothing_end_no_conversation(paths: Paths, number: str) -> None:
    request(paths, "hello 1")
    said = raw(paths, b"control 1\n", b'{"answer": %s}\n' % number.encode(), b'{"id": 7, "op": "agent"}\n')
    assert json.loads(said)["id"] == 7
    assert "Traceback" not in paths.log.read_text()


@agent
def test_h7_a_line_without_end_is_refused_and_logs_no_traceback(paths: Paths) -> None:
    request(paths, "hello 1")
    link = socket.socket(socket.AF_UNIX)
    with link:
        link.settimeout(60)
        link.connect(str(paths.socket))
        try:
            link.sendall(b"control 1\n" + b"x" * 3_000_000)
            answer = link.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            answer = b"too long"
    assert b"too long" in answer
    assert request(paths, "hello 1")
    assert "Traceback" not in paths.log.read_text()


@agent
def test_s32_a_hundred_processes_are_one_question(paths: Paths, fake: FakeAws, write: Write) -> None:
    """The yes, and the no, of one answer are those of all who waited for it; who comes later asks again."""
    write({("session", "gateway"): {**GATEWAY, "prod": True}})
    request(paths, "hello 1")
    asked, answer = threading.Event(), threading.Event()

    class Slow(Typist):
        def ask(self, kind: str, text: str) -> str:
            asked.set()
            assert answer.wait(60)
            return super().ask(kind, text)

    person = Slow("no", "yes")
    link = link_to_agent(paths)
    watcher = Conversation(link, person)
    watcher.call("watch", confirm=True)

    def answering() -> None:
        try:
            for _ in watcher.events():
                continue
        except (Upstream, OSError, ValueError):
            return

    serving = threading.Thread(target=answering, daemon=True)
    serving.start()
    for expected in (b"4 ", b"0 "):
        asked.clear()
        answer.clear()
        clients = [_asking(paths, b"get gateway\n") for _ in range(40)]
        assert asked.wait(60)
        for _ in range(9):  # each is several turns of the agent's loop: by then all forty wait
            request(paths, "hello 1")
        answer.set()
        assert {_answer(client)[:2] for client in clients} == {expected}
    assert len(person.asked) == 2
    link.shutdown(socket.SHUT_RDWR)
    serving.join(60)


def _asking(paths: Paths, line: bytes) -> socket.socket:
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(60)
    link.connect(str(paths.socket))
    link.sendall(line)
    return link


def _answer(link: socket.socket) -> bytes:
    with link:
        parts = []
        while part := link.recv(65536):
            parts.append(part)
    return b"".join(parts)


@agent
def test_a4_a_terminal_that_closes_ends_its_own_waiting_only(
    paths: Paths, fake: FakeAws, write: Write
) -> None:
    """A mint goes on for the others when the conversation that began it goes."""
    fake.latency = 0.3
    write({("session", "gateway"): GATEWAY})
    request(paths, "hello 1")
    with conversation(paths) as talk:
        talk._send({"id": 1, "op": "start", "name": "gateway"})
        while not fake.calls:
            threading.Event().wait(0.005)
    request(paths, "get gateway")
    assert fake.calls == {"GetSessionToken": 1}


@agent
def test_h2_a_full_disk_costs_the_log_not_the_credentials(paths: Paths, fake: FakeAws, write: Write) -> None:
    """Audit log and prompt file cannot be written: tools are served, and the agent's own log says what is missing."""
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    request(paths, "hello 1")
    paths.audit.mkdir()
    (paths.prompt.parent / "prompt.json").mkdir()
    assert json.loads(request(paths, "get dev"))["Version"] == 1
    assert "audit log cannot be written" in paths.log.read_text()
    assert json.loads(request(paths, "get dev"))["SecretAccessKey"] not in paths.log.read_text()


def test_s23_no_fault_ends_the_looking_at_ages(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The agent's clockwork survives whatever one look runs into."""
    monkeypatch.setattr(process, "TICK_SECONDS", 0.001)
    paths.state.mkdir(mode=0o700, parents=True)
    paths.config.mkdir(mode=0o700, parents=True)
    service = process.assemble(paths, VirtualClock())
    looks: list[int] = []

    def faulty() -> None:
        looks.append(1)
        raise [OSError(28, "full"), ValueError("odd"), Upstream("down"), KeyError("x")][len(looks) % 4]

    monkeypatch.setattr(service.keeper, "tick", faulty)

    async def story() -> None:
        ticking = asyncio.create_task(process._tick(service, VirtualClock(), asyncio.Event()))
        while len(looks) < 9:
            assert not ticking.done()
            await asyncio.sleep(0.001)
        ticking.cancel()

    asyncio.run(asyncio.wait_for(story(), 60))
    assert "ValueError" in capfd.readouterr().err


def test_s16_a_watcher_who_stops_reading_is_dropped(short_tmp: Path) -> None:
    """A terminal stopped by Ctrl-S must not fill the agent's memory."""
    from gatepass.sessions.agent import control as module

    class Wall:
        def __init__(self) -> None:
            self.aborted = False

        transport = property(lambda self: self)

        def is_closing(self) -> bool:
            return self.aborted

        def get_write_buffer_size(self) -> int:
            return module.UNREAD_BYTES + 1

        def abort(self) -> None:
            self.aborted = True

        def write(self, data: bytes) -> None:
            raise AssertionError("written to somebody who does not read")

    wall = Wall()
    talk = module.Control(None, None, wall, None, lambda: None)  # type: ignore[arg-type]
    talk._send({"event": 1})
    assert wall.aborted
    talk._send({"event": 2})


def test_s16_every_transition_of_a_story_is_an_event(short_tmp: Path) -> None:
    """No state is entered unseen, and none is told twice in a row."""
    bench = Bench(short_tmp, [user(), role("r", "u")])

    async def story(keeper: Keeper) -> None:
        await keeper.get("r")
        bench.clock.advance(timedelta(hours=2))
        await keeper.get("r")
        keeper.stop("r", None)
        with pytest.raises(SessionError):
            await keeper.get("r")

    bench.run(story)
    moves = [(e["from"], e["to"]) for e in bench.seen if e.get("session") == "r" and e["event"] == "state"]
    assert [old for old, _ in moves[1:]] == [new for _, new in moves[:-1]]
    assert all(old != new for old, new in moves)
    assert moves[-1][1] == "inactive"


@pytest.mark.parametrize("kind", ["directory", "fifo", "cut short", "empty", "mode 0644", "link"])
@agent
def test_h7_whatever_lies_where_the_vault_should_be_is_one_line_and_code_1(
    paths: Paths, write: Write, kind: str
) -> None:
    """Over the agent and without it the same error, with the same exit code, naming the file or what to do."""
    write({("session", "gateway"): GATEWAY})
    raw_bytes = paths.vault.read_bytes()
    paths.vault.unlink()
    match kind:
        case "directory":
            paths.vault.mkdir()
        case "fifo":
            os.mkfifo(paths.vault, 0o600)
        case "link":
            (paths.data / "real").write_bytes(raw_bytes)
            paths.vault.symlink_to(paths.data / "real")
        case _:
            paths.vault.write_bytes({"cut short": raw_bytes[:90], "empty": b""}.get(kind, raw_bytes))
            paths.vault.chmod(0o644 if kind == "mode 0644" else 0o600)
    with pytest.raises(SessionError) as plain:
        read_sealed(paths.vault)
    with conversation(paths) as talk, pytest.raises(SessionError) as told:
        talk.call("start", name="gateway")
    assert (told.value.exit_code, told.value.code) == (plain.value.exit_code, plain.value.code)
    assert told.value.exit_code == 1
    assert told.value.advice
    assert "\n" not in str(told.value)


@agent
def test_h7_a_new_vault_is_used_by_the_agent_that_ran_before(
    paths: Paths, fake: FakeAws, write: Write
) -> None:
    """`vault init` beside a running agent: nothing of the old one is served, and no unlocking is asked for."""
    write({("session", "gateway"): GATEWAY})
    request(paths, "get gateway")
    paths.vault.unlink()
    (paths.data / "vault.key").unlink()
    make_vault(paths)
    vault_was_replaced(paths)
    request(paths, "get gateway")
    assert fake.calls["GetSessionToken"] == 2
