"""The agent as a process: hardened, alone, gone when nothing needs it (S-31, S-33, S-37)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

from gatepass.clock import Clock, SystemClock
from gatepass.sessions.agent.codes import Codes
from gatepass.sessions.agent.door import Door, door_of
from gatepass.sessions.agent.events import Events
from gatepass.sessions.agent.grantwatch import GrantWatch
from gatepass.sessions.agent.handouts import Handouts
from gatepass.sessions.agent.headless import is_headless
from gatepass.sessions.agent.keeper import Keeper
from gatepass.sessions.agent.logins import Logins
from gatepass.sessions.agent.minter import Minter
from gatepass.sessions.agent.peer import me
from gatepass.sessions.agent.porch import Visitor
from gatepass.sessions.agent.server import Server
from gatepass.sessions.agent.service import Service
from gatepass.sessions.agent.start import Place
from gatepass.sessions.agent.strongbox import Strongbox
from gatepass.sessions.agent.world import World
from gatepass.sessions.errors import SessionError, scrub
from gatepass.sessions.files import read_private, replace
from gatepass.sessions.grants import GrantSource
from gatepass.sessions.identity import identity_of
from gatepass.sessions.learned import Learned
from gatepass.sessions.model import Workspace
from gatepass.sessions.paths import Paths
from gatepass.sessions.providers.transport import Transport, foreign_endpoints
from gatepass.sessions.workspace.reading import load_workspace

TICK_SECONDS = 5.0
SLEPT = timedelta(seconds=60)


class LiveWorkspace:
    """The workspace file as it is now: read again when it changed; a faulty edit keeps the last sound one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: tuple[tuple[int, int], ...] | None = None
        self._held = Workspace()
        self._fault: SessionError | None = None

    def __call__(self) -> Workspace:
        """Raises the file's fault when there never was a sound one."""
        mark = self._marks()
        if mark != self._mark:
            try:
                self._held, self._fault = load_workspace(self._path), None
            except SessionError as error:
                self._fault = error
            after = self._marks()
            self._mark = after if after[0] == mark[0] else None  # changed while it was read: look again
        if self._fault is not None and not self._held.sessions:
            raise self._fault
        return self._held

    def _marks(self) -> tuple[tuple[int, int], ...]:
        """Of the file and of the shared files it names."""
        shared = (self._path.parent / Path(n).expanduser() for n in self._held.settings.registry)
        return tuple(_changed_at(path) for path in (self._path, *shared))


def _changed_at(path: Path) -> tuple[int, int]:
    """What changes whenever the file is written or replaced."""
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)


def assemble(paths: Paths, clock: Clock, source: GrantSource | None = None) -> Service:
    """All parts of the agent, wired."""
    workspace = LiveWorkspace(paths.workspace)
    transport = Transport(clock, lambda: dict(workspace().settings.endpoints))
    events = Events(paths.audit, transport.now)
    strongbox = Strongbox(paths.vault)
    learned = Learned(paths.learned, transport.now)
    cli_cache = Path(os.path.expanduser("~/.aws/sso/cache"))
    logins = Logins(strongbox, transport, clock, paths.locks, is_headless, cli_cache)

    async def secret(name: str) -> dict[str, object] | None:
        return await asyncio.to_thread(strongbox.get, name)

    keeper: Keeper
    grants = GrantWatch(
        lambda: source or _server_grants(strongbox),
        transport.now,
        lambda name, cause: keeper.end_grant(name, cause),
    )
    world = World(
        workspace=workspace,
        now=transport.now,
        mints=Minter(transport, learned, lambda settings: identity_of(settings, paths.login)),
        secrets=strongbox,
        codes=Codes(secret, transport.now),
        logins=logins,
        learned=learned,
        events=events,
        grants=grants,
        stopped=_read_stopped(paths.stopped),
        keep_stopped=lambda names: replace(paths.stopped, json.dumps(sorted(names)).encode()),
    )
    keeper = Keeper(world)
    handouts = Handouts(paths.handouts, paths.locks)
    service = Service(keeper, strongbox, logins, transport, events, workspace, paths.prompt, handouts)
    world.on_change = service.changed
    return service


def _read_stopped(path: Path) -> frozenset[str]:
    """The sessions that stay stopped although the agent began anew (S-18); a damaged file names none."""
    try:
        found = json.loads(read_private(path))
    except (OSError, ValueError, SessionError):
        return frozenset()
    return frozenset(n for n in found if isinstance(n, str)) if isinstance(found, list) else frozenset()


def _server_grants(strongbox: Strongbox) -> GrantSource | None:
    """The server this laptop is logged in to, if any."""
    from gatepass.sessions.server import SECRET, grants_from

    return grants_from(strongbox.get(SECRET))


async def serve(
    paths: Paths,
    listener: socket.socket,
    clock: Clock,
    visitors: Sequence[Visitor] = (),
    door: Door | None = None,
) -> None:
    """Answer on `listener` until told to quit or nothing needs us any more."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(32, thread_name_prefix="gatepass"))
    service = assemble(paths, clock)
    done = asyncio.Event()
    _end_at_signals(loop, done)
    service.handouts.clear()
    server = Server(service, done.set, door)
    await server.listen(listener)
    for visitor in visitors:
        await server.welcome(socket.socket(fileno=visitor.fd), visitor.said)
    ticker = asyncio.create_task(_tick(service, clock, done))
    started = asyncio.create_task(_autostart(service))
    await done.wait()
    await service.finish()
    for task in (ticker, started):
        task.cancel()
    await server.close()
    service.lock()


def _end_at_signals(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    """Told to end, put away first. Windows' loop takes no signals: there Python's own handler wakes it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(done.set))
        else:
            loop.add_signal_handler(number, done.set)


async def _autostart(service: Service) -> None:
    """Mint the sessions that want it, as far as no person is needed."""
    with contextlib.suppress(SessionError):
        for session in service.workspace().sessions.values():
            if session.autostart:
                with contextlib.suppress(SessionError):
                    await service.start(session.name, me())


async def _tick(service: Service, clock: Clock, done: asyncio.Event) -> None:
    last_wall, last_mono = clock.now(), asyncio.get_running_loop().time()
    while True:
        await asyncio.sleep(TICK_SECONDS)
        wall, mono = clock.now(), asyncio.get_running_loop().time()
        slept = (wall - last_wall) - timedelta(seconds=mono - last_mono) > SLEPT
        last_wall, last_mono = wall, mono
        try:
            if slept:
                service.woke()
            service.keep_handouts_used()
            service.keeper.tick()
            _leave_if_idle(service, service.transport.now(), done)
        except SessionError:
            continue  # a faulty workspace is told to those who ask
        except Exception as error:  # noqa: BLE001  refreshing and locking go on whatever one look ran into
            sys.stderr.write(f"gatepass agent: {type(error).__name__}: {scrub(str(error))}\n")


def _leave_if_idle(service: Service, now: datetime, done: asyncio.Event) -> None:
    settings = service.workspace().settings
    idle = now - service.last_call
    if idle > settings.lock_after_idle:
        service.lock()
    if idle > settings.idle_exit and not service.keeper.anything_fresh():
        done.set()


def run(place: Place, visitors: Sequence[Visitor]) -> None:
    """Serve until it is over, then go at once: threads that wait for a person or a dead network shall not keep us."""
    gc.enable()  # off since the first line: collecting while importing is a tenth of the start
    gc.freeze()
    for name in foreign_endpoints(os.environ):
        sys.stderr.write(f"gatepass agent: {name} is not followed; set it in [settings.endpoints]\n")
        del os.environ[name]
    paths = Paths.from_words(list(place.directories), loopback=bool(place.key))
    listener = socket.socket(fileno=place.listener)
    listener.setblocking(False)
    door = door_of(listener, place.key)
    try:
        asyncio.new_event_loop().run_until_complete(serve(paths, listener, SystemClock(), visitors, door))
    finally:
        if not place.activated:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(paths.socket)
        os._exit(0)
