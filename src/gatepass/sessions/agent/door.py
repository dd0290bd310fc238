"""Who may come in: on a unix socket whom the kernel names, on loopback TCP who has the key (S-31, S-32)."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

from gatepass.sessions.agent.peer import Peer, me, peer_of


class Stranger(Exception):
    """Somebody who shall hear nothing. The text is for the audit log."""

    def __init__(self, cause: str, peer: Peer | None = None) -> None:
        super().__init__(cause)
        self.peer = peer


class Door(Protocol):
    """Lets a connection in or raises `Stranger`, before a byte of its request is read."""

    async def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer: ...


class SocketDoor:
    """A unix socket: the caller's user id must be ours."""

    async def admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer:
        peer = peer_of(writer.get_extra_info("socket"))
        if peer.uid != me().uid:
            raise Stranger(f"user id {peer.uid} is not yours", peer)
        return peer


def door_of(listener: socket.socket, key: bytes) -> Door:
    """The door for this listener; a key says that it is one of loopback."""
    if not key:
        return SocketDoor()
    from gatepass.sessions.agent.port import PortDoor

    return PortDoor(key, listener.getsockname()[1])
