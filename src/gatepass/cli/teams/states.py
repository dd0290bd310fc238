"""Which state a question of `gatepass teams` is about: the declaration, the live accounts, or both side by side."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from gatepass.cli.teams.common import enter_by, estate, print_findings, without_collecting
from gatepass.clock import SystemClock
from gatepass.errors import GatepassError
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled
from gatepass.teams.reach.names import Unknown
from gatepass.teams.reach.nodes import Path as Way
from gatepass.teams.reach.questions import Reach

DESIRED, LIVE, BOTH = "desired", "live", "both"
MARKS = {BOTH: "  ", DESIRED: "+ ", LIVE: "- "}
"""In front of a way when both states are shown: what applying would add, and what it would take."""
T = TypeVar("T")


class Faulty(GatepassError):
    """The declaration has faults, which stand on stderr already."""

    code = "teams"


@dataclass(frozen=True)
class Found:
    """A way, and in which of the states it is there."""

    way: Way
    state: str


@dataclass(frozen=True)
class Asked:
    """The states that are asked; one, or the desired and the live one."""

    states: tuple[tuple[str, Reach], ...]

    @property
    def is_both(self) -> bool:
        return len(self.states) > 1

    def each(self, ask: Callable[[Reach], T]) -> list[tuple[str, T]]:
        """The answer of each state that knows the names asked about. Raises `Unknown` when none does."""
        found: list[tuple[str, T]] = []
        unknown: Unknown | None = None
        for name, reach in self.states:
            try:
                found.append((name, ask(reach)))
            except Unknown as error:
                unknown = unknown or error
        if not found and unknown is not None:
            raise unknown
        return found

    def first(self, ask: Callable[[Reach], T]) -> T:
        """The answer of the first state that knows the names."""
        return self.each(ask)[0][1]

    def ways(self, ask: Callable[[Reach], Sequence[Way]]) -> list[Found]:
        """The ways of all states, each start and end once, in the order of the first state that has them."""
        places: dict[tuple[str, ...], tuple[Way, list[str]]] = {}
        for name, ways in self.each(ask):
            for way in ways:
                key = (way[0].source.id, *(edge.target.id for edge in way), way[-1].action)
                places.setdefault(key, (way, []))[1].append(name)
        return [Found(way, BOTH if len(names) > 1 else names[0]) for way, names in places.values()]


def question(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which estate and which state is asked; the command gets one `Asked`."""

    @click.option(
        "--state", type=click.Choice([DESIRED, LIVE, BOTH]), default=DESIRED, show_default=True,
        help="What is declared, what the accounts hold now (read with your AWS credentials), or both.",
    )  # fmt: skip
    @enter_by
    @functools.wraps(command)
    def asked(wanted: Wanted, state: str, enter_by: str, **more: Any) -> Any:
        with without_collecting():
            return command(ask(wanted, state, enter_by), **more)

    return estate(asked)


def ask(wanted: Wanted, state: str = DESIRED, enter_by: str = "") -> Asked:
    """Reads what is needed for the state. Raises `Faulty` for a declaration with faults."""
    compiled = compile_wanted(wanted)
    if compiled.faults:
        print_findings(compiled.faults)
        message = f"the declaration has {len(compiled.faults)} faults; it is not asked who reaches what"
        raise Faulty(message, advice="correct them")
    states = []
    if state in (DESIRED, BOTH):
        states.append((DESIRED, Reach(compiled.resources, now=SystemClock().now())))
    if state in (LIVE, BOTH):
        states.append((LIVE, _live(compiled, enter_by)))
    return Asked(tuple(states))


def _live(compiled: Compiled, enter_by: str) -> Reach:
    from gatepass.teams.applying.calls import Patient  # the AWS SDK is imported only where accounts are read
    from gatepass.teams.applying.entering import calls_for
    from gatepass.teams.reach.states import live_state

    clock = SystemClock()
    calls = Patient(calls_for(compiled, clock, apply_role=enter_by), clock)
    resources, unread = live_state(calls, compiled)
    for number, reason in sorted(unread.items()):
        click.echo(f"account {number} is missing from the live answer: {reason}", err=True)
    return Reach(resources, now=clock.now())
