"""sso-admin: finding instances and permission sets, and who may look at them."""

from __future__ import annotations

from gatepass.sim.call import Answer, Call, Params, listed, operation, page
from gatepass.sim.world import Instance, Organization, PermissionSet

SSO = "sso.amazonaws.com"


def organization_of(call: Call, instance: Instance) -> Organization:
    """The organization an instance serves."""
    return call.world.organizations[instance.organization]


def may_see(call: Call, instance: Instance) -> bool:
    """The management account and delegated administrators of Identity Center see the instance, in its region."""
    if instance.region != call.region:
        return False
    return organization_of(call, instance).may_manage(call.caller.account, SSO)


def find_instance(call: Call, params: Params) -> Instance:
    """The instance the call names; refused when it is unknown here, or belongs to somebody else."""
    instance = call.world.instances.get(params["InstanceArn"])
    if instance is None or instance.region != call.region:
        raise call.refuse("missing", f"Instance {params['InstanceArn']} not found in {call.region}")
    if not may_see(call, instance):
        raise call.refuse(
            "denied",
            f"User: {call.caller.arn} is not authorized to perform: sso:{call.operation} on resource: {instance.arn}",
        )
    return instance


def find_permission_set(call: Call, params: Params, instance: Instance) -> PermissionSet:
    """The permission set the call names; it must be one of this instance."""
    found = instance.permission_sets.get(params["PermissionSetArn"])
    if found is None:
        raise call.refuse(
            "missing", f"PermissionSet {params['PermissionSetArn']} not found in {instance.arn}"
        )
    return found


def refuse_management_account(call: Call, instance: Instance, account: str) -> None:
    """A delegated administrator changes nothing in the management account (security.md 3, item 9)."""
    organization = organization_of(call, instance)
    if account == organization.management and call.caller.account != organization.management:
        raise call.refuse(
            "denied", f"The delegated administrator may not manage access to the management account {account}"
        )


def named(call: Call, params: Params) -> list[str]:
    """The resources IAM checks: whatever instance, permission set and account the call names."""
    found = [params[name] for name in ("InstanceArn", "PermissionSetArn") if params.get(name)]
    account = params.get("TargetId") or params.get("AccountId")
    if account:
        found.append(f"arn:aws:sso:::account/{account}")
    return found or ["*"]


def describe(instance: Instance) -> Answer:
    return {
        "InstanceArn": instance.arn,
        "IdentityStoreId": instance.store,
        "OwnerAccountId": instance.owner,
        "CreatedDate": instance.created,
        "Status": "ACTIVE",
        **({"Name": instance.name} if instance.name else {}),
    }


@operation("sso-admin", "ListInstances")
def list_instances(call: Call, params: Params) -> Answer:
    seen = [(i.arn, describe(i)) for i in call.world.instances.values() if may_see(call, i)]
    return listed("Instances", *page(call, params, seen))


@operation("sso-admin", "DescribeInstance", resources=named)
def describe_instance(call: Call, params: Params) -> Answer:
    return describe(find_instance(call, params))


@operation("sso-admin", "UpdateInstance", resources=named)
def update_instance(call: Call, params: Params) -> Answer:
    find_instance(call, params).name = params.get("Name", "")
    return {}
