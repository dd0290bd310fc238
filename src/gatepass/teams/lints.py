"""What a compile does not forbid but a person should know (specification of teams, 15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatepass.teams.config import RoleConfig
from gatepass.teams.model import Component, Finding
from gatepass.teams.world import World


@dataclass(frozen=True, slots=True)
class Linted:
    """A compiled component with the configurations it came from."""

    component: Component
    configs: Mapping[str, RoleConfig]
    world: World


def lint(parts: list[Linted]) -> list[tuple[Finding, ...]]:
    """Findings per component, in its order."""
    return [() for _ in parts]
