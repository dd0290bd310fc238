"""The pytest plug-in for implementers: `gatepass_flow("impl.py").request(reason="x")` in their own CI.

Loaded by pytest wherever gatepass is installed, so it imports nothing before a test uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gatepass.handlers import Fault, Implementation, LoadFault, Runner
    from gatepass.handlers.reading import Option
    from gatepass.testing.flows import Tried
    from gatepass.testing.world import FakeWorld


@dataclass(slots=True)
class FlowUnderTest:
    """One implementation, with a made-up world, person and variables around it."""

    runner: Runner
    implementation: Implementation
    world: FakeWorld
    vars: Mapping[str, str]
    requester: str
    approver: str
    declarative: bool
    automatic: bool

    def faults(self) -> tuple[LoadFault, ...]:
        """What is wrong with the file; a test for it is `assert not flow.faults()`."""
        return self.runner.load_check(self.implementation)

    def prompt(self, **fields: Any) -> Tried:
        """The form is about to be shown: `on_prompt` and every prefetch function."""
        return self._step("prompt", fields)

    def request(self, **fields: Any) -> Tried:
        """The form was submitted: `.outcome.fate` is pending, approved, denied, cancelled or failed."""
        return self._step("request", fields)

    def approve(self, **fields: Any) -> Tried:
        """Somebody approves: `.outcome.then` is go, ignore, move or refuse."""
        return self._step("approve", fields)

    def deny(self, **fields: Any) -> Tried:
        """Somebody denies."""
        return self._step("deny", fields)

    def escalate(self, **fields: Any) -> Tried:
        """Access is about to be given."""
        return self._step("escalate", fields)

    def deescalate(self, **fields: Any) -> Tried:
        """Access is taken back."""
        return self._step("deescalate", fields)

    def options(self, field: str) -> tuple[Option, ...]:
        """What the prefetch function of a field offers; AssertionError with its fault when it fails."""
        found: tuple[Option, ...] | Fault = self.prompt().options[field]
        assert isinstance(found, tuple), found.for_operator()
        return found

    def _step(self, step: str, fields: Mapping[str, Any]) -> Tried:
        from gatepass.handlers.hooks import Rules
        from gatepass.testing.flows import MadeUp, made_up_event, made_up_person, try_step

        made_up = MadeUp(
            fields, made_up_person(self.requester), made_up_person(self.approver), vars=self.vars
        )
        rules = Rules(self.declarative, self.automatic)
        return try_step(self.runner, self.implementation, made_up_event(step, made_up), self.world, rules)


@pytest.fixture(scope="session")
def gatepass_runner() -> Iterator[Runner]:
    """Runs implementations isolated as on a server; the test is skipped where the machine does not offer that."""
    from gatepass.handlers import Deadlines, Runner

    a_while = timedelta(
        seconds=60
    )  # a machine that tests may be busy: whether code is quick is not tested here
    with Runner(deadlines=Deadlines(a_while, a_while, a_while)) as runner:
        if runner.refused is not None:
            pytest.skip(runner.refused)
        yield runner


@pytest.fixture
def gatepass_flow(gatepass_runner: Runner) -> Any:
    """Makes a `FlowUnderTest` of a file: `gatepass_flow(path, vars={...}, accounts={...}, groups={...})`."""
    from gatepass.handlers import Implementation
    from gatepass.testing.flows import PEOPLE
    from gatepass.testing.world import FakeWorld

    def flow(
        path: str | Path,
        *,
        vars: Mapping[str, str] | None = None,  # noqa: A002 (the flow's own word)
        requester: str = "ana@host.example",
        approver: str = "ben@host.example",
        hosts: tuple[str, ...] = (),
        declarative: bool = False,
        automatic: bool = False,
        **world: Any,
    ) -> FlowUnderTest:
        file = Path(path)
        implementation = Implementation("flow", file.name, file.read_text(), frozenset(hosts))
        return FlowUnderTest(
            gatepass_runner,
            implementation,
            FakeWorld(PEOPLE, **world),
            vars or {},
            requester,
            approver,
            declarative or automatic,
            automatic,
        )

    return flow
