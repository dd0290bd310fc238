"""Properties of compiled trust over generated declarations (7.4), against an independent reading of the declaration.

The reading below knows nothing of policies: it decides from the lists themselves, as a person would, with its own
matching. What the compiled policy allows is decided by `gatepass.policy`.
"""

from __future__ import annotations

import fnmatch
import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gatepass.teams.compiling.component import Source, compile_component
from gatepass.teams.compiling.trust import document, grounds
from gatepass.teams.compiling.world import World
from gatepass.teams.model import Account, Document, Profile
from gatepass.teams.nodes import Mapping, parse_yaml
from gatepass.teams.planning.meaning import lets_in
from gatepass.teams.upstream.config import ConfigReader, Extras, RoleConfig
from gatepass.teams.upstream.naming import LabelInputs

IDENTITY, DEV, PARTNER = "111111111111", "333333333333", "999999999999"
WORLD = World(
    accounts={"identity": Account("identity", IDENTITY), "dev": Account("dev", DEV)},
    identity="identity",
    templates={
        "identity": f"arn:aws:iam::{IDENTITY}:role/t-%s",
        "dev": f"arn:aws:iam::{DEV}:role/d-%s",
    },
    estate_ids=frozenset({IDENTITY, DEV}),
    saml={"dev": (f"arn:aws:iam::{DEV}:saml-provider/okta",)},
)
ACCOUNT = WORLD.accounts["dev"]
TEAMS = ("a", "b", "dev_ops", "dev-ops")
SETS = ("ReadOnly", "Power", "Power_More")
ARNS = (
    f"arn:aws:iam::{PARTNER}:role/partner",
    f"arn:aws:iam::{PARTNER}:user/super",
    f"arn:aws:iam::{PARTNER}:role/*",
    f"arn:aws:iam::{PARTNER}:user/*",
    f"arn:aws:iam::{IDENTITY}:role/t-a",
)


def _sso(account: str, name: str, region: str = "") -> str:
    return f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/{region}AWSReservedSSO_{name}_0123456789abcdef"


UNIVERSE = (
    *(f"arn:aws:iam::{IDENTITY}:role/t-{team}" for team in (*TEAMS, "c")),
    *(
        _sso(IDENTITY, f"Identity{name}TeamAccess", region)
        for name in ("A", "B", "DevOps")
        for region in ("", "eu-west-1/")
    ),
    *(_sso(DEV, name) for name in (*SETS, "Other")),
    _sso(IDENTITY, "ReadOnly"),
    f"arn:aws:iam::{PARTNER}:role/partner",
    f"arn:aws:iam::{PARTNER}:role/other",
    f"arn:aws:iam::{PARTNER}:user/super",
    f"arn:aws:iam::{PARTNER}:user/other",
    f"arn:aws:iam::{IDENTITY}:user/ana",
    f"arn:aws:iam::{DEV}:role/d-x",
)

some = st.lists(st.sampled_from(TEAMS), unique=True, max_size=3).map(tuple)
sets = st.lists(st.sampled_from(SETS), unique=True, max_size=2).map(tuple)
arns = st.lists(st.sampled_from(ARNS), unique=True, max_size=2).map(tuple)
configs = st.builds(
    RoleConfig,
    short=st.just("x"),
    node=st.just(Mapping("f", 1, 1, {})),
    path=st.just("roles.x"),
    trusted_teams=some,
    denied_teams=some,
    trusted_permission_sets=sets,
    denied_permission_sets=sets,
    trusted_role_arns=arns,
    denied_role_arns=arns,
)


def _trust(config: RoleConfig, profile: Profile) -> Document:
    config = replace(config, extras=Extras(profile=profile))
    return document(grounds(config, "aws-team-roles", ACCOUNT, WORLD), config)


def _is(principal: str, pattern: str) -> bool:
    """Part by part, case-sensitive; `fnmatch` has `[` besides, which no ARN here has."""
    return all(map(fnmatch.fnmatchcase, principal.split(":", 5), pattern.split(":", 5)))


def _is_team(principal: str, team: str) -> bool:
    derived = "".join(word[:1].upper() + word[1:] for word in team.replace("_", "-").split("-"))
    own = principal == f"arn:aws:iam::{IDENTITY}:role/t-{team}"
    return own or (
        f":{IDENTITY}:" in principal and f"AWSReservedSSO_Identity{derived}TeamAccess_" in principal
    )


def _is_set(principal: str, name: str, profile: Profile) -> bool:
    if f":{DEV}:role/aws-reserved/" not in principal:
        return False
    rest = principal.partition("AWSReservedSSO_")[2]
    return rest.startswith(f"{name}_") if profile is Profile.CLOUDPOSSE else rest.rpartition("_")[0] == name


def _named(principal: str, config: RoleConfig, verb: str, profile: Profile) -> bool:
    return (
        any(_is_team(principal, team) for team in getattr(config, f"{verb}_teams"))
        or any(_is_set(principal, name, profile) for name in getattr(config, f"{verb}_permission_sets"))
        or any(_is(principal, arn) for arn in getattr(config, f"{verb}_role_arns"))
    )


def _should(principal: str, config: RoleConfig, profile: Profile) -> bool:
    trusted, denied = (_named(principal, config, verb, profile) for verb in ("trusted", "denied"))
    user = ":user/" in principal
    if profile is Profile.HARDENED:
        return trusted and not denied and (not user or principal in config.trusted_role_arns)
    written = {
        *config.denied_role_arns,
        *(f"arn:aws:iam::{IDENTITY}:role/t-{team}" for team in config.denied_teams),
    }
    exempt = any(_is(principal, arn) for arn in set(config.trusted_role_arns) - written)
    return trusted and (exempt or not (denied or user))


@given(configs)
@settings(max_examples=120)
def test_the_compiled_trust_allows_whom_the_declaration_says_in_both_profiles(config: RoleConfig) -> None:
    """7.4.1 to 7.4.4: denied is not allowed, trusted and not denied is, unnamed is not, users only by exact ARN."""
    for profile in Profile:
        trust = _trust(config, profile)
        for principal in UNIVERSE:
            assert lets_in(trust, principal) == _should(principal, config, profile), (profile, principal)


@given(
    st.permutations(["trusted_teams", "denied_teams", "trusted_permission_sets", "denied_permission_sets"]),
    configs,
)
@settings(max_examples=40)
def test_the_order_of_keys_never_matters_and_compiling_twice_is_byte_equal(
    order: list[str], config: RoleConfig
) -> None:
    """7.4.7 and 7.4.8."""
    said = {
        "enabled": True,
        "role_policy_arns": [],
        "role_description": "x",
        "max_session_duration": 3600,
        "aws_saml_login_enabled": True,
        "trusted_role_arns": list(config.trusted_role_arns),
        "denied_role_arns": list(config.denied_role_arns),
        **{name: list(getattr(config, name)) for name in order},
    }
    written = [
        json.dumps({"roles": {"x": dict(items)}})
        for items in (said.items(), reversed(said.items()), said.items())
    ]
    compiled = [_compiled(text) for text in written]
    assert compiled[0] == compiled[1] == compiled[2]


def _compiled(text: str) -> str:
    node = parse_yaml(text, "f", [])
    assert isinstance(node, Mapping)
    inputs = LabelInputs(namespace="d", stage="dev", label_order=("namespace",))
    component, _, _ = compile_component(
        Source("roles", "aws-team-roles", node, inputs), WORLD, ConfigReader()
    )
    return json.dumps([[role.name, role.trust, list(role.policies)] for role in component.roles])
