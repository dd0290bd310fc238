"""Documents and callers of spec/teams.md section 6 that the policy tests share."""

from __future__ import annotations

from typing import Any

from gatepass.policy import Kind, Policy, Target, parse

IDENTITY, DEV, AUTO, FOREIGN = "111111111111", "333333333333", "123456789012", "999999999999"
STS = ["sts:TagSession", "sts:SetSourceIdentity", "sts:AssumeRole"]
SAML_PROVIDER = f"arn:aws:iam::{IDENTITY}:saml-provider/eg-core-gbl-identity-saml-okta"
GITHUB = f"arn:aws:iam::{IDENTITY}:oidc-provider/token.actions.githubusercontent.com"
WORKER_POOL = f"arn:aws:iam::{AUTO}:role/eg-ue2-auto-spacelift-worker-pool-admin"


def team(name: str) -> str:
    return f"arn:aws:iam::{IDENTITY}:role/eg-core-gbl-identity-{name}"


def set_pattern(team_name: str) -> str:
    path = "role/aws-reserved/sso.amazonaws.com*"
    return f"arn:aws:iam::{IDENTITY}:{path}/AWSReservedSSO_Identity{team_name}TeamAccess_*"


def set_role(team_name: str, region: str = "") -> str:
    path = "aws-reserved/sso.amazonaws.com" + (f"/{region}" if region else "")
    return (
        f"arn:aws:iam::{IDENTITY}:role/{path}/AWSReservedSSO_Identity{team_name}TeamAccess_0123456789abcdef"
    )


def account(number: str) -> str:
    return f"arn:aws:iam::{number}:root"


def statement(
    effect: str, principal: Any, condition: Any = None, action: Any = None, sid: str = ""
) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": effect, "Principal": principal, "Action": action or STS}
    if sid:
        found["Sid"] = sid
    if condition:
        found["Condition"] = condition
    return found


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(*statements: dict[str, Any]) -> Policy:
    return parse(document(*statements), Kind.TRUST, name="trust")


def allow_on(
    resource: Any = "*", action: Any = "sts:*", effect: str = "Allow", condition: Any = None
) -> Policy:
    body: dict[str, Any] = {"Effect": effect, "Action": action, "Resource": resource}
    if condition:
        body["Condition"] = condition
    return parse(document(body), Kind.IDENTITY, name="identity")


def role(*statements: dict[str, Any], **more: Any) -> Target:
    return Target(f"arn:aws:iam::{DEV}:role/dev", trust(*statements), **more)


ASSUMED = {"StringEquals": {"aws:PrincipalType": "AssumedRole"}}
USERS = "arn:aws:iam::*:user/*"

SPACELIFT = document(
    statement(
        "Allow",
        {"AWS": account(IDENTITY)},
        {**ASSUMED, "ArnLike": {"aws:PrincipalArn": [team("admin"), set_pattern("Admin")]}},
        sid="RoleAssumeRole",
    ),
    statement(
        "Allow",
        {"AWS": account(AUTO)},
        {"ArnLike": {"aws:PrincipalArn": WORKER_POOL}},
        sid="PrincipalAssumeRole",
    ),
    statement(
        "Deny",
        {"AWS": [account(AUTO), account(IDENTITY)]},
        {
            "ArnLike": {"aws:PrincipalArn": [set_pattern("Viewer"), team("viewer"), USERS]},
            "ArnNotEquals": {"aws:PrincipalArn": WORKER_POOL},
        },
        sid="RoleDenyAssumeRole",
    ),
)
ADMIN = document(
    statement(
        "Allow",
        {"AWS": account(IDENTITY)},
        {**ASSUMED, "ArnLike": {"aws:PrincipalArn": [team("admin"), set_pattern("Admin")]}},
        sid="RoleAssumeRole",
    ),
    statement(
        "Deny",
        {"AWS": account(IDENTITY)},
        {"ArnLike": {"aws:PrincipalArn": [set_pattern("Viewer"), team("viewer"), USERS]}},
        sid="RoleDenyAssumeRole",
    ),
    statement(
        "Allow",
        {"Federated": SAML_PROVIDER},
        {
            "StringLike": {
                "SAML:aud": [
                    "https://signin.aws.amazon.com/saml",
                    "https://*.signin.aws.amazon.com/saml",
                    "https://signin.amazonaws-us-gov.com/saml",
                    "https://us-gov-east-1.signin.amazonaws-us-gov.com/saml",
                ]
            }
        },
        ["sts:TagSession", "sts:SetSourceIdentity", "sts:AssumeRoleWithSAML"],
        sid="SamlProviderAssume",
    ),
)
