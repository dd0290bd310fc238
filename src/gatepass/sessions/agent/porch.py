"""Answering those who wait already, before asyncio is there (specification 6.2).

A greeting and a locked vault are answered; everything else is handed on, unread bytes and all, to `agent.process`.
Whatever looks odd here is not judged but left to the code that can say what is wrong with it.
"""

import _socket
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatepass.sessions.agent.start import Place

FIRST_LINE_SECONDS = 0.2
FIRST_CALLER_SECONDS = 0.1
"""On loopback who started us can call only now, and looks for us every few milliseconds."""
AT_MOST = 64
LOCKED = b"6 the vault is locked: its vault passphrase is needed; run: gatepass vault unlock\n"


class Visitor:
    """A connection that was taken and not answered yet, and what it has said."""

    def __init__(self, fd: int, said: bytes) -> None:
        self.fd = fd
        self.said = said


def welcome(place: "Place") -> list[Visitor]:
    """Answer those who wait already, as far as that is quick; the others are handed on."""
    listener = _socket.socket(fileno=place.listener)
    listener.settimeout(FIRST_CALLER_SECONDS if place.key else 0)
    left: list[Visitor] = []
    try:
        for _ in range(AT_MOST):
            fd, _address = listener._accept()  # type: ignore[attr-defined]
            listener.settimeout(0)
            visitor = _first_words(place, fd)
            if visitor is not None and not _answered(place, visitor):
                left.append(visitor)
    except (BlockingIOError, TimeoutError):
        pass
    finally:
        listener.detach()
    return left


def _first_words(place: "Place", fd: int) -> Visitor | None:
    """The visitor with its first line, or None (and gone) when it is not this user or says nothing."""
    link = _socket.socket(fileno=fd)
    link.settimeout(FIRST_LINE_SECONDS)
    said = b""
    try:
        if not (_has_key(link, place) if place.key else _is_ours(link)):
            return None
    except OSError:
        return None
    try:
        said = link.recv(4096)
    except TimeoutError:
        said = b""
    except OSError:
        return None
    return Visitor(link.detach(), said)


def _has_key(link: _socket.socket, place: "Place") -> bool:
    from gatepass.sessions.agent.port import passes_at_once

    return passes_at_once(link, link.getsockname()[1], place.key)


def _is_ours(link: _socket.socket) -> bool:
    if sys.platform == "linux":
        found = link.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        return int.from_bytes(found[4:8], sys.byteorder) == os.geteuid()
    else:
        from gatepass.sessions.agent.peer import me, peer_of

        return peer_of(link).uid == me().uid


def _answered(place: "Place", visitor: Visitor) -> bool:
    reply = quick_answer(place.directories, visitor.said)
    if reply is None:
        return False
    link = _socket.socket(fileno=visitor.fd)
    try:
        link.sendall(reply)
    except OSError:
        return True  # gone
    finally:
        link.close()
    return True


def quick_answer(directories: "Sequence[str]", line: bytes) -> bytes | None:
    """The answer if it needs neither event loop nor AWS; None otherwise."""
    if line == b"hello 1\n":
        return b"0 1 %d\n" % os.getpid()
    if not line.startswith(b"get ") or line.count(b" ") != 1 or not line.endswith(b"\n"):
        return None
    return LOCKED if _is_locked(directories, line[4:-1].decode("utf-8", "replace")) else None


def _is_locked(directories: "Sequence[str]", name: str) -> bool:
    """Whether the session plainly needs the vault, and the vault plainly needs a person. False when in doubt."""
    config, data = directories[:2]
    try:
        if b'"kind": "passphrase"' not in _read_private(f"{data}/vault.bin"):
            return False
        text = _read_private(f"{config}/workspace.toml").decode("utf-8", "replace")
    except OSError:
        return False
    return needs_vault(text, name)


def _read_private(path: str) -> bytes:
    """The bytes of a plain file of ours that nobody else can reach. Raises OSError for anything else."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        mine = sys.platform != "win32" and found.st_uid == os.geteuid()
        if not mine or not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            raise OSError(1, "not private")
        return file.read()


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
