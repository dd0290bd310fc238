"""What a lint looks at: one role in its component, the world and the whole estate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gatepass.teams.compiling.patterns import derived_set, principals, set_patterns
from gatepass.teams.compiling.world import World
from gatepass.teams.model import Account, Component, Finding, Level, Profile
from gatepass.teams.upstream.config import RoleConfig


@dataclass(frozen=True, slots=True)
class Linted:
    """A compiled component with the configurations it came from."""

    component: Component
    configs: Mapping[str, RoleConfig]
    world: World


@dataclass(frozen=True, slots=True)
class Subject:
    """One role as a lint sees it."""

    config: RoleConfig
    part: Linted
    estate: Estate

    @property
    def world(self) -> World:
        return self.part.world

    @property
    def account(self) -> Account | None:
        return self.part.component.account

    @property
    def is_compat(self) -> bool:
        return self.config.extras.profile is Profile.CLOUDPOSSE

    def say(
        self, lint: str, level: Level, message: str, attribute: str = "", *, index: int | None = None,
        value: str = "", advice: str = "",
    ) -> Finding:  # fmt: skip
        path = f"{self.config.path}.{attribute}" if attribute else self.config.path
        return Finding(
            lint,
            level,
            f"{self.config.short}: {message}",
            self.config.place(attribute, index),
            path=path + (f"[{index}]" if index is not None else ""),
            value=value,
            advice=advice,
            account=self.account.name if self.account else "",
            role=self.config.short,
        )


@dataclass
class Estate:
    """What all components together say; computed once."""

    parts: list[Linted]
    _reach: dict[tuple[int, str], Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @cached_property
    def trusting(self) -> dict[tuple[str, str], tuple[str, str]]:
        """(organization's identity account, team) -> one role of another account that trusts it."""
        found: dict[tuple[str, str], tuple[str, str]] = {}
        for part in self.parts:
            account = part.component.account
            if account is None or account.name == part.world.identity:
                continue
            for name, config in part.configs.items():
                if config.enabled:
                    for team in config.trusted_teams:
                        found.setdefault((part.world.identity, team), (name, account.name))
        return found

    def teams(self, world: World) -> dict[str, RoleConfig]:
        """The teams of one organization."""
        found: dict[str, RoleConfig] = {}
        for part in self.parts:
            if part.component.kind != "aws-team-roles" and part.world.identity == world.identity:
                for name, config in part.configs.items():
                    if part.component.account is None or part.component.account.name == world.identity:
                        found[name] = config
        return found

    def reachable(self, world: World, team: str) -> Mapping[str, tuple[str, ...]]:
        """The teams a team can become, directly or through others, with the way there."""
        key = (id(world), team)
        if key not in self._reach:
            self._reach[key] = self._walk(self.teams(world), team)
        return self._reach[key]

    @staticmethod
    def _walk(teams: Mapping[str, RoleConfig], start: str) -> dict[str, tuple[str, ...]]:
        ways: dict[str, tuple[str, ...]] = {}
        edge: list[tuple[str, tuple[str, ...]]] = [(start, (start,))]
        while edge:
            following: list[tuple[str, tuple[str, ...]]] = []
            for here, way in edge:
                for name, config in sorted(teams.items()):
                    trusts = here in config.trusted_teams and here not in config.denied_teams
                    if trusts and name != start and name not in ways:
                        ways[name] = (*way, name)
                        following.append((name, ways[name]))
            edge = following
        return ways


def denied_patterns(subject: Subject) -> dict[str, str]:
    """Denied patterns with what a person wrote to deny them."""
    config, world = subject.config, subject.world
    where = sets_account(subject)
    said: dict[str, str] = {arn: arn for arn in config.denied_role_arns}
    for team in config.denied_teams:
        for arn in principals(world, {world.identity: [team]}):
            said.setdefault(arn, f"team {team}")
        for arn in set_patterns(world, [team], {}):
            said.setdefault(arn, f"team {team} (its permission set {derived_set(world, team)})")
    for name in config.denied_permission_sets:
        for arn in set_patterns(world, [], {where: [name]}):
            said.setdefault(arn, f"permission set {name}")
    return said


def sets_account(subject: Subject) -> str:
    if subject.part.component.kind == "aws-teams" or subject.account is None:
        return subject.world.identity
    return subject.account.name
