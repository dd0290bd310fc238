"""IAM: finding roles, users and groups, showing them, and what all of them have in common: tags, paths, pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from gatepass.policy import CallerKind
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, page
from gatepass.sim.iam.documents import on_wire
from gatepass.sim.iam.state import AccountIam, Group, Permissions, Policy, Role, User
from gatepass.sim.permission import managed_document, trust_text

SERVICE = "iam"
MOST_TAGS = 50
Entity = Role | User | Group
T = TypeVar("T")


def iam_of(call: Call) -> AccountIam:
    """IAM of the caller's account."""
    return call.world.iam_of(call.caller.account)


def missing(kind: str, name: str) -> ApiError:
    return ApiError("NoSuchEntity", f"The {kind} with name {name} cannot be found.")


def exists(kind: str, name: str) -> ApiError:
    return ApiError("EntityAlreadyExists", f"{kind} with name {name} already exists.")


def visible(call: Call, entity: Role | User) -> bool:
    """Whether it has been there long enough for everybody to see it."""
    return entity.visible_from is None or entity.visible_from <= call.now


def find_role(call: Call, name: str) -> Role:
    found = iam_of(call).roles.get(name.lower())
    if found is None or found.name != name or not visible(call, found):
        raise missing("role", name)
    return found


def role_to_change(call: Call, name: str) -> Role:
    """The role, if it is not one of AWS's own."""
    found = find_role(call, name)
    if found.reserved:
        raise ApiError(
            "UnmodifiableEntity",
            f"Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS",
        )
    return found


def find_user(call: Call, name: str) -> User:
    found = iam_of(call).users.get(name.lower())
    if found is None or found.name != name or not visible(call, found):
        raise missing("user", name)
    return found


def user_named(call: Call, params: Params) -> User:
    """The user the call names, or the one who calls."""
    name = params.get("UserName")
    if name is None:
        if call.caller.caller.kind is not CallerKind.USER:
            raise call.refuse("invalid", "Must specify userName when calling with non-User credentials")
        name = call.caller.caller.name
    return find_user(call, name)


def find_group(call: Call, name: str) -> Group:
    found = iam_of(call).groups.get(name.lower())
    if found is None or found.name != name:
        raise missing("group", name)
    return found


def seen_later(call: Call) -> dict[str, Any]:
    """When a new entity becomes visible, as keyword of its constructor."""
    lag = call.settings.iam_lag
    return {"visible_from": call.now + timedelta(seconds=lag)} if lag else {}


def named(kind: str) -> Callable[[Call, Params], list[str]]:
    """The resources IAM checks for calls about one `kind` (role, user, group), by name."""
    parameter = f"{kind.title()}Name"

    def resources(call: Call, params: Params) -> list[str]:
        name = params.get(parameter) or call.caller.caller.name
        table = getattr(iam_of(call), f"{kind}s")
        found = table.get(str(name).lower())
        path = params.get("Path", "/")
        return [found.arn if found is not None else f"arn:aws:iam::{call.caller.account}:{kind}{path}{name}"]

    return resources


def boundary_of(call: Call, params: Params) -> str:
    """The permissions boundary passed with a call, empty when there is none; it must be a policy that exists."""
    arn = str(params.get("PermissionsBoundary", ""))
    if arn and managed_document(call.world, call.caller.account, arn) is None:
        raise ApiError("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.")
    return arn


def tags_of(call: Call, params: Params) -> dict[str, str]:
    """Tags passed with a call; refuses doubles (keys compare ignoring case) and too many."""
    given = params.get("Tags", [])
    if len({tag["Key"].lower() for tag in given}) != len(given):
        raise ApiError(
            "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    return merged(call, {}, {tag["Key"]: tag["Value"] for tag in given})


def merged(call: Call, old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """`old` with `new` over it; a key in another case takes the place of the old one."""
    lower = {key.lower() for key in new}
    found = {key: value for key, value in old.items() if key.lower() not in lower} | new
    if len(found) > MOST_TAGS:
        raise ApiError("LimitExceeded", f"The number of tags has reached the maximum limit: {MOST_TAGS}")
    return found


def without(old: dict[str, str], keys: Iterable[str]) -> dict[str, str]:
    lower = {key.lower() for key in keys}
    return {key: value for key, value in old.items() if key.lower() not in lower}


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def paged(call: Call, params: Params, field: str, items: Iterable[tuple[str, T]]) -> Answer:
    """One page in IAM's form."""
    shown, marker = page(call, params, items, most=1000, names="iam")
    return {field: shown, "IsTruncated": bool(marker), **({"Marker": marker} if marker else {})}


def _head(entity: Entity, kind: str) -> Answer:
    return {
        "Path": entity.path,
        f"{kind}Name": entity.name,
        f"{kind}Id": entity.id,
        "Arn": entity.arn,
        "CreateDate": entity.created,
    }


def _boundary(permissions: Permissions) -> Answer:
    if not permissions.boundary:
        return {}
    arn = permissions.boundary
    return {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}}


def describe_role(call: Call, role: Role, *, whole: bool = True) -> Answer:
    """The role as GetRole shows it, deleted principals as their unique ids; lists leave tags and boundary out."""
    answer = {
        **_head(role, "Role"),
        "AssumeRolePolicyDocument": on_wire(trust_text(call.world, role)),
        "MaxSessionDuration": role.max_session,
        **({"Description": role.description} if role.description else {}),
    }
    if whole:
        used = {"LastUsedDate": role.last_used, "Region": "us-east-1"} if role.last_used else {}
        answer |= {**_boundary(role.permissions), "RoleLastUsed": used}
        answer |= {"Tags": tag_list(role.tags)} if role.tags else {}
    return answer


def describe_user(user: User, *, whole: bool = True) -> Answer:
    answer = _head(user, "User")
    if whole:
        answer |= {**_boundary(user.permissions), **({"Tags": tag_list(user.tags)} if user.tags else {})}
    return answer


def describe_group(group: Group) -> Answer:
    return _head(group, "Group")


def entities(call: Call) -> list[Entity]:
    """Every role, user and group of the account."""
    iam = iam_of(call)
    return [*iam.roles.values(), *iam.users.values(), *iam.groups.values()]


def attached_to(call: Call, arn: str) -> list[Entity]:
    """Every role, user and group of the account that has the policy attached."""
    return [entity for entity in entities(call) if arn in entity.permissions.attached]


def bounded_by(call: Call, arn: str) -> list[Entity]:
    """Every role and user of the account whose permissions boundary the policy is."""
    return [entity for entity in entities(call) if entity.permissions.boundary == arn]


def describe_policy(call: Call, policy: Policy) -> Answer:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default,
        "AttachmentCount": len(attached_to(call, policy.arn)),
        "PermissionsBoundaryUsageCount": len(bounded_by(call, policy.arn)),
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
        **({"Description": policy.description} if policy.description else {}),
        **({"Tags": tag_list(policy.tags)} if policy.tags else {}),
    }
