"""Sessions as values: what each kind of recipe needs to yield AWS credentials (specification 2.1). No secrets here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Literal, TypeAlias

from gatepass.sessions.arn import Arn

MIN_DURATION = timedelta(seconds=900)
MAX_ROLE_DURATION = timedelta(seconds=43200)
MAX_TOKEN_DURATION = timedelta(seconds=129600)
DEFAULT_TOKEN_DURATION = timedelta(seconds=43200)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class IamUser:
    """Long-term keys of an IAM user, kept in the vault under `iam-user/<session>`."""

    kind: ClassVar[str] = "iam-user"
    mfa_serial: str | None = None
    mfa_source: tuple[str, ...] = ("prompt",)
    """`prompt`, `totp` (seed in the vault), or `command` followed by its arguments."""
    session_token: bool = True
    """False: a role above is assumed straight from the long-term keys."""
    console_policy: str | None = None
    """Session policy of the user's console sessions (S-75); without one they may what the user itself may."""
    console_policy_arns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """A role assumed with the credentials of another session, to any depth."""

    kind: ClassVar[str] = "role"
    role_arn: Arn
    via: str
    role_session_name: str | None = None
    external_id: str | None = None
    mfa_serial: str | None = None
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    session_tags: tuple[tuple[str, str], ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    max_duration: timedelta | None = None
    """The role's MaxSessionDuration as far as somebody wrote it down; `duration = auto` asks for it (S-12)."""


@dataclass(frozen=True)
class SsoRole:
    """A permission set in an account, from an Identity Center portal."""

    kind: ClassVar[str] = "sso-role"
    integration: str
    account_id: str
    role_name: str
    account_name: str = ""


@dataclass(frozen=True)
class SamlRole:
    """A role assumed with an assertion of a SAML identity provider."""

    kind: ClassVar[str] = "saml-role"
    integration: str
    principal_arn: Arn
    role_arn: Arn
    max_duration: timedelta | None = None


@dataclass(frozen=True)
class WebIdentity:
    """A role assumed with an OIDC token from a file or a command; exactly one of the two."""

    kind: ClassVar[str] = "web-identity"
    role_arn: Arn
    token_file: str | None = None
    token_command: tuple[str, ...] = ()
    role_session_name: str | None = None
    max_duration: timedelta | None = None


@dataclass(frozen=True)
class Grant:
    """What a gatepass grant gives this person for its time; either a request, or a target of a flow."""

    kind: ClassVar[str] = "grant"
    request: str | None = None
    target: str | None = None
    flow: str | None = None
    integration: str | None = None
    """The Identity Center to use when the grant is a portal role."""
    via: str | None = None
    """The session to assume from when the grant is an assumable role."""
    account_id: str | None = None
    role_name: str | None = None
    """The permission set's name at the portal, when the grant is one."""
    role_arn: Arn | None = None
    """The role to assume, when the grant opens one."""
    wait: bool = False


@dataclass(frozen=True)
class Process:
    """A command that prints credential_process JSON."""

    kind: ClassVar[str] = "process"
    command: tuple[str, ...]


@dataclass(frozen=True)
class StaticEndpoint:
    """A local stand-in for AWS (moto, LocalStack): dummy keys and an address."""

    kind: ClassVar[str] = "static-endpoint"
    endpoint_url: str


Recipe: TypeAlias = IamUser | Role | SsoRole | SamlRole | WebIdentity | Grant | Process | StaticEndpoint
KINDS: MappingProxyType[str, type[Recipe]] = MappingProxyType(
    {
        kind.kind: kind
        for kind in (IamUser, Role, SsoRole, SamlRole, WebIdentity, Grant, Process, StaticEndpoint)
    }
)


@dataclass(frozen=True)
class Session:
    """A named recipe that yields AWS credentials."""

    name: str
    recipe: Recipe
    profile: str
    region: str | None = None
    duration: timedelta | None = None
    """None means `auto` (S-12)."""
    tags: tuple[tuple[str, str], ...] = ()
    prod: bool = False
    autostart: bool = False
    source: str = "manual"
    allow: tuple[str, ...] = ()
    """Globs of programs: when there are any, the caller or a parent of it must be one of them (S-32)."""
    confirm: tuple[str, ...] = ()
    """Globs of programs that need a person's yes; `prod` sessions without any mean every program (S-32)."""

    @property
    def guarded(self) -> bool:
        """Whether who asks matters before credentials are handed out."""
        return self.prod or bool(self.allow or self.confirm)

    @property
    def kind(self) -> str:
        return self.recipe.kind

    @property
    def via(self) -> str | None:
        """The session whose credentials this one is made from, if any."""
        return self.recipe.via if isinstance(self.recipe, Role | Grant) else None

    @property
    def integration(self) -> str | None:
        """The login this session depends on, if any."""
        return self.recipe.integration if isinstance(self.recipe, SsoRole | SamlRole | Grant) else None

    @property
    def account_id(self) -> str | None:
        """The account the credentials are for, when the recipe says it."""
        recipe = self.recipe
        if isinstance(recipe, SsoRole | Grant):
            return recipe.account_id
        if isinstance(recipe, Role | SamlRole | WebIdentity):
            return recipe.role_arn.account
        return None


LoginFlow: TypeAlias = Literal["auto", "pkce", "device"]


@dataclass(frozen=True)
class Integration:
    """A login from which sessions are discovered or made: an Identity Center or a SAML identity provider."""

    name: str
    kind: str
    """`identity-center` or `saml`."""
    start_url: str
    region: str = "us-east-1"
    login_flow: LoginFlow = "auto"
    auto_login: bool = False
    share_sso_cache: str = "read"
    name_template: str = "{account_name}/{role_name}"
    assertion_command: tuple[str, ...] = ()
    """SAML only: prints a base64 SAMLResponse."""
    org: str | None = None
    """What people call the organization behind it, for `name_template`; default: the integration's name."""
    tags: tuple[tuple[str, str], ...] = ()
    """Labels of every session that `sync` makes."""


@dataclass(frozen=True)
class Settings:
    """Choices that hold for the whole workspace."""

    agent: bool = True
    cache: str = "auto"
    """Without an agent: where role credentials are kept, `kernel` (Linux), `file`, or the first that works."""
    region: str | None = None
    identity: str | None = None
    """Who this is, for role session names (S-14); default: the login name and the host."""
    idle_exit: timedelta = timedelta(hours=8)
    lock_after_idle: timedelta = timedelta(hours=12)
    lock_on_sleep: bool = False
    """Lock the vault and drop every set when the machine has slept (S-29)."""
    prompt: bool = False
    """Let tools' processes ask: on their terminal, else on a page of the agent's own (S-48)."""
    confirm_prod: bool = True
    endpoints: tuple[tuple[str, str], ...] = ()
    """Service to address, like the `AWS_ENDPOINT_URL_<SERVICE>` variables but independent of the environment."""
    server: str | None = None
    registry: tuple[str, ...] = ()
    """Shared files whose sessions are read too; local ones of the same name win (S-57)."""


@dataclass(frozen=True)
class Workspace:
    """All sessions and integrations of one person; `sessions` is checked: no cycle, no missing parent."""

    sessions: dict[str, Session] = field(default_factory=dict)
    integrations: dict[str, Integration] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    def find(self, name: str) -> Session | None:
        """The session of this profile or, failing that, of this name."""
        by_profile = next((s for s in self.sessions.values() if s.profile == name), None)
        return by_profile or self.sessions.get(name)

    def region_of(self, session: Session) -> str | None:
        """The region that tools are told: the session's, its integration's, the workspace's (S-78); None: none said."""
        integration = self.integrations.get(session.integration or "")
        return session.region or (integration.region if integration else None) or self.settings.region

    def told(self, session: Session) -> Session:
        """The session with the region that tools are told."""
        return replace(session, region=self.region_of(session))

    def chain(self, name: str) -> tuple[Session, ...]:
        """The hops from the root to `name`, which must be a session of this workspace."""
        hops = [self.sessions[name]]
        while (via := hops[-1].via) is not None:
            hops.append(self.sessions[via])
        return tuple(reversed(hops))

    def children(self, name: str) -> tuple[Session, ...]:
        """The sessions made directly from `name`."""
        return tuple(s for s in self.sessions.values() if s.via == name)


@dataclass(frozen=True)
class Credentials:
    """One set of AWS credentials; `expires_at` None only for long-term keys, which never leave the agent."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    issued_at: datetime | None = None
    account_id: str | None = None

    @property
    def lasts(self) -> timedelta | None:
        """The whole lifetime, if both ends are known."""
        if self.expires_at is None or self.issued_at is None:
            return None
        return self.expires_at - self.issued_at
