"""What the laptop needs to know of gatepass grants; the HTTP client fills this in (`gatepass.client`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gatepass.clock import iso
from gatepass.sessions.model import Grant


@dataclass(frozen=True)
class PortalAccess:
    """The grant is a permission set in an account: it is fetched from the Identity Center portal."""

    account_id: str
    role_name: str


@dataclass(frozen=True)
class RoleAccess:
    """The grant lets this role be assumed from the session's `via`."""

    role_arn: str
    external_id: str | None = None


@dataclass(frozen=True)
class GrantView:
    """One grant of the person, as the server sees it."""

    request: str
    state: str
    """The server's word: `waiting`, `granting`, `active`, `ending`, `ended`, `failed`; `none` when there is none."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    ended_by: str | None = None
    access: PortalAccess | RoleAccess | None = None
    request_command: str = "gatepass request FLOW"
    sessions_end_by: datetime | None = None
    """When the last credentials that the grant opened are over: later than `ends_at`, for AWS ends none (S-55)."""

    @property
    def live(self) -> bool:
        """Whether credentials may be made and served, as far as the state says; `ends_at` is checked beside it."""
        return self.state == "active" and self.access is not None

    def aftermath(self, now: datetime) -> str:
        """What must be said whenever the grant is called over: the laptop never claims that access ended (S-55)."""
        if self.sessions_end_by is None or self.sessions_end_by <= now:
            return ""
        return f"; credentials already handed out may live until {iso(self.sessions_end_by)}"


class GrantSource(Protocol):
    """The gatepass server, seen from the laptop. Blocking; every call may be repeated. Raises `SessionError`."""

    def find(self, recipe: Grant) -> GrantView:
        """The present grant of this recipe; state `none` when there is none."""
        ...

    def watch(self, seen: GrantView, wait: timedelta) -> GrantView:
        """The grant after its next change, or as it is when `wait` is over (long poll)."""
        ...

    def ask(self, recipe: Grant, reason: str, lasts: timedelta | None) -> GrantView:
        """Make the request of the recipe's flow and target; the grant to watch."""
        ...
