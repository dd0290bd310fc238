"""A socket with less power, to be carried to another machine (S-47): `get` of the named sessions, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gatepass.errors import GatepassError
from gatepass.sessions.agent.peer import me, peer_of
from gatepass.sessions.agent.protocol import OK, PROTOCOL, REQUEST_LIMIT, answer, parse_request, refusal
from gatepass.sessions.agent.service import Service
from gatepass.sessions.errors import BadInput, Denied
from gatepass.sessions.files import private_dir
from gatepass.sessions.workspace.reading import require

REQUEST_SECONDS = 10


class Forward:
    """Listens until it is closed; the file goes with it."""

    def __init__(self, service: Service, served: frozenset[str], place: Path) -> None:
        self._service, self._served, self.place = service, served, place
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen."""
        if sys.platform == "win32":
            raise BadInput(
                "ssh-forward needs a unix socket, which Python has not on Windows", advice="run it in WSL"
            )
        else:
            place = str(self.place)
            self._server = await asyncio.start_unix_server(self._serve, place, limit=REQUEST_LIMIT + 1)
            os.chmod(place, 0o600)

    def close(self) -> None:
        """Stop at once. May be repeated."""
        if self._server is not None:
            self._server.close()
        self.place.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError, ValueError):
            peer = peer_of(writer.get_extra_info("socket"))
            if peer.uid == me().uid:
                line = await asyncio.wait_for(reader.readuntil(b"\n"), REQUEST_SECONDS)
                try:
                    request = parse_request(line)
                    if request.verb == "hello" and request.words == (PROTOCOL,):
                        writer.write(answer(OK, f"{PROTOCOL}\n".encode()))
                    elif request.verb != "get":
                        raise Denied(f"{request.verb} is not forwarded", advice="run it on your laptop")
                    elif request.words[0] not in self._served:
                        raise Denied(f"session {request.words[0]!r} is not forwarded to this machine")
                    else:
                        writer.write(answer(OK, await self._service.payload(request.words[0], peer)))
                except GatepassError as error:
                    writer.write(refusal(error))
                await writer.drain()
        writer.close()


async def open_forward(service: Service, names: Sequence[str], place: Path) -> Forward:
    """Serve these sessions on a socket of their own. Raises `BadInput` for a place that is taken."""
    workspace = service.workspace()
    found = [require(workspace, name) for name in names]
    served = frozenset(name for session in found for name in (session.name, session.profile))
    private_dir(place.parent)
    if os.path.lexists(place):
        raise BadInput(f"{place} exists already")
    forward = Forward(service, served, place)
    await forward.open()
    return forward
