"""A real server for real browsers: the whole of gatepass before the simulated AWS, in threads, on the real clock."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from tests.installation import UNHURRIED, holds
from tests.waiting import LONG

from gatepass.app.build import Installation, build
from gatepass.app.keys import Keys
from gatepass.app.serve import StreamEndingServer, application
from gatepass.app.settings import Settings
from gatepass.clock import SystemClock
from gatepass.estate.reading.sources import load_directory
from gatepass.sim import Settings as SimSettings
from gatepass.sim import Simulator, session, world_of
from gatepass.sim import build as build_world
from gatepass.sim.worlds.of_seeds import ACCESS_KEY

TESTS = Path(__file__).parent.parent
EXAMPLE = TESTS.parent / "examples" / "multi-organization"
EVERY_FIELD = TESTS / "assets" / "every-field"
PATIENCE = LONG
"""Seconds a start or an end may take on a busy machine."""


class Server:
    """One server that runs; `url` is where."""

    def __init__(self, parts: Installation, sim: Simulator, url: str) -> None:
        self.parts = parts
        self.sim = sim
        self.url = url

    def holds(self, name: str, account: str = "333333333333") -> bool:
        """Whether AWS in truth holds an assignment of this person in this account."""
        return holds(self.sim, name, account)


@contextmanager
def serving(folder: Path, estate_path: Path = EXAMPLE, **given: Any) -> Iterator[Server]:
    """A server for the length of a block."""
    estate = load_directory(estate_path)
    settings = Settings(data_dir=folder, idle_poll=timedelta(milliseconds=100), **UNHURRIED, **given)
    clock = SystemClock()
    keys = Keys.open(settings.key)
    external = {n: keys.external_id(o.connector.instance_arn) for n, o in estate.organizations.items()}
    sim = build_world(world_of(estate, external), clock, SimSettings(operation_seconds=0.2))
    own = session(sim, sim.world.credentials[ACCESS_KEY])
    parts = build(settings, clock=clock, source=own, exclusive=False)
    parts.applying.apply("test", estate)
    try:
        with _engine(parts), _http(parts) as url:
            yield Server(parts, sim, url)
    finally:
        parts.close()


@contextmanager
def _engine(parts: Installation) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=parts.engine.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        parts.store.wake()
        thread.join(PATIENCE)


@contextmanager
def _http(parts: Installation) -> Iterator[str]:
    closing = threading.Event()
    app = application(parts, pick_a_person=True, closing=closing)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=10)  # type: ignore[arg-type]
    server = StreamEndingServer(config, closing)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
