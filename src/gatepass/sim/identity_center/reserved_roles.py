"""The AWSReservedSSO roles Identity Center keeps in an account for as long as a permission set is assigned there."""

from __future__ import annotations

import json
import re
from datetime import datetime

from gatepass.sim.iam.state import Permissions, Role
from gatepass.sim.world import Instance, PermissionSet, World

PATH = "/aws-reserved/sso.amazonaws.com/"


def path(region: str) -> str:
    """The path of the roles: with the instance's region, except in us-east-1."""
    return PATH if region == "us-east-1" else f"{PATH}{region}/"


def role_of(world: World, instance: Instance, permission_set: PermissionSet, account: str) -> Role | None:
    """The role that a permission set has in an account now."""
    pattern = re.compile(f"awsreservedsso_{re.escape(permission_set.name.lower())}_[0-9a-f]{{16}}")
    for name, role in world.iam_of(account).roles.items():
        if pattern.fullmatch(name) and role.path == path(instance.region):
            return role
    return None


def follow(world: World, instance: Instance, permission_set_arn: str, account: str, at: datetime) -> None:
    """Make or remove the role after an assignment came or went. A role made again has another suffix."""
    permission_set = instance.permission_sets.get(permission_set_arn)
    if permission_set is None:
        return
    assigned = instance.assignments.any((account, permission_set_arn))
    existing = role_of(world, instance, permission_set, account)
    if assigned and existing is None:
        _make(world, instance, permission_set, account, at)
    elif not assigned and existing is not None:
        del world.iam_of(account).roles[existing.name.lower()]
        permission_set.provisioned.pop(account, None)


def _make(
    world: World, instance: Instance, permission_set: PermissionSet, account: str, at: datetime
) -> None:
    name = f"AWSReservedSSO_{permission_set.name}_{world.hexadecimal()}"
    provider = f"arn:aws:iam::{account}:saml-provider/AWSSSO_{instance.id[-16:]}_DO_NOT_DELETE"
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
                "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
            }
        ],
    }
    role = Role(account, name, path(instance.region), world.unique("AROA"), json.dumps(trust), at)
    world.iam_of(account).roles[name.lower()] = role
    provision(world, instance, permission_set, account)


def provision(world: World, instance: Instance, permission_set: PermissionSet, account: str) -> None:
    """Copy what the permission set says now into its role in the account."""
    role = role_of(world, instance, permission_set, account)
    if role is None:
        return
    policies = world.iam_of(account).policies
    customer = [f"arn:aws:iam::{account}:policy{where}{name}" for where, name in permission_set.customer]
    inline = {"AwsSSOInlinePolicy": permission_set.inline} if permission_set.inline else {}
    attached = [*permission_set.managed, *(arn for arn in customer if arn in policies)]
    role.permissions = Permissions(inline, attached, _boundary(permission_set, account))
    role.max_session = seconds(permission_set.session)
    role.description = permission_set.description
    permission_set.provisioned[account] = permission_set.revision


def _boundary(permission_set: PermissionSet, account: str) -> str:
    boundary = permission_set.boundary
    if managed := boundary.get("ManagedPolicyArn"):
        return str(managed)
    reference = boundary.get("CustomerManagedPolicyReference")
    if isinstance(reference, dict):
        return f"arn:aws:iam::{account}:policy{reference.get('Path', '/')}{reference['Name']}"
    return ""


def seconds(session: str) -> int:
    """Seconds of an ISO 8601 session length such as PT1H or PT90M."""
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", session)
    if found is None or session == "PT":
        raise ValueError(f"not a session length: {session}")
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest


def held_by(world: World, instance: Instance, user: str) -> set[tuple[str, str]]:
    """(account, permission set ARN) a user has now, directly or through a group: what the portal shows."""
    memberships = world.stores[instance.store].memberships
    holders = {("USER", user)} | {("GROUP", m.group) for m in memberships.now if m.user == user}
    return {
        (a.account, a.permission_set)
        for a in instance.assignments.now
        if (a.principal_type, a.principal) in holders
    }
