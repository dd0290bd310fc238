"""The agent's work without an agent (`agent = false`, S-36, T-2): in the process that needs it, and gone with it.

Locks in the kernel make many processes mint once; what they share waits in one of `caches`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gatepass.clock import SystemClock
from gatepass.errors import GatepassError
from gatepass.sessions.agent.control import Control
from gatepass.sessions.agent.peer import me
from gatepass.sessions.agent.process import assemble
from gatepass.sessions.agent.service import Service
from gatepass.sessions.agent.start import forbid_tracing, harden
from gatepass.sessions.agentless.caches import cache_for
from gatepass.sessions.errors import SessionError, scrub
from gatepass.sessions.files import private_dir
from gatepass.sessions.paths import Paths

END_SECONDS = 2.0


def assembled(paths: Paths) -> Service:
    """The agent's abilities over what processes share."""
    private_dir(paths.state)
    service = assemble(paths, SystemClock())
    settings = service.workspace().settings
    service.keeper.use_cache(cache_for(settings, paths, service.strongbox, service.transport.now))
    return service


@contextmanager
def conversation_here(paths: Paths) -> Iterator[socket.socket]:
    """The far end of a conversation that this very process answers, as long as the context lasts."""
    ours, theirs = socket.socketpair()
    forbid_tracing()
    service = assembled(paths)
    thread = threading.Thread(target=lambda: asyncio.run(_answer(service, theirs)), daemon=True)
    thread.start()
    try:
        yield ours
    finally:
        ours.close()
        thread.join(END_SECONDS)  # a call to AWS that hangs shall not keep us
        service.logins.finish()  # but one that uses a refresh token up does, until its answer is written


async def _answer(service: Service, connection: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=connection)
    await reader.readuntil(b"\n")  # its first line says that a conversation follows
    service.keeper.recall()
    try:
        await Control(service, reader, writer, me(), lambda: None).run()
    finally:
        writer.close()


async def payload(paths: Paths, name: str) -> bytes:
    """credential_process JSON, minted under locks. Raises a `SessionError`."""
    service = assembled(paths)
    made = await service.payload(name, me())
    await asyncio.sleep(0)  # let the audit line be written
    return made


def main(words: list[str]) -> None:
    """`CONFIG DATA STATE RUN PROFILE`: what the launcher runs where there is no agent."""
    harden()
    paths = Paths.from_words(words[:4])
    try:
        sys.stdout.buffer.write(asyncio.run(payload(paths, words[4])))
        sys.stdout.flush()
    except (GatepassError, OSError) as error:
        text = error.line() if isinstance(error, SessionError) else scrub(str(error))
        sys.stderr.write(f"gatepass: {text[:900]}\n")
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
