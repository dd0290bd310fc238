"""Where the two trust profiles mean different things for an estate, each with a principal that shows it (T-32, A7).

Who gets in is asked of the policies that both profiles would write. Roles that no rule of H-1 to H-6 can touch are
known by their declaration, so that a large estate is linted in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from gatepass.policy import (
    Caller,
    Kind,
    Policy,
    Request,
    Ruling,
    evaluate,
    examine,
    provider,
    role_session,
    user,
)
from gatepass.teams.compiling.patterns import (
    STAR,
    UnknownAccount,
    derived_set,
    has_wildcard,
    is_arn,
    role_arn,
)
from gatepass.teams.compiling.trust import SAML_AUDIENCES, document, grounds
from gatepass.teams.compiling.world import World
from gatepass.teams.model import Account, Component, Finding, Level, Profile
from gatepass.teams.planning.meaning import witness_of
from gatepass.teams.upstream.config import LISTS, RoleConfig

_ASSUME, _SAML = "sts:AssumeRole", "sts:AssumeRoleWithSAML"
_ANY_ROLE = "arn:aws:iam::000000000000:role/any"


@dataclass(frozen=True, slots=True)
class Difference:
    """One principal that one profile lets in and the other keeps out."""

    rule: str
    """`H-1`, `H-2`, `H-3` or `H-6` of the specification, 4.4."""
    principal: str
    let_in_by: Profile


def differences(config: RoleConfig, kind: str, account: Account, world: World) -> tuple[Difference, ...]:
    """Every known or made-up principal on whom the profiles disagree, by rule and name. Raises `UnknownAccount`."""
    rules = tuple(_rules(config, account, world))
    if not rules or not all(map(is_arn, (*config.trusted_role_arns, *config.denied_role_arns))):
        return ()
    compat, hardened = (
        examine(_written(config, kind, account, world, profile), Kind.TRUST)[0] for profile in Profile
    )
    if compat is None or hardened is None:
        return ()
    result = []
    for principal in _candidates(config, account, world, rules):
        let_in_by = _only_by(compat, hardened, Request(_caller(principal), _ASSUME, _ANY_ROLE))
        if let_in_by is not None:
            result.append(Difference(_rule(principal, config, rules), principal, let_in_by))
    if "H-6" in rules:
        result += _audiences(compat, hardened, world.saml.get(account.name, ()))
    return tuple(sorted(result, key=lambda one: (one.rule, one.principal)))


def _only_by(compat: Policy, hardened: Policy, request: Request) -> Profile | None:
    """The profile that alone lets the caller in, or None when they agree."""
    allowed = [evaluate(policy, request).ruling is Ruling.ALLOWED for policy in (compat, hardened)]
    if allowed[0] is allowed[1]:
        return None
    return Profile.CLOUDPOSSE if allowed[0] else Profile.HARDENED


@lru_cache(maxsize=4096)
def _caller(arn: str) -> Caller:
    return user(arn, mfa=True) if ":user/" in arn else role_session(arn)


def _rules(config: RoleConfig, account: Account, world: World) -> Iterator[str]:
    """The rules that may make a difference for this role, by its declaration alone."""
    lists = (config.trusted_teams, config.denied_teams, *config.allowed_roles.values())
    denies = config.denied_teams or config.denied_permission_sets or config.denied_role_arns
    if config.trusted_role_arns and (denies or any(map(has_wildcard, config.trusted_role_arns))):
        yield "H-1"
    named = _sets_named(config, world)
    if named & _begun(world.instance_sets) or (named and not world.instance_sets):
        yield "H-2"
    if any(STAR in names for names in lists):
        yield "H-3"
    if config.aws_saml_login_enabled and world.saml.get(account.name):
        yield "H-6"


def _sets_named(config: RoleConfig, world: World) -> set[str]:
    derived = [
        derived_set(world, team) for team in (*config.trusted_teams, *config.denied_teams) if team != STAR
    ]
    sets = (*config.trusted_permission_sets, *config.denied_permission_sets)
    return {*sets, *(derived if world.team_sets else ())}


@lru_cache(maxsize=64)
def _begun(sets: frozenset[str]) -> frozenset[str]:
    """Names that some other set continues after an underscore."""
    return frozenset(name[:place] for name in sets for place, char in enumerate(name) if char == "_")


def _written(
    config: RoleConfig, kind: str, account: Account, world: World, profile: Profile
) -> dict[str, Any]:
    as_profile = replace(config, extras=replace(config.extras, profile=profile))
    return document(grounds(as_profile, kind, account, world), as_profile, world.organization_id)


def _candidates(config: RoleConfig, account: Account, world: World, rules: tuple[str, ...]) -> set[str]:
    """Whom the rules are about: teams behind a star, sets in both accounts, one witness for each wildcard trusted.

    Where the sets of the instance are not known, one might be called as a named one is with something after it.
    """
    found: set[str] = set()
    patterns: list[str] = []
    places = (account, world.accounts[world.identity])
    if "H-1" in rules:
        found |= {
            arn.replace("*", "any").replace("?", "x")
            for arn in (*config.trusted_role_arns, *config.denied_role_arns)
        }
        found |= {role_arn(world, world.identity, team) for team in config.denied_teams if team != STAR}
        patterns += [_set_pattern(place, name) for place in places for name in _sets_named(config, world)]
    if "H-2" in rules:
        sets = world.instance_sets or {f"{name}_Other" for name in _sets_named(config, world)}
        patterns += [_set_pattern(place, name) for place in places for name in sets]
    if "H-3" in rules:
        teams = [team for team in world.teams or () if team not in world.foreign_teams]
        found |= {role_arn(world, world.identity, team) for team in teams}
    return found | {witness for pattern in patterns if (witness := witness_of(pattern))}


def _set_pattern(account: Account, name: str) -> str:
    return account.arn(f"role/aws-reserved/sso.amazonaws.com*/AWSReservedSSO_{name}_*")


def _rule(principal: str, config: RoleConfig, rules: tuple[str, ...]) -> str:
    if "H-2" in rules and "AWSReservedSSO_" in principal:
        return "H-2"
    if "H-1" in rules and any(_like(arn, principal) for arn in config.trusted_role_arns):
        return "H-1"
    return "H-3"


def _like(arn: str, principal: str) -> bool:
    return principal in (arn, arn.replace("*", "any").replace("?", "x"))


def _audiences(compat: Policy, hardened: Policy, providers: Iterable[str]) -> Iterator[Difference]:
    """H-6: the sign-in addresses that only one profile accepts."""
    for name in providers:
        for audience in sorted({audience for listed in SAML_AUDIENCES.values() for audience in listed}):
            said = audience.replace("*", "any")
            let_in_by = _only_by(
                compat, hardened, Request(provider(name), _SAML, _ANY_ROLE, {"SAML:aud": said})
            )
            if let_in_by is not None:
                yield Difference("H-6", f"{name} answering to {said}", let_in_by)


Compared = tuple[Component, dict[str, RoleConfig], World]


def profile_findings(parts: Iterable[Compared]) -> Iterator[Finding]:
    """The differences as lints; one that several roles share, of whatever account, is told at the first of them."""
    sharing: dict[Difference, list[tuple[RoleConfig, Account]]] = {}
    for component, configs, world in parts:
        if component.account is not None and component.kind != "native":
            for config, found in _compared(component, component.account, configs, world):
                for one in found:
                    sharing.setdefault(one, []).append((config, component.account))
    for one, roles in sharing.items():
        yield _told(one, *roles[0], len(roles) - 1)


def _compared(
    component: Component, account: Account, configs: dict[str, RoleConfig], world: World
) -> Iterator[tuple[RoleConfig, tuple[Difference, ...]]]:
    decided: dict[tuple[object, ...], tuple[Difference, ...]] = {}
    for role in component.roles:
        config = configs[role.short]
        said = _said(config)
        try:
            if said not in decided:
                decided[said] = differences(config, component.kind, account, world)
        except UnknownAccount:
            continue  # a fault that is told already
        yield config, decided[said]


def _said(config: RoleConfig) -> tuple[object, ...]:
    """All of a role that its trust is made from: in one account, equal words mean equal differences."""
    lists = tuple(getattr(config, name) for name in LISTS)
    allowed = tuple(sorted(config.allowed_roles.items()))
    return (*lists, allowed, config.github, config.aws_saml_login_enabled, repr(config.extras))


def _told(one: Difference, config: RoleConfig, account: Account, rest: int) -> Finding:
    keeps_out = next(profile for profile in Profile if profile is not one.let_in_by)
    more = f" and {rest} more role{'s' if rest > 1 else ''}" if rest else ""
    roles = f"{config.short}@{account.name}{more}"
    return Finding(
        "profile-difference",
        Level.INFO,
        f"{roles}: profile {one.let_in_by} lets in {one.principal}, {keeps_out} does not ({one.rule})",
        config.node.place,
        path=config.path,
        value=one.principal,
        advice=f"this role is compiled with {config.extras.profile}",
        account=account.name,
        role=config.short,
    )
