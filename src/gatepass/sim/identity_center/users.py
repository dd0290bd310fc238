"""identitystore: users."""

from __future__ import annotations

from typing import Any

from gatepass.sim.call import Answer, Call, Params, listed, operation, page
from gatepass.sim.identity_center.directory import (
    SERVICE,
    conflict,
    find_store,
    find_user,
    identified,
    missing,
    named_by,
    new_id,
    of_user,
)
from gatepass.sim.world import Person, Store


def describe_person(store: Store, person: Person) -> Answer:
    """The user as DescribeUser shows it; what is empty is left out."""
    name = {"GivenName": person.given_name, "FamilyName": person.family_name}
    answer: Answer = {
        **of_user(store, person),
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
        raise conflict(call, "Duplicate Email")


@operation(SERVICE, "CreateUser")
def create_user(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    name = params.get("UserName", "")
    if not name or "DisplayName" not in params or "Name" not in params:
        raise call.refuse("invalid", "UserName, DisplayName and Name are required")
    if any(person.user_name.lower() == name.lower() for person in store.users.values()):
        raise conflict(call, "Duplicate UserName")
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
    return {**of_user(store, person), "Revision": str(person.revision)}


@operation(SERVICE, "DescribeUser")
def describe_user(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    return describe_person(store, find_user(call, store, params["UserId"]))


@operation(SERVICE, "UpdateUser")
def update_user(call: Call, params: Params) -> Answer:
    store = find_store(call, params)
    person = find_user(call, store, params["UserId"])
    for change in params["Operations"]:
        _update_user(call, store, person, change["AttributePath"], change.get("AttributeValue"))
    person.revision += 1
    return {**of_user(store, person), "Revision": str(person.revision)}


def _update_user(call: Call, store: Store, person: Person, path: str, value: Any) -> None:
    match path.lower():
        case "username":
            if any(
                p.user_name.lower() == str(value).lower() and p is not person for p in store.users.values()
            ):
                raise conflict(call, "Duplicate UserName")
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
    find_user(call, store, params["UserId"])
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
    found = [p for p in store.users.values() if identified(call, wanted, p.external_ids, _unique_of(p))]
    if not found:
        raise missing(call, "USER", named_by(wanted))
    return of_user(store, found[0])


def _unique_of(person: Person) -> dict[str, list[str]]:
    return {"username": [person.user_name], "emails.value": [str(email["Value"]) for email in person.emails]}
