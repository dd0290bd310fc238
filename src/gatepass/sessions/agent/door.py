"""Who may come in: on a unix socket whom the kernel names, on loopback TCP who has the key (S-31, S-32)."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

from gatepass.sessions.agent.peer import Peer, me, peer_of, peer_on_loopback
from gatepass.sessions.agent.port import Examined
from gatepass.sessions.launcher.loopback import HELLO_BYTES, PROOF_BYTES, PROOF_SECONDS


class Stranger(Exception):
    """Somebody who shall hear nothing. The text is for the audit log."""

    def __init__(self, cause: str, peer: Peer | None = None) -> None:
        super().__init__(cause)
        self.peer = peer


class Door(Protocol):
    """Lets a connection in before a byte of its request is read."""

    async def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer:
        """Who it is. Raises `Stranger`."""
        ...

    def known(self, writer: asyncio.StreamWriter) -> Peer:
        """The same of somebody who was examined before the loop began. Raises `Stranger`."""
        ...


class SocketDoor:
    """A unix socket: the caller's user id must be ours."""

    async def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer:
        return self.known(writer)

    def known(self, writer: asyncio.StreamWriter) -> Peer:
        peer = peer_of(writer.get_extra_info("socket"))
        if peer.uid != me().uid:
            raise Stranger(f"user id {peer.uid} is not yours", peer)
        return peer


class PortDoor:
    """A port of loopback: the caller must prove the agent's key."""

    def __init__(self, key: bytes, port: int) -> None:
        self._key, self._port = key, port

    async def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer:
        try:
            passes = await asyncio.wait_for(self._passes(reader, writer), PROOF_SECONDS)
        except TimeoutError as error:
            raise Stranger(f"a caller on loopback did not prove the key within {PROOF_SECONDS} s") from error
        except (asyncio.IncompleteReadError, ValueError) as error:
            raise Stranger("a caller on loopback did not ask as ours do") from error
        if not passes:
            raise Stranger("a caller on loopback has not the agent's key")
        return self.known(writer)

    def known(self, writer: asyncio.StreamWriter) -> Peer:
        return peer_on_loopback(writer.get_extra_info("peername")[1], self._port)

    async def _passes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        examined = Examined(await reader.readexactly(HELLO_BYTES), self._port, self._key)
        writer.write(examined.answer)
        return examined.passes(await reader.readexactly(PROOF_BYTES))


def door_of(listener: socket.socket, key: bytes) -> Door:
    """The door for this listener; a key says that it is one of loopback."""
    return PortDoor(key, listener.getsockname()[1]) if key else SocketDoor()
