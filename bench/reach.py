"""H4: who-can and explain at 10,000 roles and 1,000 people, beside the same questions at 1,000 roles."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.unit.teams.reach_world import large

from bench.figure import Figure, milliseconds, p50, p95
from gatepass.teams.reach.explain import explain
from gatepass.teams.reach.questions import Reach
from gatepass.teams.reach.unused import unused

_SMALLER = "1,000 roles"


def figures() -> Iterator[Figure]:
    """About twenty seconds on a quiet machine with two cores."""
    small, full = Reach(large(10)), Reach(large(100))
    for reach in (small, full):
        reach.can(reach.principal("p1@acme.example"))
    for name, question in _questions().items():
        ours, reference = _warm(lambda q=question: q(full)), _warm(lambda q=question: q(small))
        yield Figure(f"{name}, warm, p50", p50(ours), "ms", p50(reference), _SMALLER)
        yield Figure(f"{name}, warm, p95", p95(ours), "ms", p95(reference), _SMALLER)
    fresh = Reach(large(100))
    yield Figure("who-can, cold", _once(lambda: fresh.who_can(fresh.role("r7@a9"))), "ms")
    yield Figure(
        "reading every trust, once", _once(lambda: fresh.graph.possible_targets(fresh.role("team3"))), "ms"
    )
    yield Figure(
        "unused, whole estate",
        _once(lambda: unused(fresh)),
        "ms",
        _once(lambda: unused(Reach(large(10)))),
        _SMALLER,
    )


def _questions() -> dict[str, Callable[[Reach], object]]:
    def of(reach: Reach, person: str) -> Any:
        return explain(reach, reach.principal(person), reach.role("r7@a5"))

    return {
        "who-can": lambda reach: reach.who_can(reach.role("r7@a5")),
        "explain, yes": lambda reach: of(reach, "p5@acme.example"),
        "explain, no": lambda reach: of(reach, "p19@acme.example"),
    }


def _warm(question: Callable[[], object]) -> list[float]:
    question()
    return milliseconds(question, 40)


def _once(question: Callable[[], object]) -> float:
    began = time.perf_counter()
    question()
    return (time.perf_counter() - began) * 1000
