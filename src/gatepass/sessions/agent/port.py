"""The agent on loopback TCP: its port, the file in which callers find port and key, and the door (S-31)."""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
import sys
from pathlib import Path

from gatepass.sessions.agent.door import Stranger
from gatepass.sessions.agent.peer import Peer, peer_on_loopback
from gatepass.sessions.files import replace
from gatepass.sessions.loopback import AGENT, CLIENT, KEY_BYTES, PROOF_BYTES, PROOF_SECONDS, proof

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


class PortDoor:
    """Both sides prove the key of this agent and this port, which never crosses.

    The agent's proof says nothing to whoever has not the key, so it may go first: then no caller shows its own to a
    stranger who took the port of a dead agent. Each proof is of this connection's two fresh numbers and of its port,
    so that none can be shown again or handed on to another port.
    """

    def __init__(self, key: bytes, port: int) -> None:
        self._key, self._port = key, port

    async def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer:
        try:
            return await asyncio.wait_for(self._admitted(reader, writer), PROOF_SECONDS)
        except TimeoutError as error:
            raise Stranger(f"a caller on loopback did not prove the key within {PROOF_SECONDS} s") from error
        except asyncio.IncompleteReadError as error:
            raise Stranger("a caller on loopback left without proving the key") from error

    async def _admitted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer:
        theirs, ours = await reader.readexactly(PROOF_BYTES), os.urandom(PROOF_BYTES)
        writer.write(ours + proof(AGENT, self._port, theirs, ours, self._key))
        shown = await reader.readexactly(PROOF_BYTES)
        if not hmac.compare_digest(shown, proof(CLIENT, self._port, theirs, ours, self._key)):
            raise Stranger("a caller on loopback has not the agent's key")
        return peer_on_loopback(writer.get_extra_info("peername")[1], self._port)
