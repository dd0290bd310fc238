"""The part of a plan that concerns some teams (`plan --team`): the team, who may become it, and what lets it in.

Pure. A thing belongs to a team when it is its role, names it in its trust (wanted or live), is a policy of one of
these roles, or is a permission set that becomes the team, with its assignments and their groups.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gatepass.errors import GatepassError
from gatepass.teams.model import Assignment, Resources, Role
from gatepass.teams.planning.guard import lockouts
from gatepass.teams.planning.plan import Change, Plan
from gatepass.teams.reach.nodes import SET_ROLE
from gatepass.teams.reading import nearest


class UnknownTeam(GatepassError):
    """The operator acts: a name that is no team of the declaration."""

    code = "unknown_name"


def team_roles(wanted: Resources, names: Iterable[str]) -> tuple[Role, ...]:
    """The roles of these teams: by short name, `organization/short name` or role name. Raises `UnknownTeam`."""
    teams = [role for role in wanted.roles if role.kind == "team"]
    found: list[Role] = []
    for name in names:
        named = [
            role
            for role in teams
            if name in (role.short, role.name, f"{role.account.organization}/{role.short}")
        ]
        if not named:
            known = {role.short for role in teams}
            raise UnknownTeam(f"{name!r} is no team of this declaration", advice=nearest(name, known))
        found += named
    return tuple(found)


def of_teams(
    plan: Plan, teams: tuple[Role, ...], live: Resources, wanted: Resources, actors: tuple[str, ...]
) -> Plan:
    """The plan without what concerns other teams only. Who would be locked out is judged of what is left."""
    concerned = _Concerned(teams, plan, wanted)
    changes = tuple(change for change in plan.changes if concerned.by(change))
    return replace(
        plan,
        changes=changes,
        lockouts=lockouts(live, changes, actors),
        dangling={arn: ids for arn, ids in plan.dangling.items() if arn in concerned.roles},
        foreign=tuple(arn for arn in plan.foreign if arn in concerned.roles),
    )


class _Concerned:
    """Which things belong to the teams, worked out once."""

    def __init__(self, teams: tuple[Role, ...], plan: Plan, wanted: Resources) -> None:
        quoted = tuple(f'"{team.arn}"' for team in teams)
        changed = [value for change in plan.changes for value in (change.wanted, change.live)]
        roles = [role for role in (*wanted.roles, *changed) if isinstance(role, Role)]
        mine = [role for role in roles if _names(role.trust, quoted)]
        self.roles = {role.arn for role in (*teams, *mine)}
        self._policies = {arn for role in roles if role.arn in self.roles for arn in role.policies}
        own = {team.arn for team in teams}
        ways_in = [json.dumps(role.trust) for role in roles if role.arn in own]
        sets = {item.name for item in wanted.permission_sets}
        sets |= {change.name for change in plan.changes if change.kind == "permission-set"}
        self._sets = {name for name in sets if any(f"{SET_ROLE}{name}_" in text for text in ways_in)}
        held = [item for item in (*wanted.assignments, *changed) if isinstance(item, Assignment)]
        self._groups = {item.principal for item in held if item.permission_set in self._sets}

    def by(self, change: Change) -> bool:
        """Whether the change is about one of them."""
        value = change.wanted if change.wanted is not None else change.live
        match change.kind:
            case "role":
                return value.arn in self.roles
            case "policy":
                return value.arn in self._policies
            case "permission-set":
                return change.name in self._sets
            case "assignment":
                return value.permission_set in self._sets
            case "directory-group":
                return change.name in self._groups
        return False


def _names(trust: Mapping[str, Any], quoted: tuple[str, ...]) -> bool:
    text = json.dumps(trust)
    return any(arn in text for arn in quoted)
