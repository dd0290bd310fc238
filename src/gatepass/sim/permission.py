"""Whether a caller may do what it asks for. All judging is done by `gatepass.policy`; here its questions are put."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from gatepass.policy import CallerKind, Kind, Permissions, Policy, PolicyError, Request, decide, parse
from gatepass.sim.call import Call, Operation, Params
from gatepass.sim.iam import managed_policies
from gatepass.sim.iam.state import Permissions as Held
from gatepass.sim.iam.state import Role
from gatepass.sim.world import Principal, World

_MOST_REMEMBERED = 50_000
_EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
"""What root may; a federated user of root has it narrowed by the policies that were passed."""


@lru_cache(maxsize=4096)
def parsed(document: str, kind: Kind, name: str) -> Policy:
    """The document, parsed once; raises `PolicyError`."""
    return parse(document, kind, name=name)


def check(call: Call, operation: Operation, params: Params) -> None:
    """Refuse the call unless the caller's own policies allow it on everything it names."""
    if not operation.action:
        return
    permissions = permissions_of(call.world, call.caller)
    known, documents = call.world.allowed, _identities(permissions)
    for resource in operation.resources(call, params):
        key = (id(call.caller), operation.action, resource, *documents)
        if key in known:
            continue
        # What is named belongs to the caller's account or to AWS; services keep strangers out themselves.
        request = Request(call.caller.caller, operation.action, resource, now=call.now)
        decision = decide(request, permissions, resource_account=call.caller.account)
        if not decision.allowed:
            raise call.refuse("denied", denial(call.caller, operation.action, resource, decision.blocking))
        if len(known) >= _MOST_REMEMBERED:
            known.clear()
        if _unconditional(permissions):
            known[key] = (call.caller, permissions)


def _identities(permissions: Permissions) -> tuple[int, ...]:
    """What tells two sets of documents apart; each document is parsed once and kept."""
    controls = (policy for level in permissions.controls for policy in level)
    return (*map(id, permissions.identity), id(permissions.boundary), *map(id, controls))


def _unconditional(permissions: Permissions) -> bool:
    """Whether a decision stays what it is for as long as caller, action, resource and documents are the same."""
    boundary = (permissions.boundary,) if permissions.boundary else ()
    together = (
        *permissions.identity,
        *boundary,
        *(policy for level in permissions.controls for policy in level),
    )
    return permissions.session is None and not any(
        s.conditions for policy in together for s in policy.statements
    )


def denial(caller: Principal, action: str, resource: str, blocking: Iterable[object] = ()) -> str:
    """The message of a refusal, in the form AWS gives it."""
    explicit = any(getattr(layer, "ruling", None) == "denied" for layer in blocking)
    why = (
        "with an explicit deny"
        if explicit
        else f"because no identity-based policy allows the {action} action"
    )
    return f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} {why}"


def permissions_of(world: World, principal: Principal) -> Permissions:
    """Everything on the caller's side that bears on a decision."""
    held = _held(world, principal)
    documents = [*_documents(world, principal.account, held)]
    user = _user_groups(world, principal)
    documents += [text for group in user for text in _documents(world, principal.account, group)]
    controls = control_levels(world, principal.account, "SERVICE_CONTROL_POLICY")
    if principal.caller.kind is CallerKind.ROOT:
        return Permissions(controls=controls)
    if principal.caller.kind is CallerKind.FEDERATED_USER and principal.caller.arn.endswith(":root"):
        documents = [_EVERYTHING]
    boundary = managed_document(world, principal.account, held.boundary) if held.boundary else None
    session = principal.session_policies
    return Permissions(
        identity=tuple(_readable(documents)),
        boundary=parsed(boundary, Kind.IDENTITY, held.boundary) if boundary else None,
        session=None if session is None else tuple(_readable(session)),
        controls=controls,
    )


def control_levels(world: World, account: str, kind: str) -> tuple[tuple[Policy, ...], ...]:
    """The control policies of one type that bind an account, one tuple per level from the root down."""
    home = world.organization_of(account)
    levels = home.levels(account, kind) if home is not None and home.policies else []
    form = Kind.CONTROL if kind == "SERVICE_CONTROL_POLICY" else Kind.RESOURCE
    return tuple(tuple(parsed(text, form, "") for text in level) for level in levels)


def _held(world: World, principal: Principal) -> Held:
    iam, name = world.iam_of(principal.account), principal.caller.name.lower()
    match principal.caller.kind:
        case CallerKind.ROLE:
            role = iam.roles.get(name)
            return role.permissions if role and role.id == principal.caller.unique_id else Held()
        case CallerKind.USER | CallerKind.FEDERATED_USER:
            user = iam.users.get(name)
            return user.permissions if user else Held()
        case _:
            return Held()


def _user_groups(world: World, principal: Principal) -> list[Held]:
    if principal.caller.kind not in (CallerKind.USER, CallerKind.FEDERATED_USER):
        return []
    groups = world.iam_of(principal.account).groups.values()
    return [group.permissions for group in groups if principal.caller.name in group.members]


def _documents(world: World, account: str, held: Held) -> list[str]:
    attached = (managed_document(world, account, arn) for arn in held.attached)
    return [*held.inline.values(), *(text for text in attached if text is not None)]


def managed_document(world: World, account: str, arn: str) -> str | None:
    """The document of a managed policy, AWS's or the account's own; None when there is no such policy."""
    policy = world.iam_of(account).policies.get(arn)
    return policy.document if policy is not None else managed_policies.document(arn)


def _readable(documents: Iterable[str]) -> list[Policy]:
    return [parsed(text, Kind.IDENTITY, "") for text in documents]


def trust_text(world: World, role: Role, now: datetime | None = None) -> str:
    """The trust policy as AWS shows it: a principal deleted since is only its unique id.

    With `now`, as STS reads it at that moment: a change is seen late.
    """
    text, named = role.trust, role.named
    if role.before is not None and now is not None and now < role.before[2]:
        text, named, _ = role.before
    for arn, identifier in named.items():
        if unique_id(world, arn) != identifier:
            text = text.replace(json.dumps(arn), json.dumps(identifier))
    return text


def trust(world: World, role: Role, now: datetime) -> Policy | None:
    """The trust policy as STS reads it now; None when the document cannot be read."""
    try:
        return parsed(trust_text(world, role, now), Kind.TRUST, f"trust policy of {role.arn}")
    except PolicyError:
        return None


def unique_id(world: World, arn: str) -> str | None:
    """The unique id of the role or user of this ARN; None when there is none now."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[4] not in world.iam:
        return None
    kind, _, rest = parts[5].partition("/")
    name = rest.rpartition("/")[2].lower()
    iam = world.iam_of(parts[4])
    found = {"role": iam.roles.get(name), "user": iam.users.get(name)}.get(kind)
    return found.id if found is not None and found.arn == arn else None
