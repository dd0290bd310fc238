"""The properties of spec/teams.md 7.4 on compiled trust policies: who is named decides, in both profiles.

The other reading is the declaration itself: whether a principal is named in a list is worked out here by names and
plain comparisons, not by patterns or policies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from gatepass.policy import (
    Ask,
    Caller,
    Kind,
    Permissions,
    Ruling,
    Target,
    can_assume,
    parse,
    role_session,
    user,
)
from gatepass.teams.compiling.compaction import Site, compact
from gatepass.teams.compiling.patterns import derived_set, has_wildcard
from gatepass.teams.compiling.trust import document, grounds
from gatepass.teams.compiling.world import World
from gatepass.teams.model import Account, Profile, Role
from gatepass.teams.nodes import Mapping
from gatepass.teams.upstream.config import Extras, RoleConfig

IDENTITY, DEV = Account("identity", "111111111111"), Account("dev", "333333333333")
PARTNER = "999999999999"
TEAMS = ("admin", "dev_ops", "viewer")
SETS = ("ReadOnly", "ReadOnly_Plus", "IdentityViewerTeamAccess")
USERS = tuple(
    f"arn:aws:iam::{number}:user/{name}" for number in (IDENTITY.id, PARTNER) for name in ("john", "jane")
)
ROLES = tuple(
    f"arn:aws:iam::{number}:role/{name}" for number in (DEV.id, PARTNER) for name in ("ci", "ci-worker")
)
PATTERNS = (f"arn:aws:iam::{PARTNER}:role/ci*", f"arn:aws:iam::{DEV.id}:role/*")
WORLD = World(
    accounts={account.name: account for account in (IDENTITY, DEV)},
    identity="identity",
    templates={account.name: account.arn(f"role/eg-{account.name}-%s") for account in (IDENTITY, DEV)},
    saml={"dev": (DEV.arn("saml-provider/okta"),)},
    instance_sets=frozenset({*SETS, *(f"Identity{name}TeamAccess" for name in ("Admin", "DevOps"))}),
    teams=frozenset(TEAMS),
)
ALL = parse(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, Kind.IDENTITY
)


@dataclass(frozen=True)
class Who:
    """A principal with the name by which lists of that kind would call it."""

    kind: Literal["team", "set", "arn"]
    name: str
    caller: Caller
    account: Account | None = None


def everybody() -> list[Who]:
    sets = [*SETS, *(derived_set(WORLD, team) for team in TEAMS)]
    found = [
        Who("team", name, role_session(IDENTITY.arn(f"role/eg-identity-{name}")), IDENTITY) for name in TEAMS
    ]
    for name in dict.fromkeys(sets):
        for account in (IDENTITY, DEV):
            for path in ("", "eu-west-1/"):
                arn = account.arn(
                    f"role/aws-reserved/sso.amazonaws.com/{path}AWSReservedSSO_{name}_0123456789abcdef"
                )
                found.append(Who("set", name, role_session(arn), account))
    found += [Who("arn", arn, user(arn)) for arn in USERS]
    return found + [Who("arn", arn, role_session(arn)) for arn in ROLES]


EVERYBODY = everybody()


def names(*choices: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(choices), max_size=2, unique=True).map(tuple)


configs = st.builds(
    RoleConfig,
    st.just("target"),
    st.just(Mapping("x.yaml", 1, 1, {})),
    st.just("roles.target"),
    trusted_teams=names(*TEAMS),
    denied_teams=names(*TEAMS),
    trusted_permission_sets=names(*SETS),
    denied_permission_sets=names(*SETS),
    trusted_role_arns=names(*USERS, *ROLES, *PATTERNS),
    denied_role_arns=names(*USERS, *ROLES, *PATTERNS),
    aws_saml_login_enabled=st.booleans(),
)
kinds = st.sampled_from(("aws-teams", "aws-team-roles"))


def named(who: Who, config: RoleConfig, verb: str, kind: str) -> bool:
    """Whether the declaration names the principal in one of its trusted or denied lists (T-2, T-3, T-23)."""
    teams = getattr(config, f"{verb}_teams")
    sets = getattr(config, f"{verb}_permission_sets")
    arns = getattr(config, f"{verb}_role_arns")
    if any(fnmatchcase(who.caller.arn, arn) for arn in arns):
        return True
    if who.kind == "team":
        return who.name in teams
    if who.kind == "set":
        own = IDENTITY if kind == "aws-teams" else DEV
        derived = who.account is IDENTITY and who.name in {derived_set(WORLD, team) for team in teams}
        return derived or (who.account is own and who.name in sets)
    return False


def trust_of(config: RoleConfig, kind: str, profile: Profile, world: World = WORLD) -> dict[str, Any]:
    config = replace(config, extras=replace(config.extras, profile=profile))
    account = IDENTITY if kind == "aws-teams" else DEV
    return document(grounds(config, kind, account, world), config)


def ruling(trust: dict[str, Any], who: Who, ask: Ask | None = None) -> Ruling:
    """Across accounts and with an own side that allows everything: what is left is the trust."""
    target = Target("arn:aws:iam::777777777777:role/target", parse(trust, Kind.TRUST))
    return can_assume(who.caller, target, Permissions((ALL,)), ask).ruling


@settings(max_examples=60)
@given(configs, kinds)
def test_hardened_who_is_denied_is_out_and_who_is_trusted_is_in_and_nobody_else(
    config: RoleConfig, kind: str
) -> None:
    """7.4 (1) to (4), I19, T-28, T-41, T-44: for every principal kind, with no exception."""
    trust = trust_of(config, kind, Profile.HARDENED)
    for who in EVERYBODY:
        is_user = who.caller.arn in USERS
        trusted = named(who, config, "trusted", kind) and (
            not is_user or who.caller.arn in config.trusted_role_arns
        )
        denied = named(who, config, "denied", kind)
        assert (ruling(trust, who) is Ruling.ALLOWED) == (trusted and not denied), who


@settings(max_examples=60)
@given(configs, kinds)
def test_compat_differs_only_where_the_lints_say(config: RoleConfig, kind: str) -> None:
    """7.4 (1) in compat: the only counter-examples are H-1 (trusted ARN under a denied pattern) and H-2 (`Foo_*`)."""
    trust = trust_of(config, kind, Profile.CLOUDPOSSE)
    for who in EVERYBODY:
        if who.name in ("ReadOnly", "ReadOnly_Plus"):
            continue  # H-2: `ReadOnly_*` names both
        is_user = who.caller.arn in USERS
        arn = who.caller.arn
        exempt = arn in config.trusted_role_arns and arn not in config.denied_role_arns
        exempt = exempt or any(
            has_wildcard(one) and fnmatchcase(arn, one) and one not in config.denied_role_arns
            for one in config.trusted_role_arns
        )
        trusted = named(who, config, "trusted", kind)
        denied = named(who, config, "denied", kind) or is_user
        assert (ruling(trust, who) is Ruling.ALLOWED) == (trusted and (not denied or exempt)), who


@settings(max_examples=30)
@given(configs, kinds, st.permutations(["C-1", "C-2", "C-3", "C-4", "C-5", "C-6"]), st.integers(1, 6))
def test_compaction_changes_no_decision(config: RoleConfig, kind: str, order: list[str], count: int) -> None:
    """7.4 (5), section 8: C-1 to C-6 keep every decision, also of calls with tags."""
    config = replace(config, extras=Extras(profile=Profile.HARDENED))
    trust = trust_of(config, kind, Profile.HARDENED)
    account = IDENTITY if kind == "aws-teams" else DEV
    role = Role(account, "target", trust, kind="team" if kind == "aws-teams" else "team-role")
    smaller = dict(compact(trust, order[:count], 1, role, Site(config, kind, account, WORLD)).trust)
    assert len(json.dumps(smaller)) <= len(json.dumps(trust))
    for who in EVERYBODY:
        for ask in (Ask(), Ask(tags={"team": "red"}, source_identity="john")):
            assert ruling(smaller, who, ask) is ruling(trust, who, ask) or {
                ruling(smaller, who, ask), ruling(trust, who, ask)
            } == {Ruling.DENIED, Ruling.NOT_ALLOWED}, (who, order[:count])  # fmt: skip


def test_star_lets_in_and_keeps_out_teams_in_hardened_only() -> None:
    """T-25, H-3."""
    node = Mapping("x.yaml", 1, 1, {})
    admin = next(who for who in EVERYBODY if who.kind == "team" and who.name == "admin")
    trusting = RoleConfig("target", node, "roles.target", trusted_teams=("*",))
    denying = RoleConfig("target", node, "roles.target", trusted_teams=("admin",), denied_teams=("*",))
    for profile, let_in, kept_out in ((Profile.CLOUDPOSSE, False, False), (Profile.HARDENED, True, True)):
        allowed = ruling(trust_of(trusting, "aws-team-roles", profile), admin) is Ruling.ALLOWED
        denied = ruling(trust_of(denying, "aws-team-roles", profile), admin) is Ruling.DENIED
        assert (allowed, denied) == (let_in, kept_out)
