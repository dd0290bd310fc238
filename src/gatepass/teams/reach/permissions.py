"""What a caller's own side allows: the policies of a role, a user with its groups, or a permission set, parsed once.

What nobody here can know is said, not guessed: a policy whose text is unknown allows nothing and is named in `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gatepass.policy import Kind, Permissions, Policy, examine
from gatepass.teams.compiling.policies import managed_name
from gatepass.teams.model import Account, Document, Group, PermissionSet, Resources, Role, User


def _allow(actions: str | list[str], element: str = "Action") -> Document:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", element: actions, "Resource": "*"}]}


MANAGED: Mapping[str, Document] = {
    "AdministratorAccess": _allow("*"),
    "PowerUserAccess": _allow(["iam:*", "organizations:*", "account:*"], "NotAction"),
    "IAMFullAccess": _allow(["iam:*"]),
    "AWSSSOMasterAccountAdministrator": _allow(["sso:*", "sso-directory:*", "identitystore:*"]),
    "AWSSSOMemberAccountAdministrator": _allow(["sso:*", "sso-directory:*", "identitystore:*"]),
    "AWSSSODirectoryAdministrator": _allow(["sso-directory:*", "identitystore:*"]),
}
"""Policies of AWS that let their holder assume roles or give access, as far as reach asks (T 6.1)."""

HARMLESS = frozenset(
    (
        "AWSSupportAccess",
        "Billing",
        "DataScientist",
        "DatabaseAdministrator",
        "IAMReadOnlyAccess",
        "NetworkAdministrator",
        "ReadOnlyAccess",
        "SecurityAudit",
        "SupportUser",
        "SystemAdministrator",
        "ViewOnlyAccess",
    )
)
"""Policies of AWS that neither allow `sts:AssumeRole` nor changing who may."""


@dataclass(frozen=True, slots=True)
class Side:
    """One caller's own side."""

    permissions: Permissions
    unknown: tuple[str, ...] = ()
    """Attached policies whose text nobody here has."""


@dataclass(slots=True)
class Sides:
    """The sides of every caller of some resources; each document is parsed once however often it is attached."""

    resources: Resources
    managed: Mapping[str, Document] = field(default_factory=dict)
    """Texts of further policies of AWS, by ARN, where they were read from an account."""
    _documents: dict[str, Document] = field(init=False)
    _groups: dict[tuple[str, str], Group] = field(init=False)
    _parsed: dict[tuple[int, str], Policy | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._documents = {policy.arn: policy.document for policy in self.resources.policies}
        self._groups = {(group.account.id, group.name): group for group in self.resources.groups}

    def of_role(self, role: Role) -> Side:
        return self._side(role.policies, [role.inline], role.boundary, role.account)

    def of_user(self, user: User) -> Side:
        """Their own policies and those of their groups."""
        keys = [(user.account.id, name) for name in user.groups]
        groups = [self._groups[key] for key in keys if key in self._groups]
        attached = [*user.policies, *(arn for group in groups for arn in group.policies)]
        of_groups = [
            {f"{name} of group {group.name}": document for name, document in group.inline.items()}
            for group in groups
        ]
        return self._side(attached, [user.inline, *of_groups], user.boundary, user.account)

    def of_set(self, permission_set: PermissionSet, account: Account) -> Side:
        """The set as AWS provisions it in the account."""
        customer = [account.arn(f"policy/{name.lstrip('/')}") for name in permission_set.customer_policies]
        inline = {"inline": permission_set.inline} if permission_set.inline else {}
        boundary = permission_set.boundary
        if boundary and not boundary.startswith("arn:"):
            boundary = account.arn(f"policy/{boundary.lstrip('/')}")
        return self._side([*permission_set.managed_policies, *customer], [inline], boundary, account)

    def _side(
        self,
        attached: Iterable[str],
        inline: Iterable[Mapping[str, Document]],
        boundary: str | None,
        account: Account,
    ) -> Side:
        unknown: list[str] = []
        policies: list[Policy] = []
        for arn in dict.fromkeys(attached):
            policies += self._attached(arn, unknown)
        for documents in inline:
            for name, document in documents.items():
                policies += self._parse(document, name)
        limit = self._attached(boundary, unknown) if boundary else []
        # A boundary whose text is unknown cannot be said to allow anything.
        limiting = limit[0] if limit else Policy(boundary or "", Kind.BOUNDARY, "2012-10-17", ())
        return Side(Permissions(tuple(policies), limiting if boundary else None), tuple(unknown))

    def _attached(self, arn: str, unknown: list[str]) -> list[Policy]:
        name = managed_name(arn)
        document = self._documents.get(arn) or self.managed.get(arn) or MANAGED.get(name)
        if document is not None:
            return self._parse(document, name or arn.rpartition("/")[2])
        if name not in HARMLESS:
            unknown.append(arn)
        return []

    def _parse(self, document: Document, name: str) -> list[Policy]:
        key = (id(document), name)
        if key not in self._parsed:
            self._parsed[key] = examine(document, Kind.IDENTITY, name=name)[0]
        policy = self._parsed[key]
        return [policy] if policy is not None else []
