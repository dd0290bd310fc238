"""The agent's socket: checks who calls, answers one request, or holds a conversation."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable

from gatepass.errors import GatepassError
from gatepass.sessions.agent.control import Control
from gatepass.sessions.agent.door import Door, SocketDoor, Stranger
from gatepass.sessions.agent.peer import Peer
from gatepass.sessions.agent.protocol import (
    OK,
    PROTOCOL,
    REQUEST_LIMIT,
    VERSION,
    Request,
    answer,
    parse_request,
    refusal,
)
from gatepass.sessions.agent.service import Service
from gatepass.sessions.errors import BadInput, NeedsHuman, Upstream, scrub, system_refused

GET_SECONDS = 55.0  # S-49
REQUEST_SECONDS = 10.0
"""For the first line: connections that say nothing must not use up the agent's files."""
LINE_LIMIT = 1024 * 1024


class Server:
    """Serves one listening socket until closed."""

    def __init__(self, service: Service, quit_: Callable[[], None], door: Door | None = None) -> None:
        """`door` lets callers in; by default that of a unix socket."""
        self._service = service
        self._door = door or SocketDoor()
        self._quit = quit_
        self._server: asyncio.Server | None = None
        self._verbs: dict[str, Callable[[Request, Peer], Awaitable[bytes]]] = {
            "hello": self._hello,
            "get": self._get,
            "env": self._env,
            "status": self._status,
            "start": self._start,
            "stop": self._stop,
            "sync": self._sync,
            "lock": self._lock,
            "unlock": self._unlock,
            "quit": self._leave,
        }

    async def listen(self, listener: socket.socket) -> None:
        """Begin to answer on `listener`."""
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=LINE_LIMIT)

    async def welcome(self, connection: socket.socket, said: bytes) -> None:
        """Take over a connection that was accepted and examined before, with what it has said already."""
        connection.setblocking(False)
        reader = asyncio.StreamReader(limit=LINE_LIMIT)
        reader.feed_data(said)
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(reader, self._serve_known)
        await loop.connect_accepted_socket(lambda: protocol, connection)

    async def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.close()

    async def _serve_known(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, known=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, known: bool = False
    ) -> None:
        try:
            peer = self._door.known(writer) if known else await self._door.admit(reader, writer)
            await self._answer(reader, writer, peer)
        except Stranger as error:
            self._service.events.refused("connection", str(error), error.peer)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # the other end has gone or talks nonsense: nothing to answer
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await reader.readuntil(b"\n")
            request = parse_request(line[: REQUEST_LIMIT + 1])
            if request.words == (PROTOCOL,) and request.verb == "control":
                await Control(self._service, reader, writer, peer, self._quit).run()
                return
            if request.verb == "watch":
                await self._watch(writer)
                return
            if request.verb == "control":
                writer.write(answer(VERSION, b"this agent speaks version 1\n"))
            else:
                writer.write(await self._verbs[request.verb](request, peer))
        except GatepassError as error:
            writer.write(refusal(error))
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise
        except OSError as error:
            writer.write(refusal(system_refused(error)))
        except Exception as error:  # noqa: BLE001  the outer edge: one line for the caller, the rest for the log
            sys.stderr.write(f"gatepass agent: {type(error).__name__}: {scrub(str(error))}\n")
            writer.write(
                refusal(Upstream(f"the agent failed ({type(error).__name__})", advice="look into its log"))
            )
        await writer.drain()

    async def _hello(self, request: Request, peer: Peer) -> bytes:
        if request.words != (PROTOCOL,):
            return answer(VERSION, b"this agent speaks version 1\n")
        return answer(OK, f"{PROTOCOL} {os.getpid()}\n".encode())

    async def _get(self, request: Request, peer: Peer) -> bytes:
        try:
            return answer(
                OK, await asyncio.wait_for(self._service.payload(request.words[0], peer), GET_SECONDS)
            )
        except TimeoutError as error:
            raise NeedsHuman(
                f"session {request.words[0]!r} is still waiting for a person or for AWS",
                advice="finish the login, then run the command again",
            ) from error

    async def _env(self, request: Request, peer: Peer) -> bytes:
        return answer(OK, await self._service.environment(request.words[0], peer))

    async def _status(self, request: Request, peer: Peer) -> bytes:
        return answer(OK, self._service.status_json(request.words[0] if request.words else None))

    async def _start(self, request: Request, peer: Peer) -> bytes:
        await self._service.start(request.words[0], peer)
        return answer(OK, b"active\n")

    async def _stop(self, request: Request, peer: Peer) -> bytes:
        gone = self._service.keeper.stop(request.words[0], peer)
        return answer(OK, (" ".join(gone) + "\n").encode())

    async def _sync(self, request: Request, peer: Peer) -> bytes:
        raise BadInput("sync shows its plan first", advice=f"run: gatepass sync {request.words[0]}")

    async def _lock(self, request: Request, peer: Peer) -> bytes:
        self._service.lock()
        return answer(OK, b"locked\n")

    async def _unlock(self, request: Request, peer: Peer) -> bytes:
        await self._service.unlock(None)
        return answer(OK, b"unlocked\n")

    async def _leave(self, request: Request, peer: Peer) -> bytes:
        await self._service.finish()
        self._quit()
        return answer(OK, b"bye\n")

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        """Events as lines of JSON until the caller goes."""
        import json

        queue: asyncio.Queue[dict[str, object]] = asyncio.Queue(1000)
        end = self._service.events.watch(lambda event: None if queue.full() else queue.put_nowait(event))
        try:
            writer.write(answer(OK))
            while not writer.is_closing():
                writer.write(json.dumps(await queue.get()).encode() + b"\n")
                await writer.drain()
        finally:
            end()
