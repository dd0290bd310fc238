"""Where the two trust profiles mean something else for a given estate, with a witness for each (T-32)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gatepass.policy import same
from gatepass.teams.config import RoleConfig
from gatepass.teams.meaning import lets_in, witness_of
from gatepass.teams.model import Account, Component, Document, Finding, Level, Profile
from gatepass.teams.patterns import RESERVED, UnknownAccount, has_wildcard, set_patterns
from gatepass.teams.trust import document, grounds, role_map
from gatepass.teams.world import World

OTHER = "Other"
"""Stands for a set whose name goes on after a trusted one's (H-2)."""
SUFFIX = "0" * 16


@dataclass(frozen=True, slots=True)
class Difference:
    """One principal that one profile lets in and the other does not."""

    witness: str
    compat: bool
    hardened: bool


def differences(config: RoleConfig, kind: str, account: Account, world: World) -> list[Difference]:
    """The principals for whom the two profiles decide differently; sorted."""
    compat = _document(config, kind, account, world, Profile.CLOUDPOSSE)
    hardened = _document(config, kind, account, world, Profile.HARDENED)
    if same(compat, hardened):
        return []
    found = []
    for witness in sorted(set(_witnesses(config, kind, account, world))):
        before, after = lets_in(compat, witness), lets_in(hardened, witness)
        if before != after:
            found.append(Difference(witness, before, after))
    return found


def _document(config: RoleConfig, kind: str, account: Account, world: World, profile: Profile) -> Document:
    changed = replace(config, extras=replace(config.extras, profile=profile))
    return document(grounds(changed, kind, account, world), changed, world.organization_id)


def _witnesses(config: RoleConfig, kind: str, account: Account, world: World) -> Iterator[str]:
    """Everybody the rules of 4.4 are about: concrete ARNs, what trusted patterns could match, longer set names, roles
    behind a star, users behind a wildcard."""
    for arn in config.trusted_role_arns:
        yield arn.replace("*", "x").replace("?", "x") if has_wildcard(arn) else arn
    sets_account = world.identity if kind == "aws-teams" else account.name
    for verb in ("trusted", "denied"):
        sets = {sets_account: getattr(config, f"{verb}_permission_sets")}
        for pattern in set_patterns(world, getattr(config, f"{verb}_teams"), sets):
            witness = witness_of(pattern)
            if witness is not None:
                yield witness
                yield witness.replace(f"_{SUFFIX}", f"_{OTHER}_{SUFFIX}")
    for arn in config.denied_role_arns:
        yield arn.replace("*", "x").replace("?", "x")
    for name, roles in {
        **role_map(config, world),
        world.identity: (*config.trusted_teams, *config.denied_teams),
    }.items():
        if "*" in roles:
            yield world.accounts[name].arn("role/any-role")
            yield world.accounts[name].arn(f"role/{RESERVED.replace('*', '')}Any_{SUFFIX}")


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
            let_in, kept_out = ("cloudposse", "hardened") if one.compat else ("hardened", "cloudposse")
            yield Finding(
                "profile-difference",
                Level.INFO,
                f"{role.short}: profile {let_in} lets in {one.witness}, profile {kept_out} does not",
                config.node.place,
                path=config.path,
                value=one.witness,
                advice=f"this role is compiled with {config.extras.profile}",
                account=account.name,
                role=role.short,
            )
