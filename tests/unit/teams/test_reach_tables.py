"""What is asked of reach besides single ways in: changes, matrix, unused trust, escalation, pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from tests.unit.teams.reach_world import (
    ACCESS,
    DEV,
    IDENTITY,
    JOHN,
    PROD,
    SETS,
    allow,
    assigned,
    company,
    deny,
    document,
    role,
    set_pattern,
    team,
    team_arn,
)

from gatepass.teams.model import Account, DirectoryGroup, Group, PermissionSet, User
from gatepass.teams.reach.changes import Change, Meaning, meaning
from gatepass.teams.reach.escalation import escalations, who_can_grant
from gatepass.teams.reach.matrix import matrix, matrix_csv, matrix_json
from gatepass.teams.reach.nodes import label_of
from gatepass.teams.reach.picture import matrix_svg, paths_svg
from gatepass.teams.reach.questions import Reach
from gatepass.teams.reach.unused import unused

JANE, VERA = "jane@acme.example", "vera@acme.example"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def shown(found: Meaning) -> tuple[list[str], list[str]]:
    def lines(changes: tuple[Change, ...]) -> list[str]:
        return [f"{'+' if one.gained else '-'} {one.principal.label} {one.role.label}" for one in changes]

    return lines(found.steps), lines(found.ways)


def test_a_trust_that_opens_shows_who_gains_at_every_distance() -> None:
    """T-75: principals that gain and lose, the team and the people behind it."""
    opened = tuple(
        replace(
            one, trust=document(allow(IDENTITY, team_arn("admin"), set_pattern("IdentityViewerTeamAccess")))
        )
        if one.short == "broker"
        else one
        for one in company().roles
    )
    steps, ways = shown(meaning(company(), company(roles=opened)))
    assert steps == ["+ IdentityViewerTeamAccess@identity broker@identity"]
    assert ways == [
        "+ contractors broker@identity",
        f"+ {VERA} broker@identity",
        "+ contractors terraform@dev",
        f"+ {VERA} terraform@dev",
    ]


def test_a_person_who_leaves_a_group_loses_what_came_through_it() -> None:
    groups = (DirectoryGroup("acme", "admins", ("else@acme.example",)), *company().directory_groups[1:])
    _, ways = shown(meaning(company(), company(directory_groups=groups)))
    assert f"- {JANE} terraform@prod" in ways
    assert "+ else@acme.example terraform@prod" in ways
    assert not any(VERA in line for line in ways)


def test_a_policy_that_goes_takes_the_ways_through_its_holder() -> None:
    """T-45: the caller's side changes, no trust does."""
    steps, ways = shown(meaning(company(), company(policies=())))
    assert steps == [
        "- admin@identity admin@identity",
        "- admin@identity broker@identity",
        "- admin@identity terraform@dev",
        "- broker@identity terraform@dev",
        "- admin@identity terraform@prod",
    ]
    assert f"- {JANE} terraform@prod" in ways


def test_the_same_trust_written_otherwise_means_nothing() -> None:
    """T 11.3."""
    other = tuple(
        replace(one, trust={**one.trust, "Statement": list(reversed(one.trust["Statement"]))})
        for one in company().roles
    )
    assert meaning(company(), company(roles=other)).is_empty


def test_matrix_lists_roles_by_team_and_account_with_hops() -> None:
    """T 12 `matrix`."""
    reach = Reach(company())
    found = matrix(reach)
    assert matrix_csv(found) == (
        ",dev,identity,prod\n"
        "admin@identity,terraform,broker,terraform\n"
        "broker@identity,terraform,,\n"
        "viewer@identity,,,\n"
    )
    some = matrix(reach, [reach.principal(JANE)], [reach.account("prod")])
    assert matrix_csv(some) == f",prod\n{JANE},terraform (4 hops)\n"
    data = matrix_json(some)
    assert data["cells"] == [
        {
            "row": f"person:{JANE}",
            "account": PROD.id,
            "roles": [{"id": f"role:{PROD.arn('role/eg-prod-terraform')}", "hops": 4}],
        }
    ]


def test_unused_finds_stale_trust_and_roles_nobody_reaches() -> None:
    """T 12 `unused`; an outsider's ARN is never called stale."""
    trust = [
        allow(IDENTITY, team_arn("gone"), team_arn("admin"), set_pattern("Nobody"), IDENTITY.root, sid="A"),
        allow(IDENTITY, f"arn:aws:sts::{IDENTITY.id}:assumed-role/x/y", sid="B"),
        allow("999999999999", "arn:aws:iam::999999999999:role/theirs", sid="C"),
        {
            "Sid": "D",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "AROAEXAMPLE000000001"},
        },
    ]
    found = unused(Reach(company(roles=(*company().roles, role(DEV, "old", *trust)))))
    assert [
        (one.role.label, one.statement, one.entry.rpartition("/")[2], one.reason) for one in found.stale
    ] == [
        ("old@dev", "A", "eg-identity-gone", "no known principal matches"),
        ("old@dev", "A", "AWSReservedSSO_Nobody_*", "no such permission set is assigned in that account"),
        ("old@dev", "A", IDENTITY.root, "it matches only the root user, which cannot assume roles"),
        ("old@dev", "B", "y", "aws:PrincipalArn is the role's ARN, never a session's"),
        ("old@dev", "D", "AROAEXAMPLE000000001", "its principal was deleted; IAM keeps only the unique id"),
    ]
    assert [node.label for node in found.unreachable] == ["lonely@dev", "reader@prod"]


def test_who_can_grant_themselves_the_role_is_a_class_of_its_own() -> None:
    """T-96."""
    ops = role(
        DEV, "ops", allow(IDENTITY, team_arn("admin")), policies=("arn:aws:iam::aws:policy/IAMFullAccess",)
    )
    reach = Reach(company(roles=(*company().roles, ops)))
    lonely = reach.role("lonely@dev")
    assert reach.who_can(lonely) == ()
    actions = {edge.action for edge in escalations(reach, lonely)}
    assert actions == {
        "iam:UpdateAssumeRolePolicy",
        "iam:CreateRole + iam:PassRole",
        "iam:AttachRolePolicy",
        "iam:PutRolePolicy",
    }
    ways = [label_of(path) for path in who_can_grant(reach, lonely)]
    chain = "admins > IdentityAdminTeamAccess@identity > admin@identity > ops@dev > lonely@dev"
    assert ways.count(f"{JANE} > {chain}") == 4
    assert not any(VERA in way for way in ways)
    limited = replace(
        ops, inline={"no": document({"Effect": "Deny", "Action": "iam:*", "Resource": lonely.arn})}
    )
    found = escalations(Reach(company(roles=(*company().roles, limited))), lonely)
    assert "iam:UpdateAssumeRolePolicy" not in {edge.action for edge in found}


def test_nobody_but_aws_changes_the_role_of_a_permission_set() -> None:
    """T-96, T 13: a set with all of IAM can still change other roles."""
    admin_set = PermissionSet("acme", "Root", managed_policies=(ADMIN,))
    reach = Reach(
        company(
            permission_sets=(*SETS, admin_set),
            assignments=(*company().assignments, assigned("Root", VERA, DEV, "user")),
        )
    )
    actions = {
        edge.action
        for edge in escalations(reach, reach.role("lonely@dev"))
        if edge.source.label == "Root@dev"
    }
    assert actions == {"iam:UpdateAssumeRolePolicy", "iam:CreateRole + iam:PassRole"}


def test_who_makes_keys_of_a_user_or_assigns_sets_can_grant_themselves() -> None:
    """T-96."""
    payer = Account("payer", "777777777777", organization="acme", management=True)
    admin_set = PermissionSet("acme", "Root", managed_policies=(ADMIN,))
    helper = User(IDENTITY, "helper", groups=("desk",))
    keys = Group(
        IDENTITY,
        "desk",
        inline={"keys": document({"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "*"})},
    )
    reach = Reach(
        company(
            accounts=(*company().accounts, payer),
            permission_sets=(*SETS, admin_set),
            assignments=(*company().assignments, assigned("Root", VERA, payer, "user")),
            users=(JOHN, helper),
            groups=(keys,),
        )
    )
    found = {edge.action: edge.source.label for edge in escalations(reach, reach.role("developer@dev"))}
    assert found["iam:CreateAccessKey of john.doe@identity"] == "helper@identity"
    assert found["sso:CreateAccountAssignment"] == "Root@payer"
    assert "identitystore:CreateGroupMembership" not in found
    through_groups = escalations(reach, reach.role("terraform@prod"))
    assert "identitystore:CreateGroupMembership" in {edge.action for edge in through_groups}


def test_pictures_are_well_formed_and_name_everything() -> None:
    """A9."""
    reach = Reach(company(directory_groups=(DirectoryGroup("acme", "admins", ("<jane>&co",)),)))
    paths = reach.paths(reach.principal("<jane>&co"), reach.role("terraform@dev"))
    drawn = paths_svg(paths, "ways of <jane>&co")
    tree = ElementTree.fromstring(drawn)
    texts = {element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")}
    assert {"ways of <jane>&co", "<jane>&co", "admins", "admin@identity", "terraform@dev", "8 h"} <= texts
    assert drawn == paths_svg(paths, "ways of <jane>&co")
    table = ElementTree.fromstring(matrix_svg(matrix(reach), "teams"))
    cells = [element.text for element in table.iter("{http://www.w3.org/2000/svg}text")]
    assert cells.count("terraform") == 3
    assert ElementTree.fromstring(paths_svg((), "nothing")) is not None


@pytest.mark.parametrize("names", [("admin", "viewer"), ("viewer", "admin")])
def test_answers_do_not_depend_on_the_order_of_the_resources(names: tuple[str, str]) -> None:
    """T-77: output is deterministic."""
    roles = sorted(
        company().roles, key=lambda one: (one.short not in names, one.short), reverse=names[0] == "viewer"
    )
    reach = Reach(company(roles=tuple(roles), assignments=tuple(reversed(company().assignments))))
    assert json.dumps(matrix_json(matrix(reach))) == json.dumps(matrix_json(matrix(Reach(company()))))
    expected = [label_of(path) for path in Reach(company()).who_can(reach.role("viewer@identity"))]
    assert [label_of(path) for path in reach.who_can(reach.role("viewer@identity"))] == expected


def test_a_bypass_of_a_denial_is_found_with_its_path() -> None:
    """T-49: A is denied on C, B may assume C, A may assume B."""
    resources = company(
        roles=(
            team("a", allow(IDENTITY, set_pattern("IdentityAdminTeamAccess"))),
            team("b", allow(IDENTITY, team_arn("a"))),
            role(PROD, "c", allow(IDENTITY, team_arn("b")), deny(team_arn("a"))),
        ),
        policies=(ACCESS,),
    )
    reach = Reach(resources)
    path = reach.reaches(reach.role("a"), reach.role("c"))
    assert path
    assert label_of(path) == "a@identity > b@identity > c@prod"
