"""identitystore: the directory of an Identity Center instance: who may look, and how things in it are found."""

from __future__ import annotations

from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.world import Circle, Person, Store, World

SERVICE = "identitystore"


def find_store(call: Call, params: Params) -> Store:
    """The store the call names, if the caller's account manages it and the region is its own."""
    store = call.world.stores.get(params["IdentityStoreId"])
    if store is None or store.region != call.region:
        raise missing(call, "IDENTITY_STORE", params["IdentityStoreId"])
    home = call.world.organization_of(store.owner)
    if home is None or not home.may_manage(call.caller.account, "sso.amazonaws.com"):
        raise call.refuse(
            "denied",
            f"User: {call.caller.arn} is not authorized to perform: identitystore:{call.operation} on resource: "
            f"arn:aws:identitystore::{store.owner}:identitystore/{store.id}",
        )
    return store


def missing(call: Call, kind: str, identifier: str) -> ApiError:
    """The answer for a USER, GROUP, GROUP_MEMBERSHIP or IDENTITY_STORE that is not there."""
    return call.refuse(
        "missing", f"{kind} not found.", ResourceType=kind, ResourceId=identifier, RequestId=call.world.uuid()
    )


def conflict(call: Call, message: str, reason: str = "UNIQUENESS_CONSTRAINT_VIOLATION") -> ApiError:
    """The answer for what is there already."""
    return call.refuse("conflict", message, Reason=reason, RequestId=call.world.uuid())


def find_user(call: Call, store: Store, identifier: str) -> Person:
    """The user of this id; refused when there is none."""
    found = store.users.get(identifier)
    if found is None:
        raise missing(call, "USER", identifier)
    return found


def find_group(call: Call, store: Store, identifier: str) -> Circle:
    """The group of this id; refused when there is none."""
    found = store.groups.get(identifier)
    if found is None:
        raise missing(call, "GROUP", identifier)
    return found


def arn_of(kind: str, identifier: str) -> str:
    """The ARN of a user, group or membership."""
    return f"arn:aws:identitystore:::{kind}/{identifier}"


def of_user(store: Store, person: Person) -> Answer:
    """What every answer about a user carries."""
    return {"IdentityStoreId": store.id, "UserId": person.id, "UserArn": arn_of("user", person.id)}


def of_group(store: Store, circle: Circle) -> Answer:
    """What every answer about a group carries."""
    return {"IdentityStoreId": store.id, "GroupId": circle.id, "GroupArn": arn_of("group", circle.id)}


def _describe_store(store: Store) -> Answer:
    arn = f"arn:aws:identitystore::{store.owner}:identitystore/{store.id}"
    return {"IdentityStoreId": store.id, "IdentityStoreArn": arn}


@operation(SERVICE, "DescribeIdentityStore")
def describe_store(call: Call, params: Params) -> Answer:
    return _describe_store(find_store(call, params))


def new_id(world: World, store: Store) -> str:
    """An identifier of a user, group or membership: the store's prefix and a UUID, as AWS writes them."""
    return f"{store.id.removeprefix('d-')[:10]:0>10}-{world.uuid()}"


def identified(
    call: Call, wanted: Params, external: list[tuple[str, str]], attributes: dict[str, list[str]]
) -> bool:
    if ("ExternalId" in wanted) == ("UniqueAttribute" in wanted):
        raise call.refuse("invalid", "AlternateIdentifier is one of ExternalId and UniqueAttribute")
    if "ExternalId" in wanted:
        return (wanted["ExternalId"]["Issuer"], wanted["ExternalId"]["Id"]) in external
    unique = wanted["UniqueAttribute"]
    values = attributes.get(unique["AttributePath"].lower())
    if values is None:
        raise call.refuse("invalid", f"Unsupported attribute path {unique['AttributePath']}")
    return str(unique["AttributeValue"]).lower() in {value.lower() for value in values}


def named_by(wanted: Params) -> str:
    if "ExternalId" in wanted:
        return str(wanted["ExternalId"]["Id"])
    return str(wanted["UniqueAttribute"]["AttributeValue"])
