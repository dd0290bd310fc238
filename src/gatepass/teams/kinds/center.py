"""Identity Center as kinds of things: permission sets, standing assignments, groups of the directory (A5).

Its writes are asynchronous: apply looks until they show. Names become ids through one index per organization, read once
and refreshed after each write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.aws.errors import Missing
from gatepass.estate.durations import parse_duration
from gatepass.policy import normal, same
from gatepass.teams.applying.calls import Calls, NotYet, Op, document, pairs, tags_of, text, tokens
from gatepass.teams.kinds.kind import Field
from gatepass.teams.model import Account, Assignment, DirectoryGroup, Organization, PermissionSet, Tags

SSO, STORE = "sso-admin", "identitystore"


@dataclass
class Center:
    """One organization's Identity Center: where to call, and the ids behind names."""

    organization: Organization
    account_id: str
    """The account whose role reaches the instance: management or delegated administrator."""
    planning: bool = True
    """Lists of assignments are kept: right for a plan, which reads each once; never while applying."""
    _sets: dict[str, str] | None = field(default=None, repr=False)
    _groups: dict[str, str] | None = field(default=None, repr=False)
    _users: dict[str, str] | None = field(default=None, repr=False)
    _assigned: dict[tuple[str, str], set[str]] = field(default_factory=dict, repr=False)

    @property
    def instance(self) -> str:
        return self.organization.instance_arn

    @property
    def store(self) -> str:
        return self.organization.identity_store_id

    def sso(self, operation: str, **params: Any) -> Op:
        return Op(SSO, operation, {"InstanceArn": self.instance, **params})

    def directory(self, operation: str, **params: Any) -> Op:
        return Op(STORE, operation, {"IdentityStoreId": self.store, **params})

    def list_sso(self, calls: Calls, operation: str, key: str, **params: Any) -> list[Any]:
        return list(tokens(calls, self.account_id, SSO, operation, key, InstanceArn=self.instance, **params))

    def ask(self, calls: Calls, operation: str, **params: Any) -> Mapping[str, Any]:
        return calls.call(self.account_id, SSO, operation, InstanceArn=self.instance, **params)

    def sets(self, calls: Calls) -> dict[str, str]:
        """Permission set name -> ARN."""
        if self._sets is None:
            arns = self.list_sso(calls, "ListPermissionSets", "PermissionSets")
            self._sets = {self._name(calls, arn): arn for arn in arns}
        return self._sets

    def _name(self, calls: Calls, arn: str) -> str:
        answer = self.ask(calls, "DescribePermissionSet", PermissionSetArn=arn)
        return str(answer["PermissionSet"]["Name"])

    def groups(self, calls: Calls) -> dict[str, str]:
        """Group name -> id."""
        if self._groups is None:
            listed = tokens(calls, self.account_id, STORE, "ListGroups", "Groups", IdentityStoreId=self.store)
            self._groups = {group["DisplayName"]: group["GroupId"] for group in listed}
        return self._groups

    def users(self, calls: Calls) -> dict[str, str]:
        """User name -> id."""
        if self._users is None:
            listed = tokens(calls, self.account_id, STORE, "ListUsers", "Users", IdentityStoreId=self.store)
            self._users = {user["UserName"]: user["UserId"] for user in listed}
        return self._users

    def set_arn(self, calls: Calls, name: str) -> str:
        """The ARN of a permission set that must be there; raises `NotYet` when it does not show."""
        arn = self.sets(calls).get(name)
        if arn is None:
            self.forget()
            raise NotYet(f"permission set {name} does not show yet")
        return arn

    def principal(self, calls: Calls, kind: str, name: str) -> str | None:
        """The id of a group or user; None when the directory has nobody of that name."""
        return (self.groups(calls) if kind == "group" else self.users(calls)).get(name)

    def assigned(self, calls: Calls, account_id: str, arn: str) -> set[str]:
        """Ids of the principals that hold a permission set in one account."""
        key = (account_id, arn)
        if key not in self._assigned or not self.planning:
            params = {"AccountId": account_id, "PermissionSetArn": arn}
            listed = self.list_sso(calls, "ListAccountAssignments", "AccountAssignments", **params)
            self._assigned[key] = {item["PrincipalId"] for item in listed}
        return self._assigned[key]

    def forget(self) -> None:
        """After a write: what was read may be old."""
        self._sets = self._groups = None
        self._assigned.clear()


class SetKind:
    """Permission sets."""

    name = "permission-set"
    bare: Mapping[str, Any] = {
        "managed_policies": [],
        "customer_policies": [],
        "document": None,
        "boundary": "",
    }

    def __init__(self, center: Center) -> None:
        self._center = center

    def read(self, calls: Calls, wanted: PermissionSet) -> PermissionSet | None:
        arn = self._center.sets(calls).get(wanted.name)
        if arn is None:
            return None
        center, named = self._center, {"PermissionSetArn": arn}
        try:
            described = center.ask(calls, "DescribePermissionSet", **named)["PermissionSet"]
        except Missing:
            center.forget()
            return None
        managed = center.list_sso(
            calls, "ListManagedPoliciesInPermissionSet", "AttachedManagedPolicies", **named
        )
        customer = center.list_sso(
            calls,
            "ListCustomerManagedPolicyReferencesInPermissionSet",
            "CustomerManagedPolicyReferences",
            **named,
        )
        inline = center.ask(calls, "GetInlinePolicyForPermissionSet", **named).get("InlinePolicy")
        tags = center.list_sso(calls, "ListTagsForResource", "Tags", ResourceArn=arn)
        length = parse_duration(described.get("SessionDuration", "PT1H"))
        return PermissionSet(
            wanted.organization,
            wanted.name,
            description=described.get("Description", ""),
            session_seconds=int(length.total_seconds()) if length else 3600,
            relay_state=described.get("RelayState", ""),
            managed_policies=tuple(sorted(policy["Arn"] for policy in managed)),
            customer_policies=tuple(sorted(f"{item.get('Path', '/')}{item['Name']}" for item in customer)),
            inline=document(inline) if inline else None,
            boundary=self._boundary(calls, named),
            tags=tags_of(tags),
            outdated=self._provisioned(
                calls, arn, ProvisioningStatus="LATEST_PERMISSION_SET_NOT_PROVISIONED"
            ),
        )

    def _provisioned(self, calls: Calls, arn: str, **only: str) -> tuple[str, ...]:
        """Ids of the accounts that hold it."""
        operation = "ListAccountsForProvisionedPermissionSet"
        return tuple(
            sorted(self._center.list_sso(calls, operation, "AccountIds", PermissionSetArn=arn, **only))
        )

    def _boundary(self, calls: Calls, named: Mapping[str, Any]) -> str | None:
        try:
            answer = self._center.ask(calls, "GetPermissionsBoundaryForPermissionSet", **named)
        except Missing:
            return None
        said = answer.get("PermissionsBoundary") or {}
        reference = said.get("CustomerManagedPolicyReference")
        if reference:
            return f"{reference.get('Path', '/')}{reference['Name']}"
        return said.get("ManagedPolicyArn")

    def differences(self, live: PermissionSet, wanted: PermissionSet) -> list[Field]:
        found = [
            Field(name, getattr(live, name), getattr(wanted, name))
            for name in ("description", "session_seconds", "relay_state")
            if getattr(live, name) != getattr(wanted, name)
        ]
        if set(live.managed_policies) != set(wanted.managed_policies):
            found.append(
                Field("managed_policies", list(live.managed_policies), list(wanted.managed_policies))
            )
        if set(live.customer_policies) != references(wanted):
            found.append(Field("customer_policies", list(live.customer_policies), sorted(references(wanted))))
        if not _same(live.inline, wanted.inline):
            found.append(Field("inline", live.inline, wanted.inline))
        if _bounded(live) != _bounded(wanted):
            found.append(Field("boundary", live.boundary, wanted.boundary))
        if dict(live.tags) != dict(wanted.tags):
            found.append(Field("tags", dict(live.tags), dict(wanted.tags)))
        if live.outdated:
            found.append(Field("outdated", list(live.outdated), []))
        return found

    def steps(self, calls: Calls, live: PermissionSet | None, wanted: PermissionSet) -> Iterator[Op]:
        center = self._center
        described: dict[str, Any] = {"SessionDuration": session_text(wanted.session_seconds)}
        if wanted.description:
            described["Description"] = wanted.description
        if wanted.relay_state:
            described["RelayState"] = wanted.relay_state
        if live is None:
            yield center.sso("CreatePermissionSet", Name=wanted.name, Tags=pairs(wanted.tags), **described)
            center.forget()
            live = PermissionSet(wanted.organization, wanted.name, tags=wanted.tags)
            live = replace(live, description=wanted.description, session_seconds=wanted.session_seconds)
            live = replace(live, relay_state=wanted.relay_state)
        named = {"PermissionSetArn": center.set_arn(calls, wanted.name)}
        changes = list(self._changes(named, live, wanted, described))
        yield from changes
        if (changes or live.outdated) and self._provisioned(calls, named["PermissionSetArn"]):
            yield center.sso("ProvisionPermissionSet", **named, TargetType="ALL_PROVISIONED_ACCOUNTS")

    def _changes(
        self,
        named: Mapping[str, Any],
        live: PermissionSet,
        wanted: PermissionSet,
        described: Mapping[str, Any],
    ) -> Iterator[Op]:
        sso = self._center.sso
        told = ("description", "session_seconds", "relay_state")
        if any(getattr(live, name) != getattr(wanted, name) for name in told):
            yield sso("UpdatePermissionSet", **named, **described)
        tags = {key: value for key, value in wanted.tags.items() if live.tags.get(key) != value}
        if tags:
            yield sso("TagResource", ResourceArn=named["PermissionSetArn"], Tags=pairs(tags))
        gone = sorted(set(live.tags) - set(wanted.tags))
        if gone:
            yield sso("UntagResource", ResourceArn=named["PermissionSetArn"], TagKeys=gone)
        for arn in sorted(set(wanted.managed_policies) - set(live.managed_policies)):
            yield sso("AttachManagedPolicyToPermissionSet", **named, ManagedPolicyArn=arn)
        for arn in sorted(set(live.managed_policies) - set(wanted.managed_policies)):
            yield sso("DetachManagedPolicyFromPermissionSet", **named, ManagedPolicyArn=arn)
        moved = {"add": references(wanted) - set(live.customer_policies)}
        moved["drop"] = set(live.customer_policies) - references(wanted)
        for verb, operation in (("add", "AttachCustomerManagedPolicyReferenceToPermissionSet"),
                                ("drop", "DetachCustomerManagedPolicyReferenceFromPermissionSet")):  # fmt: skip
            for reference in sorted(moved[verb]):
                yield sso(operation, **named, CustomerManagedPolicyReference=_reference(reference))
        if not _same(live.inline, wanted.inline):
            if wanted.inline:
                yield sso("PutInlinePolicyToPermissionSet", **named, InlinePolicy=text(wanted.inline))
            else:
                yield sso("DeleteInlinePolicyFromPermissionSet", **named)
        if _bounded(live) != _bounded(wanted):
            if wanted.boundary:
                yield sso(
                    "PutPermissionsBoundaryToPermissionSet",
                    **named,
                    PermissionsBoundary=_bound(wanted.boundary),
                )
            else:
                yield sso("DeletePermissionsBoundaryFromPermissionSet", **named)

    def removal(self, calls: Calls, live: PermissionSet) -> Iterator[Op]:
        arn = self._center.sets(calls).get(live.name)
        if arn is not None:
            self._center.forget()
            yield self._center.sso("DeletePermissionSet", PermissionSetArn=arn)

    def shown(self, value: PermissionSet) -> dict[str, Any]:
        return {
            "description": value.description,
            "session_seconds": value.session_seconds,
            "relay_state": value.relay_state,
            "managed_policies": sorted(value.managed_policies),
            "customer_policies": sorted(references(value)),
            "document": normal(value.inline) if value.inline else None,
            "boundary": _bounded(value),
            "tags": dict(value.tags),
        }


def undeclared(
    calls: Calls,
    center: Center,
    wanted: Iterable[PermissionSet],
    assignments: Iterable[Assignment],
    ours: Callable[[Tags], bool],
) -> tuple[list[PermissionSet], list[Assignment]]:
    """What Identity Center holds of ours that nobody declares: permission sets with our tag, and group assignments of
    our sets. Assignments of single users are left to whoever gave them: access for a time is given that way."""
    names = {item.name for item in wanted}
    declared = {(item.permission_set, item.account.id, item.principal) for item in assignments}
    groups = {number: name for name, number in center.groups(calls).items()}
    sets: list[PermissionSet] = []
    held: list[Assignment] = []
    for name, arn in sorted(center.sets(calls).items()):
        bare = PermissionSet(center.organization.name, name)
        live = SetKind(center).read(calls, bare)
        if live is None or not ours(live.tags):
            continue
        if name not in names:
            sets.append(live)
        for account, group in _assigned_groups(calls, center, arn, groups):
            if (name, account.id, group) not in declared:
                held.append(Assignment(center.organization.name, name, account, group))
    return sets, held


def _assigned_groups(
    calls: Calls, center: Center, arn: str, groups: Mapping[str, str]
) -> Iterator[tuple[Account, str]]:
    numbers = center.list_sso(
        calls, "ListAccountsForProvisionedPermissionSet", "AccountIds", PermissionSetArn=arn
    )
    for number in numbers:
        for principal in sorted(center.assigned(calls, number, arn)):
            if principal in groups:
                yield (
                    Account(number, number, center.organization.name, center.organization.partition),
                    groups[principal],
                )


def references(value: PermissionSet) -> set[str]:
    """Customer policies always with a path."""
    return {name if name.startswith("/") else f"/{name}" for name in value.customer_policies}


def _bounded(value: PermissionSet) -> str:
    """The boundary; a customer policy always with a path."""
    said = value.boundary or ""
    return said if not said or said.startswith(("arn:", "/")) else f"/{said}"


def session_text(seconds: int) -> str:
    """A session length as people write it to Identity Center: whole hours and minutes where they suffice."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "H"), (minutes, "M"), (rest, "S"))
    return "PT" + "".join(f"{number}{unit}" for number, unit in parts if number)


def _reference(path: str) -> dict[str, str]:
    head, _, name = path.rpartition("/")
    return {"Path": f"{head}/", "Name": name}


def _bound(boundary: str) -> dict[str, Any]:
    if boundary.startswith("arn:"):
        return {"ManagedPolicyArn": boundary}
    return {"CustomerManagedPolicyReference": _reference(boundary if "/" in boundary else f"/{boundary}")}


def _same(live: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> bool:
    if not live or not wanted:
        return not live and not wanted
    return same(live, wanted)


class AssignmentKind:
    """Standing assignments. They cannot be changed, only made and removed."""

    name = "assignment"
    bare: Mapping[str, Any] = {}

    def __init__(self, center: Center) -> None:
        self._center = center

    def read(self, calls: Calls, wanted: Assignment) -> Assignment | None:
        center = self._center
        arn = center.sets(calls).get(wanted.permission_set)
        principal = center.principal(calls, wanted.principal_kind, wanted.principal)
        if arn is None or principal is None:
            return None
        return wanted if principal in center.assigned(calls, wanted.account.id, arn) else None

    def differences(self, live: Assignment, wanted: Assignment) -> list[Field]:
        return []

    def steps(self, calls: Calls, live: Assignment | None, wanted: Assignment) -> Iterator[Op]:
        if live is None:
            yield self._center.sso("CreateAccountAssignment", **self._target(calls, wanted))

    def removal(self, calls: Calls, live: Assignment) -> Iterator[Op]:
        yield self._center.sso("DeleteAccountAssignment", **self._target(calls, live))

    def _target(self, calls: Calls, value: Assignment) -> dict[str, Any]:
        center = self._center
        principal = center.principal(calls, value.principal_kind, value.principal)
        if principal is None:
            raise NobodyNamed(value.principal_kind, value.principal)
        return {
            "TargetId": value.account.id,
            "TargetType": "AWS_ACCOUNT",
            "PermissionSetArn": center.set_arn(calls, value.permission_set),
            "PrincipalType": value.principal_kind.upper(),
            "PrincipalId": principal,
        }

    def shown(self, value: Assignment) -> dict[str, Any]:
        return {"permission_set": value.permission_set, "principal": value.principal}


class NobodyNamed(Exception):
    """The directory has no group or user of this name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"the directory has no {kind} named {name!r}")


class DirectoryGroupKind:
    """Groups of the directory, where the directory is ours to keep; their members by user name."""

    name = "directory-group"
    bare: Mapping[str, Any] = {"members": []}

    def __init__(self, center: Center) -> None:
        self._center = center

    def _members(self, calls: Calls, group_id: str) -> dict[str, str]:
        """User name -> membership id."""
        center = self._center
        names = {number: name for name, number in center.users(calls).items()}
        listed = tokens(
            calls, center.account_id, STORE, "ListGroupMemberships", "GroupMemberships",
            IdentityStoreId=center.store, GroupId=group_id,
        )  # fmt: skip
        members = {item["MemberId"]["UserId"]: item["MembershipId"] for item in listed}
        return {names.get(number, number): membership for number, membership in members.items()}

    def read(self, calls: Calls, wanted: DirectoryGroup) -> DirectoryGroup | None:
        number = self._center.groups(calls).get(wanted.name)
        if number is None:
            return None
        return replace(wanted, members=tuple(sorted(self._members(calls, number))))

    def differences(self, live: DirectoryGroup, wanted: DirectoryGroup) -> list[Field]:
        if not wanted.managed or set(live.members) == set(wanted.members):
            return []
        return [Field("members", sorted(live.members), sorted(wanted.members))]

    def steps(self, calls: Calls, live: DirectoryGroup | None, wanted: DirectoryGroup) -> Iterator[Op]:
        center = self._center
        if live is None:
            described = {"Description": wanted.description} if wanted.description else {}
            yield center.directory("CreateGroup", DisplayName=wanted.name, **described)
            center.forget()
        if not wanted.managed:
            return
        number = center.groups(calls).get(wanted.name)
        if number is None:
            center.forget()
            raise NotYet(f"group {wanted.name} does not show yet")
        members = self._members(calls, number) if live is not None else {}
        for name in sorted(set(wanted.members) - set(members)):
            user = center.users(calls).get(name)
            if user is None:
                raise NobodyNamed("user", name)
            yield center.directory("CreateGroupMembership", GroupId=number, MemberId={"UserId": user})
        for name in sorted(set(members) - set(wanted.members)):
            yield center.directory("DeleteGroupMembership", MembershipId=members[name])

    def removal(self, calls: Calls, live: DirectoryGroup) -> Iterator[Op]:
        number = self._center.groups(calls).get(live.name)
        if number is not None:
            self._center.forget()
            yield self._center.directory("DeleteGroup", GroupId=number)

    def shown(self, value: DirectoryGroup) -> dict[str, Any]:
        return {"members": sorted(value.members)}
