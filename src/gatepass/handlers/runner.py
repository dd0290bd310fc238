"""The front of this package: runs one handler of one implementation in a process of its own, and counts its answer.

Thread-safe. A call costs a few milliseconds and leaves nothing behind: no process, no descriptor, no state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from gatepass.handlers.conversation import Conversation, Outcome
from gatepass.handlers.faults import Fault, Kind, LoadFault, Usage
from gatepass.handlers.implementations import (
    FILE,
    RUNNER,
    Implementation,
    Present,
    broken,
    read_present,
    unmatched,
)
from gatepass.handlers.isolation import Level
from gatepass.handlers.keeper import Keeper
from gatepass.handlers.limits import Deadlines, Limits
from gatepass.handlers.supervisor import Order
from gatepass.handlers.world import NOBODY, World

_REMEMBERED = 500
"""Files whose content is remembered; an estate has one or two per flow."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returned, with the name of its type, unchecked: `reading` makes sense of it."""

    value: Mapping[str, Any]
    handler: str
    line: int
    usage: Usage
    implementation: Implementation


class Runner:
    """Owns the process that workers are forked from. Used as a context manager, or with `start` and `close`."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        deadlines: Deadlines | None = None,
        unisolated: bool = False,
        at_once: int = 16,
        without: Collection[str] = (),
    ) -> None:
        """`unisolated`: the operator accepts code with resource limits only where the floor cannot be had.

        `without`: walls left out to test the lower levels (`isolation.put_up`); not for serving.
        """
        self.limits = limits or Limits()
        self.deadlines = deadlines or Deadlines()
        self._unisolated = unisolated
        self._places = threading.Semaphore(at_once)
        self._keeper = Keeper(without)
        self._present: dict[tuple[str, str, str], Present] = {}

    def start(self) -> Self:
        """Start what calls are forked from. May be repeated; `call` does it too."""
        self._keeper.start()
        return self

    def close(self) -> None:
        """End it, and what runs under it. May be repeated; calls from then on are faults."""
        self._keeper.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def level(self) -> Level:
        """The walls that were reached; `serve` and `doctor` print it."""
        return self._keeper.level

    @property
    def refused(self) -> str | None:
        """Why implementations may not run here, or None when they may."""
        level = self.level
        if self._unisolated or level.floor:
            return None
        return f"this machine does not offer the floor of isolation ({level})"

    def call(
        self,
        implementation: Implementation,
        handler: str,
        event: Mapping[str, Any] | None,
        world: World = NOBODY,
        deadline: timedelta | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Answer | Fault:
        """Call one handler with a frozen event (`event`) and what else it takes. Never raises for the code's doing.

        An answer counts only when exactly one came, the worker was not killed and it exited 0. May be repeated.
        """
        job = {"op": "call", "handler": handler, "event": event, "arguments": dict(arguments or {})}
        outcome = self._perform(implementation, job, world, deadline or self.deadlines.handler)
        if outcome.kind is None:
            return Answer(outcome.final["answer"], handler, outcome.line, outcome.usage, implementation)
        return Fault(
            outcome.kind,
            implementation.flow,
            handler,
            implementation.filename,
            outcome.detail,
            outcome.line,
            outcome.usage,
        )

    def present(self, implementation: Implementation) -> Present:
        """Which handlers the file holds and what is wrong with it. Remembered by the text's hash."""
        key = (implementation.digest, implementation.flow, implementation.filename)
        known = self._present.get(key)
        if known is None:
            known = self._look(implementation)
            if len(self._present) >= _REMEMBERED:
                self._present.clear()
            if known.final:
                self._present[key] = known
        return known

    def load_check(
        self, implementation: Implementation, prefetch_fields: Collection[str] | None = None
    ) -> tuple[LoadFault, ...]:
        """Everything wrong with the file, at once; with the flow's `prefetch` fields, also what does not match them."""
        present = self.present(implementation)
        faults = list(present.faults)
        loaded = not any(fault.handler in (FILE, RUNNER) for fault in faults)
        if prefetch_fields is not None and loaded:
            faults += unmatched(implementation, present, frozenset(prefetch_fields))
        return tuple(faults)

    def _look(self, implementation: Implementation) -> Present:
        outcome = self._perform(implementation, {"op": "load"}, NOBODY, self.deadlines.load)
        if outcome.kind is None:
            return read_present(implementation, outcome.final["present"])
        fault = Fault(
            outcome.kind, implementation.flow, FILE, implementation.filename, outcome.detail, outcome.line
        )
        reporter = RUNNER if outcome.kind in (Kind.LOST, Kind.REFUSED) else FILE
        return broken(implementation, reporter, fault.found, fault.line)

    def _perform(
        self, implementation: Implementation, job: Mapping[str, Any], world: World, deadline: timedelta
    ) -> Outcome:
        refused = self.refused
        if refused is not None:
            return Outcome(Kind.REFUSED, refused)
        if len(implementation.source.encode()) > self.limits.source:
            return Outcome(Kind.BROKEN, f"it has more than {self.limits.source} bytes")
        began = time.monotonic()
        until = began + deadline.total_seconds()
        if not self._places.acquire(timeout=deadline.total_seconds()):
            return Outcome(Kind.LOST, "too many handlers were running at once")
        try:
            call, report = self._keeper.order(Order(until, self.limits))
            with call, report:
                text = {"source": implementation.source, "filename": implementation.filename}
                wanted = "present" if job["op"] == "load" else "answer"
                talk = Conversation(call, report, until, self.limits, implementation.hosts, wanted)
                return talk.hold({**job, **text}, world, began)
        except OSError as gone:
            return Outcome(Kind.LOST, f"the process for handlers does not answer: {gone}")
        finally:
            self._places.release()
