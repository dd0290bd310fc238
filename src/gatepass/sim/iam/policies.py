"""iam: customer managed policies and their versions."""

from __future__ import annotations

from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam import managed_policies
from gatepass.sim.iam.documents import check_policy, on_wire
from gatepass.sim.iam.entities import (
    SERVICE,
    attached_to,
    bounded_by,
    describe_policy,
    entities,
    exists,
    iam_of,
    paged,
    tags_of,
)
from gatepass.sim.iam.state import Group, Policy, Role, Version

MOST_VERSIONS = 5
MOST_POLICIES = 1500


def by_arn(call: Call, params: Params) -> list[str]:
    return [params["PolicyArn"]]


def find_policy(call: Call, arn: str) -> Policy:
    found = iam_of(call).policies.get(arn)
    if found is None:
        raise ApiError("NoSuchEntity", f"Policy {arn} was not found.")
    return found


def _version(found: Policy, identifier: str) -> Version:
    for version in found.versions:
        if version.id == identifier:
            return version
    raise ApiError(
        "NoSuchEntity", f"Policy {found.arn} version {identifier} does not exist or is not attachable."
    )


def _describe_version(found: Policy, version: Version, *, whole: bool = True) -> Answer:
    return {
        "VersionId": version.id,
        "IsDefaultVersion": version.id == found.default,
        "CreateDate": version.created,
        **({"Document": on_wire(version.document)} if whole else {}),
    }


@operation(SERVICE, "CreatePolicy")
def create_policy(call: Call, params: Params) -> Answer:
    iam, name = iam_of(call), params["PolicyName"]
    if any(policy.name.lower() == name.lower() for policy in iam.policies.values()):
        raise exists("A policy called " + name + ": policy", name)
    if len(iam.policies) >= MOST_POLICIES:
        raise ApiError("LimitExceeded", f"Cannot exceed quota for PoliciesPerAccount: {MOST_POLICIES}")
    check_policy(call, params["PolicyDocument"])
    made = Policy(
        call.caller.account,
        name,
        params.get("Path", "/"),
        call.world.unique("ANPA"),
        call.now,
        call.now,
        params.get("Description", ""),
        [Version("v1", params["PolicyDocument"], call.now)],
        tags=tags_of(call, params),
    )
    iam.policies[made.arn] = made
    return {"Policy": describe_policy(call, made)}


@operation(SERVICE, "GetPolicy", resources=by_arn)
def get_policy(call: Call, params: Params) -> Answer:
    arn = params["PolicyArn"]
    if managed_policies.exists(arn):
        return {"Policy": _describe_aws(call, arn)}
    return {"Policy": describe_policy(call, find_policy(call, arn))}


def _describe_aws(call: Call, arn: str) -> Answer:
    path, _, name = arn.removeprefix("arn:aws:iam::aws:policy").rpartition("/")
    return {
        "PolicyName": name,
        "PolicyId": "ANPA" + name.upper().ljust(17, "A")[:17],
        "Arn": arn,
        "Path": f"{path}/",
        "DefaultVersionId": "v1",
        "AttachmentCount": len(attached_to(call, arn)),
        "PermissionsBoundaryUsageCount": len(bounded_by(call, arn)),
        "IsAttachable": True,
        "CreateDate": call.world.started,
        "UpdateDate": call.world.started,
    }


@operation(SERVICE, "ListPolicies")
def list_policies(call: Call, params: Params) -> Answer:
    """The account's own; of AWS's only those that are attached somewhere."""
    scope, prefix = params.get("Scope", "All"), params.get("PathPrefix", "/")
    found = []
    if scope in ("All", "Local"):
        found += [
            (arn, describe_policy(call, policy))
            for arn, policy in iam_of(call).policies.items()
            if policy.path.startswith(prefix)
        ]
    if scope in ("All", "AWS"):
        used = {
            arn
            for entity in entities(call)
            for arn in entity.permissions.attached
            if managed_policies.exists(arn)
        }
        found += [(arn, _describe_aws(call, arn)) for arn in used]
    if params.get("OnlyAttached"):
        found = [(arn, row) for arn, row in found if row["AttachmentCount"]]
    for _, row in found:
        row.pop("Description", None)
        row.pop("Tags", None)
    return paged(call, params, "Policies", found)


@operation(SERVICE, "DeletePolicy", resources=by_arn)
def delete_policy(call: Call, params: Params) -> Answer:
    found = find_policy(call, params["PolicyArn"])
    if attached_to(call, found.arn) or bounded_by(call, found.arn):
        raise ApiError("DeleteConflict", "Cannot delete a policy attached to entities.")
    if len(found.versions) > 1:
        raise ApiError(
            "DeleteConflict",
            "This policy has more than one version. Delete the policy's versions first.",
        )
    del iam_of(call).policies[found.arn]
    return {}


@operation(SERVICE, "CreatePolicyVersion", resources=by_arn)
def create_version(call: Call, params: Params) -> Answer:
    found = find_policy(call, params["PolicyArn"])
    if len(found.versions) >= MOST_VERSIONS:
        raise ApiError(
            "LimitExceeded",
            f"A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, you must "
            "delete an existing version.",
        )
    check_policy(call, params["PolicyDocument"])
    made = Version(f"v{found.next_version}", params["PolicyDocument"], call.now)
    found.versions.append(made)
    found.next_version += 1
    found.updated = call.now
    if params.get("SetAsDefault"):
        found.default = made.id
    return {"PolicyVersion": _describe_version(found, made, whole=False)}


@operation(SERVICE, "GetPolicyVersion", resources=by_arn)
def get_version(call: Call, params: Params) -> Answer:
    arn = params["PolicyArn"]
    text = managed_policies.document(arn)
    if text is not None and params["VersionId"] == "v1":
        row = {
            "Document": on_wire(text),
            "VersionId": "v1",
            "IsDefaultVersion": True,
            "CreateDate": call.world.started,
        }
        return {"PolicyVersion": row}
    found = find_policy(call, arn)
    return {"PolicyVersion": _describe_version(found, _version(found, params["VersionId"]))}


@operation(SERVICE, "ListPolicyVersions", resources=by_arn)
def list_versions(call: Call, params: Params) -> Answer:
    found = find_policy(call, params["PolicyArn"])
    rows = [(f"{int(v.id[1:]):09}", _describe_version(found, v, whole=False)) for v in found.versions]
    return paged(call, params, "Versions", rows)


@operation(SERVICE, "DeletePolicyVersion", resources=by_arn)
def delete_version(call: Call, params: Params) -> Answer:
    found = find_policy(call, params["PolicyArn"])
    version = _version(found, params["VersionId"])
    if version.id == found.default:
        raise ApiError("DeleteConflict", "Cannot delete the default version of a policy.")
    found.versions.remove(version)
    return {}


@operation(SERVICE, "SetDefaultPolicyVersion", resources=by_arn)
def set_default(call: Call, params: Params) -> Answer:
    found = find_policy(call, params["PolicyArn"])
    found.default = _version(found, params["VersionId"]).id
    found.updated = call.now
    return {}


@operation(SERVICE, "ListEntitiesForPolicy", resources=by_arn)
def list_entities(call: Call, params: Params) -> Answer:
    arn = params["PolicyArn"]
    if not managed_policies.exists(arn):
        find_policy(call, arn)
    rows: dict[str, list[Answer]] = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []}
    for entity in attached_to(call, arn):
        kind = "Role" if isinstance(entity, Role) else "Group" if isinstance(entity, Group) else "User"
        rows[f"Policy{kind}s"].append({f"{kind}Name": entity.name, f"{kind}Id": entity.id})
    return {**rows, "IsTruncated": False}
