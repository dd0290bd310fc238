"""What the teams part talks about: accounts, roles, policies, users, permission sets, and findings with places.

Values only: nothing here reads files or calls AWS. The same `Resources` describe what is wanted (compiled from the
estate) and what is live (read from AWS), so that plans, queries and exports treat both alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Document = Mapping[str, Any]
"""A policy document as JSON values; never changed after it is made."""

Tags = Mapping[str, str]

TRUST_QUOTA = 2048
"""Characters a trust policy may have in an account that never asked for more (IAM quota L-C07B4B0D)."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was written; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Level(StrEnum):
    """`fault`: nothing may be applied. The others are lints, which never stop a compile."""

    FAULT = "fault"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a person should know; `id` is stable (specification of teams, section 15)."""

    id: str
    level: Level
    message: str
    """What was found, to what."""
    place: Place | None = None
    path: str = ""
    """Where in the declaration: `teams_config.admin.trusted_teams[0]`."""
    value: str = ""
    advice: str = ""
    account: str = ""
    role: str = ""

    @property
    def is_fault(self) -> bool:
        return self.level is Level.FAULT

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        inside = f" (at {self.path})" if self.path else ""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{where}{self.id}: {self.message}{inside}{advice}"


@dataclass(frozen=True, slots=True)
class Account:
    """One AWS account of one organization; names are unique in the organization, ids in the estate (T-70)."""

    name: str
    id: str
    organization: str = ""
    partition: str = "aws"
    trust_quota: int = TRUST_QUOTA
    unit: str = ""
    tags: Tags = field(default_factory=dict)
    management: bool = False

    @property
    def root(self) -> str:
        """The principal that stands for the whole account."""
        return f"arn:{self.partition}:iam::{self.id}:root"

    @property
    def full_name(self) -> str:
        return f"{self.organization}/{self.name}" if self.organization else self.name

    def arn(self, resource: str) -> str:
        """The ARN of an IAM resource of this account: `arn("role/admin")`."""
        return f"arn:{self.partition}:iam::{self.id}:{resource}"


class Profile(StrEnum):
    """How trust policies are written (specification, 4.4)."""

    CLOUDPOSSE = "cloudposse"
    HARDENED = "hardened"


@dataclass(frozen=True, slots=True)
class Declaration:
    """Who may become a role, as written: short names of teams and sets, full ARNs. What the compiler starts from."""

    trusted_teams: tuple[str, ...] = ()
    denied_teams: tuple[str, ...] = ()
    trusted_permission_sets: tuple[str, ...] = ()
    denied_permission_sets: tuple[str, ...] = ()
    trusted_role_arns: tuple[str, ...] = ()
    denied_role_arns: tuple[str, ...] = ()
    allowed_roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    saml_login: bool = False
    github_subjects: tuple[str, ...] = ()
    """Values of the `sub` claim, already in AWS's form (`repo:org/name:*`)."""
    extra_statements: tuple[Document, ...] = ()
    profile: Profile = Profile.CLOUDPOSSE
    require_org: str = ""
    """The organization id callers must belong to, or empty (H-4)."""
    require_mfa: bool = False
    external_id: str = ""
    source_identity: bool = False
    """A caller must set a source identity (H-7)."""
    compaction: tuple[str, ...] = ()
    """Consented techniques of section 8: `auto` or names `C-1` to `C-11`."""
    max_chain: int = 0
    """Most roles on a way to it, itself included; 0: not limited (H-7)."""


RoleKind = Literal["team", "team-role", "role"]


@dataclass(frozen=True, slots=True)
class Role:
    """One IAM role, wanted or live."""

    account: Account
    name: str
    trust: Document
    short: str = ""
    """The key in the declaration (`admin`); empty for a live role nobody declares."""
    kind: RoleKind = "role"
    path: str = "/"
    description: str | None = None
    max_session: int = 3600
    """Seconds."""
    tags: Tags = field(default_factory=dict)
    policies: tuple[str, ...] = ()
    """ARNs of attached managed policies, in declared order."""
    inline: Mapping[str, Document] = field(default_factory=dict)
    boundary: str | None = None
    characters: int = 0
    """Size of the trust policy as AWS counts it (T-54)."""
    declared: Declaration | None = None
    protect: bool = False
    enforce: bool = False
    place: Place | None = None
    part_of: str = ""
    """Short name of the role that this is a part of (C-11)."""
    whole: Document | None = None
    """Its trust before names were taken together (C-7, C-10): what a plan compares with over the roles that exist."""

    @property
    def arn(self) -> str:
        return self.account.arn(f"role{self.path}{self.name}")


@dataclass(frozen=True, slots=True)
class Policy:
    """One customer managed policy."""

    account: Account
    name: str
    document: Document
    key: str = ""
    """What `role_policy_arns` calls it (`team_role_access`)."""
    description: str | None = None
    path: str = "/"
    tags: Tags = field(default_factory=dict)
    place: Place | None = None

    @property
    def arn(self) -> str:
        return self.account.arn(f"policy{self.path}{self.name}")


@dataclass(frozen=True, slots=True)
class Group:
    """One IAM group with its inline and attached policies."""

    account: Account
    name: str
    path: str = "/"
    policies: tuple[str, ...] = ()
    inline: Mapping[str, Document] = field(default_factory=dict)
    place: Place | None = None
    members: tuple[str, ...] = ()
    """Names of the users who are in it, where somebody asked; what is declared is said of the users."""

    @property
    def arn(self) -> str:
        return self.account.arn(f"group{self.path}{self.name}")


@dataclass(frozen=True, slots=True)
class User:
    """One IAM user: member of groups of the same account."""

    account: Account
    name: str
    path: str = "/"
    groups: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    inline: Mapping[str, Document] = field(default_factory=dict)
    boundary: str | None = None
    tags: Tags = field(default_factory=dict)
    person: str = ""
    place: Place | None = None

    @property
    def arn(self) -> str:
        return self.account.arn(f"user{self.path}{self.name}")


@dataclass(frozen=True, slots=True)
class SamlProvider:
    """A SAML identity provider of one account; `metadata` is empty when it is only referred to."""

    account: Account
    name: str
    metadata: str = ""
    managed: bool = False
    tags: Tags = field(default_factory=dict)
    place: Place | None = None

    @property
    def arn(self) -> str:
        return self.account.arn(f"saml-provider/{self.name}")


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """An OIDC identity provider of one account, known by its host (`token.actions.githubusercontent.com`)."""

    account: Account
    host: str
    audiences: tuple[str, ...] = ("sts.amazonaws.com",)
    thumbprints: tuple[str, ...] = ()
    managed: bool = False
    tags: Tags = field(default_factory=dict)
    place: Place | None = None

    @property
    def arn(self) -> str:
        return self.account.arn(f"oidc-provider/{self.host}")


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """One permission set of one Identity Center instance."""

    organization: str
    name: str
    description: str = ""
    session_seconds: int = 3600
    relay_state: str = ""
    managed_policies: tuple[str, ...] = ()
    customer_policies: tuple[str, ...] = ()
    """Names (with path) of customer managed policies that must exist in every account of an assignment."""
    inline: Document | None = None
    boundary: str | None = None
    """ARN of a managed policy, or name (with path) of a customer managed one."""
    tags: Tags = field(default_factory=dict)
    place: Place | None = None
    outdated: tuple[str, ...] = ()
    """Live only: ids of the accounts that hold an older version of it."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A permission set for a directory group or person in one account."""

    organization: str
    permission_set: str
    account: Account
    principal: str
    principal_kind: Literal["group", "user"] = "group"
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    """A group of the identity store; `managed` when its members are ours to keep."""

    organization: str
    name: str
    members: tuple[str, ...] = ()
    description: str = ""
    managed: bool = True
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Organization:
    """One AWS organization of the estate."""

    name: str
    partition: str = "aws"
    id: str = ""
    identity_account: str = ""
    instance_arn: str = ""
    identity_store_id: str = ""
    region: str = ""
    connector_role: str = ""
    """ARN of the role that reaches this organization's Identity Center and management account."""
    apply_role: str = ""
    """Name of the role that `apply` assumes in each account; empty: the caller's own credentials."""
    break_glass: tuple[str, ...] = ()
    """ARNs that must always keep a way in (T-79)."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything IAM and Identity Center hold, wanted or live. Sorted by account id, kind, name where it is shown."""

    organizations: tuple[Organization, ...] = ()
    accounts: tuple[Account, ...] = ()
    roles: tuple[Role, ...] = ()
    policies: tuple[Policy, ...] = ()
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    saml_providers: tuple[SamlProvider, ...] = ()
    oidc_providers: tuple[OidcProvider, ...] = ()
    permission_sets: tuple[PermissionSet, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    directory_groups: tuple[DirectoryGroup, ...] = ()


ComponentKind = Literal["aws-teams", "aws-team-roles", "native"]


@dataclass(frozen=True, slots=True)
class Component:
    """What one component of one account compiled to: the unit of `gatepass teams compile` (T 5.3)."""

    name: str
    kind: ComponentKind
    account: Account | None
    label_id: str = ""
    enabled: bool = True
    roles: tuple[Role, ...] = ()
    policies: tuple[Policy, ...] = ()
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    attachments: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Key as of T-37 -> role name and policy ARN."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The input echoed after coercion."""
    findings: tuple[Finding, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Handover:
    """The side of a trust that somebody else must make in an account that is not ours (T-65)."""

    account_id: str
    role: str
    trust: Document
    external_id: str
    caller: str
    """ARN of our user or role that will assume it."""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """The answer of compiling: the resources, the components they came from, and all findings at once."""

    resources: Resources = field(default_factory=Resources)
    components: tuple[Component, ...] = ()
    handovers: tuple[Handover, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def faults(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.is_fault)

    @property
    def lints(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.is_fault)


def roles_by_arn(resources: Resources) -> dict[str, Role]:
    """Every role under its ARN."""
    return {role.arn: role for role in resources.roles}
