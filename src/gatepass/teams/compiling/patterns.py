"""From names to the ARNs and ARN patterns that trust policies are made of (specification of teams, 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from gatepass.teams.compiling.world import World
from gatepass.teams.upstream.naming import title

STAR = "*"
SET_NAME_LENGTH = 32
"""Longest name Identity Center gives a permission set (T-23)."""
RESERVED = "aws-reserved/sso.amazonaws.com*/AWSReservedSSO_"
SUFFIX_COMPAT = "_*"
SUFFIX_EXACT = "_" + "?" * 16
"""Permission-set roles end in 16 hexadecimal digits (H-2)."""


class UnknownAccount(Exception):
    """A role list names an account the account map does not have."""

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account


def derived_set(world: World, team: str) -> str:
    """The permission set that stands for a team (T-23)."""
    name = title(team.replace("_", "-")).replace("-", "")
    return world.team_set_pattern.replace("%s", name, 1)


def principals(world: World, roles: Mapping[str, Iterable[str]], *, star: str = "root") -> list[str]:
    """Role ARNs of a role map: accounts in key order, short names bytewise (T-21); `*` as T-25 or H-3 (`star`)."""
    found: dict[str, None] = {}
    for account_name in sorted(roles):
        names = list(roles[account_name])
        if not names:
            continue
        account = world.accounts.get(account_name)
        if account is None:
            raise UnknownAccount(account_name)
        if STAR in names:
            found[account.root if star == "root" else account.arn("role/*")] = None
            continue
        for name in sorted(names):
            found[role_arn(world, account_name, name)] = None
    return list(found)


def role_arn(world: World, account_name: str, short: str) -> str:
    """The ARN of a role by its short name; `org/team` means the team of another organization (T-68)."""
    if short in world.foreign_teams:
        return world.foreign_teams[short].arn
    if (account_name, short) in world.named:
        return world.named[account_name, short]
    template = world.templates.get(account_name)
    if template is None:
        raise UnknownAccount(account_name)
    return template.replace("%s", short, 1)


def set_patterns(
    world: World, teams: Iterable[str], sets: Mapping[str, Iterable[str]], *, exact: bool = False
) -> list[str]:
    """Patterns of permission-set roles: accounts in key order, the identity account's explicit sets before those
    derived from teams (T-22, T-24); those of other organizations' teams last, in their identity accounts (T-68)."""
    by_account: dict[str, list[str]] = {name: list(names) for name, names in sets.items()}
    if world.team_sets:
        derived = [derived_set(world, team) for team in teams if team not in world.foreign_teams]
        by_account[world.identity] = [*by_account.get(world.identity, ()), *derived]
    found: dict[str, None] = {}
    for account_name in sorted(by_account):
        for name in by_account[account_name]:
            account = world.accounts.get(account_name)
            if account is None:
                raise UnknownAccount(account_name)
            found[account.arn(f"role/{RESERVED}{name}{_suffix(world, name, exact=exact)}")] = None
    for team in teams:
        foreign = world.foreign_teams.get(team)
        if foreign is not None and foreign.set_name and world.team_sets:
            suffix = SUFFIX_EXACT if exact else SUFFIX_COMPAT
            found[foreign.account.arn(f"role/{RESERVED}{foreign.set_name}{suffix}")] = None
    return list(found)


def _suffix(world: World, name: str, *, exact: bool) -> str:
    """`_*` also matches the set `<name>_more`: exact when asked, unless no such set exists (H-2)."""
    if not exact or STAR in name:
        return SUFFIX_COMPAT
    known = world.instance_sets
    if known and not any(other.startswith(f"{name}_") for other in known):
        return SUFFIX_COMPAT
    return SUFFIX_EXACT


def arn_account(arn: str) -> str:
    """The account field of an ARN."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def is_arn(text: str) -> bool:
    """Six parts and the prefix `arn` (T-29)."""
    return text.startswith("arn:") and text.count(":") >= 5


def has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


@lru_cache(maxsize=1 << 14)
def overlap(one: str, other: str) -> bool:
    """Whether some ARN matches both patterns; part by part, as `ArnLike` compares (T-42)."""
    left, right = one.split(":", 5), other.split(":", 5)
    return len(left) == len(right) and all(map(_meet, left, right))


def _meet(one: str, other: str) -> bool:
    """Whether some text matches both glob patterns: reachability over pairs of positions."""
    if not has_wildcard(one) and not has_wildcard(other):
        return one == other
    seen = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        left, right = todo.pop()
        if left == len(one) and right == len(other):
            return True
        for step in _steps(one, other, left, right):
            if step not in seen:
                seen.add(step)
                todo.append(step)
    return False


def _steps(one: str, other: str, left: int, right: int) -> Iterable[tuple[int, int]]:
    here = one[left] if left < len(one) else ""
    there = other[right] if right < len(other) else ""
    if here == "*":
        yield left + 1, right
        if there and there != "*":
            yield left, right + 1
    if there == "*":
        yield left, right + 1
        if here and here != "*":
            yield left + 1, right
    if here and there and "*" not in (here, there) and ("?" in (here, there) or here == there):
        yield left + 1, right + 1
