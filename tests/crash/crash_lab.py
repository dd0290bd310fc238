"""Real processes that die: `serve` on SQLite and workers on PostgreSQL, killed or stopped at a named point.

A process is forked from a fork server that has imported everything, so a start costs milliseconds. Each story has its
own simulated AWS, in this process on the machine's clock, and its own database. Nobody repairs anything: a killed
server is only started again, as any service manager would; of two workers the killed one stays dead.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from gatepass.access.requests import Answer
from gatepass.app.build import Installation, build
from gatepass.app.keys import Keys
from gatepass.app.serve import serve, work
from gatepass.app.settings import Settings
from gatepass.clock import SystemClock
from gatepass.desk import Ask, Caller, Said
from gatepass.estate.model import Estate
from gatepass.estate.reading.sources import load_directory
from gatepass.sim import Settings as SimSettings
from gatepass.sim import Simulator, session, two_tenants
from gatepass.sim import build as build_world
from gatepass.sim.server import SimServer
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, SECRET

EXAMPLE = Path(__file__).parents[2] / "examples" / "multi-organization"
MS = timedelta(milliseconds=1)
GRANT = timedelta(seconds=3)
LEASE = timedelta(milliseconds=1500)
LIST_LAG = timedelta(milliseconds=1500)
SWEEP = timedelta(seconds=2)
OPERATION = timedelta(milliseconds=300)
PAUSE = LEASE + timedelta(seconds=1)
"""How long a stopped process sleeps: past its lease."""
RESTART = timedelta(milliseconds=500)
MARGIN = timedelta(seconds=90)
"""For a machine that runs eight of these at a time beside other things, and may stand still for a while. How late a
fact is at most in virtual time, to the second, is for the histories."""
BOUND = LEASE + LIST_LAG + 2 * OPERATION + RESTART + SWEEP + PAUSE + MARGIN
"""How long a fact may outlive its last grant here, computed from the settings (security.md 4)."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.crash.crash_lab"])


_OPENING = threading.Lock()
"""Migrations are for one thread of a process at a time."""


@dataclass(frozen=True)
class Blow:
    """What happens to the process when it comes to `point` for the n-th time."""

    point: str
    nth: int
    number: signal.Signals

    def __str__(self) -> str:
        return f"{self.number.name} at {self.point!r} ({self.nth})"


class _Chaos:
    """A point function that counts, writes down, and strikes once."""

    def __init__(self, blow: Blow | None, record: str) -> None:
        self._blow = blow
        self._record = record
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        with self._lock:
            self._seen[name] += 1
            count = self._seen[name]
            with open(self._record, "a", encoding="utf-8") as file:
                file.write(f"{count}\t{name}\n")
        if self._blow is not None and (name, count) == (self._blow.point, self._blow.nth):
            os.kill(os.getpid(), self._blow.number)


def settings(folder: Path, url: str = "") -> Settings:
    return Settings(
        data_dir=folder,
        database_url=url,
        port=0,
        threads=2,
        lease=LEASE,
        beat=100 * MS,
        connect_timeout=200 * MS,
        read_timeout=1000 * MS,
        idle_poll=50 * MS,
        poll=100 * MS,
        list_lag=LIST_LAG,
        recheck=200 * MS,
        sweep=SWEEP,
        backoff=100 * MS,
        backoff_cap=500 * MS,
    )


def _run_server(chosen: Settings, aws: str, blow: Blow | None, record: str) -> None:
    _lead_to(aws)
    serve(chosen, EXAMPLE, say=lambda words: None, point=_Chaos(blow, record))


def _run_worker(chosen: Settings, aws: str, blow: Blow | None, record: str) -> None:
    _lead_to(aws)
    work(chosen, say=lambda words: None, point=_Chaos(blow, record))


def _lead_to(aws: str) -> None:
    os.environ.update(
        AWS_ENDPOINT_URL=aws,
        AWS_ACCESS_KEY_ID=ACCESS_KEY,
        AWS_SECRET_ACCESS_KEY=SECRET,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
    )


@dataclass
class CrashStory:
    """One request of ana's and dan's standing access, before processes that are struck."""

    folder: Path
    url: str = ""
    blow: Blow | None = None
    found: list[str] = field(default_factory=list)
    """What is wrong at the end; empty: the story ends well."""

    def run(self) -> list[str]:
        estate = load_directory(EXAMPLE)
        chosen = settings(self.folder, self.url)
        keys = Keys.open(chosen.key)
        external = {
            name: keys.external_id(o.connector.instance_arn) for name, o in estate.organizations.items()
        }
        sim = build_world(
            two_tenants(external), SystemClock(), SimSettings(operation_seconds=OPERATION.total_seconds())
        )
        with SimServer(sim) as server:
            request = self._approve(chosen, estate, sim)
            with self._processes(chosen, server.url):
                self._watch(chosen, sim, request)
            self._judge(chosen, sim, request)
        return self.found

    @property
    def points(self) -> list[tuple[str, int]]:
        """Every point the first process came to, with its count."""
        lines = (self.folder / "points-0").read_text(encoding="utf-8").splitlines()
        return [(name, int(count)) for count, name in (line.split("\t") for line in lines)]

    # -- before: asked and approved by the real desk, without an engine

    def _approve(self, chosen: Settings, estate: Estate, sim: Simulator) -> str:
        parts = _open(chosen, sim)
        try:
            parts.applying.apply("test", estate)
            ana, ben = Caller("ana", "test"), Caller("ben", "test")
            fields = {"reason": "crash", "duration": "30m"}
            asked = parts.desk.ask(ana, Ask("aws-access", target="tenant_foo-main", fields=fields))
            while parts.desk.show(ana, asked.id).request.state == "asked":
                parts.engine.tick()
            shown = parts.desk.show(ben, asked.id).request
            parts.desk.answer(ben, Said(asked.id, Answer.APPROVE, shown.content_hash, duration=GRANT))
            return asked.id
        finally:
            parts.close()

    # -- the processes

    @contextmanager
    def _processes(self, chosen: Settings, aws: str) -> Iterator[None]:
        """One server on SQLite; on PostgreSQL two workers, of which the first is the one that is struck."""
        stop = threading.Event()
        running: list[BaseProcess] = []
        first = self._start(0, chosen, aws, self.blow)
        running.append(first)
        if self.url:
            running.append(self._start(1, chosen, aws, None))
        keeper = threading.Thread(target=self._keep, args=(stop, running, chosen, aws), daemon=True)
        keeper.start()
        try:
            yield
        finally:
            stop.set()
            keeper.join()
            for process in running:
                process.kill()
                process.join(MARGIN.total_seconds())

    def _start(self, number: int, chosen: Settings, aws: str, blow: Blow | None) -> BaseProcess:
        target = _run_worker if self.url else _run_server
        record = str(self.folder / f"points-{number}")
        process = _CONTEXT.Process(target=target, args=(chosen, aws, blow, record), daemon=True)
        process.start()
        return process

    def _keep(self, stop: threading.Event, running: list[BaseProcess], chosen: Settings, aws: str) -> None:
        """Start a dead server again, and wake a stopped one; a dead worker stays dead."""
        first = running[0]
        while not stop.wait(0.02):
            if self.blow is None:
                continue
            if self.blow.number is signal.SIGSTOP and first.pid and _stopped(first.pid):
                stop.wait(PAUSE.total_seconds())
                os.kill(first.pid, signal.SIGCONT)
                return
            if not first.is_alive():
                if not self.url:
                    stop.wait(RESTART.total_seconds())
                    running.append(self._start(2, chosen, aws, None))
                return

    # -- watching and judging by what AWS held

    def _watch(self, chosen: Settings, sim: Simulator, request: str) -> None:
        """Until the rows say that it is over and the access stays away for a sweep, or there was time enough."""
        until = time.monotonic() + (GRANT + 2 * BOUND).total_seconds()
        stopped = self.blow is not None and self.blow.number is signal.SIGSTOP
        quiet = SWEEP + (PAUSE if stopped else timedelta(milliseconds=500))
        quiet_since: float | None = None
        parts = _open(chosen, sim)
        try:
            while time.monotonic() < until:
                time.sleep(0.1)
                over = not _is_held(sim) and self._is_told(parts, request)
                quiet_since = (quiet_since or time.monotonic()) if over else None
                if quiet_since is not None and time.monotonic() > quiet_since + quiet.total_seconds():
                    return
        finally:
            parts.close()

    @staticmethod
    def _is_told(parts: Installation, request: str) -> bool:
        """Whether the rows say that all of it is over."""
        grants = parts.desk.show(Caller("ana", "test"), request).grants
        return bool(grants) and all(grant.final for grant in grants)

    def _judge(self, chosen: Settings, sim: Simulator, request: str) -> None:
        spans = held(sim)
        if not any(a.principal == _user(sim, "dan") for a in _assignments(sim)):
            self.found.append("I3: dan's standing access is gone")
        if not spans and self.blow is None:
            self.found.append("the access was never given")
        last = spans[-1] if spans else None  # a grant may be over before a new process gets to it
        if last is not None and last[1] is None:
            self.found.append("I20: the access is still there")
        parts = _open(replace(chosen, data_dir=self.folder), sim)
        try:
            shown = parts.desk.show(Caller("ana", "test"), request)
        finally:
            parts.close()
        for grant in shown.grants:
            if grant.state not in ("ended", "failed"):
                self.found.append(f"grant is {grant.state}: {[f.last_error for f in shown.facts.values()]}")
            if grant.ends_at is not None and last is not None and last[1] is not None:
                late = last[1] - grant.ends_at
                if late > BOUND:
                    self.found.append(f"I1: taken back {late} after its end")


def _open(chosen: Settings, sim: Simulator) -> Installation:
    """The installation in this process, its AWS in process too."""
    own = session(sim, sim.world.credentials[ACCESS_KEY])
    with _OPENING:
        return build(chosen, source=own, exclusive=False)


def _user(sim: Simulator, name: str) -> str:
    people = sim.world.stores["d-9067000000"].users.values()
    return next(person.id for person in people if person.user_name.startswith(f"{name}@"))


def _assignments(sim: Simulator) -> list[object]:
    return list(sim.truth().instances["arn:aws:sso:::instance/ssoins-7223000000000000"].assignments.now)


def held(sim: Simulator) -> list[tuple[datetime, datetime | None]]:
    """When AWS held ana's assignment: spans of truth, the last one open while it is held."""
    ana = _user(sim, "ana")
    spans: list[tuple[datetime, datetime | None]] = []
    for change in list(sim.truth().changes):
        if getattr(change.fact, "principal", None) != ana:
            continue
        if change.present:
            spans.append((change.at, None))
        elif spans:
            spans[-1] = (spans[-1][0], change.at)
    return spans


def _is_held(sim: Simulator) -> bool:
    spans = held(sim)
    return bool(spans) and spans[-1][1] is None


def _stopped(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] == "T"
