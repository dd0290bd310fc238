"""iam: the account as a whole: everything at once, its alias, and what an identity would be allowed."""

from __future__ import annotations

from gatepass.policy import Request, decide, role_session, root, user
from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, operation
from gatepass.sim.iam.documents import on_wire
from gatepass.sim.iam.entities import (
    SERVICE,
    describe_group,
    describe_policy,
    describe_role,
    describe_user,
    iam_of,
    paged,
)
from gatepass.sim.iam.state import Permissions
from gatepass.sim.permission import permissions_of, unique_id
from gatepass.sim.world import Principal

_FIELDS = {
    "Role": "RoleDetailList",
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "LocalManagedPolicy": "Policies",
}


def _policies(permissions: Permissions, field: str) -> Answer:
    inline = [{"PolicyName": n, "PolicyDocument": on_wire(text)} for n, text in permissions.inline.items()]
    attached = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in permissions.attached]
    return {field: inline, "AttachedManagedPolicies": attached}


@operation(SERVICE, "GetAccountAuthorizationDetails")
def get_account_authorization_details(call: Call, params: Params) -> Answer:
    iam, wanted = iam_of(call), params.get("Filter") or list(_FIELDS)
    rows: list[tuple[str, tuple[str, Answer]]] = []
    for role in iam.roles.values():
        row = describe_role(call, role)
        row.pop("MaxSessionDuration"), row.pop("Description", None)
        row |= {**_policies(role.permissions, "RolePolicyList"), "InstanceProfileList": []}
        rows.append((f"Role/{role.name}", ("Role", row)))
    for person in iam.users.values():
        groups = [group.name for group in iam.groups.values() if person.name in group.members]
        row = {
            **describe_user(person),
            **_policies(person.permissions, "UserPolicyList"),
            "GroupList": groups,
        }
        rows.append((f"User/{person.name}", ("User", row)))
    for group in iam.groups.values():
        row = {**describe_group(group), **_policies(group.permissions, "GroupPolicyList")}
        rows.append((f"Group/{group.name}", ("Group", row)))
    for policy in iam.policies.values():
        row = describe_policy(call, policy)
        row.pop("Tags", None)
        row["PolicyVersionList"] = [
            {
                "Document": on_wire(version.document),
                "VersionId": version.id,
                "IsDefaultVersion": version.id == policy.default,
                "CreateDate": version.created,
            }
            for version in policy.versions
        ]
        rows.append((f"Policy/{policy.name}", ("LocalManagedPolicy", row)))
    found = paged(call, params, "Rows", [(key, row) for key, row in rows if row[0] in wanted])
    shown = found.pop("Rows")
    return {**{field: [row for kind, row in shown if kind == k] for k, field in _FIELDS.items()}, **found}


@operation(SERVICE, "SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call, params: Params) -> Answer:
    """What the identity's own policies say to each action; nothing is done."""
    arn = params["PolicySourceArn"]
    identifier = unique_id(call.world, arn)
    if identifier is None and not arn.endswith(":root"):
        raise ApiError("NoSuchEntity", f"{arn} does not exist.")
    caller = (
        role_session(arn, "simulated", unique_id=identifier or "")
        if ":role/" in arn
        else user(arn, unique_id=identifier or "")
        if ":user/" in arn
        else root(call.caller.account)
    )
    permissions = permissions_of(call.world, Principal(caller))
    results = []
    for action in params["ActionNames"]:
        for resource in params.get("ResourceArns") or ["*"]:
            decision = decide(
                Request(caller, action, resource, now=call.now), permissions, resource_account=caller.account
            )
            words = {"allowed": "allowed", "denied": "explicitDeny"}
            results.append(
                {
                    "EvalActionName": action,
                    "EvalResourceName": resource,
                    "EvalDecision": words.get(decision.ruling.value, "implicitDeny"),
                    "MatchedStatements": [],
                    "MissingContextValues": [],
                }
            )
    return paged(call, params, "EvaluationResults", [(f"{n:06}", row) for n, row in enumerate(results)])


@operation(SERVICE, "GetAccountSummary")
def get_account_summary(call: Call, params: Params) -> Answer:
    iam = iam_of(call)
    return {
        "SummaryMap": {
            "Users": len(iam.users),
            "UsersQuota": 5000,
            "Groups": len(iam.groups),
            "GroupsQuota": 300,
            "Roles": len(iam.roles),
            "RolesQuota": 1000,
            "Policies": len(iam.policies),
            "PoliciesQuota": 1500,
            "Providers": len(iam.saml) + len(iam.oidc),
            "AssumeRolePolicySizeQuota": call.world.quotas.get(
                call.caller.account, call.settings.trust_policy_quota
            ),
            "PolicySizeQuota": 6144,
            "PolicyVersionsInUseQuota": 10_000,
            "VersionsPerPolicyQuota": 5,
            "AttachedPoliciesPerRoleQuota": 10,
            "AttachedPoliciesPerUserQuota": 10,
            "AttachedPoliciesPerGroupQuota": 10,
            "AccessKeysPerUserQuota": 2,
            "GroupsPerUserQuota": 10,
            "MFADevices": len(iam.devices),
            "AccountMFAEnabled": 1,
        }
    }


@operation(SERVICE, "CreateAccountAlias")
def create_account_alias(call: Call, params: Params) -> Answer:
    iam_of(call).alias = params["AccountAlias"]
    return {}


@operation(SERVICE, "ListAccountAliases")
def list_account_aliases(call: Call, params: Params) -> Answer:
    alias = iam_of(call).alias
    return paged(call, params, "AccountAliases", [(alias, alias)] if alias else [])


@operation(SERVICE, "DeleteAccountAlias")
def delete_account_alias(call: Call, params: Params) -> Answer:
    if iam_of(call).alias != params["AccountAlias"]:
        raise ApiError("NoSuchEntity", f"The account alias {params['AccountAlias']} cannot be found.")
    iam_of(call).alias = ""
    return {}


@operation(SERVICE, "GetAccountPasswordPolicy")
def get_account_password_policy(call: Call, params: Params) -> Answer:
    raise ApiError(
        "NoSuchEntity", f"The Password Policy with domain name {call.caller.account} cannot be found."
    )
