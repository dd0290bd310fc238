"""The agent's port on loopback TCP, the file in which callers find it, and what they must prove there (S-31).

The agent's first milliseconds use this too: nothing here may import asyncio.
"""

from __future__ import annotations

import _socket
import os
import socket
import sys
from _operator import _compare_digest
from pathlib import Path

from gatepass.sessions.files import replace
from gatepass.sessions.launcher.loopback import (
    AGENT,
    CLIENT,
    HELLO,
    HELLO_BYTES,
    KEY_BYTES,
    PROOF_BYTES,
    proof,
)

BACKLOG = 1024


def open_port(place: Path) -> tuple[int, bytes]:
    """A listener of our own on a free port, and a new key, both told by the file at `place`, whole or not at all.

    The file is private (S-28). Every agent makes a key of its own: one that was seen is worth nothing afterwards.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform == "win32":  # otherwise another user may listen on the same port and take our callers
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(BACKLOG)
    key = os.urandom(KEY_BYTES)
    line = f"{listener.getsockname()[1]} {key.hex()}\n"
    replace(place, line.encode(), durable=False)
    return listener.detach(), key


class Examined:
    """A caller from the first line to the proof of the key, which never crosses.

    The agent's proof says nothing to whoever has not the key, so it may go first: then no caller shows its own to a
    stranger who took the port of a dead agent. Each proof is of this connection's two fresh numbers and of its port,
    so that none can be shown again or handed on to another port.
    """

    def __init__(self, hello: bytes, port: int, key: bytes) -> None:
        """`hello` is the caller's first line. Raises `ValueError` for anything else."""
        if len(hello) != HELLO_BYTES or not hello.startswith(HELLO):
            raise ValueError("not a caller of this agent")
        theirs, ours = bytes.fromhex(hello[len(HELLO) :].decode("ascii")), os.urandom(PROOF_BYTES)
        self.answer = ours + proof(AGENT, port, theirs, ours, key)
        """What to say to the first line."""
        self._wanted = proof(CLIENT, port, theirs, ours, key)

    def passes(self, shown: bytes) -> bool:
        """Whether the caller has the key; takes the same time for every wrong proof."""
        return _compare_digest(shown, self._wanted)


def passes_at_once(link: _socket.socket, port: int, key: bytes) -> bool:
    """The whole examination where there is no loop yet. Raises `OSError` when the caller is too slow or has gone."""
    try:
        examined = Examined(_exactly(link, HELLO_BYTES), port, key)
    except ValueError:
        return False
    link.sendall(examined.answer)
    return examined.passes(_exactly(link, PROOF_BYTES))


def _exactly(link: _socket.socket, count: int) -> bytes:
    """So many bytes, fewer when the caller ends."""
    found = b""
    while len(found) < count and (part := link.recv(count - len(found))):
        found += part
    return found
