"""organizations: service and resource control policies, and where they are attached (spec/teams.md T-45)."""

from __future__ import annotations

from gatepass.policy import Kind, PolicyError, parse
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, listed, operation, page
from gatepass.sim.organizations import SERVICE, managed, readable
from gatepass.sim.world import ControlPolicy, Organization

TYPES = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")
MOST_ATTACHED = 5
_LIMIT = 5120
_WORDS = {
    "SERVICE_CONTROL_POLICY": "service_control_policy",
    "RESOURCE_CONTROL_POLICY": "resource_control_policy",
}


def _find(home: Organization, identifier: str) -> ControlPolicy:
    found = home.controls.get(identifier)
    if found is None:
        raise ApiError("PolicyNotFoundException", "We can't find a policy with that ID.")
    return found


def _describe(home: Organization, policy: ControlPolicy) -> Answer:
    place = "aws" if policy.aws_managed else f"{home.management}"
    owner = f"{home.id}/" if not policy.aws_managed else ""
    return {
        "Id": policy.id,
        "Arn": f"arn:aws:organizations::{place}:policy/{owner}{_WORDS[policy.type]}/{policy.id}",
        "Name": policy.name,
        "Description": policy.description,
        "Type": policy.type,
        "AwsManaged": policy.aws_managed,
    }


def _check(content: str, kind: str) -> None:
    if len(content) > _LIMIT:
        raise ApiError("ConstraintViolationException", f"The policy document exceeds {_LIMIT} characters.")
    try:
        parse(content, Kind.CONTROL if kind == "SERVICE_CONTROL_POLICY" else Kind.RESOURCE)
    except PolicyError as wrong:
        raise ApiError("MalformedPolicyDocumentException", wrong.message) from None


def _target(home: Organization, identifier: str) -> str:
    if identifier not in home.units and identifier not in home.accounts:
        raise ApiError("TargetNotFoundException", "We can't find a root, OU, or account with that ID.")
    return identifier


@operation(SERVICE, "EnablePolicyType")
def enable_policy_type(call: Call, params: Params) -> Answer:
    """From now on policies of the type bind; everything that is there gets the one that allows all."""
    home, kind = managed(call), params["PolicyType"]
    if params["RootId"] != home.root:
        raise ApiError("RootNotFoundException", "We can't find a root with that ID.")
    if home.enabled(kind):
        raise ApiError("PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.")
    if kind not in TYPES:
        raise ApiError("PolicyTypeNotAvailableForOrganizationException", f"{kind} is not simulated")
    home.policies.append({"Type": kind, "Status": "ENABLED"})
    home.allow_all(kind)
    return {"Root": {"Id": home.root, "PolicyTypes": [dict(row) for row in home.policies]}}


@operation(SERVICE, "DisablePolicyType")
def disable_policy_type(call: Call, params: Params) -> Answer:
    home, kind = managed(call), params["PolicyType"]
    if not home.enabled(kind):
        raise ApiError("PolicyTypeNotEnabledException", "The specified policy type is not enabled.")
    home.policies = [row for row in home.policies if row["Type"] != kind]
    gone = {policy.id for policy in home.controls.values() if policy.type == kind}
    for target, attached in home.attached.items():
        home.attached[target] = [identifier for identifier in attached if identifier not in gone]
    return {"Root": {"Id": home.root, "PolicyTypes": [dict(row) for row in home.policies]}}


@operation(SERVICE, "CreatePolicy")
def create_policy(call: Call, params: Params) -> Answer:
    home, kind = managed(call), params["Type"]
    if kind not in TYPES:
        raise ApiError("PolicyTypeNotAvailableForOrganizationException", f"{kind} is not simulated")
    if any(policy.name == params["Name"] and policy.type == kind for policy in home.controls.values()):
        raise ApiError("DuplicatePolicyException", "A policy with the same name already exists.")
    _check(params["Content"], kind)
    made = ControlPolicy(
        f"p-{call.world.hexadecimal(8)}", kind, params["Name"], params["Content"], params["Description"]
    )
    home.controls[made.id] = made
    return {"Policy": {"PolicySummary": _describe(home, made), "Content": made.content}}


@operation(SERVICE, "DescribePolicy")
def describe_policy(call: Call, params: Params) -> Answer:
    home = readable(call)
    found = _find(home, params["PolicyId"])
    return {"Policy": {"PolicySummary": _describe(home, found), "Content": found.content}}


@operation(SERVICE, "UpdatePolicy")
def update_policy(call: Call, params: Params) -> Answer:
    home = managed(call)
    found = _find(home, params["PolicyId"])
    if found.aws_managed:
        raise ApiError("ConstraintViolationException", "AWS's own policies cannot be changed.")
    if "Content" in params:
        _check(params["Content"], found.type)
        found.content = params["Content"]
    found.name = params.get("Name", found.name)
    found.description = params.get("Description", found.description)
    return {"Policy": {"PolicySummary": _describe(home, found), "Content": found.content}}


@operation(SERVICE, "DeletePolicy")
def delete_policy(call: Call, params: Params) -> Answer:
    home = managed(call)
    found = _find(home, params["PolicyId"])
    if any(found.id in attached for attached in home.attached.values()):
        raise ApiError("PolicyInUseException", "The policy is attached to one or more entities.")
    del home.controls[found.id]
    return {}


@operation(SERVICE, "ListPolicies")
def list_policies(call: Call, params: Params) -> Answer:
    home = readable(call)
    found = [(p.id, _describe(home, p)) for p in home.controls.values() if p.type == params["Filter"]]
    return listed("Policies", *page(call, params, found, most=20, default=20))


@operation(SERVICE, "AttachPolicy")
def attach_policy(call: Call, params: Params) -> Answer:
    home = managed(call)
    found, target = _find(home, params["PolicyId"]), _target(home, params["TargetId"])
    if not home.enabled(found.type):
        raise ApiError("PolicyTypeNotEnabledException", "The specified policy type is not enabled.")
    attached = home.attached.setdefault(target, [])
    if found.id in attached:
        raise ApiError("DuplicatePolicyAttachmentException", "The selected policy is already attached.")
    if sum(1 for identifier in attached if home.controls[identifier].type == found.type) >= MOST_ATTACHED:
        raise ApiError(
            "ConstraintViolationException", f"At most {MOST_ATTACHED} policies of a type to a target."
        )
    attached.append(found.id)
    return {}


@operation(SERVICE, "DetachPolicy")
def detach_policy(call: Call, params: Params) -> Answer:
    home = managed(call)
    found, target = _find(home, params["PolicyId"]), _target(home, params["TargetId"])
    attached = home.attached.get(target, [])
    if found.id not in attached:
        raise ApiError("PolicyNotAttachedException", "The policy isn't attached to the specified target.")
    if sum(1 for identifier in attached if home.controls[identifier].type == found.type) == 1:
        raise ApiError(
            "ConstraintViolationException", "The last policy of a type cannot be detached from a target."
        )
    attached.remove(found.id)
    return {}


@operation(SERVICE, "ListPoliciesForTarget")
def list_policies_for_target(call: Call, params: Params) -> Answer:
    home = readable(call)
    attached = home.attached.get(_target(home, params["TargetId"]), [])
    found = [
        (i, _describe(home, home.controls[i])) for i in attached if home.controls[i].type == params["Filter"]
    ]
    return listed("Policies", *page(call, params, found, most=20, default=20))


@operation(SERVICE, "ListTargetsForPolicy")
def list_targets_for_policy(call: Call, params: Params) -> Answer:
    home = readable(call)
    found = _find(home, params["PolicyId"])
    rows = [
        (target, _describe_target(home, target))
        for target, attached in home.attached.items()
        if found.id in attached
    ]
    return listed("Targets", *page(call, params, rows, most=20, default=20))


def _describe_target(home: Organization, target: str) -> Answer:
    account = home.accounts.get(target)
    if account is not None:
        arn = f"arn:aws:organizations::{home.management}:account/{home.id}/{target}"
        return {"TargetId": target, "Arn": arn, "Name": account.name, "Type": "ACCOUNT"}
    unit = home.units[target]
    kind = "ou" if unit.parent else "root"
    arn = f"arn:aws:organizations::{home.management}:{kind}/{home.id}/{target}"
    word = "ORGANIZATIONAL_UNIT" if unit.parent else "ROOT"
    return {"TargetId": target, "Arn": arn, "Name": unit.name, "Type": word}
