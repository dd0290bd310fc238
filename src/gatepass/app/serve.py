"""Runs a process: the server (API and engine), a worker (engine alone), or the server with a simulated AWS."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import uvicorn

from gatepass import __version__
from gatepass.api import Health, Parts, build_api
from gatepass.app.aws_names import AwsNames
from gatepass.app.build import Installation, build
from gatepass.app.drift import require_comparable
from gatepass.app.portal import Pages
from gatepass.app.settings import Settings, SettingsError
from gatepass.engine.points import Point, nothing
from gatepass.errors import GatepassError
from gatepass.estate.model import Estate
from gatepass.estate.outline import counted
from gatepass.estate.reading.sources import load_directory
from gatepass.handlers.looking import require_sound

log = logging.getLogger("gatepass")
Say = Callable[[str], None]
KEEP_ALIVE = 75
"""Seconds a connection is kept open idle: longer than proxies keep theirs (60 is usual), so that it is never the
server that closes one at the moment the proxy sends the next request on it."""


class NotLoopback(GatepassError):
    """What is for trying only was to be reachable from elsewhere."""

    code = "settings"


def serve(
    settings: Settings,
    estate_path: Path,
    *,
    say: Say,
    point: Point = nothing,
    pick_a_person: bool = False,
    before: Callable[[Installation], None] = lambda _: None,
) -> None:
    """Apply the estate, then serve API and portal and settle facts until SIGTERM or SIGINT. Blocks.

    `pick_a_person`: the demo's sign-in, for loopback only. `before`: done once the estate is applied.
    """
    estate = load_directory(estate_path)
    installation = build(settings, point=point)
    try:
        _apply(installation, estate, say)
        _first_token(installation, say)
        if not (pick_a_person or can_answer(settings)):
            say(
                "nobody can answer requests yet: set GATEPASS_OIDC_ISSUER for people to sign in, or Slack, or "
                "GATEPASS_DECIDING_TOKENS=issued to trust tokens that admins issue for others"
            )
        before(installation)
        listener = _listen(settings)
        port = listener.getsockname()[1]
        if installation.faces.socket is not None:
            installation.faces.socket.connect()
        with _engine(installation), _jobs(installation):
            say(
                f"serving on http://{settings.host}:{port} (worker {installation.engine.core.settings.worker})"
            )
            _run_http(installation, listener, pick_a_person)
    finally:
        installation.close()


def work(settings: Settings, *, say: Say, point: Point = nothing) -> None:
    """Settle facts for a server elsewhere on the same PostgreSQL, until SIGTERM or SIGINT. Blocks."""
    if settings.database.startswith("sqlite"):
        raise SettingsError(
            "a worker shares a server's PostgreSQL, and GATEPASS_DATABASE_URL names none",
            advice="set GATEPASS_DATABASE_URL as the server has it; on SQLite `gatepass serve` works alone",
        )
    installation = build(settings, point=point)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        say(f"working as {installation.engine.core.settings.worker}")
        with _jobs(installation):
            installation.engine.run(stop)
    finally:
        installation.close()


def application(
    installation: Installation, *, pick_a_person: bool = False, closing: threading.Event | None = None
) -> object:
    """The HTTP application of an installation: the API, and the portal for every other address.

    `closing` is set when the process is about to stop: streams end then.
    """
    names = AwsNames(installation.door, installation.clock)
    parts = Parts(
        installation.desk,
        installation.office,
        installation.applier,
        installation.applies,
        installation.drifts,
        names,
        issued_decide=installation.settings.deciding_tokens == "issued",
    )
    health = Health(installation.health.problems, installation.health.metrics)
    app = build_api(parts, health, installation.clock, __version__)
    route = installation.faces.route
    if route is not None:
        app.add_route("/slack/events", route.serve, methods=["POST"], include_in_schema=False)
    app.router.routes.append(Pages(installation, pick_a_person, closing or threading.Event()))
    return app


@contextmanager
def _beside(
    name: str, run: Callable[[threading.Event], None], wake: Callable[[], None], patience: float
) -> Iterator[None]:
    """Run this in a thread of its own for the length of the block; then give it `patience` seconds to end."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        wake()
        thread.join(patience)


def _engine(installation: Installation) -> AbstractContextManager[None]:
    patience = installation.settings.lease.total_seconds()
    return _beside("engine", installation.engine.run, installation.store.wake, patience)


def _jobs(installation: Installation) -> AbstractContextManager[None]:
    return _beside("jobs", installation.jobs.run, installation.jobs.wake, 10)


def _run_http(installation: Installation, listener: socket.socket, pick_a_person: bool) -> None:
    closing = threading.Event()
    app = application(installation, pick_a_person=pick_a_person, closing=closing)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=KEEP_ALIVE,
    )
    StreamEndingServer(config, closing).run(sockets=[listener])


class StreamEndingServer(uvicorn.Server):
    """Says that it stops before it waits for what is running, so that live updates hold nothing up."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets)


def _listen(settings: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as taken:
        raise GatepassError(
            f"cannot listen on {settings.host}:{settings.port}: {taken.strerror}",
            advice="choose another with --port",
        ) from None
    listener.listen(128)
    return listener


def _apply(installation: Installation, estate: Estate, say: Say) -> None:
    require_comparable(estate)
    for fault in require_sound(installation.runner, estate):
        say(f"odd: {fault}")
    if any(flow.implementation is not None for flow in estate.flows.values()):
        say(f"flows' Python runs isolated: {installation.runner.level}")
    applied = installation.applying.apply("serve", estate)
    for line in (*map(str, applied.changes), *applied.ends):
        say(line)
    holds = f"{counted(len(estate.organizations), 'organizations')}, {counted(len(estate.flows), 'flows')}"
    say(f"estate version {applied.number}: {holds}")


def can_answer(settings: Settings) -> bool:
    """Whether there is a way for people to answer as themselves."""
    return bool(settings.oidc_issuer or settings.slack_bot_token) or settings.deciding_tokens == "issued"


def _first_token(installation: Installation, say: Say) -> None:
    """Where no admin has a token, one that is good for a day is put where only the operator can read it."""
    made = installation.office.first_token()
    if made is None:
        return
    token, text = made
    path = installation.settings.data_dir / "first-token"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    say(f"a token for {token.person}, good for a day, is in {path}")
