"""iam: groups of users."""

from __future__ import annotations

from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam.entities import (
    SERVICE,
    describe_group,
    describe_user,
    exists,
    find_group,
    find_user,
    iam_of,
    named,
    paged,
)
from gatepass.sim.iam.state import Group

MOST_GROUPS, MOST_GROUPS_OF_USER = 300, 10


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
