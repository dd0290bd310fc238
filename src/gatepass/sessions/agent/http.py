"""The little HTTP that the agent's local listeners need: one request per connection, answered and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from gatepass.sessions.agent.peer import Address, is_strangers
from gatepass.sessions.errors import BadInput

HEAD_LIMIT = 16384
BODY_LIMIT = 131072
HEAD_SECONDS = 5
AT_ONCE = 64
"""Connections of one listener. Other users of the machine reach it too: they must not use up the agent's files."""
NO_ADDRESS = ("", 0)


@dataclass(frozen=True)
class Asked:
    """A request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    caller: Address = NO_ADDRESS
    listener: Address = NO_ADDRESS

    @property
    def host(self) -> str:
        """The `Host` header without its port."""
        return self.headers.get("host", "").rsplit(":", 1)[0]

    @property
    def forwarded(self) -> bool:
        """Whether a browser's page or a proxy asks."""
        return "origin" in self.headers or "x-forwarded-for" in self.headers

    @property
    def by_a_stranger(self) -> bool:
        """Whether another user of this machine asks, as far as the system says."""
        return is_strangers(self.caller, self.listener)


@dataclass(frozen=True)
class Answer:
    """What to say; never kept by anybody."""

    status: str
    body: bytes
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def wire(self) -> bytes:
        """The bytes to send."""
        more = {
            "Content-Type": self.kind,
            "Content-Length": str(len(self.body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            **self.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        return f"HTTP/1.1 {self.status}\r\n{head}\r\n".encode() + self.body


Handle = Callable[[Asked], Awaitable[Answer]]


async def listen(handle: Handle, host: str, port: int) -> asyncio.Server:
    """Answer on this address until the server is closed. Raises `BadInput` when it cannot be had."""

    open_now = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        try:
            if open_now > AT_ONCE:
                return
            asked = await asyncio.wait_for(_read(reader, writer), HEAD_SECONDS)
            writer.write((await handle(asked)).wire())
            await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            open_now -= 1
            writer.close()

    try:
        return await asyncio.start_server(serve, host, port, limit=HEAD_LIMIT)
    except OSError as error:
        raise BadInput(f"cannot listen on {host} port {port} ({error.strerror})") from error


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    words = head[0].split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, colon, value in (line.partition(":") for line in head[1:])
        if colon
    }
    length = headers.get("content-length", "0")
    size = int(length[:9]) if length.isdecimal() else 0
    body = await reader.readexactly(min(size, BODY_LIMIT)) if size else b""
    method, path = (words[0], words[1]) if len(words) == 3 else ("", "")
    ends = (writer.get_extra_info(name)[:2] for name in ("peername", "sockname"))
    return Asked(method, path, headers, body, *ends)
