"""Logging in to Identity Center: registration, device flow, authorization code with PKCE, refresh (3.5).

A `Token` is what is kept in the vault. Blocking; the callback server lives only as long as the login.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
import secrets
import socket
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gatepass.clock import Clock, from_ms, iso, to_ms
from gatepass.sessions.agent.peer import is_strangers
from gatepass.sessions.errors import Denied, NeedsHuman, SessionError, StaleParent, Upstream
from gatepass.sessions.model import Integration
from gatepass.sessions.partitions import partition_of_region
from gatepass.sessions.providers.answers import understood
from gatepass.sessions.providers.transport import AwsRefused, Transport
from gatepass.sessions.shown import Shown

SCOPE = "sso:account:access"
EARLY = timedelta(minutes=15)
"""Tokens and registrations count as over this early, as in the AWS CLI."""
LOGIN_LIMIT = timedelta(minutes=10)
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_CALLBACK = "/oauth/callback"
REQUEST_SECONDS = 5.0
"""For one request to the callback: a connection that says nothing must not keep the browser's waiting."""


@dataclass(frozen=True)
class Registration:
    """A client registered with one Identity Center for one kind of login."""

    client_id: str
    client_secret: str
    expires_at: datetime


@dataclass(frozen=True)
class Token:
    """An access token, and what renews it."""

    access_token: str
    expires_at: datetime
    refresh_token: str | None
    registration: Registration | None
    renewing_since: datetime | None = None
    """When the refresh token was last sent without an answer that was kept: it may be used up (S-66)."""

    def to_json(self) -> dict[str, Any]:
        """For the vault."""
        found = self.registration
        return {
            "access_token": self.access_token,
            "expires_at": to_ms(self.expires_at),
            "refresh_token": self.refresh_token,
            "registration": None if found is None else registration_to_json(found),
            "renewing_since": None if self.renewing_since is None else to_ms(self.renewing_since),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Token:
        """The inverse of `to_json`."""
        found = value.get("registration")
        return cls(
            value["access_token"],
            from_ms(value["expires_at"]),
            value.get("refresh_token"),
            None if found is None else registration_from_json(found),
            None if value.get("renewing_since") is None else from_ms(value["renewing_since"]),
        )


def registration_to_json(found: Registration) -> dict[str, Any]:
    """For the vault."""
    return {
        "client_id": found.client_id,
        "client_secret": found.client_secret,
        "expires_at": to_ms(found.expires_at),
    }


def registration_from_json(value: dict[str, Any]) -> Registration:
    """The inverse of `registration_to_json`."""
    return Registration(value["client_id"], value["client_secret"], from_ms(value["expires_at"]))


Show = Callable[[Shown], None]


class Oidc:
    """The logins of one integration."""

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        integration: Integration,
        limit: timedelta = LOGIN_LIMIT,
    ) -> None:
        """A login that takes longer than `limit` is given up."""
        self._limit = limit
        self._transport = transport
        self._clock = clock
        self._integration = integration

    def register(self, flow: str) -> Registration:
        """A new client for the flow, `device` or `pkce`."""
        params: dict[str, object] = {"clientName": "gatepass", "clientType": "public", "scopes": [SCOPE]}
        if flow == "pkce":
            params |= {
                "grantTypes": ["authorization_code", "refresh_token"],
                "redirectUris": [f"http://127.0.0.1{_CALLBACK}"],
                "issuerUrl": self._integration.start_url,
            }
        answer = self._call("register_client", params, "registering")
        with understood(self._doing("registering")):
            expires_at = from_ms(int(answer["clientSecretExpiresAt"]) * 1000)
            return Registration(answer["clientId"], answer["clientSecret"], expires_at)

    def device_login(self, registration: Registration, show: Show) -> Token:
        """Show a code, wait until the person has confirmed it. Raises `Denied`, `NeedsHuman` when time runs out."""
        client = {"clientId": registration.client_id, "clientSecret": registration.client_secret}
        begun = self._call(
            "start_device_authorization",
            {**client, "startUrl": self._integration.start_url},
            "starting the login",
        )
        with understood(self._doing("starting the login")):
            page = _page(begun.get("verificationUriComplete") or begun["verificationUri"])
            shown = Shown(page, begun["userCode"])
            interval = float(begun.get("interval") or 5)
            ends = self._clock.monotonic() + min(float(begun["expiresIn"]), self._limit.total_seconds())
        show(shown)
        while self._clock.monotonic() < ends:
            self._clock.sleep(interval)
            try:
                return self._create(registration, {"grantType": _DEVICE, "deviceCode": begun["deviceCode"]})
            except AwsRefused as error:
                if error.aws_code == "SlowDownException":
                    interval += 5
                elif error.aws_code == "ExpiredTokenException":
                    break
                elif error.aws_code != "AuthorizationPendingException":
                    raise
        raise NeedsHuman(
            f"integration {self._integration.name!r}: the login was not confirmed in time",
            advice=f"run: gatepass login {self._integration.name}",
        )

    def pkce_login(self, registration: Registration, show: Show) -> Token:
        """Send the browser to the authorization page and take the code it brings back to 127.0.0.1 (S-67)."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        state = secrets.token_urlsafe(24)
        with Callback(state) as callback:
            query = {
                "response_type": "code",
                "client_id": registration.client_id,
                "redirect_uri": callback.uri,
                "state": state,
                "code_challenge_method": "S256",
                "scopes": SCOPE,
                "code_challenge": challenge,
            }
            show(Shown(f"{self._endpoint()}/authorize?{urllib.parse.urlencode(query)}"))
            code = callback.wait(self._limit.total_seconds())
        grant = {
            "grantType": "authorization_code",
            "code": code,
            "redirectUri": callback.uri,
            "codeVerifier": verifier,
        }
        return self._create(registration, grant)

    def refresh(self, token: Token) -> Token:
        """A new token for the refresh token, which is used up. Raises `NeedsHuman` when it is dead, `Upstream` when
        AWS or the network failed and a later try may help."""
        assert token.registration is not None
        assert token.refresh_token is not None
        grant = {"grantType": "refresh_token", "refreshToken": token.refresh_token}
        try:
            return self._create(token.registration, grant)
        except AwsRefused as error:
            if error.aws_code not in _DEAD:
                raise
            raise needs_login(self._integration) from error
        except (Denied, StaleParent) as error:
            raise needs_login(self._integration) from error

    def _create(self, registration: Registration, grant: Mapping[str, object]) -> Token:
        params = {"clientId": registration.client_id, "clientSecret": registration.client_secret, **grant}
        answer = self._call("create_token", params, "getting the token")
        with understood(self._doing("getting the token")):
            return Token(
                answer["accessToken"],
                self._transport.now() + timedelta(seconds=int(answer["expiresIn"])),
                answer.get("refreshToken"),
                registration,
            )

    def _endpoint(self) -> str:
        import os

        region = self._integration.region
        named = self._transport.endpoints.get("sso_oidc") or os.environ.get("AWS_ENDPOINT_URL_SSO_OIDC")
        given = named or os.environ.get("AWS_ENDPOINT_URL")
        return (given or f"https://oidc.{region}.{partition_of_region(region).dns_suffix}").rstrip("/")

    def _doing(self, what: str) -> str:
        return f"integration {self._integration.name!r}: {what}"

    def _call(self, operation: str, params: dict[str, object], doing: str) -> dict[str, Any]:
        text = self._doing(doing)
        try:
            return self._transport.call(
                "sso-oidc", operation, params, region=self._integration.region, doing=text
            )
        except Denied as error:
            raise Denied(f"{text}: the login was refused", advice="log in again and confirm it") from error
        except AwsRefused as error:
            if error.aws_code != "InvalidRequestException" or operation == "create_token":
                raise
            advice = f"check its start_url and region: gatepass integration list (found {self._integration.start_url})"
            raise AwsRefused(error.message, aws_code=error.aws_code, advice=advice) from error
        except StaleParent as error:  # of OIDC's errors only the device code's end is named so
            raise AwsRefused(error.message, aws_code="ExpiredTokenException", advice=error.advice) from error


def _page(url: str) -> str:
    """An address that a browser may be given: a web page, not a file, a program's scheme or an option."""
    if not re.fullmatch(r"https?://[!-~]+", url):
        raise Upstream(f"the login's address cannot be used: {url!r}", advice="log in again")
    return url


def needs_login(integration: Integration, held: Token | None = None) -> NeedsHuman:
    """The one way to say that a person must log in; `held` is the login that is no use any more, if any."""
    why = ""
    if held is not None and held.refresh_token is None and held.renewing_since is not None:
        why = f": its renewal at {iso(held.renewing_since)} was cut off, and cannot be made again"
    return NeedsHuman(
        f"integration {integration.name!r} needs login{why}",
        advice=f"run: gatepass login {integration.name}",
    )


def is_invalid_client(error: SessionError) -> bool:
    """Whether a new registration may help (S-67: once)."""
    return isinstance(error, AwsRefused) and error.aws_code in (
        "InvalidClientException",
        "InvalidGrantException",
    )


_DEAD = {
    "InvalidClientException",
    "InvalidGrantException",
    "InvalidRequestException",
    "InvalidScopeException",
    "UnauthorizedClientException",
    "UnsupportedGrantTypeException",
}
"""What CreateToken answers when trying again with this refresh token is no use."""


class Callback:
    """Listens on 127.0.0.1, a port of its own, for one browser request that carries the right state."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(4)
        self.uri = f"http://127.0.0.1:{self._socket.getsockname()[1]}{_CALLBACK}"

    def __enter__(self) -> Callback:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait(self, seconds: float) -> str:
        """The code. A request with another state is answered 400 and ends the login: somebody interferes."""
        ends = time.monotonic() + seconds
        while True:
            self._socket.settimeout(max(ends - time.monotonic(), 0.001))
            try:
                connection, _ = self._socket.accept()
            except TimeoutError as error:
                raise NeedsHuman(
                    "the login was not finished in time", advice="run: gatepass login"
                ) from error
            with connection:
                connection.settimeout(REQUEST_SECONDS)
                if is_strangers(connection.getpeername(), connection.getsockname()):
                    continue  # who saw the address in the browser's arguments shall not log us in as somebody else
                path, query = _request(connection)
                if path != _CALLBACK:  # a browser also asks for its icon
                    _respond(connection, "404 Not Found", "Not here.")
                    continue
                return self._code(connection, query)

    def _code(self, connection: socket.socket, query: dict[str, str]) -> str:
        if not hmac.compare_digest(query.get("state", "").encode(), self._state.encode()):
            _respond(connection, "400 Bad Request", "This login was not started here.")
            raise Denied(
                "the login answer carried a wrong state; nothing was accepted", advice="log in again"
            )
        if "code" not in query:
            _respond(connection, "400 Bad Request", "The login was refused.")
            raise Denied("the login was refused in the browser", advice="log in again and confirm it")
        _respond(connection, "200 OK", "Logged in. You can close this window.")
        return query["code"]


def _request(connection: socket.socket) -> tuple[str, dict[str, str]]:
    data = b""
    ends = time.monotonic() + REQUEST_SECONDS
    with contextlib.suppress(
        OSError
    ):  # a connection that a browser opened ahead and left: the next one is it
        while b"\r\n\r\n" not in data and len(data) < 16384 and time.monotonic() < ends:
            more = connection.recv(4096)
            if not more:
                break
            data += more
    words = data.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    target = urllib.parse.urlsplit(words[1] if len(words) == 3 and words[0] == "GET" else "")
    return target.path, dict(urllib.parse.parse_qsl(target.query))


def _respond(connection: socket.socket, status: str, text: str) -> None:
    body = f"<!doctype html><title>gatepass</title><p>{text}</p>".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    with contextlib.suppress(OSError):  # whoever asked has gone
        connection.sendall(head.encode() + body)
