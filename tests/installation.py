"""A whole gatepass in one process for tests: real desk, engine, store, door and strategies before the simulator, on
virtual time; the estate is the seeds' example. What a server does with threads, `settle` does at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.waiting import LONG

from gatepass.app.build import Installation, build
from gatepass.app.keys import Keys
from gatepass.app.settings import Settings
from gatepass.desk import Caller
from gatepass.estate.model import Estate
from gatepass.estate.reading.sources import load_directory
from gatepass.sim import Settings as SimSettings
from gatepass.sim import Simulator, session, two_tenants
from gatepass.sim import build as build_world
from gatepass.sim.worlds.of_seeds import ACCESS_KEY
from gatepass.testing.clock import VirtualClock

UNHURRIED = {"handler_deadline": timedelta(seconds=LONG), "prefetch_deadline": timedelta(seconds=LONG)}
"""Code in flows has as long as a machine that stands still for a while may need."""
EXAMPLE = Path(__file__).parent.parent / "examples" / "multi-organization"


def holds(sim: Simulator, name: str, account: str) -> bool:
    """Whether AWS in truth holds an assignment of this person in this account."""
    users = {
        user.id
        for store in sim.world.stores.values()
        for user in store.users.values()
        if user.user_name.startswith(f"{name}@")
    }
    held = (a for i in sim.truth().instances.values() for a in i.assignments.now)
    return any(a.account == account and a.principal in users for a in held)


class Whole:
    """One installation with its simulated AWS. `clock` is everybody's."""

    def __init__(
        self, folder: Path, *, settings: Mapping[str, Any] | None = None, accounts: int = 0, **sim: Any
    ) -> None:
        self.clock = VirtualClock()
        self.settings = Settings(data_dir=folder, **{**UNHURRIED, **(settings or {})})
        self.estate: Estate = load_directory(EXAMPLE)
        keys = Keys.open(self.settings.key)
        external = {
            name: keys.external_id(each.connector.instance_arn)
            for name, each in self.estate.organizations.items()
        }
        self.sim: Simulator = build_world(two_tenants(external, accounts), self.clock, SimSettings(**sim))
        self.parts = self.start()
        self.parts.applying.apply("test", self.estate)
        self.settle()

    def start(self) -> Installation:
        """A process: nothing is kept but the store and the key."""
        own = session(self.sim, self.sim.world.credentials[ACCESS_KEY])
        return build(self.settings, clock=self.clock, source=own, exclusive=False)

    def settle(self, seconds: float = 0, step: float = 1) -> None:
        """Let time pass in steps, doing all that becomes due."""
        self.parts.engine.tick()
        for _ in range(int(seconds / step)):
            self.clock.advance(timedelta(seconds=step))
            self.parts.engine.tick()

    def token(self, person: str, *scopes: str) -> str:
        """A token of this person's own, as after signing in; one for asking in others' names is the admin's gift."""
        chosen = frozenset(scopes or ("ask", "decide"))
        issuer = "cleo" if "on_behalf" in chosen else person
        return self.parts.office.issue_token(Caller(issuer, "test"), person, chosen, timedelta(days=30))[1]

    def holds(self, name: str, account: str = "333333333333") -> bool:
        """Whether AWS in truth holds an assignment of this person in this account."""
        return holds(self.sim, name, account)

    def calls(self) -> int:
        """How many calls AWS has answered so far."""
        return len(self.sim.calls)

    def close(self) -> None:
        self.parts.close()
