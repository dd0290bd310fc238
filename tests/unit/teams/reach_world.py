"""A small company for the reach tests: two estates of accounts, people in groups, sets, teams, roles and a partner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gatepass.teams.compiling.policies import team_role_access
from gatepass.teams.model import (
    Account,
    Assignment,
    DirectoryGroup,
    Organization,
    PermissionSet,
    Policy,
    Resources,
    Role,
    User,
)

IDENTITY = Account("identity", "111111111111", organization="acme")
DEV = Account("dev", "333333333333", organization="acme")
PROD = Account("prod", "555555555555", organization="acme")
PARTNER = "999999999999"
ACTIONS = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
ACCESS = Policy(IDENTITY, "TeamRoleAccess", team_role_access("aws"), key="team_role_access")
POWER = "arn:aws:iam::aws:policy/PowerUserAccess"
VIEW = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
OKTA = IDENTITY.arn("saml-provider/okta")
GITHUB = DEV.arn("oidc-provider/token.actions.githubusercontent.com")


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(
    account: Account | str, *patterns: str, sid: str = "RoleAssumeRole", **condition: Any
) -> dict[str, Any]:
    """An Allow for the account's principals whose ARN is like one of the patterns."""
    number = account if isinstance(account, str) else account.id
    found = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": ACTIONS,
        "Principal": {"AWS": f"arn:aws:iam::{number}:root"},
    }
    conditions = {**({"ArnLike": {"aws:PrincipalArn": list(patterns)}} if patterns else {}), **condition}
    return {**found, "Condition": conditions} if conditions else found


def deny(*patterns: str, accounts: Iterable[Account] = (IDENTITY,)) -> dict[str, Any]:
    return {
        "Sid": "RoleDenyAssumeRole",
        "Effect": "Deny",
        "Action": ACTIONS,
        "Principal": {"AWS": [account.root for account in accounts]},
        "Condition": {"ArnLike": {"aws:PrincipalArn": list(patterns)}},
    }


def saml(*providers: str) -> dict[str, Any]:
    return {
        "Sid": "SamlProviderAssume",
        "Effect": "Allow",
        "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
        "Principal": {"Federated": list(providers)},
        "Condition": {"StringLike": {"SAML:aud": ["https://signin.aws.amazon.com/saml"]}},
    }


def github(*subjects: str) -> dict[str, Any]:
    host = "token.actions.githubusercontent.com"
    return {
        "Sid": "OidcProviderAssume",
        "Effect": "Allow",
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
        "Principal": {"Federated": GITHUB},
        "Condition": {
            "StringEquals": {f"{host}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{host}:sub": list(subjects)},
        },
    }


def team(
    name: str, *statements: dict[str, Any], policies: tuple[str, ...] = (ACCESS.arn,), **more: Any
) -> Role:
    return Role(
        IDENTITY,
        f"eg-identity-{name}",
        document(*statements),
        short=name,
        kind="team",
        policies=policies,
        **more,
    )


def role(account: Account, name: str, *statements: dict[str, Any], **more: Any) -> Role:
    trust = document(*statements)
    return Role(account, f"eg-{account.name}-{name}", trust, short=name, kind="team-role", **more)


def team_arn(name: str) -> str:
    return IDENTITY.arn(f"role/eg-identity-{name}")


def set_pattern(name: str, account: Account = IDENTITY) -> str:
    return account.arn(f"role/aws-reserved/sso.amazonaws.com*/AWSReservedSSO_{name}_*")


def assigned(name: str, principal: str, account: Account = IDENTITY, kind: Any = "group") -> Assignment:
    return Assignment("acme", name, account, principal, kind)


SETS = (
    PermissionSet("acme", "IdentityAdminTeamAccess", managed_policies=(POWER,), session_seconds=28800),
    PermissionSet("acme", "IdentityViewerTeamAccess", managed_policies=(POWER,)),
)
JOHN = User(
    IDENTITY,
    "john.doe",
    inline={
        "gatepass-assume": document(
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": DEV.arn("role/eg-dev-developer")}
        )
    },
)


def company(**changes: Any) -> Resources:
    """jane is an administrator, vera a viewer, john a gateway user; partner and GitHub come from outside."""
    found: dict[str, Any] = {
        "organizations": (
            Organization("acme", id="o-acme", identity_account="identity", region="eu-west-1"),
        ),
        "accounts": (IDENTITY, DEV, PROD),
        "policies": (ACCESS,),
        "permission_sets": SETS,
        "directory_groups": (
            DirectoryGroup("acme", "admins", ("jane@acme.example",)),
            DirectoryGroup("acme", "viewers", ("jane@acme.example", "vera@acme.example")),
            DirectoryGroup("acme", "contractors"),
        ),
        "assignments": (
            assigned("IdentityAdminTeamAccess", "admins"),
            assigned("IdentityViewerTeamAccess", "viewers"),
            assigned("IdentityViewerTeamAccess", "contractors"),
        ),
        "users": (JOHN,),
        "roles": (
            team(
                "admin",
                allow(IDENTITY, team_arn("admin"), set_pattern("IdentityAdminTeamAccess")),
                saml(OKTA),
            ),
            team("viewer", allow(IDENTITY, set_pattern("IdentityViewerTeamAccess")), policies=(VIEW,)),
            team("broker", allow(IDENTITY, team_arn("admin"), team_arn("viewer"))),
            role(DEV, "terraform", allow(IDENTITY, team_arn("admin"), team_arn("broker")), max_session=43200),
            role(PROD, "terraform", allow(IDENTITY, team_arn("admin")), deny(team_arn("viewer"))),
            role(PROD, "reader", allow(IDENTITY, team_arn("viewer"))),
            role(DEV, "developer", allow(IDENTITY, JOHN.arn, sid="Gateway"), max_session=14400),
            role(DEV, "partner", allow(PARTNER, StringEquals={"sts:ExternalId": "gp-7"}, sid="Partner")),
            role(DEV, "deploy", github("repo:acme/infra:*")),
            role(DEV, "lonely", deny(set_pattern("IdentityViewerTeamAccess"))),
        ),
    }
    return Resources(**(found | changes))


def large(count: int = 100) -> Resources:
    """100 roles in each of so many accounts, 20 teams, 20 sets, 1,000 people (H4)."""
    people = [f"p{number}@acme.example" for number in range(1000)]
    names = [f"team{number}" for number in range(20)]
    sets = [f"IdentityTeam{number}TeamAccess" for number in range(20)]
    only_roles: dict[str, Any] = {"StringEquals": {"aws:PrincipalType": "AssumedRole"}}
    no_users = deny(team_arn("viewer"), "arn:aws:iam::*:user/*")

    def trusting(number: int) -> dict[str, Any]:
        picked = [(number + step) % 20 for step in range(3)]
        patterns = [*(team_arn(names[one]) for one in picked), *(set_pattern(sets[one]) for one in picked)]
        return allow(IDENTITY, *patterns, **only_roles)

    accounts = [
        Account(f"a{number}", str(200000000000 + number), organization="acme") for number in range(count)
    ]
    return company(
        accounts=(IDENTITY, *accounts),
        permission_sets=tuple(PermissionSet("acme", name, managed_policies=(POWER,)) for name in sets),
        directory_groups=tuple(DirectoryGroup("acme", f"g{n}", tuple(people[n::20])) for n in range(20)),
        assignments=tuple(assigned(name, f"g{number}") for number, name in enumerate(sets)),
        roles=(
            *(team(name, trusting(number), no_users) for number, name in enumerate(names)),
            *(role(account, f"r{n}", trusting(n), no_users) for account in accounts for n in range(100)),
        ),
        users=(),
    )
