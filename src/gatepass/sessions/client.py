"""Talking to the agent from the command line: one request, or a conversation in which it may ask back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from gatepass.sessions.errors import (
    BadInput,
    Busy,
    Denied,
    Locked,
    NeedsHuman,
    SessionError,
    StaleParent,
    SystemRefused,
    Tampered,
    UnknownSession,
    Unsafe,
    Upstream,
    system_refused,
)
from gatepass.sessions.files import private_dir
from gatepass.sessions.launcher.install import launch_for, repair_if_gone
from gatepass.sessions.launcher.thin import ask
from gatepass.sessions.link import connect, start
from gatepass.sessions.paths import Paths

Answer = dict[str, Any]
HELLO_SECONDS = 5.0
_BY_CODE: dict[str, type[SessionError]] = {
    kind.code: kind
    for kind in (Busy, SessionError, StaleParent, SystemRefused, Tampered, UnknownSession, Unsafe)
}
_BY_STATUS: dict[int, type[SessionError]] = {2: BadInput, 3: NeedsHuman, 4: Denied, 5: Upstream, 6: Locked}


class Person:
    """What a conversation may ask of the person at this terminal."""

    headless = False

    def ask(self, kind: str, text: str) -> str:
        """The answer to a question of the agent. Nobody here: the question becomes an error."""
        raise NeedsHuman(text, advice="run the command on a terminal")

    def show(self, url: str, code: str | None) -> None:
        """Let the person open an address."""
        raise NeedsHuman("a login is needed", advice="run: gatepass login INTEGRATION")

    def note(self, text: str) -> None:
        """How things go; nobody needs to know here."""


class Conversation:
    """A control connection: JSON lines both ways."""

    def __init__(self, link: socket.socket, person: Person) -> None:
        self._link = link
        self._file = link.makefile("rb")
        self._person = person
        self._count = 0
        self._unanswered: SessionError | None = None
        link.sendall(b"control 1\n")

    def call(self, op: str, **params: object) -> Any:
        """The result of an operation. Raises the agent's error as ours."""
        self._count += 1
        self._send({"id": self._count, "op": op, "headless": self._person.headless, **params})
        while True:
            message = self._receive()
            if message.get("id") != self._count:
                continue
            if "ask" in message:
                self._answer(message["ask"])
            elif "note" in message:
                self._person.note(str(message["note"]))
            elif "show" in message:
                self._person.show(message["show"]["url"], message["show"].get("code"))
            elif message.get("ok"):
                return message.get("result")
            else:
                error = _error(message["error"])
                if isinstance(error, NeedsHuman) and self._unanswered is not None:
                    raise self._unanswered  # why nobody answered here says more than that somebody must
                raise error

    def events(self) -> Iterator[Answer]:
        """Events as they come, after a `watch`; questions in between are put to the person."""
        while True:
            message = self._receive()
            if "event" in message:
                yield message["event"]
            elif "ask" in message:
                self._answer(message["ask"])

    def close(self) -> None:
        """End the conversation; what was opened for it (endpoints) ends too."""
        self._file.close()
        self._link.close()

    def _answer(self, question: Answer) -> None:
        try:
            value: str | None = self._person.ask(question["kind"], question["text"])
        except SessionError as error:
            value, self._unanswered = None, error
        except (KeyboardInterrupt, EOFError):
            value = None
        self._send({"answer": question["n"], "value": value})

    def _send(self, message: Answer) -> None:
        try:
            self._link.sendall(json.dumps(message).encode() + b"\n")
        except ConnectionError as error:
            raise Upstream("the agent has ended", advice="run the command again") from error

    def _receive(self) -> Answer:
        try:
            line = self._file.readline()
        except ConnectionError:
            line = b""
        if not line:
            raise Upstream(
                "the agent ended in the middle of the conversation", advice="run the command again"
            )
        found = json.loads(line)
        if not isinstance(found, dict):
            raise Upstream("the agent answered something else than an object")
        return found


def _error(found: Answer) -> SessionError:
    kind = _BY_CODE.get(str(found.get("code"))) or _BY_STATUS.get(int(found.get("status", 5)), Upstream)
    return kind(str(found.get("message")), advice=str(found.get("advice", "")))


def link_to_agent(paths: Paths, *, start_it: bool = True) -> socket.socket:
    """A connection to the agent, started if need be. Raises `Upstream` when it cannot be had."""
    launch = launch_for(paths)
    repair_if_gone(paths)
    try:
        try:
            raw = connect(launch.socket)
        except OSError:
            if not start_it:
                raise
            private_dir(paths.state)
            raw = start(launch)
    except OSError as error:
        if start_it:
            private_dir(paths.run)  # says what is wrong with it, if that is it
        if error.filename is not None:
            raise system_refused(error, "the agent cannot start") from error
        raise Upstream(
            f"the agent cannot be reached ({error})", advice="run: gatepass agent status"
        ) from error
    return socket.socket(fileno=raw.detach())


@contextlib.contextmanager
def conversation(paths: Paths, person: Person | None = None) -> Iterator[Conversation]:
    """A conversation with the agent, started if need be; or with this process where there shall be none (S-36)."""
    if not uses_agent(paths):
        from gatepass.sessions.agentless.direct import conversation_here

        with conversation_here(paths) as link, _talking(link, person) as talk:
            yield talk
        return
    with _talking(link_to_agent(paths), person) as talk:
        yield talk


@contextlib.contextmanager
def _talking(link: socket.socket, person: Person | None) -> Iterator[Conversation]:
    talk = Conversation(link, person or Person())
    try:
        yield talk
    finally:
        talk.close()


def uses_agent(paths: Paths) -> bool:
    """Whether the workspace wants an agent; it does unless it says `agent = false`."""
    try:
        text = paths.workspace.read_bytes()
    except OSError:
        return True
    if (
        re.search(rb"agent\s*=\s*false", text) is None
    ):  # reading it whole takes as long as an interpreter's start
        return True
    from gatepass.sessions.workspace.reading import load_workspace

    return load_workspace(paths.workspace).settings.agent


def request(paths: Paths, line: str, *, start_it: bool = True, seconds: float = 60.0) -> bytes:
    """The payload of one plain request. Raises the agent's refusal as a `SessionError`.

    Tried again for half a second when the agent dies over it, like the launcher does.
    """
    answer = b""
    for pause in (0.0, 0.02, 0.05, 0.1, 0.2):
        time.sleep(pause)
        with contextlib.suppress(ConnectionError), link_to_agent(paths, start_it=start_it) as link:
            answer = ask(link, line.encode() + b"\n", seconds)
        if answer:
            break
    if not answer[:1].isdigit():
        raise Upstream("the agent ended without an answer", advice="run the command again")
    if answer[:2] == b"0 ":
        return answer[2:]
    kind = _BY_STATUS.get(int(answer[:1]), Upstream)
    raise kind(answer[2:].decode("utf-8", "replace").strip())


def agent_is_running(paths: Paths) -> bool:
    """Whether an agent answers; none is started. Raises `Upstream` when there is one and it does not answer."""
    try:
        request(paths, "hello 1", start_it=False, seconds=HELLO_SECONDS)
    except TimeoutError as error:
        raise Upstream(
            f"the agent at {paths.socket} does not answer within {HELLO_SECONDS:.0f} s",
            advice="it hangs or was paused: end its process, the next command starts another",
        ) from error
    except (SessionError, OSError):
        return False
    return True


def vault_was_replaced(paths: Paths) -> None:
    """A running agent forgets what came from the vault before; it opens the new one when it is needed."""
    forget_everything(paths)
    if agent_is_running(paths):
        with conversation(paths) as talk:
            talk.call("forget_key")


def forget_everything(paths: Paths) -> bool:
    """Lock: a running agent forgets the key and every set; what processes without one share is removed.

    Whether there was anything that could be locked: no agent, nothing open.
    """
    told = tell_agent_if_running(paths, "lock")
    if not uses_agent(paths):
        with conversation(paths) as talk:
            talk.call("lock")
        return True
    return told


def tell_agent_if_running(paths: Paths, line: str) -> bool:
    """Send a request to a running agent; whether one runs."""
    if not os.path.exists(paths.socket) or not agent_is_running(paths):
        return False
    request(paths, line, start_it=False)
    return True


def unlock_agent(paths: Paths, passphrase: Callable[[str], str]) -> None:
    """Open the vault in the agent, which is started if need be; asks for a passphrase only where one is used."""

    class Here(Person):
        def ask(self, kind: str, text: str) -> str:
            return passphrase(text)

    with conversation(paths, Here()) as talk:
        talk.call("unlock")
