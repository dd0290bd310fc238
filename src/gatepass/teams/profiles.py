"""Where the two trust profiles mean different things for an estate, each with a principal that shows it (T-32, A7).

Who gets in is asked of the policies that both profiles would write. Roles that no rule of H-1 to H-6 can touch are
known by their declaration, so that a large estate is linted in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from gatepass.policy import Kind, Request, Ruling, evaluate, examine, provider
from gatepass.teams.config import RoleConfig
from gatepass.teams.meaning import meaning, witness_of
from gatepass.teams.model import Account, Component, Finding, Level, Profile
from gatepass.teams.patterns import STAR, UnknownAccount, derived_set, has_wildcard, is_arn, role_arn
from gatepass.teams.trust import SAML_AUDIENCES, document, grounds
from gatepass.teams.world import World

_SAML = "sts:AssumeRoleWithSAML"
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
    compat, hardened = (_written(config, kind, account, world, profile) for profile in Profile)
    found = meaning(compat, hardened, _candidates(config, account, world))
    listed = [(principal, Profile.HARDENED) for principal in found.gains if " " not in principal]
    listed += [(principal, Profile.CLOUDPOSSE) for principal in found.loses if " " not in principal]
    result = [
        Difference(_rule(principal, config, rules), principal, profile) for principal, profile in listed
    ]
    if "H-6" in rules:
        result += _audiences(compat, hardened, world.saml.get(account.name, ()))
    return tuple(sorted(result, key=lambda one: (one.rule, one.principal)))


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


def _candidates(config: RoleConfig, account: Account, world: World) -> set[str]:
    """Teams, sets of the instance in both accounts, and one witness for each wildcard that is trusted. Where the sets
    of the instance are not known, one might be called as a named one is with something after it."""
    found = {
        role_arn(world, world.identity, team) for team in world.teams or () if team not in world.foreign_teams
    }
    places = (account, world.accounts[world.identity])
    patterns = [
        place.arn(f"role/aws-reserved/sso.amazonaws.com*/AWSReservedSSO_{name}_*")
        for place in places
        for name in world.instance_sets or {f"{name}_Other" for name in _sets_named(config, world)}
    ]
    found |= {witness for pattern in patterns if (witness := witness_of(pattern))}
    return found | {arn.replace("*", "any").replace("?", "x") for arn in config.trusted_role_arns}


def _rule(principal: str, config: RoleConfig, rules: tuple[str, ...]) -> str:
    if "H-2" in rules and "AWSReservedSSO_" in principal:
        return "H-2"
    if "H-1" in rules and any(_like(arn, principal) for arn in config.trusted_role_arns):
        return "H-1"
    return "H-3"


def _like(arn: str, principal: str) -> bool:
    return principal in (arn, arn.replace("*", "any").replace("?", "x"))


def _audiences(
    compat: dict[str, Any], hardened: dict[str, Any], providers: Iterable[str]
) -> Iterator[Difference]:
    """H-6: the sign-in addresses that only one profile accepts."""
    policies = [examine(trust, Kind.TRUST)[0] for trust in (compat, hardened)]
    for name in providers:
        for audience in sorted({audience for listed in SAML_AUDIENCES.values() for audience in listed}):
            said = audience.replace("*", "any")
            request = Request(provider(name), _SAML, _ANY_ROLE, {"SAML:aud": said})
            first, second = (
                policy is not None and evaluate(policy, request).ruling is Ruling.ALLOWED
                for policy in policies
            )
            if first is not second:
                profile = Profile.CLOUDPOSSE if first else Profile.HARDENED
                yield Difference("H-6", f"{name} answering to {said}", profile)


def profile_findings(component: Component, configs: dict[str, RoleConfig], world: World) -> Iterator[Finding]:
    """The differences as lints, role by role."""
    account = component.account
    if account is None or component.kind == "native":
        return
    for role in component.roles:
        config = configs[role.short]
        try:
            found = differences(config, component.kind, account, world)
        except UnknownAccount:
            continue  # a fault that is told already
        for one in found:
            keeps_out = next(profile for profile in Profile if profile is not one.let_in_by)
            yield Finding(
                "profile-difference",
                Level.INFO,
                f"{role.short}: profile {one.let_in_by} lets in {one.principal}, {keeps_out} does not ({one.rule})",
                config.node.place,
                path=config.path,
                value=one.principal,
                advice=f"this role is compiled with {config.extras.profile}",
                account=account.name,
                role=role.short,
            )
