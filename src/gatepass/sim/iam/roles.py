"""iam: roles and their trust policies."""

from __future__ import annotations

from datetime import timedelta

from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam.documents import check_trust
from gatepass.sim.iam.entities import (
    SERVICE,
    boundary_of,
    describe_role,
    exists,
    find_role,
    iam_of,
    named,
    paged,
    role_to_change,
    seen_later,
    tags_of,
)
from gatepass.sim.iam.state import Permissions, Role

MOST_ROLES = 1000


@operation(SERVICE, "CreateRole", resources=named("role"))
def create_role(call: Call, params: Params) -> Answer:
    name, iam = params["RoleName"], iam_of(call)
    path = params.get("Path", "/")
    if path.startswith(("/aws-service-role/", "/aws-reserved/")):
        raise ApiError("InvalidInput", f"Path {path} is reserved for AWS")
    if name.lower() in iam.roles:
        raise exists("Role", name)
    if len(iam.roles) >= MOST_ROLES:
        raise ApiError("LimitExceeded", f"Cannot exceed quota for RolesPerAccount: {MOST_ROLES}")
    document = params["AssumeRolePolicyDocument"]
    role = Role(
        call.caller.account,
        name,
        path,
        call.world.unique("AROA"),
        document,
        call.now,
        params.get("MaxSessionDuration", 3600),
        params.get("Description", ""),
        tags_of(call, params),
        Permissions(boundary=boundary_of(call, params)),
        named=check_trust(call, document),
        **seen_later(call),
    )
    iam.roles[name.lower()] = role
    return {"Role": describe_role(call, role)}


@operation(SERVICE, "GetRole", resources=named("role"))
def get_role(call: Call, params: Params) -> Answer:
    return {"Role": describe_role(call, find_role(call, params["RoleName"]))}


@operation(SERVICE, "ListRoles")
def list_roles(call: Call, params: Params) -> Answer:
    prefix = params.get("PathPrefix", "/")
    found = [
        (role.name.lower(), describe_role(call, role, whole=False))
        for role in iam_of(call).roles.values()
        if role.path.startswith(prefix) and (role.visible_from is None or role.visible_from <= call.now)
    ]
    return paged(call, params, "Roles", found)


@operation(SERVICE, "UpdateRole", resources=named("role"))
def update_role(call: Call, params: Params) -> Answer:
    role = role_to_change(call, params["RoleName"])
    role.description = params.get("Description", role.description)
    role.max_session = params.get("MaxSessionDuration", role.max_session)
    return {}


@operation(SERVICE, "UpdateRoleDescription", resources=named("role"))
def update_role_description(call: Call, params: Params) -> Answer:
    role = role_to_change(call, params["RoleName"])
    role.description = params["Description"]
    return {"Role": describe_role(call, role)}


@operation(SERVICE, "UpdateAssumeRolePolicy", resources=named("role"))
def update_trust(call: Call, params: Params) -> Answer:
    """STS reads the old document for as long as `iam_lag` says."""
    role = role_to_change(call, params["RoleName"])
    named_now = check_trust(call, params["PolicyDocument"])
    if call.settings.iam_lag:
        role.before = (role.trust, dict(role.named), call.now + timedelta(seconds=call.settings.iam_lag))
    role.trust, role.named = params["PolicyDocument"], named_now
    return {}


@operation(SERVICE, "DeleteRole", resources=named("role"))
def delete_role(call: Call, params: Params) -> Answer:
    role = role_to_change(call, params["RoleName"])
    if role.permissions.attached:
        raise ApiError("DeleteConflict", "Cannot delete entity, must detach all policies first.")
    if role.permissions.inline:
        raise ApiError("DeleteConflict", "Cannot delete entity, must delete policies first.")
    del iam_of(call).roles[role.name.lower()]
    return {}


@operation(SERVICE, "ListInstanceProfilesForRole", resources=named("role"))
def list_instance_profiles(call: Call, params: Params) -> Answer:
    """None: this simulator has no instance profiles."""
    find_role(call, params["RoleName"])
    return paged(call, params, "InstanceProfiles", [])
