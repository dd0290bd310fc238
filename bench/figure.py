"""One measured figure, and how several runs become one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured and, where there is one, the reference of the same run."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    against: str = ""

    def __str__(self) -> str:
        own = f"{self.name:44} {self.value:10.2f} {self.unit}"
        if self.reference is None:
            return own
        return (
            f"{own}   {self.value / self.reference:6.2f} x {self.against} ({self.reference:.2f} {self.unit})"
        )


def milliseconds(run: Callable[[], object], times: int) -> list[float]:
    """How long each of so many runs took, sorted."""
    lasted = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        lasted.append((time.perf_counter() - began) * 1000)
    return sorted(lasted)


def p50(lasted: list[float]) -> float:
    """The median."""
    return statistics.median(lasted)


def p95(lasted: list[float]) -> float:
    """What 19 of 20 stay below."""
    return lasted[int(len(lasted) * 0.95)]


def p99(lasted: list[float]) -> float:
    """What 99 of 100 stay below."""
    return lasted[int(len(lasted) * 0.99)]
