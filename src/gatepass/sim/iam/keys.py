"""iam: what a user signs in with: access keys, passwords, MFA devices."""

from __future__ import annotations

import base64

from gatepass.policy import user as user_caller
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam.entities import (
    SERVICE,
    describe_user,
    exists,
    find_user,
    iam_of,
    missing,
    named,
    paged,
    tags_of,
    user_named,
)
from gatepass.sim.iam.state import AccessKey, Device, User
from gatepass.sim.sign_in import mfa
from gatepass.sim.world import Credential, Principal

MOST_KEYS = 2


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
