"""Documents for people who come as IAM users: what they may assume, who child roles let in, what they may do with
themselves (specification, 9.3, 9.4, 9.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Any

from gatepass.teams.compiling.trust import VERSION, one
from gatepass.teams.model import Account, Document, Place, User


@dataclass(frozen=True, slots=True)
class Child:
    """How a role that users assume is made: the rest of what `assume` only names."""

    trust: str = "listed"
    mfa: bool = True
    mfa_age: int = 0
    """Seconds since the MFA; 0 for any."""
    policies: tuple[str, ...] = ()
    description: str | None = None
    max_session: int = 3600
    inline: Map[str, Document] = field(default_factory=dict)
    boundary: str | None = None
    path: str = "/"
    place: Place | None = None


def assume_document(arns: Iterable[str]) -> Document:
    """Lets its holder assume exactly these roles."""
    listed = sorted(set(arns))
    statement = {"Sid": "AssumeRoles", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": one(listed)}
    return {"Version": VERSION, "Statement": [statement]}


def resources_of(document: Document) -> list[str]:
    """The roles that such a document names."""
    value = document["Statement"][0]["Resource"]
    return [value] if isinstance(value, str) else list(value)


def external_id_of(caller: str, role: str) -> str:
    """An external id for one caller and one role: stable, so that compiling twice gives the same document. It is an
    identifier, not a secret (T-67)."""
    return hashlib.sha256(f"gatepass:{caller}:{role}".encode()).hexdigest()[:32]


def users_trust(
    users: list[User], paths: Iterable[str], child: Child, central: Account, external_id: str = ""
) -> Document:
    """The trust policy of a child role: by account, by listed users, or by path (T-61, T-62)."""
    condition: dict[str, Any] = {}
    if child.trust == "listed":
        condition["ArnLike"] = {"aws:PrincipalArn": one([user.arn for user in users])} if users else _NOBODY
    elif child.trust == "path":
        arns = [central.arn(f"user{path}*") for path in paths]
        condition["ArnLike"] = {"aws:PrincipalArn": one(arns)} if arns else _NOBODY
    if child.mfa:
        condition["Bool"] = {
            "aws:MultiFactorAuthPresent": "true"
        }  # absent for long-term keys: they must fail
    if child.mfa and child.mfa_age:
        condition["NumericLessThan"] = {"aws:MultiFactorAuthAge": str(child.mfa_age)}
    if external_id:
        condition["StringEquals"] = {"sts:ExternalId": external_id}
    statement: dict[str, Any] = {
        "Sid": "UsersAssumeRole",
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": central.root},
    }
    if condition:
        statement["Condition"] = dict(sorted(condition.items()))
    return {"Version": VERSION, "Statement": [statement]}


_NOBODY = {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/nobody"}
"""A role whose groups are empty lets nobody in; a trust policy must have a statement."""


def self_service_document(partition: str, *, hardened: bool) -> Document:
    """The self-management policy, plain or with MFA demanded (9.3). `${aws:username}` is IAM's own variable."""
    user = f"arn:{partition}:iam::*:user/${{aws:username}}"
    device = f"arn:{partition}:iam::*:mfa/${{aws:username}}"
    own = [
        "iam:ChangePassword",
        "iam:CreateAccessKey",
        "iam:DeleteAccessKey",
        "iam:DeleteSSHPublicKey",
        "iam:EnableMFADevice",
        "iam:Get*",
        "iam:List*",
        "iam:UpdateAccessKey",
        "iam:UpdateSSHPublicKey",
        "iam:UploadSSHPublicKey",
    ]
    if hardened:
        own += ["iam:DeactivateMFADevice", "iam:ResyncMFADevice"]
    statements: list[dict[str, Any]] = [
        {"Sid": "OwnUser", "Effect": "Allow", "Action": sorted(own), "Resource": user},
        {
            "Sid": "OwnMfaDevice",
            "Effect": "Allow",
            "Action": "iam:DeleteVirtualMFADevice",
            "Resource": device,
        },
        {
            "Sid": "MfaDevices",
            "Effect": "Allow",
            "Action": ["iam:CreateVirtualMFADevice", "iam:ListVirtualMFADevices"],
            "Resource": "*",
        },
    ]
    if hardened:
        statements.append(_without_mfa())
    return {"Version": VERSION, "Statement": statements}


def _without_mfa() -> dict[str, Any]:
    """Until MFA is there, only setting it up is possible."""
    allowed = [
        "iam:ChangePassword",
        "iam:CreateVirtualMFADevice",
        "iam:EnableMFADevice",
        "iam:GetUser",
        "iam:ListMFADevices",
        "iam:ListVirtualMFADevices",
        "iam:ResyncMFADevice",
        "sts:GetSessionToken",
    ]
    return {
        "Sid": "DenyWithoutMfa",
        "Effect": "Deny",
        "NotAction": allowed,
        "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    }
