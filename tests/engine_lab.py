"""What tests of the engine stand on: real store, door, strategies and engine before the simulator, virtual time.

The desk is played by hand: `give` commits what a decision commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.conformance.strategy_labs import FOO_ADMIN, FOO_INSTANCE, FOO_STORE, Reaches, door_to, world

from gatepass.access.decide import end
from gatepass.access.events import Event
from gatepass.access.facts import Fact, FactKey, assignment, membership
from gatepass.access.requests import Grant, Request, Terms
from gatepass.access.states import GrantState, RequestState
from gatepass.aws.door import Door
from gatepass.engine import points
from gatepass.engine.loop import Engine, EngineCore
from gatepass.engine.ports import Ports, alone
from gatepass.engine.settings import EngineSettings
from gatepass.sim import Assignment, Membership, Simulator
from gatepass.store import Store, open_store
from gatepass.strategies.plugins import load
from gatepass.testing.clock import VirtualClock

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
ACCOUNT = "333333333333"


class Bells:
    """Alarms that are ringing, and all that ever rang."""

    def __init__(self) -> None:
        self.ringing: dict[str, str] = {}
        self.rang: list[str] = []

    def raised(self, what: str, words: str) -> None:
        self.ringing[what] = words
        self.rang.append(what)

    def cleared(self, what: str) -> None:
        self.ringing.pop(what, None)


class Lab:
    """One gatepass on virtual time. `engine` may be dropped and made anew at any moment."""

    def __init__(
        self,
        folder: Path,
        *,
        ports: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        point: points.Point = points.nothing,
        **sim: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.sim: Simulator = world(self.clock, **{"latency": 0.05, "operation_seconds": 0.5, **sim})
        self.store: Store = open_store(
            f"sqlite:///{folder / 'gatepass.db'}", self.clock, audit_key=b"k" * 32, exclusive=False
        )
        self.bells = Bells()
        self.ports: Ports = replace(alone(), alarms=self.bells, **(ports or {}))
        self.reaches = Reaches()
        self.settings = settings or {}
        self.starts = 0
        self.count = 0
        self.point = point
        self.engine, self.door = self.start(point)

    def start(self, point: points.Point = points.nothing) -> tuple[Engine, Door]:
        """A new process: nothing is kept but the store."""
        self.starts += 1
        chosen = EngineSettings(worker=f"w{self.starts}", **self.settings)
        core = EngineCore.of(self.store, self.clock, chosen, self.ports)
        door = door_to(
            self.sim, self.clock, reaches=self.reaches, pacer=core.pacer, watch=core.timekeeper, point=point
        )
        engine = Engine(
            core, load(door), self.ports, point=point, seed=1, probe=lambda: door.ping("us-east-1")
        )
        return engine, door

    def restart(self, point: points.Point = points.nothing) -> None:
        self.engine, self.door = self.start(point)

    # -- what there is

    def user(self, name: str) -> str:
        people = self.sim.world.stores[FOO_STORE].users.values()
        return next(person.id for person in people if person.user_name.startswith(name))

    def key(self, name: str = "ana", permission_set: str = FOO_ADMIN) -> FactKey:
        return assignment(FOO_INSTANCE, ACCOUNT, permission_set, self.user(name))

    def group_key(self, name: str = "ana") -> FactKey:
        return membership(FOO_STORE, next(iter(self.sim.world.stores[FOO_STORE].groups)), self.user(name))

    def held(self, key: FactKey | None = None) -> bool:
        """Whether AWS really holds the fact now."""
        key = key or self.key()
        truth = self.sim.truth()
        if key.kind == "aws_sso_membership":
            return Membership(key.scope, *key.parts) in truth.stores[key.scope].memberships.now
        return _assignment(key) in truth.instances[key.scope].assignments.now

    def by_hand(self, key: FactKey, present: bool) -> None:
        """An administrator makes or unmakes the fact."""
        truth, now = self.sim.truth(), self.clock.now()
        if key.kind == "aws_sso_membership":
            memberships, fact = truth.stores[key.scope].memberships, Membership(key.scope, *key.parts)
            if present:
                memberships.add(fact, now, identifier=truth.uuid(), by="hand", operation="hand")
            else:
                memberships.remove(fact, now, by="hand", operation="hand")
            return
        assignments, made = truth.instances[key.scope].assignments, _assignment(key)
        if present:
            assignments.add(made, now, identifier="hand", by="hand", operation="hand")
        else:
            assignments.remove(made, now, by="hand", operation="hand")

    def fact(self, key: FactKey | None = None) -> Fact:
        with self.store.read() as view:
            found = view.facts.get(key or self.key())
        assert found is not None
        return found

    def grant(self, grant_id: str) -> Grant:
        with self.store.read() as view:
            found = view.requests.grant(grant_id)
        assert found is not None
        return found

    def state(self, grant_id: str) -> GrantState:
        return self.grant(grant_id).state

    def request(self, grant_id: str) -> Request:
        with self.store.read() as view:
            found = view.requests.get(self.grant(grant_id).request)
        assert found is not None
        return found

    def said(self, *kinds: str) -> list[Mapping[str, Any]]:
        """The fields of the audit's entries of these kinds, in order, of tenant foo and the installation."""
        with self.store.read() as view:
            entries = [*view.entries.entries("tenant_foo", limit=100_000), *view.entries.entries(None)]
        bodies = [entry.said for entry in entries]
        return [dict(body["fields"]) | {"kind": body["kind"]} for body in bodies if body["kind"] in kinds]  # type: ignore[call-overload]

    def calls(self, *operations: str) -> list[str]:
        done = [record.operation for record in self.sim.calls if record.service != "sts"]
        return [name for name in done if not operations or name in operations]

    # -- what people do

    def give(self, key: FactKey | None = None, lasts: timedelta = HOUR, person: str = "ana") -> str:
        """A request is decided for: the id of its waiting grant."""
        self.count += 1
        key, name = key or self.key(person), f"{self.count:04d}"
        now = self.clock.now()
        terms = Terms(rule="flow test, rule 1", automatic=True, needed=0, max_duration=12 * HOUR)
        request = Request(
            f"r-{name}", "test", 1, person, "api", now, terms, organization="tenant_foo", duration=lasts
        )
        grant = Grant(f"g-{name}", request.id, person, "tenant_foo", key, lasts, now, now + HOUR)
        said = {"request": request.id, "grant": grant.id, "fact": key.text, "person": person}
        made = Event("grant.made", "tenant_foo", {**said, "duration_ms": lasts // timedelta(milliseconds=1)})
        with self.store.write() as tx:
            tx.facts.lock({key: "tenant_foo"})
            tx.requests.add(request)
            tx.requests.save(replace(request, state=RequestState.APPROVED, decided_at=now))
            tx.requests.add_grant(grant, made)
            tx.facts.touch([key], now)
        self.store.wake()
        return grant.id

    def end(self, grant_id: str, by: str = "ana") -> None:
        """Somebody ends it early."""
        with self.store.write() as tx:
            grant = tx.requests.grant(grant_id)
            assert grant is not None
            tx.facts.lock({grant.fact: grant.organization})
            grant = tx.requests.grant(grant_id)
            assert grant is not None
            tx.requests.move_grant(end(grant, why="requester", by=by, now=tx.now))
            tx.facts.touch([grant.fact], tx.now)

    def pass_time(self, length: timedelta, step: timedelta = SECOND) -> None:
        """Time passes, and the engine works all the while."""
        until = self.clock.now() + length
        self.engine.tick()
        while self.clock.now() < until:
            self.clock.advance(min(step, until - self.clock.now()))
            self.engine.tick()

    def faults(self, *lines: Mapping[str, Any]) -> None:
        self.sim.set_faults(lines)

    def present_at(self, key: FactKey) -> list[tuple[float, bool]]:
        """When the fact came and went in AWS, in seconds since the start."""
        start = VirtualClock().now()
        fact: object = Membership(key.scope, *key.parts) if "membership" in key.kind else _assignment(key)
        changes: Sequence[Any] = self.sim.truth().changes
        return [((c.at - start).total_seconds(), c.present) for c in changes if c.fact == fact]


def _assignment(key: FactKey) -> Assignment:
    account, permission_set, user = key.parts
    return Assignment(key.scope, account, permission_set, "USER", user)
