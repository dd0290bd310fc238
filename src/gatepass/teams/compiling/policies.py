"""Policies the components bring along, and what is known of AWS's own (specification of teams, 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gatepass.teams.compiling.trust import ASSUME, VERSION

TEAM_ROLE_ACCESS = "team_role_access"
POLICY_NAMES = {TEAM_ROLE_ACCESS: "TeamRoleAccess"}
"""What a key is called in a policy's name, where it is not the key itself (T-36)."""
DESCRIPTIONS = {TEAM_ROLE_ACCESS: "IAM permission to use AssumeRole"}
LEGACY_SUPPORT = "arn:{partition}:iam::aws:policy/AWSSupportAccess"


def _statement(sid: str, actions: list[str], resource: str = "*") -> dict[str, Any]:
    said: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": actions[0] if len(actions) == 1 else actions,
    }
    return {**said, "Resource": resource}


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": list(statements)}


def team_role_access(partition: str) -> dict[str, Any]:
    """What lets a team leave the identity account."""
    return _document(
        _statement("TeamRoleAccess", list(ASSUME), f"arn:{partition}:iam::*:role/*"),
        _statement("GetCallerIdentity", ["sts:GetCallerIdentity"]),
    )


def eks_viewer(_: str) -> dict[str, Any]:
    return _document(_statement("AllowEKSView", ["eks:List*", "eks:Get*", "eks:Describe*", "eks:Access*"]))


def vpn_planner(_: str) -> dict[str, Any]:
    return _document(_statement("AllowVPNReader", ["ec2:ExportClientVpnClientConfiguration"]))


def kms_planner(_: str) -> dict[str, Any]:
    condition = {"Null": {"kms:EncryptionContext:PARAMETER_ARN": "false"}}
    return _document({**_statement("AllowKMSDecrypt", ["kms:Decrypt"]), "Condition": condition})


BUILT_IN: Mapping[str, Mapping[str, Callable[[str], dict[str, Any]]]] = {
    "aws-teams": {TEAM_ROLE_ACCESS: team_role_access},
    "aws-team-roles": {"eks_viewer": eks_viewer, "vpn_planner": vpn_planner, "kms_planner": kms_planner},
}
"""Keys of `role_policy_arns` per component: one component does not know the other's (T-35)."""

_LEAVES = frozenset({"AdministratorAccess", "PowerUserAccess"})
_STAYS = frozenset(
    {
        "Billing",
        "IAMReadOnlyAccess",
        "ReadOnlyAccess",
        "SecurityAudit",
        "SupportUser",
        "ViewOnlyAccess",
        "AWSSupportAccess",
    }
)
"""Policies of AWS without `sts:AssumeRole`; `PowerUserAccess` excludes IAM but includes all of STS (6.1)."""
_ADMIN = frozenset({"AdministratorAccess", "IAMFullAccess"})


def managed_name(arn: str) -> str:
    """The name of a policy of AWS's own; empty for anybody else's."""
    return arn.rpartition("/")[2] if ":iam::aws:policy/" in arn else ""


def lets_leave(policy: str) -> bool | None:
    """Whether an attached policy allows assuming roles elsewhere; None when nobody here knows it."""
    if policy == TEAM_ROLE_ACCESS:
        return True
    name = managed_name(policy)
    if name in _LEAVES:
        return True
    return False if name in _STAYS else None


def is_read_only(policy: str) -> bool:
    """Whether a policy is known to change nothing."""
    return managed_name(policy) in _STAYS or policy in {"eks_viewer", "vpn_planner", "kms_planner"}


def is_admin(policy: str) -> bool:
    """Whether a policy makes an administrator."""
    return managed_name(policy) in _ADMIN
