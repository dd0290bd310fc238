"""The strategies there are: ours, and what is installed beside them; built with the door, one per kind of fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points

from gatepass.access.strategy import Strategy
from gatepass.aws.door import Door
from gatepass.errors import GatepassError
from gatepass.strategies.sso_assignment import SsoAssignment
from gatepass.strategies.sso_membership import SsoMembership

GROUP = "gatepass.strategies"
Make = Callable[[Door], Strategy]
OURS: tuple[Make, ...] = (SsoAssignment, SsoMembership)
"""Named here, not by entry points: what they gave is taken back whatever became of the installation's files."""


class StrategyClash(GatepassError):
    """Two installed strategies say they are for the same kind of fact."""

    code = "strategy_clash"


def load(door: Door) -> Mapping[str, Strategy]:
    """Kind -> strategy: ours, and everything installed under the entry-point group `gatepass.strategies`."""
    found: dict[str, Strategy] = {}
    origins: dict[str, str] = {}
    for origin, make in _all():
        strategy = make(door)
        if strategy.kind in found:
            raise StrategyClash(
                f"{origin} and {origins[strategy.kind]} are both strategies for {strategy.kind}",
                advice="uninstall one of them",
            )
        found[strategy.kind], origins[strategy.kind] = strategy, origin
    return found


def _all() -> Iterator[tuple[str, Make]]:
    yield from (("gatepass", make) for make in OURS)
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        yield point.value, point.load()
