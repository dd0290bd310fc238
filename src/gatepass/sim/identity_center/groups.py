"""identitystore: groups and memberships."""

from __future__ import annotations

from gatepass.sim.call import Answer, Call, Params, listed, operation, page
from gatepass.sim.identity_center.directory import (
    SERVICE,
    arn_of,
    conflict,
    find_group,
    find_store,
    find_user,
    identified,
    missing,
    named_by,
    new_id,
    of_group,
)
from gatepass.sim.timeline import Membership
from gatepass.sim.world import Circle, Person, Store


def member_of(call: Call, store: Store, params: Params) -> Person:
    """The user a membership is about."""
    user = params["MemberId"].get("UserId")
    if not user:
        raise call.refuse("invalid", "MemberId must have a UserId")
    return find_user(call, store, user)


def describe_circle(store: Store, circle: Circle) -> Answer:
    answer: Answer = {
        **of_group(store, circle),
        "Revision": str(circle.revision),
        "DisplayName": circle.display_name,
        "Description": circle.description,
        "ExternalIds": [{"Issuer": issuer, "Id": identifier} for issuer, identifier in circle.external_ids],
    }
    return {key: value for key, value in answer.items() if value}


@operation(SERVICE, "CreateGroup")
def create_group(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    name = params.get("DisplayName", "")
    if not name:
        raise call.refuse("invalid", "DisplayName is required")
    if any(group.display_name.lower() == name.lower() for group in store.groups.values()):
        raise conflict(call, "Duplicate GroupDisplayName")
    circle = Circle(new_id(call.world, store), name, params.get("Description", ""))
    store.groups[circle.id] = circle
    return {**of_group(store, circle), "Revision": str(circle.revision)}


@operation(SERVICE, "DescribeGroup")
def describe_group(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    return describe_circle(store, find_group(call, store, params["GroupId"]))


@operation(SERVICE, "UpdateGroup")
def update_group(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    circle = find_group(call, store, params["GroupId"])
    for change in params["Operations"]:
        value = str(change.get("AttributeValue") or "")
        match change["AttributePath"].lower():
            case "displayname":
                if any(
                    g.display_name.lower() == value.lower() and g is not circle for g in store.groups.values()
                ):
                    raise conflict(call, "Duplicate GroupDisplayName")
                circle.display_name = value
            case "description":
                circle.description = value
            case other:
                raise call.refuse("invalid", f"Unsupported attribute path {other}")
    circle.revision += 1
    return {**of_group(store, circle), "Revision": str(circle.revision)}


@operation(SERVICE, "DeleteGroup")
def delete_group(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    group = find_group(call, store, params["GroupId"])
    for membership in [m for m in store.memberships.now if m.group == group.id]:
        store.memberships.remove(membership, call.now, by=call.caller.arn, operation="DeleteGroup")
    del store.groups[group.id]
    return {}


@operation(SERVICE, "ListGroups")
def list_groups(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    found = list(store.groups.values())
    for wanted in params.get("Filters", []):
        if wanted["AttributePath"] != "DisplayName":
            raise call.refuse("invalid", f"Unsupported attribute path {wanted['AttributePath']} for filter")
        found = [group for group in found if group.display_name.lower() == wanted["AttributeValue"].lower()]
    return listed("Groups", *page(call, params, [(g.id, describe_circle(store, g)) for g in found]))


@operation(SERVICE, "GetGroupId")
def get_group_id(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    wanted = params["AlternateIdentifier"]
    found = [
        group
        for group in store.groups.values()
        if identified(call, wanted, group.external_ids, {"displayname": [group.display_name]})
    ]
    if not found:
        raise missing(call, "GROUP", named_by(wanted))
    return of_group(store, found[0])


# -- memberships


def describe_membership(membership: Membership, identifier: str) -> Answer:
    return {
        "IdentityStoreId": membership.store,
        "MembershipId": identifier,
        "MembershipArn": arn_of("membership", identifier),
        "GroupId": membership.group,
        "MemberId": {"UserId": membership.user},
    }


@operation(SERVICE, "CreateGroupMembership")
def create_membership(call: Call, params: Params) -> Answer:
    """A second one is a conflict: in this service a conflict means that it is already there."""
    store = find_store(call, params)
    group = find_group(call, store, params["GroupId"])
    user = member_of(call, store, params)
    fact = Membership(store.id, group.id, user.id)
    identifier = new_id(call.world, store)
    if not store.memberships.add(
        fact, call.now, identifier=identifier, by=call.caller.arn, operation=identifier
    ):
        raise conflict(call, "Member and group relationship already exists")
    return {
        "IdentityStoreId": store.id,
        "MembershipId": identifier,
        "MembershipArn": arn_of("membership", identifier),
    }


def _by_id(call: Call, store: Store, identifier: str) -> tuple[Membership, str]:
    for membership, found in store.memberships.seen(call.now):
        if found == identifier:
            return membership, found
    raise missing(call, "GROUP_MEMBERSHIP", identifier)


@operation(SERVICE, "DescribeGroupMembership")
def describe_group_membership(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    return describe_membership(*_by_id(call, store, params["MembershipId"]))


@operation(SERVICE, "DeleteGroupMembership")
def delete_membership(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    membership, identifier = _by_id(call, store, params["MembershipId"])
    store.memberships.remove(membership, call.now, by=call.caller.arn, operation=identifier)
    return {}


@operation(SERVICE, "GetGroupMembershipId")
def get_membership_id(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    group = find_group(call, store, params["GroupId"])
    user = member_of(call, store, params)
    identifier = store.memberships.seen_one(Membership(store.id, group.id, user.id), call.seen_at())
    if identifier is None:
        raise missing(call, "GROUP_MEMBERSHIP", f"{group.id}/{user.id}")
    return {
        "IdentityStoreId": store.id,
        "MembershipId": identifier,
        "MembershipArn": arn_of("membership", identifier),
    }


@operation(SERVICE, "IsMemberInGroups")
def is_member_in_groups(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    user = member_of(call, store, params)
    at = call.seen_at()
    results = [
        {
            "GroupId": group,
            "MemberId": {"UserId": user.id},
            "MembershipExists": store.memberships.seen_one(Membership(store.id, group, user.id), at)
            is not None,
        }
        for group in params["GroupIds"]
    ]
    return {"Results": results}


@operation(SERVICE, "ListGroupMemberships")
def list_memberships(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    group = find_group(call, store, params["GroupId"])
    found = store.memberships.seen(call.seen_at(), (store.id, group.id))
    shown = [(identifier, describe_membership(m, identifier)) for m, identifier in found]
    return listed("GroupMemberships", *page(call, params, shown))


@operation(SERVICE, "ListGroupMembershipsForMember")
def list_memberships_of(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    user = member_of(call, store, params)
    found = store.memberships.seen(call.seen_at())
    shown = [(identifier, describe_membership(m, identifier)) for m, identifier in found if m.user == user.id]
    return listed("GroupMemberships", *page(call, params, shown))
