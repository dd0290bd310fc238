"""sso-admin: account assignments, from the accepted call over IN_PROGRESS to the truth, and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gatepass.sim.call import Answer, Call, Params, listed, operation, page
from gatepass.sim.identity_center import reserved_roles
from gatepass.sim.identity_center.instances import (
    find_instance,
    find_permission_set,
    named,
    organization_of,
    refuse_management_account,
)
from gatepass.sim.timeline import Assignment
from gatepass.sim.world import Instance, Operation, World


def _fact(call: Call, params: Params, instance: Instance) -> Assignment:
    return Assignment(
        instance.arn,
        params["TargetId"],
        params["PermissionSetArn"],
        params["PrincipalType"],
        params["PrincipalId"],
    )


def _check_names(call: Call, params: Params, instance: Instance) -> None:
    find_permission_set(call, params, instance)
    account = params["TargetId"]
    if account not in organization_of(call, instance).accounts:
        raise call.refuse("missing", f"Account {account} is not part of the organization of {instance.arn}")
    refuse_management_account(call, instance, account)


def _check_principal(call: Call, fact: Assignment, instance: Instance) -> None:
    store = call.world.stores[instance.store]
    known = store.users if fact.principal_type == "USER" else store.groups
    if fact.principal not in known:
        raise call.refuse("missing", f"{fact.principal_type} {fact.principal} not found in {store.id}")


def _check_quiet(call: Call, fact: Assignment, instance: Instance) -> None:
    for other in instance.running.values():
        if other.fact == fact:
            raise call.refuse("conflict", f"Operation {other.id} on this assignment is still running")
        if other.kind == "provision" and other.permission_set == fact.permission_set:
            raise call.refuse("conflict", f"The permission set is being provisioned by {other.id}")
    writes = sum(1 for other in instance.running.values() if other.fact is not None)
    if writes >= call.settings.outstanding:
        raise call.refuse("throttled", f"{writes} assignment operations are outstanding")


def _accept(call: Call, instance: Instance, kind: str, fact: Assignment) -> Answer:
    running = Operation(
        call.world.uuid(), kind, call.now, call.caller.arn, fact.permission_set, fact.account, fact, reason=""
    )
    instance.operations[kind][running.id] = running
    instance.running[running.id] = running
    if call.fault is not None and call.fault.do == "never-ends":
        return describe(running)
    reason = call.fault.reason if call.fault is not None and call.fault.do == "fail" else ""

    def finish(at: datetime) -> None:
        _finish(call, instance, running, reason, at)

    due = call.now + timedelta(seconds=call.settings.operation_seconds)
    call.world.schedule(due, finish)
    return describe(running)


def _finish(call: Call, instance: Instance, running: Operation, reason: str, at: datetime) -> None:
    del instance.running[running.id]
    reason = reason or _too_late(call, instance, running)
    if reason:
        running.status, running.reason = "FAILED", reason
        return
    assert running.fact is not None
    running.status = "SUCCEEDED"
    apply(
        call.world, instance, running.fact, running.kind == "create", at, by=running.by, operation=running.id
    )


def _too_late(call: Call, instance: Instance, running: Operation) -> str:
    """Why AWS fails an operation it had accepted: what it needs was gone when its turn came."""
    fact = running.fact
    assert fact is not None
    account = organization_of(call, instance).accounts.get(fact.account)
    if fact.permission_set not in instance.permission_sets:
        return f"Received a 404 status error: permission set {fact.permission_set} does not exist"
    if account is None:
        return f"Received a 404 status error: account {fact.account} does not exist"
    if account.status != "ACTIVE":
        return f"Received a 403 status error: account {fact.account} is suspended"
    store = call.world.stores[instance.store]
    known = store.users if fact.principal_type == "USER" else store.groups
    if running.kind == "create" and fact.principal not in known:
        return f"Received a 404 status error: principal {fact.principal} does not exist"
    return ""


def apply(
    world: World,
    instance: Instance,
    fact: Assignment,
    present: bool,
    at: datetime,
    *,
    by: str,
    operation: str,
) -> bool:
    """Make the assignment true or untrue, with the role it needs in the account. Repeating changes nothing."""
    if present:
        came = instance.assignments.add(fact, at, identifier=operation, by=by, operation=operation)
    else:
        came = instance.assignments.remove(fact, at, by=by, operation=operation)
    if came:
        reserved_roles.follow(world, instance, fact.permission_set, fact.account, at)
    return came


def describe(running: Operation) -> Answer:
    """The status object of an assignment operation."""
    fact = running.fact
    assert fact is not None
    return {
        "Status": running.status,
        "RequestId": running.id,
        "TargetId": fact.account,
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": fact.permission_set,
        "PrincipalType": fact.principal_type,
        "PrincipalId": fact.principal,
        "CreatedDate": running.created,
        **({"FailureReason": running.reason} if running.reason else {}),
    }


@operation("sso-admin", "CreateAccountAssignment", resources=named)
def create_account_assignment(call: Call, params: Params) -> Answer:
    """Accepts also what exists already: it then succeeds and changes nothing (spec/sym.md 4.2)."""
    instance = find_instance(call, params)
    _check_names(call, params, instance)
    fact = _fact(call, params, instance)
    _check_principal(call, fact, instance)
    _check_quiet(call, fact, instance)
    return {"AccountAssignmentCreationStatus": _accept(call, instance, "create", fact)}


@operation("sso-admin", "DeleteAccountAssignment", resources=named)
def delete_account_assignment(call: Call, params: Params) -> Answer:
    """Accepts also what is gone already, and principals that were deleted: an orphan can be cleaned up."""
    instance = find_instance(call, params)
    _check_names(call, params, instance)
    fact = _fact(call, params, instance)
    _check_quiet(call, fact, instance)
    return {"AccountAssignmentDeletionStatus": _accept(call, instance, "delete", fact)}


def _one_status(call: Call, params: Params, kind: str, field: str) -> Answer:
    instance = find_instance(call, params)
    found = instance.operations[kind].get(params[field])
    if found is None:
        raise call.refuse("missing", f"Request {params[field]} not found")
    return describe(found)


@operation("sso-admin", "DescribeAccountAssignmentCreationStatus", resources=named)
def describe_creation(call: Call, params: Params) -> Answer:
    status = _one_status(call, params, "create", "AccountAssignmentCreationRequestId")
    return {"AccountAssignmentCreationStatus": status}


@operation("sso-admin", "DescribeAccountAssignmentDeletionStatus", resources=named)
def describe_deletion(call: Call, params: Params) -> Answer:
    status = _one_status(call, params, "delete", "AccountAssignmentDeletionRequestId")
    return {"AccountAssignmentDeletionStatus": status}


def statuses(instance: Instance, kind: str, wanted: str) -> Iterator[tuple[str, Answer]]:
    """Operations of one kind, newest first, as the List...Status operations show them."""
    source = instance.running if wanted == "IN_PROGRESS" else instance.operations[kind]
    for found in source.values():
        if found.kind == kind and (not wanted or found.status == wanted):
            newest_first = 10**15 - int(found.created.timestamp() * 1000)
            row = {"Status": found.status, "RequestId": found.id, "CreatedDate": found.created}
            yield f"{newest_first:016}{found.id}", row


def _list_statuses(call: Call, params: Params, kind: str, field: str) -> Answer:
    instance = find_instance(call, params)
    wanted = params.get("Filter", {}).get("Status", "")
    return listed(field, *page(call, params, statuses(instance, kind, wanted)))


@operation("sso-admin", "ListAccountAssignmentCreationStatus", resources=named)
def list_creations(call: Call, params: Params) -> Answer:
    return _list_statuses(call, params, "create", "AccountAssignmentsCreationStatus")


@operation("sso-admin", "ListAccountAssignmentDeletionStatus", resources=named)
def list_deletions(call: Call, params: Params) -> Answer:
    return _list_statuses(call, params, "delete", "AccountAssignmentsDeletionStatus")


@operation("sso-admin", "ListAccountAssignments", resources=named)
def list_account_assignments(call: Call, params: Params) -> Answer:
    instance = find_instance(call, params)
    find_permission_set(call, params, instance)
    if params["AccountId"] not in organization_of(call, instance).accounts:
        raise call.refuse("missing", f"Account {params['AccountId']} is not part of the organization")
    wanted = (params["AccountId"], params["PermissionSetArn"])
    found = [
        (
            fact.principal_type + fact.principal,
            {
                "AccountId": fact.account,
                "PermissionSetArn": fact.permission_set,
                "PrincipalType": fact.principal_type,
                "PrincipalId": fact.principal,
            },
        )
        for fact, _ in instance.assignments.seen(call.seen_at(), wanted)
    ]
    return listed("AccountAssignments", *page(call, params, found))


@operation("sso-admin", "ListAccountAssignmentsForPrincipal", resources=named)
def list_for_principal(call: Call, params: Params) -> Answer:
    """A user's assignments include those of the groups the user is in, as AWS lists them."""
    instance = find_instance(call, params)
    at = call.seen_at()
    holders = {(params["PrincipalType"], params["PrincipalId"])}
    if params["PrincipalType"] == "USER":
        memberships = call.world.stores[instance.store].memberships
        holders |= {("GROUP", m.group) for m, _ in memberships.seen(at) if m.user == params["PrincipalId"]}
    account = params.get("Filter", {}).get("AccountId")
    found = [
        (
            "|".join(fact),
            {
                "AccountId": fact.account,
                "PermissionSetArn": fact.permission_set,
                "PrincipalType": fact.principal_type,
                "PrincipalId": fact.principal,
            },
        )
        for fact, _ in instance.assignments.seen(at)
        if (fact.principal_type, fact.principal) in holders and account in (None, fact.account)
    ]
    return listed("AccountAssignments", *page(call, params, found))
