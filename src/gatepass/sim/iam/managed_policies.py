"""AWS managed policies: those whose contents matter here, in short, and the rest where moto knows them.

The short documents allow what the policies allow of the calls this simulator answers; they are not AWS's own texts.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

_READ = ["*:Get*", "*:List*", "*:Describe*", "*:BatchGet*", "*:Head*", "*:Search*", "*:View*", "*:Lookup*"]


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Resource": "*", **s} for s in statements],
    }


def _read(*services: str) -> dict[str, Any]:
    return _document(
        {"Action": [f"{service}:{verb}*" for service in services for verb in ("Get", "List", "Describe")]}
    )


_KNOWN: dict[str, dict[str, Any]] = {
    "AdministratorAccess": _document({"Action": "*"}),
    "PowerUserAccess": _document(
        {"NotAction": ["iam:*", "organizations:*", "account:*"]},
        {"Action": ["iam:ListRoles", "organizations:DescribeOrganization", "account:ListRegions"]},
    ),
    "ReadOnlyAccess": _document({"Action": _READ}),
    "SecurityAudit": _document({"Action": _READ}),
    "job-function/ViewOnlyAccess": _document({"Action": _READ}),
    "job-function/Billing": _document(
        {"Action": ["aws-portal:*", "billing:*", "budgets:*", "ce:*", "cur:*"]}
    ),
    "job-function/SupportUser": _document({"Action": ["support:*"]}),
    "job-function/NetworkAdministrator": _document(
        {"Action": ["ec2:*", "route53:*", "elasticloadbalancing:*"]}
    ),
    "job-function/DatabaseAdministrator": _document({"Action": ["rds:*", "dynamodb:*", "redshift:*"]}),
    "job-function/SystemAdministrator": _document({"Action": ["ec2:*", "ssm:*", "cloudwatch:*", "s3:*"]}),
    "AWSSupportAccess": _document({"Action": "support:*"}),
    "AWSBillingReadOnlyAccess": _read("billing", "ce", "budgets"),
    "IAMFullAccess": _document(
        {"Action": ["iam:*", "organizations:DescribeOrganization", "organizations:List*"]}
    ),
    "IAMReadOnlyAccess": _read("iam"),
    "IAMUserChangePassword": _document({"Action": ["iam:ChangePassword", "iam:GetAccountPasswordPolicy"]}),
    "AmazonS3FullAccess": _document({"Action": ["s3:*"]}),
    "AmazonS3ReadOnlyAccess": _read("s3"),
    "AmazonEC2FullAccess": _document({"Action": ["ec2:*"]}),
    "AmazonEC2ReadOnlyAccess": _read("ec2"),
    "AWSSSOMasterAccountAdministrator": _document(
        {"Action": ["sso:*", "identitystore:*", "organizations:List*"]}
    ),
    "AWSSSOMemberAccountAdministrator": _document(
        {"Action": ["sso:*", "identitystore:*", "organizations:List*"]}
    ),
    "AWSSSOReadOnly": _read("sso", "identitystore", "organizations"),
    "AWSOrganizationsFullAccess": _document({"Action": ["organizations:*"]}),
    "AWSOrganizationsReadOnlyAccess": _read("organizations"),
}

PREFIX = "arn:aws:iam::aws:policy/"


@cache
def _others() -> dict[str, dict[str, Any]]:
    """AWS's managed policies by ARN, from moto's copy of AWS's list; empty where moto is not installed."""
    try:
        from moto.iam.aws_managed_policies import aws_managed_policies_data
    except ImportError:
        return {}
    listed = json.loads(aws_managed_policies_data).items()
    return {PREFIX + policy["Path"].lstrip("/") + name: policy["Document"] for name, policy in listed}


def exists(arn: str) -> bool:
    """Whether AWS publishes a managed policy of this ARN."""
    if not arn.startswith(PREFIX):
        return False
    return arn.removeprefix(PREFIX) in _KNOWN or arn in _others()


@cache
def document(arn: str) -> str | None:
    """What the policy allows, as JSON; None when there is no such policy."""
    if not exists(arn):
        return None
    return json.dumps(_KNOWN.get(arn.removeprefix(PREFIX)) or _others()[arn])
