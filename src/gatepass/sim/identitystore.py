"""identitystore: users, groups and memberships, as the directory of an Identity Center instance keeps them."""

from __future__ import annotations

from typing import Any

from gatepass.sim.call import Answer, Call, Params, listed, operation, page
from gatepass.sim.timeline import Membership
from gatepass.sim.world import Circle, Person, Store, World

SERVICE = "identitystore"


def find_store(call: Call, params: Params) -> Store:
    """The store the call names, if the caller's account manages it and the region is its own."""
    store = call.world.stores.get(params["IdentityStoreId"])
    if store is None or store.region != call.region:
        raise _missing(call, "IDENTITY_STORE", params["IdentityStoreId"])
    home = call.world.organization_of(store.owner)
    if home is None or not home.may_manage(call.caller.account, "sso.amazonaws.com"):
        raise call.refuse(
            "denied",
            f"User: {call.caller.arn} is not authorized to perform: identitystore:{call.operation} on resource: "
            f"arn:aws:identitystore::{store.owner}:identitystore/{store.id}",
        )
    return store


def _missing(call: Call, kind: str, identifier: str) -> Exception:
    return call.refuse(
        "missing", f"{kind} not found.", ResourceType=kind, ResourceId=identifier, RequestId=call.world.uuid()
    )


def _conflict(call: Call, message: str, reason: str = "UNIQUENESS_CONSTRAINT_VIOLATION") -> Exception:
    return call.refuse("conflict", message, Reason=reason, RequestId=call.world.uuid())


def _user(call: Call, store: Store, identifier: str) -> Person:
    found = store.users.get(identifier)
    if found is None:
        raise _missing(call, "USER", identifier)
    return found


def _group(call: Call, store: Store, identifier: str) -> Circle:
    found = store.groups.get(identifier)
    if found is None:
        raise _missing(call, "GROUP", identifier)
    return found


def _arn(kind: str, identifier: str) -> str:
    return f"arn:aws:identitystore:::{kind}/{identifier}"


def _of_user(store: Store, person: Person) -> Answer:
    return {"IdentityStoreId": store.id, "UserId": person.id, "UserArn": _arn("user", person.id)}


def _of_group(store: Store, circle: Circle) -> Answer:
    return {"IdentityStoreId": store.id, "GroupId": circle.id, "GroupArn": _arn("group", circle.id)}


def describe_person(store: Store, person: Person) -> Answer:
    """The user as DescribeUser shows it; what is empty is left out."""
    name = {"GivenName": person.given_name, "FamilyName": person.family_name}
    answer: Answer = {
        **_of_user(store, person),
        "Revision": str(person.revision),
        "UserStatus": "ENABLED",
        "UserName": person.user_name,
        "DisplayName": person.display_name,
        "Name": {key: value for key, value in name.items() if value},
        "Emails": [dict(email) for email in person.emails],
        "ExternalIds": [{"Issuer": issuer, "Id": identifier} for issuer, identifier in person.external_ids],
        **person.other,
    }
    return {key: value for key, value in answer.items() if value}


def describe_circle(store: Store, circle: Circle) -> Answer:
    answer: Answer = {
        **_of_group(store, circle),
        "Revision": str(circle.revision),
        "DisplayName": circle.display_name,
        "Description": circle.description,
        "ExternalIds": [{"Issuer": issuer, "Id": identifier} for issuer, identifier in circle.external_ids],
    }
    return {key: value for key, value in answer.items() if value}


def _describe_store(store: Store) -> Answer:
    arn = f"arn:aws:identitystore::{store.owner}:identitystore/{store.id}"
    return {"IdentityStoreId": store.id, "IdentityStoreArn": arn}


@operation(SERVICE, "DescribeIdentityStore")
def describe_store(call: Call, params: Params) -> Answer:
    return _describe_store(find_store(call, params))


# -- users

_OTHER = (
    "NickName",
    "ProfileUrl",
    "UserType",
    "Title",
    "PreferredLanguage",
    "Locale",
    "Timezone",
    "Addresses",
    "PhoneNumbers",
    "Photos",
    "Website",
    "Birthdate",
)


def _check_emails(call: Call, store: Store, emails: list[dict[str, Any]], but: str = "") -> None:
    if len(emails) > 1:
        raise call.refuse("invalid", "A user has at most one e-mail address")
    taken = {str(e["Value"]).lower() for p in store.users.values() if p.id != but for e in p.emails}
    if any(str(email.get("Value", "")).lower() in taken for email in emails):
        raise _conflict(call, "Duplicate Email")


@operation(SERVICE, "CreateUser")
def create_user(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    name = params.get("UserName", "")
    if not name or "DisplayName" not in params or "Name" not in params:
        raise call.refuse("invalid", "UserName, DisplayName and Name are required")
    if any(person.user_name.lower() == name.lower() for person in store.users.values()):
        raise _conflict(call, "Duplicate UserName")
    emails = [dict(email) for email in params.get("Emails", [])]
    _check_emails(call, store, emails)
    person = Person(
        new_id(call.world, store),
        name,
        params["DisplayName"],
        params["Name"].get("GivenName", ""),
        params["Name"].get("FamilyName", ""),
        emails,
        other={key: params[key] for key in _OTHER if key in params},
    )
    store.users[person.id] = person
    return {**_of_user(store, person), "Revision": str(person.revision)}


def new_id(world: World, store: Store) -> str:
    """An identifier of a user, group or membership: the store's prefix and a UUID, as AWS writes them."""
    return f"{store.id.removeprefix('d-')[:10]:0>10}-{world.uuid()}"


@operation(SERVICE, "DescribeUser")
def describe_user(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    return describe_person(store, _user(call, store, params["UserId"]))


@operation(SERVICE, "UpdateUser")
def update_user(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    person = _user(call, store, params["UserId"])
    for change in params["Operations"]:
        _update_user(call, store, person, change["AttributePath"], change.get("AttributeValue"))
    person.revision += 1
    return {**_of_user(store, person), "Revision": str(person.revision)}


def _update_user(call: Call, store: Store, person: Person, path: str, value: Any) -> None:
    match path.lower():
        case "username":
            if any(
                p.user_name.lower() == str(value).lower() and p is not person for p in store.users.values()
            ):
                raise _conflict(call, "Duplicate UserName")
            person.user_name = str(value)
        case "displayname":
            person.display_name = str(value or "")
        case "name.givenname":
            person.given_name = str(value or "")
        case "name.familyname":
            person.family_name = str(value or "")
        case "emails":
            emails = [{_title(key): item for key, item in email.items()} for email in value or []]
            _check_emails(call, store, emails, but=person.id)
            person.emails = emails
        case other:
            field = next((key for key in _OTHER if key.lower() == other), None)
            if field is None:
                raise call.refuse("invalid", f"Unsupported attribute path {path}")
            person.other[field] = value


def _title(key: str) -> str:
    return key[:1].upper() + key[1:]


@operation(SERVICE, "DeleteUser")
def delete_user(call: Call, params: Params) -> Answer:
    """Takes the memberships along; assignments stay behind as orphans, as in AWS."""
    store = find_store(call, params)
    _user(call, store, params["UserId"])
    remove_user(call, store, params["UserId"])
    return {}


def remove_user(call: Call, store: Store, user: str) -> None:
    for membership in [m for m in store.memberships.now if m.user == user]:
        store.memberships.remove(membership, call.now, by=call.caller.arn, operation="DeleteUser")
    del store.users[user]


@operation(SERVICE, "ListUsers")
def list_users(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    found = list(store.users.values())
    for wanted in params.get("Filters", []):
        if wanted["AttributePath"] not in {"UserName", "ExternalId"}:
            raise call.refuse("invalid", f"Unsupported attribute path {wanted['AttributePath']} for filter")
        found = [
            person for person in found if _matches(person, wanted["AttributePath"], wanted["AttributeValue"])
        ]
    shown = [(person.id, describe_person(store, person)) for person in found]
    return listed("Users", *page(call, params, shown))


def _matches(person: Person, path: str, value: str) -> bool:
    if path == "UserName":
        return person.user_name.lower() == value.lower()
    return any(identifier == value for _, identifier in person.external_ids)


@operation(SERVICE, "GetUserId")
def get_user_id(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    wanted = params["AlternateIdentifier"]
    found = [p for p in store.users.values() if _identified(call, wanted, p.external_ids, _unique_of(p))]
    if not found:
        raise _missing(call, "USER", _named(wanted))
    return _of_user(store, found[0])


def _unique_of(person: Person) -> dict[str, list[str]]:
    return {"username": [person.user_name], "emails.value": [str(email["Value"]) for email in person.emails]}


def _identified(
    call: Call, wanted: Params, external: list[tuple[str, str]], attributes: dict[str, list[str]]
) -> bool:
    if "ExternalId" in wanted:
        return (wanted["ExternalId"]["Issuer"], wanted["ExternalId"]["Id"]) in external
    unique = wanted["UniqueAttribute"]
    values = attributes.get(unique["AttributePath"].lower())
    if values is None:
        raise call.refuse("invalid", f"Unsupported attribute path {unique['AttributePath']}")
    return str(unique["AttributeValue"]).lower() in {value.lower() for value in values}


def _named(wanted: Params) -> str:
    if "ExternalId" in wanted:
        return str(wanted["ExternalId"]["Id"])
    return str(wanted["UniqueAttribute"]["AttributeValue"])


# -- groups


@operation(SERVICE, "CreateGroup")
def create_group(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    name = params.get("DisplayName", "")
    if not name:
        raise call.refuse("invalid", "DisplayName is required")
    if any(group.display_name.lower() == name.lower() for group in store.groups.values()):
        raise _conflict(call, "Duplicate GroupDisplayName")
    circle = Circle(new_id(call.world, store), name, params.get("Description", ""))
    store.groups[circle.id] = circle
    return {**_of_group(store, circle), "Revision": str(circle.revision)}


@operation(SERVICE, "DescribeGroup")
def describe_group(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    return describe_circle(store, _group(call, store, params["GroupId"]))


@operation(SERVICE, "UpdateGroup")
def update_group(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    circle = _group(call, store, params["GroupId"])
    for change in params["Operations"]:
        value = str(change.get("AttributeValue") or "")
        match change["AttributePath"].lower():
            case "displayname":
                if any(
                    g.display_name.lower() == value.lower() and g is not circle for g in store.groups.values()
                ):
                    raise _conflict(call, "Duplicate GroupDisplayName")
                circle.display_name = value
            case "description":
                circle.description = value
            case other:
                raise call.refuse("invalid", f"Unsupported attribute path {other}")
    circle.revision += 1
    return {**_of_group(store, circle), "Revision": str(circle.revision)}


@operation(SERVICE, "DeleteGroup")
def delete_group(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    group = _group(call, store, params["GroupId"])
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
        if _identified(call, wanted, group.external_ids, {"displayname": [group.display_name]})
    ]
    if not found:
        raise _missing(call, "GROUP", _named(wanted))
    return _of_group(store, found[0])


# -- memberships


def describe_membership(membership: Membership, identifier: str) -> Answer:
    return {
        "IdentityStoreId": membership.store,
        "MembershipId": identifier,
        "MembershipArn": _arn("membership", identifier),
        "GroupId": membership.group,
        "MemberId": {"UserId": membership.user},
    }


@operation(SERVICE, "CreateGroupMembership")
def create_membership(call: Call, params: Params) -> Answer:
    """A second one is a conflict: in this service a conflict means that it is already there."""
    store = find_store(call, params)
    group = _group(call, store, params["GroupId"])
    user = _user(call, store, params["MemberId"]["UserId"])
    fact = Membership(store.id, group.id, user.id)
    identifier = new_id(call.world, store)
    if not store.memberships.add(
        fact, call.now, identifier=identifier, by=call.caller.arn, operation=identifier
    ):
        raise _conflict(call, "Member and group relationship already exists")
    return {
        "IdentityStoreId": store.id,
        "MembershipId": identifier,
        "MembershipArn": _arn("membership", identifier),
    }


def _by_id(call: Call, store: Store, identifier: str) -> tuple[Membership, str]:
    for membership, found in store.memberships.seen(call.now):
        if found == identifier:
            return membership, found
    raise _missing(call, "GROUP_MEMBERSHIP", identifier)


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
    group = _group(call, store, params["GroupId"])
    user = _user(call, store, params["MemberId"]["UserId"])
    identifier = store.memberships.seen_one(Membership(store.id, group.id, user.id), call.seen_at())
    if identifier is None:
        raise _missing(call, "GROUP_MEMBERSHIP", f"{group.id}/{user.id}")
    return {
        "IdentityStoreId": store.id,
        "MembershipId": identifier,
        "MembershipArn": _arn("membership", identifier),
    }


@operation(SERVICE, "IsMemberInGroups")
def is_member_in_groups(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    user = _user(call, store, params["MemberId"]["UserId"])
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
    group = _group(call, store, params["GroupId"])
    found = store.memberships.seen(call.seen_at(), (store.id, group.id))
    shown = [(identifier, describe_membership(m, identifier)) for m, identifier in found]
    return listed("GroupMemberships", *page(call, params, shown))


@operation(SERVICE, "ListGroupMembershipsForMember")
def list_memberships_of(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    user = _user(call, store, params["MemberId"]["UserId"])
    found = store.memberships.seen(call.seen_at())
    shown = [(identifier, describe_membership(m, identifier)) for m, identifier in found if m.user == user.id]
    return listed("GroupMemberships", *page(call, params, shown))
