"""Builds one process of gatepass from its settings: every part, and every Protocol filled, in one place."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import botocore.session

from gatepass.access.checkpoint import Signer
from gatepass.access.requests import Claim
from gatepass.app.applies import TeamsApplies
from gatepass.app.channels import Announcers, Channels
from gatepass.app.checkpoints import sinks
from gatepass.app.drift import EstateDrift, TeamsDrifts
from gatepass.app.estates import EstateInventory, EstateReaches, FileApplier
from gatepass.app.health import LoggedAlarms, ProcessHealth
from gatepass.app.keys import Keys
from gatepass.app.settings import Settings
from gatepass.app.telling import CardsFirst, Faces, Telling, telling
from gatepass.app.world import RealWorlds
from gatepass.aws.directory import Directory
from gatepass.aws.door import Door, Patience
from gatepass.aws.errors import Busy, Later, LeaseShort, Lost, Partial, Throttled, Unreachable
from gatepass.clock import Clock, SystemClock
from gatepass.desk import Book, Coding, Deciding, Desk, Ending, Forms, Gatekeeper, Preparing
from gatepass.desk.applying import Applying
from gatepass.desk.deciding import Forecast
from gatepass.desk.following import CHANNEL, CodeFollows, Following
from gatepass.desk.office import Office
from gatepass.engine import forecast
from gatepass.engine.jobs.drift import KIND as DRIFT
from gatepass.engine.jobs.drift import TeamsDrift
from gatepass.engine.jobs.drift_schedule import DriftSchedule
from gatepass.engine.jobs.loop import JobLoop, Work
from gatepass.engine.jobs.loop import Pace as JobPace
from gatepass.engine.jobs.loop import Runner as JobRunner
from gatepass.engine.jobs.teams import KIND, TeamsApply
from gatepass.engine.loop import Engine, EngineCore
from gatepass.engine.points import Point, nothing
from gatepass.engine.ports import Ports, alone
from gatepass.engine.settings import EngineSettings
from gatepass.errors import GatepassError
from gatepass.handlers import Runner
from gatepass.notify import AlarmTeller
from gatepass.store import Pace, Store, Tx, View, open_store
from gatepass.store.checkpoints import SignedCheckpoints
from gatepass.strategies.claims import Finder
from gatepass.strategies.plugins import load as load_strategies
from gatepass.teams.applying.calls import Calls
from gatepass.teams.applying.entering import calls_for
from gatepass.teams.model import Compiled

_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
"""Letters and digits that people do not mistake for each other."""


@dataclass(frozen=True)
class Installation:
    """One process with all its parts. `close` it when done."""

    settings: Settings
    clock: Clock
    keys: Keys
    store: Store
    book: Book
    desk: Desk
    office: Office
    applying: Applying
    applier: FileApplier
    door: Door
    runner: Runner
    engine: Engine
    jobs: JobLoop
    applies: TeamsApplies
    drifts: TeamsDrifts
    health: ProcessHealth
    faces: Faces
    alarms: AlarmTeller

    def close(self) -> None:
        self.runner.close()
        self.faces.close()
        self.alarms.close()
        self.store.close()


def new_id(letter: str) -> str:
    """A fresh id that begins with `letter`: 60 random bits in 12 characters that can be read aloud."""
    return letter + "".join(secrets.choice(_ALPHABET) for _ in range(12))


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    source: botocore.session.Session | None = None,
    point: Point = nothing,
    exclusive: bool = True,
    store: Store | None = None,
    runner: Runner | None = None,
    ids: Callable[[str], str] = new_id,
    seed: int | None = None,
) -> Installation:
    """Every part of one process. Opens the database (and migrates it); calls no AWS and starts no thread.

    `source` is a botocore session with gatepass's own credentials; None: the usual places. `store` is one that is open
    already, `runner`, `ids` and `seed` make a run repeatable: for simulations.
    """
    ground = _ground(settings, clock or SystemClock(), source, point, exclusive, store, runner)
    store, clock, book = ground.store, ground.clock, ground.book
    told = telling(settings, store, clock, book)
    ground.alarms.tell = told.alarms.say
    rules = _rules(ground, told, ids)
    engine = _engine(ground, told, rules, point, seed)
    desk = Desk(store, clock, book, rules.deciding, rules.ending, rules.coding)
    external_id, new_secret = ground.keys.external_id, lambda: secrets.token_urlsafe(32)
    office = Office(store, clock, book, ids, new_secret, rules.ending, external_id)
    applying = Applying(store, book, rules.ending)
    schedule = DriftSchedule(store, clock, EstateDrift(book).watched, ground.alarms)
    jobs = _jobs(ground, schedule)
    return Installation(
        settings=settings,
        clock=clock,
        keys=ground.keys,
        store=store,
        book=book,
        desk=desk,
        office=office,
        applying=applying,
        applier=FileApplier(office, applying, ground.runner),
        door=ground.door,
        runner=ground.runner,
        engine=engine,
        jobs=jobs,
        applies=TeamsApplies(store, clock, office, jobs.wake),
        drifts=TeamsDrifts(store, office, schedule, jobs.wake),
        health=ProcessHealth(store, clock, engine, ground.alarms),
        faces=told.face(desk, clock),
        alarms=told.alarms,
    )


@dataclass(frozen=True, slots=True)
class _Ground:
    """What everything else stands on: rows, keys, the door to AWS, and what runs implementers' code."""

    settings: Settings
    clock: Clock
    source: botocore.session.Session | None
    keys: Keys
    store: Store
    book: Book
    alarms: LoggedAlarms
    core: EngineCore
    door: Door
    runner: Runner


def _ground(
    settings: Settings,
    clock: Clock,
    source: botocore.session.Session | None,
    point: Point,
    exclusive: bool,
    store: Store | None,
    runner: Runner | None,
) -> _Ground:
    settings.make_data_dir()
    keys = Keys.open(settings.key)
    store = store or open_store(
        settings.database,
        clock,
        audit_key=keys.audit,
        exclusive=exclusive,
        listen_url=settings.listen_database_url or None,
    )
    book, alarms = Book(), LoggedAlarms()
    core = EngineCore.of(store, clock, _engine_settings(settings), replace(alone(), alarms=alarms))
    door = Door(
        EstateReaches(store, book, keys),
        clock,
        source=source,
        pacer=core.pacer,
        watch=core.timekeeper,
        patience=Patience(connect=settings.connect_timeout, read=settings.read_timeout),
        point=point,
    )
    runner = runner or Runner(unisolated=settings.handlers == "unisolated", deadlines=settings.deadlines)
    return _Ground(settings, clock, source, keys, store, book, alarms, core, door, runner)


@dataclass(frozen=True, slots=True)
class _Rules:
    """Who may, and what follows: the parts that desk and engine decide with."""

    coding: Coding
    deciding: Deciding
    ending: Ending
    gatekeeper: Gatekeeper
    announcer: Announcers


def _rules(ground: _Ground, told: Telling, ids: Callable[[str], str]) -> _Rules:
    settings, book, door = ground.settings, ground.book, ground.door
    worlds = RealWorlds(ground.store, door, Directory(door), told.functions)
    coding = Coding(ground.runner, worlds, told.readers)
    follows = CodeFollows(book)
    announcer = Announcers((follows, told.announcer))
    deciding = Deciding(book, ids, settings.start_within, _forecaster(settings), announcer, follows.follow)
    return _Rules(coding, deciding, Ending(announcer), Gatekeeper(book), announcer)


def _engine(ground: _Ground, told: Telling, rules: _Rules, point: Point, seed: int | None) -> Engine:
    """The engine with its ports filled."""
    store, clock, book, door, settings = ground.store, ground.clock, ground.book, ground.door, ground.settings
    preparing = Preparing(
        store=store,
        clock=clock,
        book=book,
        deciding=rules.deciding,
        gatekeeper=rules.gatekeeper,
        finder=Finder(door, clock.now),
        coding=rules.coding,
        forms=Forms(store, book, rules.coding, clock.now),
        transient=_transient,
        patience=settings.start_within,
    )
    following = Following(store, clock, book, rules.coding, rules.deciding, rules.ending)
    ports = Ports(
        gate=rules.gatekeeper,
        announcer=rules.announcer,
        alarms=ground.alarms,
        roster=rules.gatekeeper,
        decider=preparing,
        notifier=Channels({CHANNEL: CardsFirst(store, following), **told.notifiers}),
        checkpoints=SignedCheckpoints(Signer(ground.keys.checkpoint_pem), sinks(settings, ground.source)),
        inventory=EstateInventory(store, book, door),
    )
    return Engine(
        ground.core,
        load_strategies(door),
        ports,
        point=point,
        probe=_probe(store, book, door),
        store_clock=store.server_clock,
        seed=seed,
    )


def _engine_settings(settings: Settings) -> EngineSettings:
    return EngineSettings(
        worker=f"{socket.gethostname()}-{secrets.token_hex(4)}",
        threads=settings.threads,
        lease=settings.lease,
        call=settings.connect_timeout + settings.read_timeout,
        beat=settings.beat,
        poll=settings.idle_poll,
        sweep=settings.sweep,
        ended=settings.doubt,
        outstanding=settings.outstanding,
        skew=settings.skew,
        accounts=settings.accounts_every,
        checkpoint=settings.checkpoint_every,
        asked=settings.start_within,
        pace=Pace(limit=settings.calls_per_second),
        limits=settings.limits,
    )


def _jobs(ground: _Ground, schedule: DriftSchedule) -> JobLoop:
    """The jobs of this process. What runs them is imported when there is one: it takes seconds."""
    settings, store, clock = ground.settings, ground.store, ground.clock
    worker = ground.core.settings.worker

    def begin() -> JobRunner:
        from gatepass.engine.jobs.running import Runner as DbosRunner

        direct = settings.listen_database_url or settings.database
        return DbosRunner(direct, worker, works(ground), settings.job_threads)

    pace = JobPace(dead_after=settings.dead_after)
    shared = not settings.database.startswith("sqlite")
    return JobLoop(store, clock, worker, begin, pace, shared=shared, schedule=schedule.once)


def works(ground: _Ground) -> dict[str, Work]:
    """What the jobs of each kind do."""
    store, clock, worker = ground.store, ground.clock, ground.core.settings.worker

    def enter(compiled: Compiled, role: str) -> Calls:
        return calls_for(compiled, clock, source=ground.source, apply_role=role)

    declared = EstateDrift(ground.book).declared
    return {
        KIND: TeamsApply(store, clock, worker, enter),
        DRIFT: TeamsDrift(store, clock, worker, declared, enter),
    }


def _forecaster(settings: Settings) -> Forecast:
    pace = Pace(limit=settings.calls_per_second)

    def lateness(rows: View | Tx, claim: Claim, ends_at: datetime, now: datetime) -> timedelta:
        return forecast.lateness(rows, claim.fact.scope, ends_at, now, pace)

    return lateness


def _transient(problem: GatepassError) -> bool:
    return isinstance(problem, Throttled | Busy | Unreachable | Lost | Later | LeaseShort | Partial)


def _probe(store: Store, book: Book, door: Door) -> Callable[[], None]:
    def ask() -> None:
        with store.read() as view:
            regions = [o.connector.region for o in book.current(view).estate.organizations.values()]
        if regions:
            door.ping(regions[0])

    return ask
