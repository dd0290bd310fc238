"""The first milliseconds of the agent: alone, hardened, and quick to answer what needs no event loop.

asyncio takes seven times as long to import as an interpreter takes to start (specification 6.2). So the request that
started us is looked at before: a greeting and a locked vault are answered at once; everything else is handed on,
unread bytes and all, to `agent.process`.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import sys
from dataclasses import dataclass

from gatepass.errors import GatepassError
from gatepass.sessions.agent.protocol import OK, answer, refusal
from gatepass.sessions.errors import Locked, SessionError
from gatepass.sessions.files import private_dir, read_private, try_lock
from gatepass.sessions.paths import Paths

PR_SET_DUMPABLE = 4
FIRST_LINE_SECONDS = 0.2
AT_MOST = 64


@dataclass(frozen=True)
class Visitor:
    """A connection that was taken and not answered yet, and what it has said."""

    fd: int
    said: bytes


@dataclass(frozen=True)
class Place:
    """What makes this process the agent: its directories, its lock, its listener."""

    paths: Paths
    lock: int
    listener: int
    activated: bool
    """The system made the listener and keeps it (socket activation)."""


def main(words: list[str]) -> None:
    """`CONFIG DATA STATE RUN [--listen FD --lock FD]`: without descriptors it makes its own, or takes systemd's."""
    harden()
    try:
        place = _take_place(words)
    except (SessionError, OSError) as error:
        sys.stderr.write(f"gatepass: the agent cannot start: {error}\n")
        sys.exit(1)
    visitors = welcome(place)
    from gatepass.sessions.agent.process import run

    run(place, visitors)


def harden() -> None:
    """No core dumps, no tracing by others, private files (S-37)."""
    os.umask(0o077)
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _take_place(words: list[str]) -> Place:
    given = dict(zip(words[4::2], words[5::2], strict=True))  # argparse would take as long as all of this
    paths = Paths.from_words(words[:4])
    private_dir(paths.run)
    private_dir(paths.state)
    lock = int(given["--lock"]) if "--lock" in given else try_lock(paths.agent_lock)
    if lock is None:
        raise OSError(f"another agent runs: see {paths.agent_lock}")
    activated = "--listen" not in given and os.environ.get("LISTEN_PID") == str(os.getpid())
    listener = int(given.get("--listen", "3")) if activated or "--listen" in given else _listen(paths)
    for fd in (lock, listener):
        os.set_inheritable(fd, False)
    return Place(paths, lock, listener, activated)


def _listen(paths: Paths) -> int:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(paths.socket)
    made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    made.bind(str(paths.socket))
    made.listen(1024)
    return made.detach()


def welcome(place: Place) -> list[Visitor]:
    """Answer those who wait already, as far as that is quick; the others are handed on."""
    listener = _socket.socket(fileno=os.dup(place.listener))
    listener.setblocking(False)
    left: list[Visitor] = []
    try:
        for _ in range(AT_MOST):
            fd, _address = listener._accept()  # type: ignore[attr-defined]
            visitor = _first_words(fd)
            if visitor is not None:
                left.append(visitor)
                if _answered(place.paths, visitor):
                    left.pop()
    except BlockingIOError:
        pass
    finally:
        listener.close()
    return left


def _first_words(fd: int) -> Visitor | None:
    """The visitor with its first line, or None (and gone) when it is not this user or says nothing."""
    from gatepass.sessions.agent.peer import is_ours

    link = _socket.socket(fileno=fd)
    link.settimeout(FIRST_LINE_SECONDS)
    said = b""
    try:
        if not is_ours(link):
            return None
        said = link.recv(4096)
    except TimeoutError:
        said = b""
    except OSError:
        return None
    return Visitor(link.detach(), said)


def _answered(paths: Paths, visitor: Visitor) -> bool:
    reply = quick_answer(paths, visitor.said)
    if reply is None:
        return False
    link = _socket.socket(fileno=visitor.fd)
    with contextlib.suppress(OSError):
        link.sendall(reply)
    link.close()
    return True


def quick_answer(paths: Paths, line: bytes) -> bytes | None:
    """The answer if it needs neither event loop nor AWS; None otherwise."""
    if line == b"hello 1\n":
        return answer(OK, f"1 {os.getpid()}\n".encode())
    if not line.startswith(b"get ") or line.count(b" ") != 1 or not line.endswith(b"\n"):
        return None
    try:
        if _is_locked(paths, line[4:-1].decode("utf-8", "replace")):
            raise Locked(
                "the vault is locked: its vault passphrase is needed", advice="run: gatepass vault unlock"
            )
    except GatepassError as error:
        return refusal(error)
    except OSError:
        return None
    return None


def _is_locked(paths: Paths, name: str) -> bool:
    """Whether the session plainly needs the vault, and the vault plainly needs a person. False when in doubt."""
    if b'"kind": "passphrase"' not in read_private(paths.vault):
        return False
    return needs_vault(read_private(paths.workspace).decode("utf-8", "replace"), name)


def needs_vault(text: str, name: str) -> bool:
    """Whether the session's root keeps its secret in the vault, read off the lines as our writer writes them.

    A whole reading costs twice the start of an interpreter. Whatever is written otherwise is left to it: False.
    """
    lines = text.splitlines()
    if any(line.lstrip().startswith("profile") and name in line for line in lines):
        return False  # it may be another session's profile
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        table = _table(lines, f'[session."{name}"]')
        if table.get("kind") != "role":
            return table.get("kind") in ("iam-user", "sso-role")
        name = table.get("via", "")
    return False


def _table(lines: list[str], header: str) -> dict[str, str]:
    """The plain text values below a header that is there once."""
    if lines.count(header) != 1:
        return {}
    found: dict[str, str] = {}
    for line in lines[lines.index(header) + 1 :]:
        if line.startswith("["):
            break
        key, equals, value = line.partition(" = ")
        if equals and len(value) > 1 and value[0] == value[-1] == '"' and "\\" not in value:
            found[key] = value[1:-1]
    return found
