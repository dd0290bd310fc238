"""organizations: the tree of accounts, who may see it, and its tags."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gatepass.sim.answers import ApiError
from gatepass.sim.call import Answer, Call, Params, listed, operation, page
from gatepass.sim.world import Account, Organization, Unit

SERVICE = "organizations"
_MOST = 20
_PARENT = re.compile(r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}")


def _home(call: Call) -> Organization:
    found = call.world.organization_of(call.caller.account)
    if found is None:
        raise ApiError(
            "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."
        )
    return found


def readable(call: Call) -> Organization:
    """The caller's organization, if it may read it: the management account and delegated administrators."""
    home = _home(call)
    if not home.may_manage(call.caller.account):
        raise ApiError("AccessDeniedException", "You don't have permissions to access this resource.")
    return home


def managed(call: Call) -> Organization:
    """The caller's organization, if it may change it: the management account only."""
    home = _home(call)
    if call.caller.account != home.management:
        raise ApiError("AccessDeniedException", "You don't have permissions to access this resource.")
    return home


def describe_account(home: Organization, account: Account) -> Answer:
    return {
        "Id": account.id,
        "Arn": f"arn:aws:organizations::{home.management}:account/{home.id}/{account.id}",
        "Email": account.email,
        "Name": account.name,
        "Status": account.status,
        "State": account.status,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": account.joined,
    }


def describe_unit(home: Organization, unit: Unit) -> Answer:
    kind = "ou" if unit.parent else "root"
    arn = f"arn:aws:organizations::{home.management}:{kind}/{home.id}/{unit.id}"
    answer: Answer = {"Id": unit.id, "Arn": arn, "Name": unit.name}
    if not unit.parent:
        answer["PolicyTypes"] = [dict(policy) for policy in home.policies]
    return answer


@operation(SERVICE, "DescribeOrganization")
def describe_organization(call: Call, params: Params) -> Answer:
    home = _home(call)
    management = home.accounts[home.management]
    return {
        "Organization": {
            "Id": home.id,
            "Arn": home.arn,
            "FeatureSet": "ALL",
            "MasterAccountArn": f"arn:aws:organizations::{home.management}:account/{home.id}/{home.management}",
            "MasterAccountId": home.management,
            "MasterAccountEmail": management.email,
            "AvailablePolicyTypes": [],
        }
    }


@operation(SERVICE, "ListRoots")
def list_roots(call: Call, params: Params) -> Answer:
    home = readable(call)
    root = home.units[home.root]
    return listed(
        "Roots", *page(call, params, [(root.id, describe_unit(home, root))], most=_MOST, default=_MOST)
    )


@operation(SERVICE, "ListAccounts")
def list_accounts(call: Call, params: Params) -> Answer:
    home = readable(call)
    accounts, token = page(call, params, home.accounts.items(), most=_MOST, default=_MOST)
    return listed("Accounts", [describe_account(home, account) for account in accounts], token)


@operation(SERVICE, "DescribeAccount")
def describe_one_account(call: Call, params: Params) -> Answer:
    home = readable(call)
    return {"Account": describe_account(home, _account(home, params["AccountId"]))}


def _account(home: Organization, identifier: str) -> Account:
    found = home.accounts.get(identifier)
    if found is None:
        raise ApiError("AccountNotFoundException", "You specified an account that doesn't exist.")
    return found


def _parent(call: Call, home: Organization, identifier: str) -> Unit:
    if not _PARENT.fullmatch(identifier):
        raise call.refuse("invalid", "You provided a value that does not match the required pattern.")
    found = home.units.get(identifier)
    if found is None:
        raise ApiError("ParentNotFoundException", "You specified parent that doesn't exist.")
    return found


@operation(SERVICE, "ListAccountsForParent")
def list_accounts_for_parent(call: Call, params: Params) -> Answer:
    """The direct children only, as in AWS: a tree has to be walked."""
    home = readable(call)
    parent = _parent(call, home, params["ParentId"])
    found = [(account.id, account) for account in home.accounts.values() if account.parent == parent.id]
    accounts, token = page(call, params, found, most=_MOST, default=_MOST)
    return listed("Accounts", [describe_account(home, account) for account in accounts], token)


@operation(SERVICE, "ListOrganizationalUnitsForParent")
def list_units_for_parent(call: Call, params: Params) -> Answer:
    home = readable(call)
    parent = _parent(call, home, params["ParentId"])
    found = [(unit.id, describe_unit(home, unit)) for unit in home.units.values() if unit.parent == parent.id]
    return listed("OrganizationalUnits", *page(call, params, found, most=_MOST, default=_MOST))


@operation(SERVICE, "DescribeOrganizationalUnit")
def describe_organizational_unit(call: Call, params: Params) -> Answer:
    home = readable(call)
    found = home.units.get(params["OrganizationalUnitId"])
    if found is None or not found.parent:
        raise ApiError(
            "OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist."
        )
    return {"OrganizationalUnit": describe_unit(home, found)}


@operation(SERVICE, "ListChildren")
def list_children(call: Call, params: Params) -> Answer:
    home = readable(call)
    parent = _parent(call, home, params["ParentId"])
    kind = params["ChildType"]
    source: Iterator[Account | Unit] = iter(
        home.accounts.values() if kind == "ACCOUNT" else home.units.values()
    )
    found = [(child.id, {"Id": child.id, "Type": kind}) for child in source if child.parent == parent.id]
    return listed("Children", *page(call, params, found, most=_MOST, default=_MOST))


@operation(SERVICE, "ListParents")
def list_parents(call: Call, params: Params) -> Answer:
    home = readable(call)
    child = home.accounts.get(params["ChildId"]) or home.units.get(params["ChildId"])
    if child is None or not child.parent:
        raise ApiError(
            "ChildNotFoundException", "We can't find an organizational unit or account with that ID."
        )
    kind = "ROOT" if child.parent == home.root else "ORGANIZATIONAL_UNIT"
    return {"Parents": [{"Id": child.parent, "Type": kind}]}


@operation(SERVICE, "ListDelegatedAdministrators")
def list_delegated(call: Call, params: Params) -> Answer:
    home = readable(call)
    wanted = params.get("ServicePrincipal")
    since = {
        account: at
        for service, accounts in home.delegated.items()
        if wanted in (None, service)
        for account, at in accounts.items()
    }
    found = [
        (account, {**describe_account(home, home.accounts[account]), "DelegationEnabledDate": at})
        for account, at in since.items()
    ]
    for _, row in found:
        row.pop("State")
    return listed("DelegatedAdministrators", *page(call, params, found, most=_MOST, default=_MOST))


@operation(SERVICE, "ListDelegatedServicesForAccount")
def list_delegated_services(call: Call, params: Params) -> Answer:
    home = readable(call)
    account = _account(home, params["AccountId"])
    found = [
        (service, {"ServicePrincipal": service, "DelegationEnabledDate": accounts[account.id]})
        for service, accounts in home.delegated.items()
        if account.id in accounts
    ]
    return listed("DelegatedServices", *page(call, params, found, most=_MOST, default=_MOST))


@operation(SERVICE, "RegisterDelegatedAdministrator")
def register_delegated(call: Call, params: Params) -> Answer:
    home = managed(call)
    account = _account(home, params["AccountId"])
    accounts = home.delegated.setdefault(params["ServicePrincipal"], {})
    if account.id in accounts:
        raise ApiError(
            "AccountAlreadyRegisteredException", "The account is already a delegated administrator."
        )
    accounts[account.id] = call.now
    return {}


@operation(SERVICE, "DeregisterDelegatedAdministrator")
def deregister_delegated(call: Call, params: Params) -> Answer:
    home = managed(call)
    if home.delegated.get(params["ServicePrincipal"], {}).pop(params["AccountId"], None) is None:
        raise ApiError("AccountNotRegisteredException", "The account is not a delegated administrator.")
    return {}


@operation(SERVICE, "ListAWSServiceAccessForOrganization")
def list_service_access(call: Call, params: Params) -> Answer:
    home = readable(call)
    row = {"ServicePrincipal": "sso.amazonaws.com", "DateEnabled": home.accounts[home.management].joined}
    return listed("EnabledServicePrincipals", [row], "")


@operation(SERVICE, "CreateOrganizationalUnit")
def create_unit(call: Call, params: Params) -> Answer:
    home = managed(call)
    parent = _parent(call, home, params["ParentId"])
    if any(unit.parent == parent.id and unit.name == params["Name"] for unit in home.units.values()):
        raise ApiError("DuplicateOrganizationalUnitException", "An OU with the same name already exists.")
    unit = Unit(f"ou-{home.root.removeprefix('r-')}-{call.world.hexadecimal(8)}", params["Name"], parent.id)
    home.units[unit.id] = unit
    home.allow_all_at(unit.id)
    return {"OrganizationalUnit": describe_unit(home, unit)}


@operation(SERVICE, "UpdateOrganizationalUnit")
def update_unit(call: Call, params: Params) -> Answer:
    home = managed(call)
    unit = _parent(call, home, params["OrganizationalUnitId"])
    unit.name = params.get("Name", unit.name)
    return {"OrganizationalUnit": describe_unit(home, unit)}


@operation(SERVICE, "DeleteOrganizationalUnit")
def delete_unit(call: Call, params: Params) -> Answer:
    home = managed(call)
    unit = _parent(call, home, params["OrganizationalUnitId"])
    parents = {child.parent for child in home.units.values()} | {
        child.parent for child in home.accounts.values()
    }
    if unit.id in parents:
        raise ApiError("OrganizationalUnitNotEmptyException", "The organizational unit is not empty.")
    del home.units[unit.id]
    home.attached.pop(unit.id, None)
    return {}


@operation(SERVICE, "MoveAccount")
def move_account(call: Call, params: Params) -> Answer:
    home = managed(call)
    account = _account(home, params["AccountId"])
    if account.parent != params["SourceParentId"]:
        raise ApiError("SourceParentNotFoundException", "The account is not in that parent.")
    if params["DestinationParentId"] not in home.units:
        raise ApiError(
            "DestinationParentNotFoundException", "You specified a destination that doesn't exist."
        )
    account.parent = params["DestinationParentId"]
    return {}


@operation(SERVICE, "CloseAccount")
def close_account(call: Call, params: Params) -> Answer:
    home = managed(call)
    account = _account(home, params["AccountId"])
    if account.status != "ACTIVE":
        raise ApiError("AccountAlreadyClosedException", "The account is already closed.")
    account.status = "SUSPENDED"
    return {}


def _tags(call: Call, home: Organization, resource: str) -> dict[str, str]:
    account = home.accounts.get(resource)
    if account is not None:
        return account.tags
    if resource not in home.units:
        raise ApiError(
            "TargetNotFoundException", "We can't find a root, OU, account, or policy with that ID."
        )
    return home.tags.setdefault(resource, {})


@operation(SERVICE, "ListTagsForResource")
def list_tags(call: Call, params: Params) -> Answer:
    tags = _tags(call, readable(call), params["ResourceId"])
    return listed("Tags", *page(call, params, [(k, {"Key": k, "Value": v}) for k, v in tags.items()]))


@operation(SERVICE, "TagResource")
def tag(call: Call, params: Params) -> Answer:
    _tags(call, managed(call), params["ResourceId"]).update({t["Key"]: t["Value"] for t in params["Tags"]})
    return {}


@operation(SERVICE, "UntagResource")
def untag(call: Call, params: Params) -> Answer:
    tags = _tags(call, managed(call), params["ResourceId"])
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return {}
