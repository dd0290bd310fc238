"""Who may assume which role: tables against the facts of spec/teams.md 6, 7 and 9.6."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.policy.documents import (
    ADMIN,
    AUTO,
    DEV,
    FOREIGN,
    GITHUB,
    IDENTITY,
    SAML_PROVIDER,
    SPACELIFT,
    WORKER_POOL,
    account,
    allow_on,
    role,
    set_role,
    statement,
    team,
)

from gatepass.policy import (
    Ask,
    Assumption,
    Caller,
    Form,
    Kind,
    Permissions,
    Ruling,
    Target,
    can_assume,
    longest,
    parse,
    provider,
    role_session,
    root,
    service,
    size,
    user,
)

ANY = Permissions(identity=(allow_on(),))
NONE = Permissions()
JOHN = user(f"arn:aws:iam::{IDENTITY}:user/john.doe")
DEV_USER = user(f"arn:aws:iam::{DEV}:user/dana")
SIGN_IN = "https://signin.aws.amazon.com/saml"
HOUR = timedelta(hours=1)


def ruling(caller: Caller, target: Target, permissions: Permissions = ANY, ask: Ask | None = None) -> Ruling:
    return can_assume(caller, target, permissions, ask).ruling


def seed(body: dict[str, Any], name: str) -> Target:
    return Target(team(name), parse(body, Kind.TRUST, name=name), max_session=timedelta(hours=12))


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (role_session(team("admin")), Ruling.ALLOWED),
        (role_session(set_role("Admin")), Ruling.ALLOWED),
        (role_session(set_role("Admin", "eu-west-1")), Ruling.ALLOWED),
        (role_session(WORKER_POOL), Ruling.ALLOWED),
        (role_session(team("viewer")), Ruling.DENIED),
        (role_session(set_role("Viewer")), Ruling.DENIED),
        (JOHN, Ruling.DENIED),
        (role_session(team("planner")), Ruling.NOT_ALLOWED),
        (role_session(f"arn:aws:iam::{FOREIGN}:role/eg-core-gbl-identity-admin"), Ruling.NOT_ALLOWED),
        (user(f"arn:aws:iam::{FOREIGN}:user/eve"), Ruling.NOT_ALLOWED),
    ],
)
def test_worked_example_spacelift_lets_in_whom_the_seed_says(caller: Caller, expected: Ruling) -> None:
    """T 6.1, T-22, T-28, T-41, T-44."""
    assert ruling(caller, seed(SPACELIFT, "spacelift")) is expected


def test_worked_examples_have_the_measured_sizes() -> None:
    """T-54: 1312 and 1303 characters (T 6.1); provider-written order of keys does not change a size."""
    scalar = SPACELIFT | {"Statement": [*SPACELIFT["Statement"]]}
    assert (size(ADMIN), size(scalar)) == (1312, 1303)


def test_a_root_user_cannot_assume_roles_even_where_its_account_is_trusted() -> None:
    """T 7.1."""
    answer = can_assume(root(DEV), role(statement("Allow", {"AWS": account(DEV)})), ANY)
    assert (answer.ruling, answer.problems) == (Ruling.NOT_ALLOWED, ("a root user cannot assume roles",))


@pytest.mark.parametrize(
    ("caller", "principal", "permissions", "expected"),
    [
        (JOHN, account(IDENTITY), ANY, Ruling.ALLOWED),
        (JOHN, IDENTITY, ANY, Ruling.ALLOWED),
        (JOHN, JOHN.arn, ANY, Ruling.ALLOWED),
        (JOHN, account(IDENTITY), NONE, Ruling.NOT_ALLOWED),
        (JOHN, JOHN.arn, NONE, Ruling.NOT_ALLOWED),
        (JOHN, account(FOREIGN), ANY, Ruling.NOT_ALLOWED),
        (JOHN, f"{JOHN.arn}.extra", ANY, Ruling.NOT_ALLOWED),
        (JOHN, "*", NONE, Ruling.NOT_ALLOWED),
        (DEV_USER, account(DEV), ANY, Ruling.ALLOWED),
        (DEV_USER, account(DEV), NONE, Ruling.NOT_ALLOWED),
        (DEV_USER, DEV_USER.arn, NONE, Ruling.ALLOWED),
        (DEV_USER, "*", NONE, Ruling.ALLOWED),
        (role_session(f"arn:aws:iam::{DEV}:role/ops"), f"arn:aws:iam::{DEV}:role/ops", NONE, Ruling.ALLOWED),
    ],
)
def test_both_sides_are_needed_across_accounts_and_inside_when_only_the_account_is_named(
    caller: Caller, principal: str, permissions: Permissions, expected: Ruling
) -> None:
    """T-44, T-45, T-64 (seed 003: either side missing is no access)."""
    assert ruling(caller, role(statement("Allow", {"AWS": principal})), permissions) is expected


def test_an_identity_policy_must_name_this_role() -> None:
    """T-45: on the role's ARN, not on some role's."""
    target = role(statement("Allow", {"AWS": account(IDENTITY)}))
    assert ruling(JOHN, target, Permissions(identity=(allow_on(target.arn),))) is Ruling.ALLOWED
    assert ruling(JOHN, target, Permissions(identity=(allow_on(target.arn + "2"),))) is Ruling.NOT_ALLOWED


@pytest.mark.parametrize("layer", ["boundary", "session", "controls"])
def test_every_filter_on_the_callers_side_can_block(layer: str) -> None:
    """T-45: boundary, session policy and SCP block by denying and by not allowing."""
    target = role(statement("Allow", {"AWS": account(IDENTITY)}))

    def permissions(policy: Any) -> Permissions:
        value = {"boundary": policy, "session": (policy,), "controls": ((policy,),)}[layer]
        return Permissions(identity=(allow_on(),), **{layer: value})

    assert ruling(JOHN, target, permissions(allow_on())) is Ruling.ALLOWED
    assert ruling(JOHN, target, permissions(allow_on(action="s3:*"))) is Ruling.NOT_ALLOWED
    assert ruling(JOHN, target, permissions(allow_on(effect="Deny"))) is Ruling.DENIED


def test_every_level_of_control_policies_must_allow() -> None:
    target = role(statement("Allow", {"AWS": account(IDENTITY)}))
    levels = ((allow_on(action="*"),), (allow_on(action="s3:*"),))
    assert ruling(JOHN, target, Permissions((allow_on(),), controls=levels)) is Ruling.NOT_ALLOWED
    assert ruling(JOHN, target, Permissions((allow_on(),), controls=levels[:1])) is Ruling.ALLOWED


def test_a_resource_control_policy_of_the_roles_account_blocks() -> None:
    """T-45."""
    blocked = role(
        statement("Allow", {"AWS": account(IDENTITY)}), resource_controls=((allow_on(effect="Deny"),),)
    )
    assert ruling(JOHN, blocked) is Ruling.DENIED


def test_external_id_must_be_sent_and_equal() -> None:
    """T-67."""
    target = role(
        statement("Allow", {"AWS": account(IDENTITY)}, {"StringEquals": {"sts:ExternalId": "gp-7"}})
    )
    assert ruling(JOHN, target, ask=Ask(external_id="gp-7")) is Ruling.ALLOWED
    assert ruling(JOHN, target, ask=Ask(external_id="gp-8")) is Ruling.NOT_ALLOWED
    assert ruling(JOHN, target) is Ruling.NOT_ALLOWED


def test_tags_and_source_identity_need_their_own_actions_on_both_sides() -> None:
    """T-45, last sentence."""
    full = role(statement("Allow", {"AWS": account(IDENTITY)}))
    bare = role(statement("Allow", {"AWS": account(IDENTITY)}, action="sts:AssumeRole"))
    only_assume = Permissions(identity=(allow_on(action="sts:AssumeRole"),))
    for ask in (Ask(tags={"team": "x"}), Ask(source_identity="john")):
        assert ruling(JOHN, full, ANY, ask) is Ruling.ALLOWED
        assert ruling(JOHN, bare, ANY, ask) is Ruling.NOT_ALLOWED
        assert ruling(JOHN, full, only_assume, ask) is Ruling.NOT_ALLOWED
    assert ruling(JOHN, bare, only_assume) is Ruling.ALLOWED


def test_source_identity_goes_on_and_cannot_change() -> None:
    """T-53."""
    target = role(statement("Allow", {"AWS": "*"}))
    first = can_assume(JOHN, target, ANY, Ask(source_identity="john"))
    assert first.session is not None
    again = can_assume(first.session, target, ANY)
    assert again.session is not None
    assert again.session.source_identity == "john"
    assert can_assume(first.session, target, ANY, Ask(source_identity="john")).allowed
    assert (
        "cannot be changed" in can_assume(first.session, target, ANY, Ask(source_identity="eve")).problems[0]
    )
    bare = role(statement("Allow", {"AWS": "*"}, action="sts:AssumeRole"))
    assert not can_assume(first.session, bare, ANY).allowed


def test_transitive_tags_go_on_and_others_do_not() -> None:
    """T-53."""
    target = role(statement("Allow", {"AWS": "*"}))
    first = can_assume(JOHN, target, ANY, Ask(tags={"who": "john", "job": "x"}, transitive=("who",))).session
    assert first is not None
    assert dict(first.tags) == {"who": "john", "job": "x"}
    second = can_assume(first, target, ANY).session
    assert second is not None
    assert dict(second.tags) == {"who": "john"}
    assert second.chain == (JOHN.arn, target.arn)
    assert can_assume(first, target, ANY, Ask(tags={"WHO": "eve"})).problems
    bare = role(statement("Allow", {"AWS": "*"}, action="sts:AssumeRole"))
    assert can_assume(JOHN, bare, ANY).allowed
    assert not can_assume(first, bare, ANY).allowed


def test_session_tags_stand_over_the_roles_and_transitive_ones_over_both() -> None:
    target = role(statement("Allow", {"AWS": "*"}), tags={"job": "role", "site": "role", "who": "role"})
    caller = role_session(team("admin"), tags={"who": "jane", "site": "x"}, transitive=("who",))
    session = can_assume(caller, target, ANY, Ask(tags={"job": "asked"})).session
    assert session is not None
    assert dict(session.tags) == {"job": "asked", "site": "role", "who": "jane"}


def test_a_provider_is_not_a_principal_of_its_account() -> None:
    """T-30: trust in the account lets nobody in by SAML."""
    action = ["sts:AssumeRoleWithSAML"]
    target = role(statement("Allow", {"AWS": account(IDENTITY)}, action=action))
    assert not federated(provider(SAML_PROVIDER), target, Form.SAML, **{"SAML:aud": SIGN_IN}).allowed
    anyone = role(statement("Allow", "*", action=action))
    assert federated(provider(SAML_PROVIDER), anyone, Form.SAML).allowed


def test_mfa_counts_for_the_call_that_passed_it_and_for_no_later_hop() -> None:
    """T 7.1, T-61: `Bool` fails where the key is absent."""
    needs = role(statement("Allow", {"AWS": "*"}, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    assert ruling(JOHN, needs) is Ruling.NOT_ALLOWED
    assert ruling(user(JOHN.arn, mfa=False), needs) is Ruling.NOT_ALLOWED
    assert ruling(user(JOHN.arn, mfa=True), needs) is Ruling.ALLOWED
    passed = can_assume(JOHN, needs, ANY, Ask(mfa=True))
    assert passed.session is not None
    hop = can_assume(passed.session, needs, ANY)
    assert hop.session is not None
    assert ruling(hop.session, needs) is Ruling.NOT_ALLOWED


def federated(caller: Caller, target: Target, form: Form, **context: Any) -> Assumption:
    return can_assume(caller, target, NONE, Ask(context=context), form=form)


def test_saml_needs_provider_and_audience() -> None:
    """T-30."""
    admin = seed(ADMIN, "admin")
    okta = provider(SAML_PROVIDER)
    assert federated(okta, admin, Form.SAML, **{"SAML:aud": SIGN_IN}).allowed
    regional = "https://eu-west-1.signin.aws.amazon.com/saml"
    assert federated(okta, admin, Form.SAML, **{"SAML:aud": regional}).allowed
    assert not federated(okta, admin, Form.SAML, **{"SAML:aud": "https://evil.example/saml"}).allowed
    assert not federated(okta, admin, Form.SAML).allowed
    assert not federated(provider(SAML_PROVIDER + "2"), admin, Form.SAML, **{"SAML:aud": SIGN_IN}).allowed
    assert not federated(okta, seed(SPACELIFT, "spacelift"), Form.SAML, **{"SAML:aud": SIGN_IN}).allowed
    assert federated(JOHN, admin, Form.SAML).problems
    assert federated(okta, admin, Form.ROLE).problems


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("repo:acme/infra:ref:refs/heads/main", True),
        ("repo:acme/infra:ref:refs/heads/mainly", False),
        ("repo:acme/infra:pull_request", False),
        ("repo:acme/web:environment:prod", True),
        ("repo:evil/web:environment:prod", False),
    ],
)
def test_web_identity_matches_subject_and_audience(subject: str, allowed: bool) -> None:
    """T-31."""
    host = "token.actions.githubusercontent.com"
    wanted = ["repo:acme/infra:ref:refs/heads/main", "repo:acme/web:*"]
    condition = {"StringEquals": {f"{host}:aud": "sts.amazonaws.com"}, "StringLike": {f"{host}:sub": wanted}}
    target = role(statement("Allow", {"Federated": GITHUB}, condition, "sts:AssumeRoleWithWebIdentity"))
    context = {f"{host}:sub": subject, f"{host}:aud": "sts.amazonaws.com"}
    assert federated(provider(GITHUB), target, Form.WEB_IDENTITY, **context).allowed is allowed
    other = context | {f"{host}:aud": "else"}
    assert not federated(provider(GITHUB), target, Form.WEB_IDENTITY, **other).allowed


def test_a_service_is_let_in_by_its_own_name_only() -> None:
    target = role(statement("Allow", {"Service": "ec2.amazonaws.com"}, action="sts:AssumeRole"))
    assert ruling(service("ec2.amazonaws.com"), target, NONE) is Ruling.ALLOWED
    assert ruling(service("lambda.amazonaws.com"), target, NONE) is Ruling.NOT_ALLOWED
    assert ruling(JOHN, target) is Ruling.NOT_ALLOWED


def test_session_length_of_first_hops_and_chains() -> None:
    """T-50, T-51, T-95."""
    target = role(statement("Allow", {"AWS": "*"}), max_session=timedelta(hours=8))
    chained = role_session(team("admin"))

    def lasts(caller: Caller, length: timedelta | None) -> timedelta | None:
        return can_assume(caller, target, ANY, Ask(lasts=length)).lasts

    assert lasts(JOHN, None) == HOUR
    assert lasts(JOHN, 8 * HOUR) == 8 * HOUR
    assert lasts(JOHN, 8 * HOUR + timedelta(seconds=1)) is None
    assert lasts(JOHN, timedelta(seconds=900)) == timedelta(seconds=900)
    assert lasts(JOHN, timedelta(seconds=899)) is None
    assert lasts(chained, HOUR) == HOUR
    assert lasts(chained, HOUR + timedelta(seconds=1)) is None
    assert lasts(role_session(set_role("Admin")), 2 * HOUR) is None
    assert longest(chained, 8 * HOUR) == HOUR
    assert longest(JOHN, 8 * HOUR) == 8 * HOUR


def test_self_trust_must_be_explicit() -> None:
    """T-47."""
    admin = seed(ADMIN, "admin")
    assert ruling(role_session(admin.arn), admin) is Ruling.ALLOWED
    spacelift = seed(SPACELIFT, "spacelift")
    assert ruling(role_session(spacelift.arn), spacelift) is Ruling.NOT_ALLOWED


def test_a_session_arn_names_exactly_that_session() -> None:
    """T-44; inside the account it lifts every implicit deny."""
    ops = f"arn:aws:iam::{DEV}:role/path/ops"
    target = role(statement("Allow", {"AWS": f"arn:aws:sts::{DEV}:assumed-role/ops/john"}))
    limits = Permissions(session=(allow_on(action="s3:*"),), boundary=allow_on(action="s3:*"))
    assert ruling(role_session(ops, "john"), target, limits) is Ruling.ALLOWED
    assert ruling(role_session(ops, "jane"), target) is Ruling.NOT_ALLOWED


def test_a_role_arn_named_inside_the_account_is_still_limited_by_boundary_and_session() -> None:
    ops = role_session(f"arn:aws:iam::{DEV}:role/ops")
    target = role(statement("Allow", {"AWS": ops.arn}))
    assert ruling(ops, target, NONE) is Ruling.ALLOWED
    assert ruling(ops, target, Permissions(boundary=allow_on(action="s3:*"))) is Ruling.NOT_ALLOWED
    assert ruling(ops, target, Permissions(session=(allow_on(action="s3:*"),))) is Ruling.NOT_ALLOWED
    named = role(statement("Allow", {"AWS": DEV_USER.arn}))
    assert ruling(DEV_USER, named, Permissions(boundary=allow_on(action="s3:*"))) is Ruling.ALLOWED


def test_a_deleted_and_recreated_principal_does_not_match_its_old_unique_id() -> None:
    """T 13: the document keeps the id; the new role of the same name has another."""
    target = role(statement("Allow", {"AWS": "AROAEXAMPLE000000OLD"}))
    ops = f"arn:aws:iam::{DEV}:role/ops"
    assert ruling(role_session(ops, unique_id="AROAEXAMPLE000000OLD"), target) is Ruling.ALLOWED
    assert ruling(role_session(ops, unique_id="AROAEXAMPLE000000NEW"), target) is Ruling.NOT_ALLOWED
    assert ruling(role_session(ops), target) is Ruling.NOT_ALLOWED


def test_not_principal_spares_only_who_is_listed_with_account_role_and_session() -> None:
    """AWS, "NotPrincipal": without the account and the role in the list the deny covers them too."""
    ops = f"arn:aws:iam::{AUTO}:role/ops"
    session = f"arn:aws:sts::{AUTO}:assumed-role/ops/john"

    def denied(*listed: str) -> bool:
        deny = {"Effect": "Deny", "NotPrincipal": {"AWS": list(listed)}, "Action": "sts:AssumeRole"}
        target = role(statement("Allow", {"AWS": "*"}), deny)
        return ruling(role_session(ops, "john"), target) is Ruling.DENIED

    assert denied(account(FOREIGN))
    assert denied(ops)
    assert denied(account(AUTO), ops)
    assert not denied(account(AUTO), ops, session)


def test_what_is_wrong_with_the_call_is_said_all_at_once() -> None:
    ask = Ask(
        session_name="x", external_id="!", source_identity="é", lasts=timedelta(seconds=1), transitive=("t",)
    )
    answer = can_assume(JOHN, role(statement("Allow", {"AWS": "*"})), ANY, ask)
    assert len(answer.problems) == 5
    assert answer.session is None


def test_an_answer_explains_itself() -> None:
    """T-64: `explain` names the missing side."""
    target = role(statement("Allow", {"AWS": account(IDENTITY)}, sid="Gateway"))
    missing = can_assume(JOHN, target, NONE)
    assert any("identity: no statement allows anything" in line for line in missing.lines)
    other = can_assume(user(f"arn:aws:iam::{FOREIGN}:user/eve"), target, ANY)
    assert any("Principal does not hold" in line and account(IDENTITY) in line for line in other.lines)
    granted = can_assume(JOHN, target, ANY)
    assert "Allow Gateway of trust" in granted.lines
    viewer = can_assume(role_session(team("viewer")), seed(SPACELIFT, "spacelift"), ANY)
    assert "Deny RoleDenyAssumeRole of spacelift" in viewer.lines
