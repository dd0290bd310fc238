"""IAM as one account holds it: roles, users, groups, policies, identity providers. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Permissions:
    """What an identity may do: inline documents by name, attached policies by ARN, and a boundary."""

    inline: dict[str, str] = field(default_factory=dict)
    attached: list[str] = field(default_factory=list)
    boundary: str = ""


@dataclass
class Role:
    """A role. `trust` is the document as it was written, with the principals it named kept by unique id."""

    account: str
    name: str
    path: str
    id: str
    trust: str
    created: datetime
    max_session: int = 3600
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    permissions: Permissions = field(default_factory=Permissions)
    visible_from: datetime | None = None
    last_used: datetime | None = None
    named: dict[str, str] = field(default_factory=dict)
    """Principal ARN in `trust` -> unique id it had when the document was saved."""
    before: tuple[str, dict[str, str], datetime] | None = None
    """The document and its names before the last change, and until when STS goes on reading them."""

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"

    @property
    def reserved(self) -> bool:
        """Made by AWS for a permission set; nobody may change it."""
        return self.path.startswith(("/aws-reserved/", "/aws-service-role/"))


@dataclass
class User:
    """An IAM user, with the keys and devices it signs with."""

    account: str
    name: str
    path: str
    id: str
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)
    permissions: Permissions = field(default_factory=Permissions)
    keys: dict[str, AccessKey] = field(default_factory=dict)
    devices: list[str] = field(default_factory=list)
    login_profile: datetime | None = None
    visible_from: datetime | None = None

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user{self.path}{self.name}"


@dataclass
class AccessKey:
    """A long-term key of a user."""

    id: str
    secret: str
    created: datetime
    active: bool = True


@dataclass
class Device:
    """A virtual MFA device. A code works once; `used` are the time steps already spent."""

    serial: str
    seed: bytes
    user: str = ""
    enabled: datetime | None = None
    used: set[int] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Group:
    """An IAM group of users of the same account."""

    account: str
    name: str
    path: str
    id: str
    created: datetime
    permissions: Permissions = field(default_factory=Permissions)
    members: list[str] = field(default_factory=list)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:group{self.path}{self.name}"


@dataclass
class Version:
    """One version of a managed policy's document."""

    id: str
    document: str
    created: datetime


@dataclass
class Policy:
    """A customer managed policy with at most five versions."""

    account: str
    name: str
    path: str
    id: str
    created: datetime
    updated: datetime
    description: str = ""
    versions: list[Version] = field(default_factory=list)
    default: str = "v1"
    next_version: int = 2
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:policy{self.path}{self.name}"

    @property
    def document(self) -> str:
        return next(version.document for version in self.versions if version.id == self.default)


@dataclass
class Provider:
    """A SAML or OpenID Connect identity provider of an account."""

    arn: str
    created: datetime
    metadata: str = ""
    url: str = ""
    audiences: list[str] = field(default_factory=list)
    thumbprints: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class AccountIam:
    """Everything IAM keeps for one account; names are looked up in lower case, as IAM compares them."""

    roles: dict[str, Role] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    saml: dict[str, Provider] = field(default_factory=dict)
    oidc: dict[str, Provider] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    alias: str = ""
