"""Implementers' code in a history: a runner whose handlers answer, decide, or fail in every way, by the seed's dice.

What real processes do in each of these ways is shown in `tests/unit/handlers/test_hostile.py`; here it is what
gatepass makes of it while everything else goes wrong too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

from gatepass.handlers import Answer, Fault, Implementation, Kind, Runner, Usage
from gatepass.handlers.implementations import Present
from gatepass.handlers.returns import written
from gatepass.handlers.world import NOBODY, World
from gatepass.sdk import ApprovalTemplate, FieldOption, RequestPermission
from gatepass.testing.clock import VirtualClock

GRANT_SIDE = frozenset({"on_request", "get_permissions", "get_request_notifications", "on_escalate"})
"""A fault of one of these fails the request (architecture.md 3)."""
HANDLERS = (
    *sorted(GRANT_SIDE), "prefetch:change", "on_approve", "on_deny", "on_deescalate", "after_request",
    "after_approve", "after_deny", "after_escalate", "after_deescalate", "after_request_expire",
)  # fmt: skip
CHANCE = 0.15
"""Of a call to be a fault."""
CHANGES = ("CH-1", "CH-2", "CH-3")
_ENDS = (Kind.RAISED, Kind.EXITED, Kind.MEMORY, Kind.OUTPUT, Kind.ASKED_TOO_MUCH, Kind.LOST)
_WRONG: tuple[object, ...] = ("a text", 7, True, {"a": 1}, ["x"], range(3), ApprovalTemplate.prompt())


class Dicey(Runner):
    """Runs nothing: the dice say what came of a call. Time passes where code would have hung."""

    def __init__(self, dice: Random, clock: VirtualClock) -> None:
        super().__init__()
        self._dice = dice
        self._clock = clock
        self.chance = CHANCE

    def present(self, implementation: Implementation) -> Present:
        return Present(dict.fromkeys(HANDLERS, 1), None, ())

    def call(
        self,
        implementation: Implementation,
        handler: str,
        event: Mapping[str, Any] | None,
        world: World = NOBODY,
        deadline: timedelta | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Answer | Fault:
        if self._dice.random() >= self.chance:
            return self._answer(implementation, handler, self._good(handler))
        if self._dice.random() < 0.3:
            return self._answer(implementation, handler, self._dice.choice(_WRONG))
        if self._dice.random() < 0.3:
            self._clock.advance(deadline or self.deadlines.handler)
            return Fault(Kind.HUNG, implementation.flow, handler, "impl.py", str(deadline))
        return Fault(self._dice.choice(_ENDS), implementation.flow, handler, "impl.py", "(history)")

    def _answer(self, implementation: Implementation, handler: str, value: object) -> Answer:
        return Answer(written(value), handler, 1, Usage(), implementation)

    def _good(self, handler: str) -> object:
        """What a sound handler returns: mostly nothing that changes the way of the request."""
        match handler:
            case "get_permissions":
                return RequestPermission(webapp_view="member", approve_deny="member")
            case "get_request_notifications":
                return []
            case "prefetch:change":
                known = CHANGES if self._dice.random() < 0.8 else CHANGES[:1]
                return [FieldOption(value=each, label=each) for each in known]
            case "on_request" | "after_request" if self._dice.random() < 0.3:
                return self._dice.choice([ApprovalTemplate.approve(), ApprovalTemplate.deny()])
            case "after_escalate" if self._dice.random() < 0.3:
                return ApprovalTemplate.deescalate()
            case "on_approve" | "on_deny" if self._dice.random() < 0.2:
                return ApprovalTemplate.ignore(message="not now")
        return None
