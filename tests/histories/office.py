"""One gatepass of a history: store, desk, engines and the simulated AWS on one virtual clock, faults at every port.

Several engines share the store, as processes would. One of them can be stopped in the middle of a step, for good (a
kill: a new engine takes its place) or for a while (a pause: the others go on, then it resumes where it was).
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.conformance.strategy_labs import BAR_INSTANCE, FOO_ADMIN, FOO_INSTANCE, FOO_STORE, world
from tests.histories.code import Dicey
from tests.histories.estates import ELSEWHERE, estate

from gatepass.access.facts import FactKey, assignment, membership
from gatepass.access.requests import Answer, Grant, Request
from gatepass.access.states import RequestState
from gatepass.app.build import Installation, build
from gatepass.app.settings import Settings
from gatepass.clock import from_ms
from gatepass.desk import Ask, Caller, Said
from gatepass.engine.loop import Engine
from gatepass.engine.points import Point, nothing
from gatepass.errors import GatepassError, Unavailable
from gatepass.sim import session
from gatepass.sim.worlds.of_seeds import ACCESS_KEY
from gatepass.store import RequestFilter, Store, Tx, open_store
from gatepass.testing.clock import VirtualClock

FOO_READ = "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000002"
BAR_READ = "arn:aws:sso:::permissionSet/ssoins-7223000000000001/ps-1111111111111111"
PEOPLE = ("ana", "ben", "cleo", "dan")
NEVER = datetime.max.replace(tzinfo=UTC)
TARGETS = ("admin", "read", "auditors", "staging")


class Killed(BaseException):
    """The process is gone in the middle of what it did."""


class Flaky:
    """The store, whose commits fail now and then: before, so that nothing is kept, or after, so that all is."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.fail: Callable[[], str] = lambda: ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        how = self.fail()
        with self._inner.write() as tx:
            yield tx
            if how == "before":
                raise Unavailable("the commit failed (history)")
        if how == "after":
            raise Unavailable("the answer to the commit was lost (history)")


class Office:
    """The parts, and what people do with them."""

    def __init__(self, folder: Path, dice: Random, **sim: Any) -> None:
        self.dice = dice
        self.clock = VirtualClock()
        self.sim = world(self.clock, **{"latency": 0.06, "operation_seconds": 0.7, **sim})
        file = folder / "history.db"
        self.inner = open_store(f"sqlite:///{file}", self.clock, audit_key=b"k" * 32, exclusive=False)
        self.store = Flaky(self.inner)
        self._rows = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        self.settings = Settings(data_dir=folder, start_within=timedelta(minutes=20))
        numbers = itertools.count(1)
        self.ids = lambda letter: f"{letter}{next(numbers):05d}"
        self.code = Dicey(Random(sim.get("seed", 0)), self.clock)
        front = self.build(self.inner)
        self.desk, self.applying = front.desk, front.applying
        self.applying.apply("eve", estate())
        self.lost: list[tuple[str, datetime, datetime]] = []
        """Who was in no group that may ask, since when and until when."""
        self.starts = 0
        self.numbers: dict[int, int] = {}
        self.at_point: Callable[[int, str], None] = lambda engine, name: None
        self.engines = [self.start() for _ in range(dice.choice([1, 2, 2]))]

    # -- engines

    def start(self) -> Engine:
        """A new process."""
        self.starts += 1
        mine = self.starts

        def point(name: str) -> None:
            self.at_point(mine, name)

        store: Store = self.store  # type: ignore[assignment]  # the same in all but its failures
        engine = self.build(store, point, seed=mine).engine
        self.numbers[id(engine)] = mine
        return engine

    def build(self, store: Store, point: Point = nothing, seed: int | None = None) -> Installation:
        """One process as `app` builds it, before the simulator."""
        own = session(self.sim, self.sim.world.credentials[ACCESS_KEY])
        return build(
            self.settings,
            clock=self.clock,
            source=own,
            point=point,
            store=store,
            runner=self.code,
            ids=self.ids,
            seed=seed,
        )

    def tick(self, but: int | None = None) -> None:
        """Every engine works; one that dies is replaced by a new process."""
        for place, engine in enumerate(self.engines):
            if place == but:
                continue
            try:
                engine.tick()
            except Killed:
                self.engines[place] = self.start()
            except Unavailable:
                continue

    def next_due(self) -> datetime | None:
        """When a fact or a request is next due."""
        moments = [
            self._rows.execute(
                f"SELECT min(max(due_at, lease_until)) FROM {table} WHERE due_at IS NOT NULL"
            ).fetchone()[0]
            for table in ("facts", "requests")
        ]
        return min((from_ms(at) for at in moments if at is not None), default=None)

    # -- what there is to ask for

    def user(self, name: str, store: str = FOO_STORE) -> str:
        people = self.sim.world.stores[store].users.values()
        return next(person.id for person in people if person.user_name.startswith(name))

    def keys(self) -> dict[FactKey, tuple[str, str]]:
        """Fact -> person and organization."""
        group = next(iter(self.sim.world.stores[FOO_STORE].groups))
        found: dict[FactKey, tuple[str, str]] = {}
        for name in PEOPLE:
            user, other = self.user(name), self.user(name, "d-9367000001")
            found[assignment(FOO_INSTANCE, "333333333333", FOO_ADMIN, user)] = (name, "tenant_foo")
            found[assignment(FOO_INSTANCE, "333333333333", FOO_READ, user)] = (name, "tenant_foo")
            found[assignment(BAR_INSTANCE, "777777777777", BAR_READ, other)] = (name, "tenant_bar")
            found[membership(FOO_STORE, group, user)] = (name, "tenant_foo")
        return found

    # -- what people do, at the desk

    def ask(self, person: str, target: str, lasts: str, flow: str = "access", **fields: str) -> str:
        """What came of it: the id of the request, or why not."""
        caller = Caller(person, "cli")
        try:
            ask = Ask(flow, target=target, fields={"duration": lasts, **fields})
            return self.desk.ask(caller, ask).id
        except GatepassError as refused:
            return f"refused: {refused.code}"

    def pending(self) -> list[Request]:
        """What people are asked now, extensions too, oldest first."""
        with self.inner.read() as view:
            states = frozenset((RequestState.PENDING, RequestState.APPROVED))
            found = view.requests.find(None, RequestFilter(states=states), limit=200).requests
        return [r for r in reversed(found) if r.state is RequestState.PENDING or r.extension is not None]

    def answer(self, person: str, request: Request, *, stale: bool = False, deny: bool = False) -> str:
        """Anybody may try: what came of it."""
        shown = "0" * 64 if stale else request.content_hash
        said = Said(request.id, Answer.DENY if deny else Answer.APPROVE, shown)
        return self._try(lambda: self.desk.answer(Caller(person, "cli"), said))

    def end(self, person: str, request_id: str) -> str:
        return self._try(lambda: self.desk.end(Caller(person, "cli"), request_id))

    def extend(self, person: str, request_id: str, by: timedelta) -> str:
        return self._try(lambda: self.desk.extend(Caller(person, "cli"), request_id, by))

    def cancel(self, person: str, request_id: str) -> str:
        return self._try(lambda: self.desk.cancel(Caller(person, "cli"), request_id))

    def apply(self, kind: str) -> str:
        """An operator applies another estate; what live grants need ends with it."""
        try:
            self.applying.apply("eve", estate(kind), end_grants=True)
        except GatepassError as refused:
            return f"refused: {refused.code}"
        now = self.clock.now()
        if self.lost and self.lost[-1][2] == NEVER:
            self.lost[-1] = (*self.lost[-1][:2], now)
        if kind == ELSEWHERE:
            self.lost.append(("ana", now, NEVER))
        return "applied"

    def disable(self, person: str) -> str:
        """The directory says that somebody left; the engine's sweep of leavers does the rest."""
        with self.inner.write() as tx:
            tx.people.disable(person, "directory", "left")
        return "left"

    def come_or_go(self, person: str) -> str:
        """Somebody leaves; or comes back, and what was ended stays ended."""
        with self.inner.write() as tx:
            if tx.people.enable(person, "directory"):
                return "back"
        return self.disable(person)

    def _try(self, act: Callable[[], Request]) -> str:
        try:
            return str(act().state)
        except GatepassError as refused:
            return f"refused: {refused.code}"

    def grants(self) -> list[Grant]:
        with self.inner.read() as view:
            return list(view.requests.open_grants(None))

    def export(self) -> list[str]:
        with self.inner.read() as view:
            return list(view.entries.export())

    def close(self) -> None:
        self._rows.close()
        self.inner.close()
