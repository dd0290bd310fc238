"""sso-admin: permission sets, what they hold, and their provisioning into accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from gatepass.sim.call import Answer, Call, Params, listed, operation, page
from gatepass.sim.iam.managed_policies import exists as managed_policy_exists
from gatepass.sim.identity_center import reserved_roles
from gatepass.sim.identity_center.assignments import statuses
from gatepass.sim.identity_center.instances import (
    find_instance,
    find_permission_set,
    named,
    organization_of,
    refuse_management_account,
)
from gatepass.sim.world import Instance, Operation, PermissionSet

INLINE_LIMIT = 32_768
ATTACHED_LIMIT = 10
_SHORTEST, _LONGEST = 3600, 43_200


def _both(call: Call, params: Params) -> tuple[Instance, PermissionSet]:
    instance = find_instance(call, params)
    return instance, find_permission_set(call, params, instance)


def _to_change(call: Call, params: Params) -> tuple[Instance, PermissionSet]:
    """The permission set, if this caller may change it now."""
    instance, found = _both(call, params)
    management = organization_of(call, instance).management
    if management in found.provisioned:
        refuse_management_account(call, instance, management)
    if any(o.kind == "provision" and o.permission_set == found.arn for o in instance.running.values()):
        raise call.refuse("conflict", f"Permission set {found.arn} is being provisioned")
    return instance, found


def _session(call: Call, session: str) -> str:
    try:
        fits = _SHORTEST <= reserved_roles.seconds(session) <= _LONGEST
    except ValueError:
        fits = False
    if not fits:
        raise call.refuse("invalid", f"SessionDuration {session} must be between PT1H and PT12H")
    return session


def describe(found: PermissionSet) -> Answer:
    """The permission set as DescribePermissionSet shows it."""
    answer: Answer = {
        "Name": found.name,
        "PermissionSetArn": found.arn,
        "CreatedDate": found.created,
        "SessionDuration": found.session,
    }
    if found.description:
        answer["Description"] = found.description
    if found.relay_state:
        answer["RelayState"] = found.relay_state
    return answer


@operation("sso-admin", "CreatePermissionSet", resources=named)
def create(call: Call, params: Params) -> Answer:
    instance = find_instance(call, params)
    name = params["Name"]
    if any(other.name == name for other in instance.permission_sets.values()):
        raise call.refuse("conflict", f"PermissionSet with name {name} already exists")
    arn = f"{instance.arn.replace(':instance/', ':permissionSet/')}/ps-{call.world.hexadecimal()}"
    found = PermissionSet(
        arn,
        name,
        call.now,
        description=params.get("Description", ""),
        session=_session(call, params.get("SessionDuration", "PT1H")),
        relay_state=params.get("RelayState", ""),
        tags={tag["Key"]: tag["Value"] for tag in params.get("Tags", [])},
    )
    instance.permission_sets[arn] = found
    return {"PermissionSet": describe(found)}


@operation("sso-admin", "DescribePermissionSet", resources=named)
def describe_permission_set(call: Call, params: Params) -> Answer:
    return {"PermissionSet": describe(_both(call, params)[1])}


@operation("sso-admin", "UpdatePermissionSet", resources=named)
def update(call: Call, params: Params) -> Answer:
    _, found = _to_change(call, params)
    session = _session(call, params["SessionDuration"]) if "SessionDuration" in params else found.session
    found.session = session
    found.description = params.get("Description", found.description)
    found.relay_state = params.get("RelayState", found.relay_state)
    found.revision += 1
    return {}


@operation("sso-admin", "DeletePermissionSet", resources=named)
def delete(call: Call, params: Params) -> Answer:
    """Refused while it is assigned anywhere or an operation on it runs."""
    instance, found = _to_change(call, params)
    if any(fact.permission_set == found.arn for fact in instance.assignments.now):
        raise call.refuse("conflict", f"Permission set {found.arn} is still assigned")
    if any(other.permission_set == found.arn for other in instance.running.values()):
        raise call.refuse("conflict", f"An operation on permission set {found.arn} is running")
    del instance.permission_sets[found.arn]
    return {}


@operation("sso-admin", "ListPermissionSets", resources=named)
def list_permission_sets(call: Call, params: Params) -> Answer:
    instance = find_instance(call, params)
    return listed("PermissionSets", *page(call, params, ((arn, arn) for arn in instance.permission_sets)))


def _list_provisioned(call: Call, params: Params, field: str, found: Iterator[tuple[str, bool]]) -> Answer:
    wanted = params.get("ProvisioningStatus")
    latest = {"LATEST_PERMISSION_SET_PROVISIONED": True, "LATEST_PERMISSION_SET_NOT_PROVISIONED": False}
    shown = [(key, key) for key, is_latest in found if wanted is None or latest[wanted] is is_latest]
    return listed(field, *page(call, params, shown))


@operation("sso-admin", "ListPermissionSetsProvisionedToAccount", resources=named)
def list_provisioned_sets(call: Call, params: Params) -> Answer:
    instance, account = find_instance(call, params), params["AccountId"]
    if account not in organization_of(call, instance).accounts:
        raise call.refuse("missing", f"Account {account} is not part of the organization")
    found = (
        (p.arn, p.provisioned[account] == p.revision)
        for p in instance.permission_sets.values()
        if account in p.provisioned
    )
    return _list_provisioned(call, params, "PermissionSets", found)


@operation("sso-admin", "ListAccountsForProvisionedPermissionSet", resources=named)
def list_accounts(call: Call, params: Params) -> Answer:
    _, permission_set = _both(call, params)
    found = ((account, at == permission_set.revision) for account, at in permission_set.provisioned.items())
    return _list_provisioned(call, params, "AccountIds", found)


@operation("sso-admin", "AttachManagedPolicyToPermissionSet", resources=named)
def attach_managed(call: Call, params: Params) -> Answer:
    _, found = _to_change(call, params)
    arn = params["ManagedPolicyArn"]
    if not managed_policy_exists(arn):
        raise call.refuse("missing", f"Policy {arn} does not exist")
    if arn in found.managed:
        raise call.refuse("conflict", f"Policy {arn} is already attached to {found.arn}")
    _refuse_too_many(call, found)
    found.managed[arn] = arn.rpartition("/")[2]
    found.revision += 1
    return {}


def _refuse_too_many(call: Call, found: PermissionSet) -> None:
    if len(found.managed) + len(found.customer) >= ATTACHED_LIMIT:
        raise call.refuse("invalid", f"A permission set may have at most {ATTACHED_LIMIT} policies attached")


@operation("sso-admin", "DetachManagedPolicyFromPermissionSet", resources=named)
def detach_managed(call: Call, params: Params) -> Answer:
    _, found = _to_change(call, params)
    if found.managed.pop(params["ManagedPolicyArn"], None) is None:
        raise call.refuse("missing", f"Policy {params['ManagedPolicyArn']} is not attached to {found.arn}")
    found.revision += 1
    return {}


@operation("sso-admin", "ListManagedPoliciesInPermissionSet", resources=named)
def list_managed(call: Call, params: Params) -> Answer:
    _, found = _both(call, params)
    shown = [(arn, {"Name": name, "Arn": arn}) for arn, name in found.managed.items()]
    return listed("AttachedManagedPolicies", *page(call, params, shown))


def _reference(params: Params) -> tuple[str, str]:
    reference = params["CustomerManagedPolicyReference"]
    return reference.get("Path", "/"), reference["Name"]


@operation("sso-admin", "AttachCustomerManagedPolicyReferenceToPermissionSet", resources=named)
def attach_customer(call: Call, params: Params) -> Answer:
    _, found = _to_change(call, params)
    reference = _reference(params)
    if reference in found.customer:
        raise call.refuse(
            "conflict", f"Policy {reference[0]}{reference[1]} is already attached to {found.arn}"
        )
    _refuse_too_many(call, found)
    found.customer.append(reference)
    found.revision += 1
    return {}


@operation("sso-admin", "DetachCustomerManagedPolicyReferenceFromPermissionSet", resources=named)
def detach_customer(call: Call, params: Params) -> Answer:
    _, found = _to_change(call, params)
    reference = _reference(params)
    if reference not in found.customer:
        raise call.refuse("missing", f"Policy {reference[0]}{reference[1]} is not attached to {found.arn}")
    found.customer.remove(reference)
    found.revision += 1
    return {}


@operation("sso-admin", "ListCustomerManagedPolicyReferencesInPermissionSet", resources=named)
def list_customer(call: Call, params: Params) -> Answer:
    _, found = _both(call, params)
    shown = [(path + name, {"Path": path, "Name": name}) for path, name in found.customer]
    return listed("CustomerManagedPolicyReferences", *page(call, params, shown))


@operation("sso-admin", "PutInlinePolicyToPermissionSet", resources=named)
def put_inline(call: Call, params: Params) -> Answer:
    _, found = _to_change(call, params)
    text = params["InlinePolicy"]
    if len(text) > INLINE_LIMIT:
        raise call.refuse(
            "invalid", f"The inline policy has {len(text)} characters; {INLINE_LIMIT} are allowed"
        )
    try:
        fits = isinstance(json.loads(text), dict)
    except ValueError:
        fits = False
    if not fits:
        raise call.refuse("invalid", "The inline policy is not a JSON policy document")
    found.inline = text
    found.revision += 1
    return {}


@operation("sso-admin", "GetInlinePolicyForPermissionSet", resources=named)
def get_inline(call: Call, params: Params) -> Answer:
    inline = _both(call, params)[1].inline
    return {"InlinePolicy": inline} if inline else {}


@operation("sso-admin", "DeleteInlinePolicyFromPermissionSet", resources=named)
def delete_inline(call: Call, params: Params) -> Answer:
    _, found = _to_change(call, params)
    if not found.inline:
        raise call.refuse("missing", f"Permission set {found.arn} has no inline policy")
    found.inline = ""
    found.revision += 1
    return {}


@operation("sso-admin", "PutPermissionsBoundaryToPermissionSet", resources=named)
def put_boundary(call: Call, params: Params) -> Answer:
    _, found = _to_change(call, params)
    boundary = dict(params["PermissionsBoundary"])
    if ("ManagedPolicyArn" in boundary) == ("CustomerManagedPolicyReference" in boundary):
        raise call.refuse("invalid", "A permissions boundary is one managed or one customer managed policy")
    found.boundary = boundary
    found.revision += 1
    return {}


@operation("sso-admin", "GetPermissionsBoundaryForPermissionSet", resources=named)
def get_boundary(call: Call, params: Params) -> Answer:
    _, found = _both(call, params)
    if not found.boundary:
        raise call.refuse("missing", f"Permission set {found.arn} has no permissions boundary")
    return {"PermissionsBoundary": found.boundary}


@operation("sso-admin", "DeletePermissionsBoundaryFromPermissionSet", resources=named)
def delete_boundary(call: Call, params: Params) -> Answer:
    _, found = _to_change(call, params)
    if not found.boundary:
        raise call.refuse("missing", f"Permission set {found.arn} has no permissions boundary")
    found.boundary = {}
    found.revision += 1
    return {}


@operation("sso-admin", "ProvisionPermissionSet", resources=named)
def provision(call: Call, params: Params) -> Answer:
    """Brings the present revision into one account, or into every account where the set is provisioned."""
    instance, found = _to_change(call, params)
    account = params.get("TargetId", "")
    if params["TargetType"] == "AWS_ACCOUNT" and account not in found.provisioned:
        raise call.refuse(
            "missing", f"Permission set {found.arn} is not provisioned in account {account or '(none)'}"
        )
    running = Operation(call.world.uuid(), "provision", call.now, call.caller.arn, found.arn, account)
    instance.operations["provision"][running.id] = running
    instance.running[running.id] = running
    reason = call.fault.reason if call.fault is not None and call.fault.do == "fail" else ""

    def finish(_: object) -> None:
        del instance.running[running.id]
        running.status, running.reason = ("FAILED", reason) if reason else ("SUCCEEDED", "")
        for target in [account] if account else list(found.provisioned):
            if not reason:
                reserved_roles.provision(call.world, instance, found, target)

    call.world.schedule(call.now + timedelta(seconds=call.settings.operation_seconds), finish)
    return {"PermissionSetProvisioningStatus": _status(running)}


def _status(running: Operation) -> Answer:
    return {
        "Status": running.status,
        "RequestId": running.id,
        "PermissionSetArn": running.permission_set,
        "CreatedDate": running.created,
        **({"AccountId": running.account} if running.account else {}),
        **({"FailureReason": running.reason} if running.reason else {}),
    }


@operation("sso-admin", "DescribePermissionSetProvisioningStatus", resources=named)
def describe_provisioning(call: Call, params: Params) -> Answer:
    instance = find_instance(call, params)
    found = instance.operations["provision"].get(params["ProvisionPermissionSetRequestId"])
    if found is None:
        raise call.refuse("missing", f"Request {params['ProvisionPermissionSetRequestId']} not found")
    return {"PermissionSetProvisioningStatus": _status(found)}


@operation("sso-admin", "ListPermissionSetProvisioningStatus", resources=named)
def list_provisionings(call: Call, params: Params) -> Answer:
    instance = find_instance(call, params)
    wanted = params.get("Filter", {}).get("Status", "")
    found = statuses(instance, "provision", wanted)
    return listed("PermissionSetsProvisioningStatus", *page(call, params, found))


def _tags_of(call: Call, params: Params) -> dict[str, str]:
    arn = params["ResourceArn"]
    for instance in call.world.instances.values():
        if arn == instance.arn or arn in instance.permission_sets:
            find_instance(call, {"InstanceArn": instance.arn})
            return instance.tags if arn == instance.arn else instance.permission_sets[arn].tags
    raise call.refuse("missing", f"Resource {arn} not found")


@operation("sso-admin", "ListTagsForResource")
def list_tags(call: Call, params: Params) -> Answer:
    shown = [(key, {"Key": key, "Value": value}) for key, value in _tags_of(call, params).items()]
    return listed("Tags", *page(call, params, shown))


@operation("sso-admin", "TagResource")
def tag(call: Call, params: Params) -> Answer:
    _tags_of(call, params).update({tag["Key"]: tag["Value"] for tag in params["Tags"]})
    return {}


@operation("sso-admin", "UntagResource")
def untag(call: Call, params: Params) -> Answer:
    tags = _tags_of(call, params)
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return {}
