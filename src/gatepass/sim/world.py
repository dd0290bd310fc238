"""The state of a simulated AWS: organizations, instances, identity stores, IAM, sessions. Data and look-ups only."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from uuid import UUID

from gatepass.policy import Caller, CallerKind
from gatepass.sim.iam.state import AccountIam
from gatepass.sim.sign_in.state import SignIn
from gatepass.sim.timeline import Assignment, Change, Membership, Timeline

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass
class Unit:
    """An organizational unit, or the root when `parent` is empty."""

    id: str
    name: str
    parent: str


@dataclass
class Account:
    """A member account of an organization."""

    id: str
    name: str
    email: str
    parent: str
    joined: datetime
    status: str = "ACTIVE"
    tags: dict[str, str] = field(default_factory=dict)


_ALLOW_ALL = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
_ALLOW_ALL_RESOURCES = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}'
)


@dataclass
class ControlPolicy:
    """A service or resource control policy."""

    id: str
    type: str
    name: str
    content: str
    description: str = ""
    aws_managed: bool = False


@dataclass
class Organization:
    """A tree of units and accounts under one management account."""

    id: str
    management: str
    root: str
    units: dict[str, Unit] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    delegated: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """Service principal -> account -> since when it is a delegated administrator."""
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    policies: list[dict[str, str]] = field(default_factory=list)
    """The policy types that are switched on."""
    controls: dict[str, ControlPolicy] = field(default_factory=dict)
    attached: dict[str, list[str]] = field(default_factory=dict)
    """Root, unit or account -> ids of the control policies attached to it."""

    @property
    def arn(self) -> str:
        return f"arn:aws:organizations::{self.management}:organization/{self.id}"

    def enabled(self, kind: str) -> bool:
        """Whether control policies of this type bind."""
        return any(row["Type"] == kind for row in self.policies)

    def allow_all(self, kind: str) -> None:
        """Attach AWS's policy that allows everything to everything, as switching a type on does."""
        service = kind == "SERVICE_CONTROL_POLICY"
        name = "FullAWSAccess" if service else "RCPFullAWSAccess"
        content = _ALLOW_ALL if service else _ALLOW_ALL_RESOURCES
        self.controls[f"p-{name}"] = ControlPolicy(
            f"p-{name}", kind, name, content, "Allows everything", True
        )
        for target in (*self.units, *self.accounts):
            self.attached.setdefault(target, []).append(f"p-{name}")

    def allow_all_at(self, target: str) -> None:
        """What a new unit or account starts with."""
        self.attached[target] = [
            p.id for p in self.controls.values() if p.aws_managed and self.enabled(p.type)
        ]

    def levels(self, account: str, kind: str) -> list[list[str]]:
        """The contents of the control policies that bind an account, from the root down; none for the management
        account and where the type is switched off."""
        if account == self.management or account not in self.accounts or not self.enabled(kind):
            return []
        path, parent = [account], self.accounts[account].parent
        while parent:
            path.append(parent)
            parent = self.units[parent].parent
        wanted = {policy.id: policy.content for policy in self.controls.values() if policy.type == kind}
        return [[wanted[i] for i in self.attached.get(at, []) if i in wanted] for at in reversed(path)]

    def may_manage(self, account: str, service: str = "") -> bool:
        """Whether the account is the management account or a delegated administrator (of `service`, or of any)."""
        if account == self.management:
            return True
        services = [service] if service else list(self.delegated)
        return any(account in self.delegated.get(name, {}) for name in services)


@dataclass
class PermissionSet:
    """A permission set; `revision` grows with each change that has to be provisioned."""

    arn: str
    name: str
    created: datetime
    description: str = ""
    session: str = "PT1H"
    relay_state: str = ""
    managed: dict[str, str] = field(default_factory=dict)
    customer: list[tuple[str, str]] = field(default_factory=list)
    inline: str = ""
    boundary: dict[str, object] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    revision: int = 1
    provisioned: dict[str, int] = field(default_factory=dict)
    """Account -> revision its role was last made from; no entry: no role there."""


@dataclass
class Operation:
    """An asynchronous assignment or provisioning; `fact` is None for provisionings."""

    id: str
    kind: str
    created: datetime
    by: str
    permission_set: str
    account: str = ""
    fact: Assignment | None = None
    status: str = "IN_PROGRESS"
    reason: str = ""


@dataclass
class Instance:
    """An IAM Identity Center instance."""

    arn: str
    region: str
    owner: str
    store: str
    organization: str
    created: datetime
    assignments: Timeline[Assignment]
    name: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    permission_sets: dict[str, PermissionSet] = field(default_factory=dict)
    operations: dict[str, dict[str, Operation]] = field(
        default_factory=lambda: {"create": {}, "delete": {}, "provision": {}}
    )
    running: dict[str, Operation] = field(default_factory=dict)
    start_url: str = ""

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]


@dataclass
class Person:
    """A user of an identity store."""

    id: str
    user_name: str
    display_name: str = ""
    given_name: str = ""
    family_name: str = ""
    emails: list[dict[str, object]] = field(default_factory=list)
    external_ids: list[tuple[str, str]] = field(default_factory=list)
    other: dict[str, object] = field(default_factory=dict)
    revision: int = 1


@dataclass
class Circle:
    """A group of an identity store."""

    id: str
    display_name: str
    description: str = ""
    external_ids: list[tuple[str, str]] = field(default_factory=list)
    revision: int = 1


@dataclass
class Store:
    """An identity store: the directory of one instance."""

    id: str
    region: str
    owner: str
    memberships: Timeline[Membership]
    users: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, Circle] = field(default_factory=dict)


@dataclass(frozen=True)
class Principal:
    """Who a call is made as: the caller as policies see it, and what only STS cares about."""

    caller: Caller
    user_id: str = ""
    """As GetCallerIdentity answers it."""
    source: str = ""
    """The call that made the session (AssumeRole, GetSessionToken ...); empty for long-term keys."""
    session_policies: tuple[str, ...] | None = None
    chained: bool = False
    """Whether a session of a role, or of GetSessionToken, made this session."""

    @property
    def account(self) -> str:
        return self.caller.account

    @property
    def arn(self) -> str:
        """As GetCallerIdentity answers it: for a session of a role, the assumed-role ARN."""
        return self.caller.session_arn or self.caller.arn


ANONYMOUS = Principal(Caller(CallerKind.ANONYMOUS, ""))


@dataclass(frozen=True)
class Credential:
    """An access key with its secret; `token` and `expires` only for temporary ones."""

    access_key: str
    secret: str
    principal: Principal
    token: str = ""
    expires: datetime | None = None


@dataclass
class World:
    """Everything there is. One world is one simulated AWS; nothing is shared between two of them."""

    started: datetime
    dice: Random
    organizations: dict[str, Organization] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    iam: dict[str, AccountIam] = field(default_factory=dict)
    credentials: dict[str, Credential] = field(default_factory=dict)
    quotas: dict[str, int] = field(default_factory=dict)
    """Account -> trust policy quota, where it was raised."""
    changes: list[Change] = field(default_factory=list)
    sign_in: SignIn = field(default_factory=SignIn)
    allowed: dict[tuple[object, ...], tuple[object, ...]] = field(default_factory=dict)
    """Decisions already made, by the identity of caller and documents, which the values keep alive."""
    _home: dict[str, Organization] = field(default_factory=dict)
    _due: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    _sequence: int = 0

    def add_account(self, organization: Organization, account: Account) -> None:
        """Put an account into an organization; an account is in one organization only."""
        if account.id in self._home:
            raise ValueError(f"account {account.id} is already in organization {self._home[account.id].id}")
        organization.accounts[account.id] = account
        organization.allow_all_at(account.id)
        self._home[account.id] = organization

    def remove_account(self, organization: Organization, account: str) -> None:
        """Take an account out of its organization."""
        del organization.accounts[account], self._home[account]
        organization.attached.pop(account, None)

    def organization_of(self, account: str) -> Organization | None:
        """The organization an account is a member of."""
        return self._home.get(account)

    def account(self, account: str) -> Account | None:
        home = self._home.get(account)
        return home.accounts.get(account) if home else None

    def iam_of(self, account: str) -> AccountIam:
        """IAM of an account, made empty on first use."""
        return self.iam.setdefault(account, AccountIam())

    def schedule(self, at: datetime, finish: Callable[[datetime], None]) -> None:
        """Have `finish` called with `at` as soon as anybody looks at the world at or after that moment."""
        self._sequence += 1
        heapq.heappush(self._due, (at, self._sequence, finish))

    def settle(self, now: datetime) -> None:
        """Finish what was due by now, in order."""
        while self._due and self._due[0][0] <= now:
            at, _, finish = heapq.heappop(self._due)
            finish(at)

    def uuid(self) -> str:
        return str(UUID(int=self.dice.getrandbits(128), version=4))

    def unique(self, prefix: str, length: int = 17) -> str:
        """An identifier in the style of IAM: AROA..., AIDA..., ASIA..."""
        return prefix + "".join(self.dice.choices(_BASE32, k=length))

    def secret(self, length: int = 40) -> str:
        return "".join(self.dice.choices(_LETTERS, k=length))

    def hexadecimal(self, length: int = 16) -> str:
        return f"{self.dice.getrandbits(length * 4):0{length}x}"
