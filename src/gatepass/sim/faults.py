"""The fault script: which calls go wrong, when, and how. Seeded, so that a run can be repeated.

A script is a list of rules. For each call the first rule that matches and fires is the fault of that call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from random import Random
from typing import Any

from gatepass.errors import GatepassError

KINDS = {
    "throttle": "refused as too many calls",
    "deny": "refused as not authorized",
    "conflict": "refused because another change is running",
    "error": "refused with `code` and `message`",
    "request-lost": "the connection fails before the call is applied",
    "answer-lost": "the call is applied, then the connection fails",
    "fail": "accepted, and the operation ends FAILED with `reason`",
    "never-ends": "accepted, and the operation stays IN_PROGRESS",
    "short-page": "the list ends early and says that there is more",
    "empty-page": "the list is empty and says that there is more",
    "token-error": "the next page is refused",
    "stale": "the list is as it was `seconds` ago",
    "slow": "the call takes `seconds` more",
}


class FaultError(GatepassError):
    """A fault script says something that cannot be meant. All faults of the script are named at once."""

    code = "bad_fault_script"
    exit_code = 2


@dataclass
class Rule:
    """One line of the script. Everything left out matches everything."""

    do: str
    operation: str = ""
    service: str = ""
    caller: str = ""
    """Start of the caller's ARN."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """Parameters the call must carry, for example `{TargetId: "333333333333"}`."""
    calls: tuple[int, ...] = ()
    """Which of the matching calls: 1 is the first. Empty: all of them."""
    chance: float = 1.0
    times: int = 0
    """At most so many faults; 0: no limit."""
    after: float = 0.0
    """Not before so many seconds from the moment the script was set."""
    until: float = 0.0
    """Not from so many seconds on; 0: for ever."""
    seconds: float = 0.0
    reason: str = "Received a 404 status error: Not supported by the simulator's fault script"
    code: str = "InternalServerException"
    message: str = "An internal error occurred"
    status: int = 0
    matched: int = 0
    fired: int = 0

    def matches(self, service: str, operation: str, caller: str, params: Mapping[str, Any]) -> bool:
        """Whether the rule is about this call; when it is true, the call is counted."""
        if (self.operation and self.operation != operation) or (self.service and self.service != service):
            return False
        if self.caller and not caller.startswith(self.caller):
            return False
        return all(params.get(name) == value for name, value in self.where.items())


@dataclass
class Script:
    """Rules in order, the moment they count from, and the dice they are thrown with."""

    start: datetime
    rules: list[Rule] = field(default_factory=list)
    dice: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - repeatable on purpose

    def pick(
        self, now: datetime, service: str, operation: str, caller: str, params: Mapping[str, Any]
    ) -> Rule | None:
        """The rule that fires for this call, if any; counts the call for every rule it matches."""
        chosen: Rule | None = None
        for rule in self.rules:
            if not rule.matches(service, operation, caller, params) or not self._in_time(rule, now):
                continue
            rule.matched += 1
            if chosen is None and self._fires(rule):
                rule.fired += 1
                chosen = rule
        return chosen

    def _in_time(self, rule: Rule, now: datetime) -> bool:
        if now < self.start + timedelta(seconds=rule.after):
            return False
        return not rule.until or now < self.start + timedelta(seconds=rule.until)

    def _fires(self, rule: Rule) -> bool:
        if rule.times and rule.fired >= rule.times:
            return False
        if rule.calls and rule.matched not in rule.calls:
            return False
        return rule.chance >= 1.0 or self.dice.random() < rule.chance


_KEYS = {f.name for f in fields(Rule)} - {"matched", "fired"}


def rules(described: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Rules from their written form (docs/simulator.md); raises `FaultError` naming every line that is wrong."""
    found: list[Rule] = []
    wrong: list[str] = []
    for number, line in enumerate(described, 1):
        if unknown := sorted(set(line) - _KEYS):
            wrong.append(f"rule {number}: unknown {', '.join(unknown)}; known are {', '.join(sorted(_KEYS))}")
        elif line.get("do") not in KINDS:
            wrong.append(f"rule {number}: do: {line.get('do')!r} is none of {', '.join(KINDS)}")
        else:
            calls = line.get("calls", ())
            found.append(Rule(**{**line, "calls": (calls,) if isinstance(calls, int) else tuple(calls)}))
    if wrong:
        raise FaultError(
            "the fault script was not taken:\n  " + "\n  ".join(wrong), advice="see docs/simulator.md"
        )
    return found
