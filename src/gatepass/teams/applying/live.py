"""What AWS holds now, account by account, read in few calls (T-74). An account that cannot be read does not spoil the
others: it is named, with the reason (T-86)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gatepass.aws.errors import AwsError
from gatepass.policy import dangling
from gatepass.teams.applying.calls import Calls, document, markers, pages, tags_of
from gatepass.teams.kinds.kind import RESERVED_PATHS
from gatepass.teams.kinds.roles import live_role
from gatepass.teams.model import (
    Account,
    Document,
    Group,
    OidcProvider,
    Policy,
    Resources,
    Role,
    SamlProvider,
    User,
)

PARALLEL = 16
"""Accounts read or written at the same time (T-85 allows 32)."""


@dataclass(frozen=True, slots=True)
class Live:
    """The live state of some accounts."""

    resources: Resources = field(default_factory=Resources)
    quotas: Mapping[str, int] = field(default_factory=dict)
    """Account id -> how long a trust policy may be there now."""
    last_used: Mapping[str, datetime] = field(default_factory=dict)
    """Role ARN -> when it was last used; tracked for 400 days."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Account id -> why it could not be read."""
    others: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Account id -> ARNs of its roles, of accounts that were only looked at because trust speaks of their roles."""

    @property
    def seen(self) -> set[str]:
        """Ids of the accounts whose roles are known."""
        return {account.id for account in self.resources.accounts}.difference(self.unread).union(self.others)

    @property
    def role_arns(self) -> set[str]:
        """Of every role that was seen."""
        return {role.arn for role in self.resources.roles}.union(*self.others.values())

    @property
    def dangling(self) -> dict[str, tuple[str, ...]]:
        """Role ARN -> principals of its trust that no longer exist (T 11.3)."""
        found = {role.arn: dangling(role.trust) for role in self.resources.roles}
        return {arn: ids for arn, ids in found.items() if ids}


def read_live(calls: Calls, accounts: Iterable[Account]) -> Live:
    """Every account, several at a time; the order of the answer does not depend on who was faster."""
    ordered = sorted(accounts, key=lambda account: account.id)
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        parts = list(pool.map(lambda account: read_account(calls, account), ordered))
    resources = Resources(
        accounts=tuple(ordered),
        roles=tuple(role for part in parts for role in part.resources.roles),
        policies=tuple(policy for part in parts for policy in part.resources.policies),
        users=tuple(user for part in parts for user in part.resources.users),
        groups=tuple(group for part in parts for group in part.resources.groups),
        saml_providers=tuple(provider for part in parts for provider in part.resources.saml_providers),
        oidc_providers=tuple(provider for part in parts for provider in part.resources.oidc_providers),
    )
    return Live(
        resources,
        {number: quota for part in parts for number, quota in part.quotas.items()},
        {arn: moment for part in parts for arn, moment in part.last_used.items()},
        {number: reason for part in parts for number, reason in part.unread.items()},
    )


def role_arns(calls: Calls, account_id: str) -> frozenset[str]:
    """The ARNs of all roles of one account."""
    return frozenset(str(role["Arn"]) for role in pages(calls, account_id, "ListRoles", "Roles"))


def read_account(calls: Calls, account: Account) -> Live:
    """One account: everything IAM holds there that trust is made of."""
    try:
        return _read(calls, account)
    except AwsError as error:
        return Live(unread={account.id: str(error)})


def _read(calls: Calls, account: Account) -> Live:
    roles: list[Mapping[str, Any]] = []
    users: list[Mapping[str, Any]] = []
    groups: list[Mapping[str, Any]] = []
    policies: list[Mapping[str, Any]] = []
    wanted = ["Role", "User", "Group", "LocalManagedPolicy"]
    for answer in markers(calls, account.id, "GetAccountAuthorizationDetails", Filter=wanted):
        roles += answer.get("RoleDetailList", ())
        users += answer.get("UserDetailList", ())
        groups += answer.get("GroupDetailList", ())
        policies += answer.get("Policies", ())
    described = {role["RoleName"]: role for role in pages(calls, account.id, "ListRoles", "Roles")}
    summary = calls.call(account.id, "iam", "GetAccountSummary")["SummaryMap"]
    resources = Resources(
        roles=tuple(sorted((_role(account, role, described) for role in roles), key=lambda role: role.name)),
        users=tuple(sorted((_user(account, user) for user in users), key=lambda user: user.name)),
        groups=tuple(sorted((_group(account, group) for group in groups), key=lambda group: group.name)),
        policies=tuple(sorted((_policy(account, policy) for policy in policies), key=lambda item: item.name)),
        saml_providers=_saml(calls, account),
        oidc_providers=_oidc(calls, account),
    )
    used = {
        role["Arn"]: role["RoleLastUsed"]["LastUsedDate"]
        for role in roles
        if (role.get("RoleLastUsed") or {}).get("LastUsedDate")
    }
    quota = summary.get("AssumeRolePolicySizeQuota")
    return Live(resources, {account.id: int(quota)} if quota else {}, used)


def _role(account: Account, role: Mapping[str, Any], described: Mapping[str, Mapping[str, Any]]) -> Role:
    """The details know policies and tags, the list knows description and session length; IAM gives neither both."""
    more = described.get(role["RoleName"], {})
    known = {
        **role,
        "Description": more.get("Description"),
        "MaxSessionDuration": more.get("MaxSessionDuration"),
    }
    return live_role(
        account, known, _attached(role), _documents(role.get("RolePolicyList")), tags_of(role.get("Tags"))
    )


def _attached(value: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(item["PolicyArn"] for item in value.get("AttachedManagedPolicies") or ()))


def _documents(listed: Any) -> dict[str, Document]:
    return {item["PolicyName"]: document(item["PolicyDocument"]) for item in listed or ()}


def _boundary(value: Mapping[str, Any]) -> str | None:
    return (value.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")


def _user(account: Account, user: Mapping[str, Any]) -> User:
    return User(
        account,
        user["UserName"],
        path=user.get("Path", "/"),
        groups=tuple(sorted(user.get("GroupList") or ())),
        policies=_attached(user),
        inline=_documents(user.get("UserPolicyList")),
        boundary=_boundary(user),
        tags=tags_of(user.get("Tags")),
    )


def _group(account: Account, group: Mapping[str, Any]) -> Group:
    inline = _documents(group.get("GroupPolicyList"))
    return Group(account, group["GroupName"], group.get("Path", "/"), _attached(group), inline)


def _policy(account: Account, policy: Mapping[str, Any]) -> Policy:
    """Without tags: IAM gives those of policies only one by one, and only wanted ones matter."""
    current = next(version for version in policy["PolicyVersionList"] if version["IsDefaultVersion"])
    return Policy(
        account,
        policy["PolicyName"],
        document(current["Document"]),
        description=policy.get("Description") or None,
        path=policy.get("Path", "/"),
    )


def _saml(calls: Calls, account: Account) -> tuple[SamlProvider, ...]:
    listed = calls.call(account.id, "iam", "ListSAMLProviders").get("SAMLProviderList", ())
    names = sorted(item["Arn"].rpartition("/")[2] for item in listed)
    return tuple(SamlProvider(account, name) for name in names)


def _oidc(calls: Calls, account: Account) -> tuple[OidcProvider, ...]:
    listed = calls.call(account.id, "iam", "ListOpenIDConnectProviders").get("OpenIDConnectProviderList", ())
    hosts = sorted(item["Arn"].partition(":oidc-provider/")[2] for item in listed)
    return tuple(OidcProvider(account, host, audiences=()) for host in hosts)


def ours_to_touch(role: Role) -> bool:
    """Never roles of Identity Center or of services (T-80)."""
    return not role.path.startswith(RESERVED_PATHS)


def with_policy_tags(live: Live, tags: Mapping[str, Mapping[str, str]]) -> Live:
    """The live state with the tags of some policies, by ARN."""
    policies = tuple(replace(item, tags=tags.get(item.arn, item.tags)) for item in live.resources.policies)
    return replace(live, resources=replace(live.resources, policies=policies))
