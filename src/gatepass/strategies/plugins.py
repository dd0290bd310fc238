"""The strategies there are: found by entry point, built with the door, one per kind of fact."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from gatepass.access.strategy import Strategy
from gatepass.aws.door import Door
from gatepass.errors import GatepassError

GROUP = "gatepass.strategies"


class StrategyClash(GatepassError):
    """Two installed strategies say they are for the same kind of fact."""

    code = "strategy_clash"


def load(door: Door) -> Mapping[str, Strategy]:
    """Kind -> strategy, of everything installed under the entry-point group `gatepass.strategies`."""
    found: dict[str, Strategy] = {}
    origins: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        strategy: Strategy = point.load()(door)
        if strategy.kind in found:
            raise StrategyClash(
                f"{point.value} and {origins[strategy.kind]} are both strategies for {strategy.kind}",
                advice="uninstall one of them",
            )
        found[strategy.kind], origins[strategy.kind] = strategy, point.value
    return found
