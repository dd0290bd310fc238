"""What the sign-in services remember: clients, codes, tokens. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Client:
    """A registered OIDC client."""

    id: str
    secret: str
    expires: datetime
    scopes: tuple[str, ...]
    grants: tuple[str, ...]
    redirects: tuple[str, ...]
    issuer: str


@dataclass
class DeviceCode:
    """A device waiting for somebody to approve it in a browser."""

    code: str
    user_code: str
    client: str
    instance: str
    expires: datetime
    interval: int
    polled: datetime | None = None
    user: str = ""
    denied: bool = False
    spent: bool = False


@dataclass
class AuthorizationCode:
    """What the browser brings back to the client; good once, with the verifier of its challenge."""

    code: str
    client: str
    instance: str
    user: str
    redirect: str
    challenge: str
    expires: datetime
    spent: bool = False


@dataclass(frozen=True)
class AccessToken:
    """A person's session with the portal of an instance."""

    token: str
    client: str
    instance: str
    user: str
    expires: datetime


@dataclass
class RefreshToken:
    """Good once: a refresh gives out the next one."""

    token: str
    client: str
    instance: str
    user: str
    expires: datetime
    spent: bool = False


@dataclass
class SignIn:
    """The sign-in services' state. `browser` is the user who approves everything at once; empty: somebody is asked."""

    clients: dict[str, Client] = field(default_factory=dict)
    devices: dict[str, DeviceCode] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    tokens: dict[str, AccessToken] = field(default_factory=dict)
    refreshes: dict[str, RefreshToken] = field(default_factory=dict)
    console: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Sign-in token of the federation endpoint -> whose it is and until when."""
    browser: str = ""
    token_seconds: int = 8 * 3600
    session_seconds: int = 7 * 24 * 3600
    interval: int = 1
    url: str = "https://device.sso.us-east-1.amazonaws.com"
    """Where the pages are; the HTTP entrance puts its own address here."""
