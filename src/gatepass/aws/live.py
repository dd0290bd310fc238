"""`gatepass check --live`: whether a connector can do all that gatepass will ask of it, before it is needed at night.

Nothing is changed. What only a change would tell is asked about things that do not exist: AWS looks at permissions
first, so "not found" means that the call would be allowed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from gatepass.aws import permission_sets
from gatepass.aws.directory import Directory
from gatepass.aws.door import Door, Reach
from gatepass.aws.errors import AwsError, Busy, Denied, Invalid, Missing, Throttled

_NOBODY = "00000000-0000-4000-8000-000000000000"
_OURS = "gatepass-"
"""Every external id that gatepass makes begins so."""


@dataclass(frozen=True, slots=True)
class Aim:
    """One thing that the estate lets people ask for in an organization: enough to see whether it can be given."""

    target: str
    accounts: tuple[str, ...] = ()
    permission_set: str = ""
    """ARN or name; empty for a group."""
    group: str = ""
    """Id or name; empty for a permission set."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is wrong, or cannot be seen. `fatal`: access could not be given or taken back."""

    organization: str
    fatal: bool
    what: str
    advice: str = ""

    def __str__(self) -> str:
        tail = f"; {self.advice}" if self.advice else ""
        return f"{self.organization}: {self.what}{tail}"


def check_live(door: Door, organization: str, aims: Iterable[Aim] = ()) -> tuple[Found, ...]:
    """Everything that can be seen to be wrong with one organization. Makes about thirty calls, changes nothing."""
    return tuple(_Look(door, organization).all(tuple(aims)))


class _Look:
    def __init__(self, door: Door, organization: str) -> None:
        self._door = door
        self._name = organization
        self._reach: Reach = door.reach(organization)

    def all(self, aims: tuple[Aim, ...]) -> Iterator[Found]:
        try:
            self._door.call(self._name, "sts", "GetCallerIdentity")
        except AwsError as error:
            yield self._no_way_in(error)
            return
        instance = None
        try:
            instance = self._door.call(
                self._name, "sso-admin", "DescribeInstance", InstanceArn=self._reach.instance_arn
            )
        except AwsError as error:
            yield from self._no_instance(error)
        if instance is None:
            return
        yield from self._instance(instance)
        yield from self._permissions(str(instance["IdentityStoreId"]))
        yield from self._management_account(aims)
        yield from self._aims(aims)
        yield from self._second_installation()

    def _fatal(self, what: str, advice: str = "") -> Found:
        return Found(self._name, True, what, advice)

    def _no_way_in(self, error: AwsError) -> Found:
        if isinstance(error, Denied) and error.place.operation == "AssumeRole":
            advice = (
                f"its trust policy must allow gatepass's own identity sts:AssumeRole and sts:SetSourceIdentity, with "
                f"sts:ExternalId {self._reach.external_id}"
            )
            return self._fatal(f"{self._reach.role_arn} cannot be assumed: {error.found}", advice)
        return self._fatal(f"{error.place.words()}: {error.found}", error.advice)

    def _no_instance(self, error: AwsError) -> Iterator[Found]:
        wanted = f"instance {self._reach.instance_arn} in {self._reach.region}"
        if isinstance(error, Missing):
            try:
                rows = self._door.pages(self._name, "sso-admin", "ListInstances", "Instances")
                seen = ", ".join(str(row["InstanceArn"]) for row in rows) or "none"
            except AwsError:
                seen = "what there is cannot be listed"
            yield self._fatal(
                f"{wanted} is not there", f"the connector sees: {seen}; check region and account"
            )
        elif isinstance(error, Denied):
            yield self._fatal(
                f"{wanted} may not be read by {self._reach.role_arn}: {error.found}",
                "allow sso:Describe* and sso:List*, and place the role in the account that manages the instance",
            )
        else:
            yield self._fatal(str(error))

    def _instance(self, instance: Mapping[str, Any]) -> Iterator[Found]:
        store = str(instance["IdentityStoreId"])
        if self._reach.identity_store_id not in (None, store):
            yield self._fatal(
                f"the instance's identity store is {store}, and the estate says {self._reach.identity_store_id}",
                "leave identity_store_id out, or correct it",
            )
        if instance.get("Status", "ACTIVE") != "ACTIVE":
            yield self._fatal(f"the instance is {instance['Status']}")

    def _permissions(self, store: str) -> Iterator[Found]:
        """Each call gatepass will make, once; those that AWS does not permit are named, all of them."""
        for permission, service, operation, params in self._probes(store):
            try:
                self._door.call(self._name, service, operation, **params)
            except Denied as denied:
                yield self._fatal(
                    f"{self._reach.role_arn} may not {permission}: {denied.found}",
                    f"allow {permission} in its policy",
                )
            except (Missing, Invalid, Busy, Throttled):
                continue  # permitted: what it names does not exist
            except AwsError as error:
                yield Found(self._name, False, f"{permission} could not be tried: {error}")

    def _probes(self, store: str) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
        instance = self._reach.instance_arn
        nothing = f"arn:aws:sso:::permissionSet/{instance.rpartition('/')[2]}/ps-{'0' * 16}"
        named = {"InstanceArn": instance, "PermissionSetArn": nothing}
        change = {**named, "TargetId": self._reach.account_id, "TargetType": "AWS_ACCOUNT"}
        change |= {"PrincipalType": "USER", "PrincipalId": _NOBODY}
        yield "sso:CreateAccountAssignment", "sso-admin", "CreateAccountAssignment", change
        yield "sso:DeleteAccountAssignment", "sso-admin", "DeleteAccountAssignment", change
        listed = {**named, "AccountId": self._reach.account_id}
        yield "sso:ListAccountAssignments", "sso-admin", "ListAccountAssignments", listed
        for word in ("Creation", "Deletion"):
            one = {"InstanceArn": instance, f"AccountAssignment{word}RequestId": _NOBODY}
            call = f"DescribeAccountAssignment{word}Status"
            yield f"sso:{call}", "sso-admin", call, one
            call = f"ListAccountAssignment{word}Status"
            yield f"sso:{call}", "sso-admin", call, {"InstanceArn": instance, "MaxResults": 1}
        yield (
            "sso:ListPermissionSets",
            "sso-admin",
            "ListPermissionSets",
            {"InstanceArn": instance, "MaxResults": 1},
        )
        yield "sso:DescribePermissionSet", "sso-admin", "DescribePermissionSet", named
        member = {"IdentityStoreId": store, "GroupId": _NOBODY, "MemberId": {"UserId": _NOBODY}}
        gone = {"IdentityStoreId": store, "MembershipId": _NOBODY}
        email = {
            "UniqueAttribute": {"AttributePath": "emails.value", "AttributeValue": "nobody@gatepass.invalid"}
        }
        group = {
            "UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "gatepass-no-such-group"}
        }
        reads: dict[str, dict[str, Any]] = {
            "CreateGroupMembership": member,
            "DeleteGroupMembership": gone,
            "GetGroupMembershipId": member,
            "ListGroupMemberships": {"IdentityStoreId": store, "GroupId": _NOBODY},
            "ListGroups": {"IdentityStoreId": store, "MaxResults": 1},
            "GetUserId": {"IdentityStoreId": store, "AlternateIdentifier": email},
            "GetGroupId": {"IdentityStoreId": store, "AlternateIdentifier": group},
            "DescribeUser": {"IdentityStoreId": store, "UserId": _NOBODY},
        }
        for operation, params in reads.items():
            yield f"identitystore:{operation}", "identitystore", operation, params
        parent = {"ParentId": "r-0000"}
        yield "organizations:ListRoots", "organizations", "ListRoots", {}
        yield "organizations:ListAccountsForParent", "organizations", "ListAccountsForParent", parent
        for operation in ("ListOrganizationalUnitsForParent",):
            yield f"organizations:{operation}", "organizations", operation, parent

    def _management_account(self, aims: tuple[Aim, ...]) -> Iterator[Found]:
        try:
            answer = self._door.call(self._name, "organizations", "DescribeOrganization")
        except AwsError as error:
            yield Found(
                self._name, False, f"which account manages the organization cannot be seen: {error.found}"
            )
            return
        management = str(answer["Organization"]["MasterAccountId"])
        if management == self._reach.account_id:
            return
        for aim in aims:
            if management in aim.accounts:
                yield self._fatal(
                    f"target {aim.target} is about the management account {management}, where a delegated "
                    f"administrator ({self._reach.account_id}) can neither give nor take access",
                    "place the connector's role in the management account, or leave the account out",
                )

    def _aims(self, aims: tuple[Aim, ...]) -> Iterator[Found]:
        for aim in aims:
            try:
                self._aim(aim)
            except Denied:
                continue  # named with the permissions
            except AwsError as error:
                yield self._fatal(f"target {aim.target}: {error.found}", "check the name or id in the estate")

    def _aim(self, aim: Aim) -> None:
        if aim.group:
            directory = Directory(self._door)
            if "-" in aim.group and len(aim.group) >= 36:
                store = directory.store(self._name)
                self._door.call(
                    self._name, "identitystore", "DescribeGroup", IdentityStoreId=store, GroupId=aim.group
                )
            else:
                directory.find_group(self._name, aim.group)
            return
        look = permission_sets.describe if aim.permission_set.startswith("arn:") else permission_sets.find
        arn = look(self._door, self._name, aim.permission_set).arn
        for account in aim.accounts:
            self._door.call(
                self._name,
                "sso-admin",
                "ListAccountAssignments",
                InstanceArn=self._reach.instance_arn,
                AccountId=account,
                PermissionSetArn=arn,
                MaxResults=1,
            )

    def _second_installation(self) -> Iterator[Found]:
        """Another gatepass on the same instance would take what we give for standing, and we what it gives.

        It can be seen where roles in the connector's account trust an external id that a gatepass made and is not ours.
        """
        try:
            roles = self._roles()
        except AwsError as error:
            words = "whether a second gatepass works on this instance cannot be seen"
            yield Found(
                self._name, False, f"{words}: {error.found}", "allow iam:ListRoles to have it checked"
            )
            return
        for role in roles:
            others = [each for each in _external_ids(role) if each.startswith(_OURS)]
            strangers = sorted(set(others) - {self._reach.external_id})
            if strangers:
                yield Found(
                    self._name,
                    False,
                    f"role {role['Arn']} trusts another gatepass (external id {', '.join(strangers)})",
                    "let one installation only work on an instance: each would cover or keep what the other gives",
                )

    def _roles(self) -> list[Mapping[str, Any]]:
        """All roles of the connector's account; IAM pages by marker."""
        found: list[Mapping[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            answer = self._door.call(self._name, "iam", "ListRoles", **more)
            found.extend(answer["Roles"])
            if not answer.get("IsTruncated"):
                return found
            more = {"Marker": str(answer["Marker"])}


def _external_ids(role: Mapping[str, Any]) -> Iterator[str]:
    """Every external id that a role's trust policy asks for."""
    document = role.get("AssumeRolePolicyDocument", {})
    if isinstance(document, str):
        document = json.loads(unquote(document))
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        for conditions in statement.get("Condition", {}).values():
            for key, wanted in conditions.items():
                if key.lower() == "sts:externalid":
                    yield from [wanted] if isinstance(wanted, str) else wanted
