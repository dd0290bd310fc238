"""iam: inline and attached policies of roles, users and groups: the same ten operations for each of the three."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatepass.policy import size
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam.documents import check_policy, on_wire
from gatepass.sim.iam.entities import (
    SERVICE,
    Entity,
    boundary_of,
    find_group,
    find_role,
    find_user,
    named,
    paged,
    role_to_change,
)
from gatepass.sim.permission import managed_document

MOST_ATTACHED = 10


@dataclass(frozen=True)
class Holder:
    """One of the three kinds of entity that hold policies."""

    kind: str
    find: Callable[[Call, str], Entity]
    change: Callable[[Call, str], Entity]
    inline_limit: int
    """Characters that all inline policies together may have."""

    @property
    def key(self) -> str:
        return f"{self.kind}Name"


HOLDERS = (
    Holder("Role", find_role, role_to_change, 10_240),
    Holder("User", find_user, find_user, 2048),
    Holder("Group", find_group, find_group, 5120),
)


def _no_policy(name: str, holder: Holder, entity: Entity) -> ApiError:
    what = f"The {holder.kind.lower()} policy with name {name} cannot be found on {entity.name}."
    return ApiError("NoSuchEntity", what)


def _enter(holder: Holder) -> None:
    kind, key = holder.kind, holder.key
    resources = named(kind.lower())

    @operation(SERVICE, f"Put{kind}Policy", resources=resources)
    def put(call: Call, params: Params) -> Answer:
        entity = holder.change(call, params[key])
        document, name = params["PolicyDocument"], params["PolicyName"]
        inline = entity.permissions.inline
        check_policy(call, document, holder.inline_limit, f"{kind}PolicySize")
        total = size(document) + sum(size(text) for other, text in inline.items() if other != name)
        if total > holder.inline_limit:
            limit = f"Maximum policy size of {holder.inline_limit} bytes exceeded"
            raise ApiError("LimitExceeded", f"{limit} for {kind.lower()} {entity.name}")
        inline[name] = document
        return {}

    @operation(SERVICE, f"Get{kind}Policy", resources=resources)
    def get(call: Call, params: Params) -> Answer:
        entity, name = holder.find(call, params[key]), params["PolicyName"]
        if name not in entity.permissions.inline:
            raise _no_policy(name, holder, entity)
        document = on_wire(entity.permissions.inline[name])
        return {key: entity.name, "PolicyName": name, "PolicyDocument": document}

    @operation(SERVICE, f"Delete{kind}Policy", resources=resources)
    def delete(call: Call, params: Params) -> Answer:
        entity, name = holder.change(call, params[key]), params["PolicyName"]
        if entity.permissions.inline.pop(name, None) is None:
            raise _no_policy(name, holder, entity)
        return {}

    @operation(SERVICE, f"List{kind}Policies", resources=resources)
    def list_inline(call: Call, params: Params) -> Answer:
        inline = holder.find(call, params[key]).permissions.inline
        return paged(call, params, "PolicyNames", [(name, name) for name in inline])

    @operation(SERVICE, f"Attach{kind}Policy", resources=resources)
    def attach(call: Call, params: Params) -> Answer:
        """Attaching what is attached changes nothing."""
        entity, arn = holder.change(call, params[key]), params["PolicyArn"]
        if managed_document(call.world, call.caller.account, arn) is None:
            raise ApiError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")
        attached = entity.permissions.attached
        if arn not in attached and len(attached) >= MOST_ATTACHED:
            raise ApiError("LimitExceeded", f"Cannot exceed quota for PoliciesPer{kind}: {MOST_ATTACHED}")
        if arn not in attached:
            attached.append(arn)
        return {}

    @operation(SERVICE, f"Detach{kind}Policy", resources=resources)
    def detach(call: Call, params: Params) -> Answer:
        entity, arn = holder.change(call, params[key]), params["PolicyArn"]
        if arn not in entity.permissions.attached:
            raise ApiError("NoSuchEntity", f"Policy {arn} was not found.")
        entity.permissions.attached.remove(arn)
        return {}

    @operation(SERVICE, f"ListAttached{kind}Policies", resources=resources)
    def list_attached(call: Call, params: Params) -> Answer:
        attached = holder.find(call, params[key]).permissions.attached
        found = [(arn, {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}) for arn in attached]
        return paged(call, params, "AttachedPolicies", found)


def _enter_boundary(holder: Holder) -> None:
    kind, key = holder.kind, holder.key
    resources = named(kind.lower())

    @operation(SERVICE, f"Put{kind}PermissionsBoundary", resources=resources)
    def put(call: Call, params: Params) -> Answer:
        holder.change(call, params[key]).permissions.boundary = boundary_of(call, params)
        return {}

    @operation(SERVICE, f"Delete{kind}PermissionsBoundary", resources=resources)
    def delete(call: Call, params: Params) -> Answer:
        holder.change(call, params[key]).permissions.boundary = ""
        return {}


for _holder in HOLDERS:
    _enter(_holder)
    if _holder.kind != "Group":
        _enter_boundary(_holder)
