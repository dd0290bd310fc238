"""One gatepass of a history: store, desk, engines and the simulated AWS on one virtual clock, faults at every port.

Several engines share the store, as processes would. One of them can be stopped in the middle of a step, for good (a
kill: a new engine takes its place) or for a while (a pause: the others go on, then it resumes where it was).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.conformance.strategy_labs import (
    BAR_INSTANCE,
    FOO_ADMIN,
    FOO_INSTANCE,
    FOO_STORE,
    Reaches,
    door_to,
    world,
)

from gatepass.access.decide import end, extended
from gatepass.access.events import Event
from gatepass.access.facts import FactKey, assignment, membership
from gatepass.access.requests import Grant, Request, Terms
from gatepass.access.states import RequestState
from gatepass.clock import from_ms, iso
from gatepass.engine.loop import Engine, EngineCore
from gatepass.engine.ports import Ports, alone
from gatepass.engine.settings import EngineSettings
from gatepass.errors import Unavailable
from gatepass.store import Store, Tx, open_store
from gatepass.strategies.plugins import load
from gatepass.testing.clock import VirtualClock

CAP = timedelta(hours=1)
FOO_READ = "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000002"
BAR_READ = "arn:aws:sso:::permissionSet/ssoins-7223000000000001/ps-1111111111111111"
PEOPLE = ("ana", "ben", "cleo", "dan")


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
        self.gone: set[str] = set()
        self.withdrawn: set[FactKey] = set()
        self.reaches = Reaches()
        self.ports: Ports = replace(alone(), gate=self, roster=self)
        self.count = 0
        self.starts = 0
        self.at_point: Callable[[int, str], None] = lambda engine, name: None
        self.engines = [self.start(), self.start()]

    # -- engines

    def start(self) -> Engine:
        """A new process."""
        self.starts += 1
        mine = self.starts

        def point(name: str) -> None:
            self.at_point(mine, name)

        settings = EngineSettings(worker=f"w{mine}")
        core = EngineCore.of(self.store, self.clock, settings, self.ports)  # type: ignore[arg-type]
        door = door_to(
            self.sim, self.clock, reaches=self.reaches, pacer=core.pacer, watch=core.timekeeper, point=point
        )
        return Engine(
            core, load(door), self.ports, point=point, seed=mine, probe=lambda: door.ping("us-east-1")
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
        """When a fact or a lease is next due."""
        row = self._rows.execute(
            "SELECT min(max(due_at, lease_until)) FROM facts WHERE due_at IS NOT NULL"
        ).fetchone()
        return None if row[0] is None else from_ms(row[0])

    # -- what the engine asks of the desk

    def refused(self, tx: Tx, waiting: Any) -> Mapping[str, str]:
        return {
            grant.id: "gone" if grant.person in self.gone else "no longer offered"
            for grant in waiting
            if grant.person in self.gone or grant.fact in self.withdrawn
        }

    def why_gone(self, tx: Tx, person: str) -> str | None:
        return "disabled" if tx.people.disabled(person) else None

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

    # -- what people do

    def ask(self, key: FactKey, person: str, organization: str, lasts: timedelta) -> str | None:
        """Asked by the person, approved by another; the id of the grant. None: the person is gone."""
        if person in self.gone:
            return None
        self.count += 1
        name, now = f"{self.count:04d}", self.clock.now()
        terms = Terms(rule="flow history, rule 1", needed=1, max_duration=CAP)
        request = Request(
            f"r-{name}", "history", 1, person, "api", now, terms, organization=organization, duration=lasts
        )
        approver = next(each for each in PEOPLE if each != person and each not in self.gone)
        grant = Grant(
            f"g-{name}", request.id, person, organization, key, lasts, now, now + timedelta(minutes=20)
        )
        said = {"request": request.id, "grant": grant.id, "fact": key.text, "person": person}
        milliseconds = lasts // timedelta(milliseconds=1)
        asked = {"request": request.id, "requester": person, "content_hash": request.content_hash}
        decided = {"request": request.id, "by": approver, "answer": "approve", "counted": True, "needed": 1}
        decided["content_hash"] = request.content_hash
        approved = {"request": request.id, "approvals": 1, "needed": 1, "duration_ms": milliseconds}
        with self.inner.write() as tx:
            tx.facts.lock({key: organization})
            tx.requests.add(request, Event("request.asked", organization, asked))
            tx.requests.save(
                replace(request, state=RequestState.APPROVED, decided_at=now),
                Event("request.decision", organization, decided),
                Event("request.approved", organization, approved),
            )
            tx.requests.add_grant(
                grant, Event("grant.made", organization, {**said, "duration_ms": milliseconds})
            )
            tx.facts.touch([key], now)
        return grant.id

    def end(self, grant_id: str) -> None:
        with self.inner.write() as tx:
            grant = tx.requests.grant(grant_id)
            assert grant is not None
            tx.facts.lock({grant.fact: grant.organization})
            grant = tx.requests.grant(grant_id)
            assert grant is not None
            if grant.state not in ("waiting", "granting", "active"):
                return
            over = end(grant, why="requester", by=grant.person, now=tx.now)
            fields: dict[str, Any] = _names(grant) | {"why": "requester"}
            if over.state == "ending":
                fields["by"] = grant.person
            tx.requests.move_grant(over, Event(f"grant.{over.state}", grant.organization, fields))
            tx.facts.touch([grant.fact], tx.now)

    def extend(self, grant_id: str, by: timedelta) -> None:
        """A new decision, while the grant is live, obeying the cap (I11)."""
        with self.inner.write() as tx:
            grant = tx.requests.grant(grant_id)
            assert grant is not None
            tx.facts.lock({grant.fact: grant.organization})
            grant = tx.requests.grant(grant_id)
            assert grant is not None
            if grant.state != "active" or not grant.live(tx.now):
                return
            longer = extended(grant, by, CAP, tx.now)
            assert longer.ends_at is not None
            fields = _names(grant) | {"ends_at": iso(longer.ends_at)}
            tx.requests.move_grant(longer, Event("grant.extended", grant.organization, fields))
            tx.facts.touch([grant.fact], tx.now)

    def disable(self, person: str) -> None:
        self.gone.add(person)
        with self.inner.write() as tx:
            tx.people.disable(person, "directory", "left")

    def grants(self) -> list[Grant]:
        with self.inner.read() as view:
            return list(view.requests.open_grants(None))

    def export(self) -> list[str]:
        with self.inner.read() as view:
            return list(view.entries.export())

    def close(self) -> None:
        self._rows.close()
        self.inner.close()


def _names(grant: Grant) -> dict[str, Any]:
    return {"request": grant.request, "grant": grant.id, "fact": grant.fact.text, "person": grant.person}
