"""iam: users with their keys, devices and passwords, and the groups they are in."""

from __future__ import annotations

import base64
from dataclasses import replace

from gatepass.policy import user as user_caller
from gatepass.sim import mfa
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam_entities import (
    SERVICE,
    describe_group,
    describe_user,
    exists,
    find_group,
    find_user,
    iam_of,
    merged,
    missing,
    named,
    paged,
    seen_later,
    tag_list,
    tags_of,
    user_named,
    without,
)
from gatepass.sim.iam_state import AccessKey, Device, Group, Permissions, User
from gatepass.sim.permission import managed_document
from gatepass.sim.world import Credential, Principal

MOST_USERS, MOST_GROUPS, MOST_GROUPS_OF_USER, MOST_KEYS = 5000, 300, 10, 2


@operation(SERVICE, "CreateUser", resources=named("user"))
def create_user(call: Call, params: Params) -> Answer:
    name, iam = params["UserName"], iam_of(call)
    if name.lower() in iam.users:
        raise exists("User", name)
    if len(iam.users) >= MOST_USERS:
        raise ApiError("LimitExceeded", f"Cannot exceed quota for UsersPerAccount: {MOST_USERS}")
    boundary = params.get("PermissionsBoundary", "")
    if boundary and managed_document(call.world, call.caller.account, boundary) is None:
        raise ApiError("NoSuchEntity", f"Scope ARN: {boundary} does not exist or is not attachable.")
    made = User(
        call.caller.account,
        name,
        params.get("Path", "/"),
        call.world.unique("AIDA"),
        call.now,
        tags_of(call, params),
        Permissions(boundary=boundary),
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


@operation(SERVICE, "PutUserPermissionsBoundary", resources=named("user"))
def put_boundary(call: Call, params: Params) -> Answer:
    arn = params["PermissionsBoundary"]
    if managed_document(call.world, call.caller.account, arn) is None:
        raise ApiError("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.")
    find_user(call, params["UserName"]).permissions.boundary = arn
    return {}


@operation(SERVICE, "DeleteUserPermissionsBoundary", resources=named("user"))
def delete_boundary(call: Call, params: Params) -> Answer:
    find_user(call, params["UserName"]).permissions.boundary = ""
    return {}


@operation(SERVICE, "ListUserTags", resources=named("user"))
def list_tags(call: Call, params: Params) -> Answer:
    tags = find_user(call, params["UserName"]).tags
    return paged(call, params, "Tags", [(tag["Key"], tag) for tag in tag_list(tags)])


@operation(SERVICE, "TagUser", resources=named("user"))
def tag(call: Call, params: Params) -> Answer:
    user = find_user(call, params["UserName"])
    user.tags = merged(call, user.tags, tags_of(call, params))
    return {}


@operation(SERVICE, "UntagUser", resources=named("user"))
def untag(call: Call, params: Params) -> Answer:
    user = find_user(call, params["UserName"])
    user.tags = without(user.tags, params["TagKeys"])
    return {}


# -- keys and passwords


@operation(SERVICE, "CreateAccessKey", resources=named("user"))
def create_access_key(call: Call, params: Params) -> Answer:
    user = user_named(call, params)
    if len(user.keys) >= MOST_KEYS:
        raise ApiError("LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {MOST_KEYS}")
    key = AccessKey(call.world.unique("AKIA", 16), call.world.secret(), call.now)
    user.keys[key.id] = key
    caller = user_caller(user.arn, unique_id=user.id)
    call.world.credentials[key.id] = Credential(key.id, key.secret, Principal(caller, user.id))
    return {"AccessKey": {**_describe_key(user, key), "SecretAccessKey": key.secret}}


def _describe_key(user: User, key: AccessKey) -> Answer:
    status = "Active" if key.active else "Inactive"
    return {"UserName": user.name, "AccessKeyId": key.id, "Status": status, "CreateDate": key.created}


@operation(SERVICE, "ListAccessKeys", resources=named("user"))
def list_access_keys(call: Call, params: Params) -> Answer:
    user = user_named(call, params)
    return paged(
        call, params, "AccessKeyMetadata", [(k, _describe_key(user, key)) for k, key in user.keys.items()]
    )


def _key(user: User, identifier: str) -> AccessKey:
    found = user.keys.get(identifier)
    if found is None:
        raise ApiError("NoSuchEntity", f"The Access Key with id {identifier} cannot be found.")
    return found


@operation(SERVICE, "UpdateAccessKey", resources=named("user"))
def update_access_key(call: Call, params: Params) -> Answer:
    user = user_named(call, params)
    key = _key(user, params["AccessKeyId"])
    key.active = params["Status"] == "Active"
    if not key.active:
        call.world.credentials.pop(key.id, None)
    elif key.id not in call.world.credentials:
        caller = user_caller(user.arn, unique_id=user.id)
        call.world.credentials[key.id] = Credential(key.id, key.secret, Principal(caller, user.id))
    return {}


@operation(SERVICE, "DeleteAccessKey", resources=named("user"))
def delete_access_key(call: Call, params: Params) -> Answer:
    user = user_named(call, params)
    key = _key(user, params["AccessKeyId"])
    del user.keys[key.id]
    call.world.credentials.pop(key.id, None)
    return {}


@operation(SERVICE, "GetAccessKeyLastUsed")
def get_access_key_last_used(call: Call, params: Params) -> Answer:
    for user in iam_of(call).users.values():
        if params["AccessKeyId"] in user.keys:
            return {"UserName": user.name, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    raise call.refuse("denied", f"Access key {params['AccessKeyId']} is not of this account")


@operation(SERVICE, "CreateLoginProfile", resources=named("user"))
def create_login_profile(call: Call, params: Params) -> Answer:
    user = user_named(call, params)
    if user.login_profile is not None:
        raise ApiError("EntityAlreadyExists", f"Login Profile for user {user.name} already exists.")
    user.login_profile = call.now
    return {"LoginProfile": _describe_profile(user)}


def _describe_profile(user: User) -> Answer:
    return {"UserName": user.name, "CreateDate": user.login_profile, "PasswordResetRequired": False}


def _with_profile(call: Call, params: Params) -> User:
    user = user_named(call, params)
    if user.login_profile is None:
        raise ApiError("NoSuchEntity", f"Login Profile for User {user.name} cannot be found.")
    return user


@operation(SERVICE, "GetLoginProfile", resources=named("user"))
def get_login_profile(call: Call, params: Params) -> Answer:
    return {"LoginProfile": _describe_profile(_with_profile(call, params))}


@operation(SERVICE, "UpdateLoginProfile", resources=named("user"))
def update_login_profile(call: Call, params: Params) -> Answer:
    _with_profile(call, params)
    return {}


@operation(SERVICE, "DeleteLoginProfile", resources=named("user"))
def delete_login_profile(call: Call, params: Params) -> Answer:
    _with_profile(call, params).login_profile = None
    return {}


# -- MFA devices


@operation(SERVICE, "CreateVirtualMFADevice")
def create_device(call: Call, params: Params) -> Answer:
    name = params.get("Path", "/") + params["VirtualMFADeviceName"]
    serial = f"arn:aws:iam::{call.caller.account}:mfa{name}"
    iam = iam_of(call)
    if serial in iam.devices:
        raise exists("MFADevice", serial)
    seed = call.world.secret(20).encode()
    iam.devices[serial] = Device(serial, seed, tags=tags_of(call, params))
    return {"VirtualMFADevice": {"SerialNumber": serial, "Base32StringSeed": base64.b32encode(seed)}}


def _device(call: Call, serial: str) -> Device:
    found = iam_of(call).devices.get(serial)
    if found is None:
        raise ApiError("NoSuchEntity", f"VirtualMFADevice with serial number {serial} doesn't exist.")
    return found


@operation(SERVICE, "EnableMFADevice", resources=named("user"))
def enable_device(call: Call, params: Params) -> Answer:
    """Needs two codes in a row, as the console asks for them."""
    user, device = find_user(call, params["UserName"]), _device(call, params["SerialNumber"])
    if device.user:
        raise exists("MFADevice", device.serial)
    codes = (params["AuthenticationCode1"], params["AuthenticationCode2"])
    now = int(call.now.timestamp()) // mfa.STEP
    if not any(
        codes == (mfa.code(device.seed, n), mfa.code(device.seed, n + 1)) for n in (now - 1, now, now - 2)
    ):
        raise ApiError(
            "InvalidAuthenticationCode", f"Authentication code for device {device.serial} is not valid"
        )
    device.user, device.enabled = user.name, call.now
    user.devices.append(device.serial)
    return {}


@operation(SERVICE, "DeactivateMFADevice", resources=named("user"))
def deactivate_device(call: Call, params: Params) -> Answer:
    user, device = user_named(call, params), _device(call, params["SerialNumber"])
    if device.serial not in user.devices:
        raise missing("MFA device", device.serial)
    user.devices.remove(device.serial)
    device.user, device.enabled = "", None
    return {}


@operation(SERVICE, "DeleteVirtualMFADevice")
def delete_device(call: Call, params: Params) -> Answer:
    device = _device(call, params["SerialNumber"])
    if device.user:
        raise ApiError("DeleteConflict", "MFA VirtualDevice is still assigned to a user.")
    del iam_of(call).devices[device.serial]
    return {}


@operation(SERVICE, "ListMFADevices", resources=named("user"))
def list_devices(call: Call, params: Params) -> Answer:
    user = user_named(call, params)
    rows = [
        (serial, {"UserName": user.name, "SerialNumber": serial, "EnableDate": _device(call, serial).enabled})
        for serial in user.devices
    ]
    return paged(call, params, "MFADevices", rows)


@operation(SERVICE, "ListVirtualMFADevices")
def list_virtual_devices(call: Call, params: Params) -> Answer:
    wanted = params.get("AssignmentStatus", "Any")
    found = []
    for device in iam_of(call).devices.values():
        row: Answer = {"SerialNumber": device.serial}
        if device.user:
            row |= {
                "User": describe_user(find_user(call, device.user), whole=False),
                "EnableDate": device.enabled,
            }
        if wanted == "Any" or (wanted == "Assigned") is bool(device.user):
            found.append((device.serial, row))
    return paged(call, params, "VirtualMFADevices", found)


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


# -- groups


@operation(SERVICE, "CreateGroup", resources=named("group"))
def create_group(call: Call, params: Params) -> Answer:
    name, iam = params["GroupName"], iam_of(call)
    if name.lower() in iam.groups:
        raise exists("Group", name)
    if len(iam.groups) >= MOST_GROUPS:
        raise ApiError("LimitExceeded", f"Cannot exceed quota for GroupsPerAccount: {MOST_GROUPS}")
    made = Group(call.caller.account, name, params.get("Path", "/"), call.world.unique("AGPA"), call.now)
    iam.groups[name.lower()] = made
    return {"Group": describe_group(made)}


@operation(SERVICE, "GetGroup", resources=named("group"))
def get_group(call: Call, params: Params) -> Answer:
    group = find_group(call, params["GroupName"])
    rows = [(name.lower(), describe_user(find_user(call, name), whole=False)) for name in group.members]
    return {"Group": describe_group(group), **paged(call, params, "Users", rows)}


@operation(SERVICE, "ListGroups")
def list_groups(call: Call, params: Params) -> Answer:
    prefix = params.get("PathPrefix", "/")
    found = [group for group in iam_of(call).groups.values() if group.path.startswith(prefix)]
    return paged(call, params, "Groups", [(group.name.lower(), describe_group(group)) for group in found])


@operation(SERVICE, "UpdateGroup", resources=named("group"))
def update_group(call: Call, params: Params) -> Answer:
    group, iam = find_group(call, params["GroupName"]), iam_of(call)
    new = params.get("NewGroupName", group.name)
    if new.lower() != group.name.lower() and new.lower() in iam.groups:
        raise exists("Group", new)
    del iam.groups[group.name.lower()]
    group.name, group.path = new, params.get("NewPath", group.path)
    iam.groups[new.lower()] = group
    return {}


@operation(SERVICE, "DeleteGroup", resources=named("group"))
def delete_group(call: Call, params: Params) -> Answer:
    group = find_group(call, params["GroupName"])
    if group.members or group.permissions.attached or group.permissions.inline:
        raise ApiError(
            "DeleteConflict", "Cannot delete entity, must remove users from group and policies first."
        )
    del iam_of(call).groups[group.name.lower()]
    return {}


@operation(SERVICE, "AddUserToGroup", resources=named("group"))
def add_user_to_group(call: Call, params: Params) -> Answer:
    """Adding who is in it changes nothing."""
    group, user = find_group(call, params["GroupName"]), find_user(call, params["UserName"])
    of_user = sum(1 for other in iam_of(call).groups.values() if user.name in other.members)
    if user.name not in group.members and of_user >= MOST_GROUPS_OF_USER:
        raise ApiError("LimitExceeded", f"Cannot exceed quota for GroupsPerUser: {MOST_GROUPS_OF_USER}")
    if user.name not in group.members:
        group.members.append(user.name)
    return {}


@operation(SERVICE, "RemoveUserFromGroup", resources=named("group"))
def remove_user_from_group(call: Call, params: Params) -> Answer:
    group, user = find_group(call, params["GroupName"]), find_user(call, params["UserName"])
    if user.name not in group.members:
        raise ApiError("NoSuchEntity", f"The user with name {user.name} is not in group {group.name}.")
    group.members.remove(user.name)
    return {}


@operation(SERVICE, "ListGroupsForUser", resources=named("user"))
def list_groups_for_user(call: Call, params: Params) -> Answer:
    user = find_user(call, params["UserName"])
    found = [group for group in iam_of(call).groups.values() if user.name in group.members]
    return paged(call, params, "Groups", [(group.name.lower(), describe_group(group)) for group in found])
