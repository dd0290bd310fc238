"""iam: users."""

from __future__ import annotations

from dataclasses import replace

from gatepass.policy import user as user_caller
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam.entities import (
    SERVICE,
    boundary_of,
    describe_user,
    exists,
    find_user,
    iam_of,
    named,
    paged,
    seen_later,
    tags_of,
    user_named,
)
from gatepass.sim.iam.state import Permissions, User
from gatepass.sim.world import Principal

MOST_USERS = 5000


@operation(SERVICE, "CreateUser", resources=named("user"))
def create_user(call: Call, params: Params) -> Answer:
    name, iam = params["UserName"], iam_of(call)
    if name.lower() in iam.users:
        raise exists("User", name)
    if len(iam.users) >= MOST_USERS:
        raise ApiError("LimitExceeded", f"Cannot exceed quota for UsersPerAccount: {MOST_USERS}")
    made = User(
        call.caller.account,
        name,
        params.get("Path", "/"),
        call.world.unique("AIDA"),
        call.now,
        tags_of(call, params),
        Permissions(boundary=boundary_of(call, params)),
        **seen_later(call),
    )
    iam.users[name.lower()] = made
    return {"User": describe_user(made)}


@operation(SERVICE, "GetUser", resources=named("user"))
def get_user(call: Call, params: Params) -> Answer:
    return {"User": describe_user(user_named(call, params))}


@operation(SERVICE, "ListUsers")
def list_users(call: Call, params: Params) -> Answer:
    prefix = params.get("PathPrefix", "/")
    users = [user for user in iam_of(call).users.values() if user.path.startswith(prefix)]
    return paged(
        call, params, "Users", [(user.name.lower(), describe_user(user, whole=False)) for user in users]
    )


@operation(SERVICE, "UpdateUser", resources=named("user"))
def update_user(call: Call, params: Params) -> Answer:
    """A new name or path; keys and groups stay with the user, trust policies that name the old ARN do not follow."""
    user, iam = find_user(call, params["UserName"]), iam_of(call)
    new = params.get("NewUserName", user.name)
    if new.lower() != user.name.lower() and new.lower() in iam.users:
        raise exists("User", new)
    del iam.users[user.name.lower()]
    for group in iam.groups.values():
        group.members = [new if member == user.name else member for member in group.members]
    user.name, user.path = new, params.get("NewPath", user.path)
    iam.users[new.lower()] = user
    for key in user.keys.values():
        held = call.world.credentials[key.id]
        caller = user_caller(user.arn, unique_id=user.id)
        call.world.credentials[key.id] = replace(held, principal=Principal(caller, user.id))
    return {}


@operation(SERVICE, "DeleteUser", resources=named("user"))
def delete_user(call: Call, params: Params) -> Answer:
    """Refused until everything of the user's is gone: keys, MFA, password, policies, groups (spec/teams.md 9)."""
    user, iam = find_user(call, params["UserName"]), iam_of(call)
    holds = {
        "access keys": user.keys,
        "MFA devices": user.devices,
        "login profile": user.login_profile,
        "attached policies": user.permissions.attached,
        "inline policies": user.permissions.inline,
        "group memberships": [group for group in iam.groups.values() if user.name in group.members],
    }
    left = [what for what, held in holds.items() if held]
    if left:
        raise ApiError("DeleteConflict", f"Cannot delete entity, must remove {', '.join(left)} first.")
    del iam.users[user.name.lower()]
    return {}


# -- what a user may have elsewhere and never has here


@operation(SERVICE, "ListSSHPublicKeys", resources=named("user"))
def list_ssh_public_keys(call: Call, params: Params) -> Answer:
    user_named(call, params)
    return paged(call, params, "SSHPublicKeys", [])


@operation(SERVICE, "ListSigningCertificates", resources=named("user"))
def list_signing_certificates(call: Call, params: Params) -> Answer:
    user_named(call, params)
    return paged(call, params, "Certificates", [])


@operation(SERVICE, "ListServiceSpecificCredentials", resources=named("user"))
def list_service_credentials(call: Call, params: Params) -> Answer:
    user_named(call, params)
    return {"ServiceSpecificCredentials": []}
