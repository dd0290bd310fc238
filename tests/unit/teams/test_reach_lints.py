"""Lints that know who reaches what (T 15), each with the people or the way that show it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.teams.reach_world import (
    DEV,
    IDENTITY,
    PROD,
    allow,
    company,
    deny,
    large,
    role,
    set_pattern,
    team,
    team_arn,
)
from tests.waiting import busy

from gatepass.teams.lint.reach import reach_lints
from gatepass.teams.model import Compiled, DirectoryGroup, Finding, Level, Resources
from gatepass.teams.reach.questions import Reach

ADMIN = ("arn:aws:iam::aws:policy/AdministratorAccess",)


def found(resources: Resources, *findings: Finding, many: int = 2) -> list[Finding]:
    return list(reach_lints(Compiled(resources, findings=findings), Reach(resources), many=many))


@pytest.mark.parametrize(("people", "expected"), [(2, False), (3, True), (9, True)])
def test_an_administrators_role_that_many_people_reach(people: int, expected: bool) -> None:
    """`admin-from-many`: the people are counted over every way, and the first are named."""
    members = tuple(f"p{number}@acme.example" for number in range(people))
    admins = role(PROD, "admin", allow(IDENTITY, team_arn("admin")), policies=ADMIN)
    resources = company(
        directory_groups=(DirectoryGroup("acme", "admins", members),), roles=(*company().roles, admins)
    )
    listed = [finding for finding in found(resources) if finding.id == "admin-from-many"]
    assert bool(listed) is expected
    if listed:
        assert (listed[0].level, listed[0].role, listed[0].value) == (Level.INFO, "admin", str(people))
        assert "p0@acme.example, p1@acme.example, p2@acme.example" in listed[0].message
        assert ("and 4 more" in listed[0].message) is (people == 9)


def test_a_denied_permission_set_that_gets_in_over_another_role() -> None:
    """T-49 for callers that no list of teams names: the set is denied, its team is not."""
    target = role(
        DEV, "vault", allow(IDENTITY, team_arn("admin")), deny(set_pattern("IdentityAdminTeamAccess"))
    )
    (finding,) = found(company(roles=(*company().roles, target)))
    assert (finding.id, finding.level, finding.account, finding.role) == (
        "deny-bypass",
        Level.WARNING,
        "dev",
        "vault",
    )
    assert finding.value == "IdentityAdminTeamAccess@identity > admin@identity > vault@dev"
    assert finding.advice == "deny IdentityAdminTeamAccess@identity on admin@identity too"


def test_a_bypass_that_the_declaration_told_already_is_not_told_twice() -> None:
    target = role(DEV, "vault", allow(IDENTITY, team_arn("broker")), deny(team_arn("admin")))
    resources = company(roles=(*company().roles, target))
    assert [finding.id for finding in found(resources)] == ["deny-bypass"]
    told = Finding("deny-bypass", Level.WARNING, "told", account="dev", role="vault")
    assert found(resources, told) == []


def test_a_denial_without_another_way_is_no_finding() -> None:
    """T-41, T-46: the viewer of the company is denied and stays out."""
    assert found(company()) == []
    mutual = team("a", allow(IDENTITY, team_arn("b")), deny(team_arn("viewer")))
    other = team("b", allow(IDENTITY, team_arn("a")), deny(team_arn("viewer")))
    assert found(company(roles=(mutual, other, *company().roles))) == []


def test_findings_do_not_depend_on_the_order_of_the_roles() -> None:
    """T-77."""
    targets = [
        role(account, "vault", allow(IDENTITY, team_arn("broker")), deny(team_arn("admin")))
        for account in (DEV, PROD)
    ]
    one = found(company(roles=(*company().roles, *targets)))
    other = found(company(roles=(*reversed(targets), *reversed(company().roles))))
    assert one == other
    assert len(one) == 2


def test_a_large_estate_is_linted_soon() -> None:
    """T-92: lint of 10,000 roles in less than 30 s; here a tenth of it, in as long on a machine ten times slower."""
    resources = large(10)
    roles = tuple(replace(one, policies=ADMIN) if one.short == "r1" else one for one in resources.roles)
    listed: list[Finding] = []
    assert busy(lambda: listed.extend(found(replace(resources, roles=roles), many=5))) < 30
    assert {finding.id for finding in listed} == {"admin-from-many"}
    assert len(listed) == 10
