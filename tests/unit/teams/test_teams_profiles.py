"""T-32: where the profiles mean different things, a principal shows it; where they do not, nothing is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from tests.unit.teams.test_trust_properties import (
    ALL,
    DEV,
    EVERYBODY,
    IDENTITY,
    PARTNER,
    USERS,
    WORLD,
    configs,
    kinds,
    ruling,
    trust_of,
)

from gatepass.policy import Kind, Permissions, Ruling, Target, can_assume, parse, role_session, user
from gatepass.teams.lint.profiles import Difference, differences
from gatepass.teams.model import Profile
from gatepass.teams.nodes import Mapping
from gatepass.teams.upstream.config import RoleConfig

BASE = RoleConfig("target", Mapping("x.yaml", 1, 1, {}), "roles.target")


def found(kind: str = "aws-team-roles", **declared: Any) -> list[tuple[str, str, Profile]]:
    account = IDENTITY if kind == "aws-teams" else DEV
    listed = differences(replace(BASE, **declared), kind, account, WORLD)
    return [(one.rule, one.principal.rpartition("/")[2], one.let_in_by) for one in listed]


def test_a_trusted_arn_under_a_denied_pattern_gets_in_only_in_compat() -> None:
    """H-1."""
    declared = {"trusted_role_arns": (USERS[2],), "denied_role_arns": (f"arn:aws:iam::{PARTNER}:*",)}
    assert found(**declared) == [("H-1", "john", Profile.CLOUDPOSSE)]
    assert found(trusted_role_arns=(USERS[2],), denied_role_arns=(USERS[3],)) == []


def test_a_set_whose_name_goes_on_gets_in_only_in_compat() -> None:
    """H-2: the pattern for ReadOnly also matches ReadOnly_Plus."""
    expected = [("H-2", "AWSReservedSSO_ReadOnly_Plus_0000000000000000", Profile.CLOUDPOSSE)]
    assert found(trusted_permission_sets=("ReadOnly",)) == expected
    assert found(trusted_permission_sets=("ReadOnly_Plus",)) == []
    denied = found(trusted_permission_sets=("ReadOnly_Plus",), denied_permission_sets=("ReadOnly",))
    assert denied == [("H-2", "AWSReservedSSO_ReadOnly_Plus_0000000000000000", Profile.HARDENED)]


def test_where_the_sets_are_not_known_one_that_might_exist_is_the_witness() -> None:
    """H-2."""
    listed = differences(
        replace(BASE, trusted_teams=("admin",)),
        "aws-teams",
        IDENTITY,
        replace(WORLD, instance_sets=frozenset()),
    )
    assert [(one.rule, one.principal.rpartition("/")[2]) for one in listed] == [
        ("H-2", "AWSReservedSSO_IdentityAdminTeamAccess_Other_0000000000000000")
    ]


def test_star_lets_teams_in_and_keeps_them_out_only_in_hardened() -> None:
    """H-3, T-25."""
    assert ("H-3", "eg-identity-admin", Profile.HARDENED) in found(trusted_teams=("*",))
    assert ("H-3", "eg-identity-admin", Profile.CLOUDPOSSE) in found(
        trusted_teams=("admin",), denied_teams=("*",)
    )


def test_sign_in_addresses_of_other_partitions_are_accepted_only_in_compat() -> None:
    """H-6."""
    listed = differences(replace(BASE, aws_saml_login_enabled=True), "aws-team-roles", DEV, WORLD)
    provider = DEV.arn("saml-provider/okta")
    assert listed == (
        Difference(
            "H-6", f"{provider} answering to https://signin.amazonaws-us-gov.com/saml", Profile.CLOUDPOSSE
        ),
        Difference(
            "H-6",
            f"{provider} answering to https://us-gov-east-1.signin.amazonaws-us-gov.com/saml",
            Profile.CLOUDPOSSE,
        ),
    )


@pytest.mark.parametrize("kind", ["aws-teams", "aws-team-roles"])
def test_a_plain_role_means_the_same_in_both(kind: str) -> None:
    assert found(kind, trusted_teams=("admin",), denied_teams=("viewer",)) == []


@settings(max_examples=40)
@given(configs, kinds)
def test_whoever_the_profiles_disagree_on_is_named_and_every_witness_is_true(
    config: RoleConfig, kind: str
) -> None:
    """T-32: nobody known is left out, and each witness does get in by one profile only."""
    config = replace(config, aws_saml_login_enabled=False)
    compat, hardened = (trust_of(config, kind, profile) for profile in Profile)
    listed = differences(config, kind, IDENTITY if kind == "aws-teams" else DEV, WORLD)
    for one in listed:
        caller = user(one.principal, mfa=True) if ":user/" in one.principal else role_session(one.principal)
        allowed = {}
        for profile, trust in ((Profile.CLOUDPOSSE, compat), (Profile.HARDENED, hardened)):
            target = Target("arn:aws:iam::777777777777:role/target", parse(trust, Kind.TRUST))
            allowed[profile] = can_assume(caller, target, Permissions((ALL,))).allowed
        assert allowed[one.let_in_by]
        assert sum(allowed.values()) == 1
    disagreed = [
        who for who in EVERYBODY
        if (ruling(compat, who) is Ruling.ALLOWED) is not (ruling(hardened, who) is Ruling.ALLOWED)
    ]  # fmt: skip
    assert bool(disagreed) <= bool(listed), [who.name for who in disagreed]
