"""What the keeper holds and what it needs from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gatepass.sessions.agent.codes import Codes
from gatepass.sessions.agent.events import Events
from gatepass.sessions.agent.logins import Logins, SecretStore
from gatepass.sessions.agent.minter import Inputs
from gatepass.sessions.grants import GrantView
from gatepass.sessions.learned import Learned
from gatepass.sessions.model import Credentials, Grant, Session, Workspace
from gatepass.sessions.plan import Step


class Mints(Protocol):
    """Makes the credentials of one step; blocking."""

    def mint(self, workspace: Workspace, step: Step, inputs: Inputs) -> Credentials: ...


class Cache(Protocol):
    """Where sets outlive the process; the agent has none, the agentless mode the kernel's keyring or a file (S-36)."""

    def load(self, session: Session, recipe: str) -> Credentials | None:
        """The set that some process made of the same recipe, if any."""
        ...

    def save(self, session: Session, recipe: str, made: Credentials, payload: bytes | None) -> None:
        """Keep a set; `payload` is given when a launcher may serve it without looking further."""
        ...

    def forget(self, session: Session) -> None:
        """Remove a set. May be repeated."""
        ...

    def guard(self, session: Session, *, wait: bool) -> Awaitable[Callable[[], None] | None]:
        """Hold the session's lock; the result lets go. None when somebody else has it and `wait` is False."""
        ...


class Grants(Protocol):
    """The live state of grants (see `agent.grantwatch`)."""

    async def view(self, session: Session, recipe: Grant, *, wait: bool) -> GrantView: ...
    async def request(
        self, session: Session, recipe: Grant, reason: str, note: Callable[[str], None]
    ) -> GrantView: ...


@dataclass
class Entry:
    """What the agent holds for one hop."""

    chain: tuple[Session, ...]
    credentials: Credentials
    payload: bytes
    """Ready-made credential_process JSON (S-34)."""
    expires_at: datetime
    """The earlier of AWS's expiry and the grant's end (S-52)."""
    last_used: datetime
    failures: int = 0
    retry_at: datetime | None = None
    needs_person: bool = False
    """Its refresh has to wait for a login or an MFA code; it is served meanwhile."""
    grant: GrantView | None = None


@dataclass
class Standing:
    """The state a person sees."""

    state: str = "inactive"
    cause: str = ""
    since: datetime | None = None


@dataclass
class World:
    """Everything the keeper needs from outside."""

    workspace: Callable[[], Workspace]
    now: Callable[[], datetime]
    mints: Mints
    secrets: SecretStore
    codes: Codes
    logins: Logins
    learned: Learned
    events: Events
    grants: Grants
    cache: Cache | None = None
    on_change: Callable[[], None] = field(default=lambda: None)
    stopped: frozenset[str] = frozenset()
    """What was stopped before this agent began."""
    keep_stopped: Callable[[frozenset[str]], None] = field(default=lambda names: None)
