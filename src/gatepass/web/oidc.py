"""Signing in by OpenID Connect: authorization code with PKCE, state and nonce, at one issuer (security.md 17).

What is between the two halves of a sign-in (state, nonce, verifier) lies signed in the browser that began it, for ten
minutes; so any process can finish it, and no other browser can.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from itsdangerous import BadSignature, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gatepass.clock import Clock
from gatepass.desk import Book
from gatepass.desk.logins import Login, recognise
from gatepass.errors import GatepassError, Unavailable
from gatepass.store import Store
from gatepass.web.address import LOOPBACK, Address

FINISH_WITHIN = 600
"""Seconds between the two halves of a sign-in."""
LEEWAY = 60
"""Seconds by which the issuer's clock may differ."""
FRESH = timedelta(hours=1)
"""For so long what the issuer publishes is kept; an unknown key is looked up at once."""
TIMEOUT = 5.0
ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
"""What an issuer may sign with unless settings say less. Never `none`, never a shared secret."""
CALLBACK = "/login/callback"


class LoginRefused(GatepassError):
    """A sign-in that is not believed. Says what failed, never what was expected."""

    code = "refused"


@dataclass(frozen=True, slots=True)
class Client:
    """How gatepass is known at its issuer."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    """Empty: a public client, which PKCE alone protects."""
    scopes: str = "openid email profile"
    algorithms: tuple[str, ...] = ALGORITHMS
    groups_claim: str = "groups"
    groups: frozenset[str] = frozenset()
    """Only members of one of these may sign in; empty: everybody whom the estate knows."""


class OpenIdSignIn:
    """One issuer. Thread-safe."""

    def __init__(
        self, client: Client, store: Store, book: Book, clock: Clock, address: Address, key: bytes
    ) -> None:
        self._client = client
        self._store = store
        self._book = book
        self._clock = clock
        self._address = address
        self._serializer = URLSafeTimedSerializer(key, salt="gatepass login")
        self._published = _Published(client.issuer, clock)

    @property
    def issuer(self) -> str:
        """The issuer's host, for people to read."""
        return urlsplit(self._client.issuer).hostname or self._client.issuer

    def begin(self, request: Request, back_to: str) -> Response:
        """Send the browser to the issuer, with what its answer must carry."""
        published = self._published.metadata()
        kept = {"state": secrets.token_urlsafe(24), "nonce": secrets.token_urlsafe(24), "next": back_to}
        verifier = secrets.token_urlsafe(48)
        goal = prepare_grant_uri(
            published["authorization_endpoint"],
            client_id=self._client.client_id,
            response_type="code",
            redirect_uri=self._callback(request),
            scope=self._client.scopes,
            state=kept["state"],
            nonce=kept["nonce"],
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        response = RedirectResponse(goal, 303)
        response.set_cookie(
            self._cookie,
            str(self._serializer.dumps({**kept, "verifier": verifier})),
            max_age=FINISH_WITHIN,
            secure=self._address.secure,
            httponly=True,
            samesite="lax",
        )
        return response

    def finish(self, request: Request) -> tuple[str, str]:
        """The person whom the issuer's answer names, and where they wanted to go."""
        kept = self._kept(request)
        given = request.query_params
        if not hmac.compare_digest(given.get("state", "").encode(), kept["state"].encode()):
            raise LoginRefused("this sign-in was not begun in this browser", advice="begin again")
        if "error" in given or not given.get("code"):
            raise LoginRefused("your organization did not let you in", advice="begin again, or ask them")
        if given.get("iss", self._client.issuer) != self._client.issuer:
            raise LoginRefused("the answer is from another issuer", advice="begin again")
        token = self._exchange(request, given["code"], kept["verifier"])
        login = self._believed(token, kept["nonce"])
        with self._store.write() as tx:
            person = recognise(tx, self._book.current(tx).estate, login)
        return person.id, kept["next"]

    def forget(self, response: Response) -> None:
        """The sign-in is over: it cannot be finished again."""
        response.delete_cookie(self._cookie, secure=self._address.secure, httponly=True, samesite="lax")

    @property
    def _cookie(self) -> str:
        return self._address.cookie("gatepass-login")

    def _callback(self, request: Request) -> str:
        return self._address.origin(request) + CALLBACK

    def _kept(self, request: Request) -> dict[str, str]:
        try:
            kept = self._serializer.loads(request.cookies.get(self._cookie, ""), max_age=FINISH_WITHIN)
        except BadSignature:
            raise LoginRefused(
                "this sign-in was not begun in this browser, or too long ago", advice="begin again"
            ) from None
        return {name: str(each) for name, each in kept.items()}

    def _exchange(self, request: Request, code: str, verifier: str) -> str:
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback(request),
            "code_verifier": verifier,
            "client_id": self._client.client_id,
        }
        secret = (self._client.client_id, self._client.client_secret) if self._client.client_secret else None
        answer = _fetch("POST", self._published.metadata()["token_endpoint"], data=sent, auth=secret)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise LoginRefused(
                "your organization's issuer gave no identity", advice="begin again, or ask them"
            )
        return token

    def _believed(self, token: str, nonce: str) -> Login:
        """What the token says, once signature, type, issuer, audience, times and nonce are right."""
        claims = self._claims(token)
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self._client.client_id:
            raise LoginRefused("the identity is meant for somebody else", advice="begin again")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise LoginRefused("the identity is from another sign-in", advice="begin again")
        self._check_groups(claims)
        email = str(claims.get("email", "")) if claims.get("email_verified") is True else ""
        return Login(self._client.issuer, str(claims["sub"]), email)

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            read = self._decoded(token)
            if read.header.get("typ", "JWT") != "JWT":
                raise LoginRefused("the identity is of another type", advice="begin again")
            jwt.JWTClaimsRegistry(
                now=int(self._clock.now().timestamp()),
                leeway=LEEWAY,
                iss={"essential": True, "value": self._client.issuer},
                aud={"essential": True, "value": self._client.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
            ).validate(read.claims)
        except (JoseError, ValueError, KeyError, TypeError) as wrong:
            raise LoginRefused("the identity is not valid", advice="begin again, or ask an admin") from wrong
        return dict(read.claims)

    def _decoded(self, token: str) -> jwt.Token:
        """Signature and algorithm. A key that is not known may be new: looked up once more."""
        algorithms = list(self._client.algorithms)
        try:
            return jwt.decode(token, self._published.keys(), algorithms=algorithms)
        except (JoseError, ValueError):
            if not self._published.renew_keys():
                raise
            return jwt.decode(token, self._published.keys(), algorithms=algorithms)

    def _check_groups(self, claims: Mapping[str, Any]) -> None:
        if not self._client.groups:
            return
        said = claims.get(self._client.groups_claim, [])
        found = {str(each) for each in said} if isinstance(said, list) else {str(said)}
        if not found & self._client.groups:
            raise LoginRefused(
                "you are in none of the groups that may use gatepass", advice="ask an admin of gatepass"
            )


class _Published:
    """What an issuer publishes: its endpoints and its keys, kept for a while. Thread-safe."""

    def __init__(self, issuer: str, clock: Clock) -> None:
        self._issuer = issuer.rstrip("/")
        self._exact = issuer
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: tuple[float, dict[str, str]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def metadata(self) -> dict[str, str]:
        with self._lock:
            if self._metadata is None or self._old(self._metadata[0]):
                self._metadata = (self._clock.monotonic(), self._discover())
            return self._metadata[1]

    def keys(self) -> KeySet:
        where = self.metadata()["jwks_uri"]
        with self._lock:
            if self._keys is None or self._old(self._keys[0]):
                self._keys = (self._clock.monotonic(), KeySet.import_key_set(_fetch("GET", where)))  # type: ignore[arg-type]
            return self._keys[1]

    def renew_keys(self) -> bool:
        """Forget the keys, unless they have just been read. Whether they will be read anew."""
        with self._lock:
            young = self._keys is not None and self._clock.monotonic() - self._keys[0] < 30
            if not young:
                self._keys = None
            return not young

    def _old(self, at: float) -> bool:
        return self._clock.monotonic() - at > FRESH.total_seconds()

    def _discover(self) -> dict[str, str]:
        said = _fetch("GET", f"{self._issuer}/.well-known/openid-configuration")
        if said.get("issuer") != self._exact:
            raise Unavailable(
                f"the issuer calls itself {str(said.get('issuer'))[:100]!r}, not {self._exact!r}",
                advice="correct GATEPASS_OIDC_ISSUER",
            )
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        found = {name: str(said.get(name, "")) for name in names}
        for name, url in found.items():
            check_url(name, url)
        return found


def check_url(name: str, url: str) -> None:
    """Refuse an address that is not https, except on this machine."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.scheme == "https" and parts.hostname) and not local:
        raise Unavailable(f"{name} is {url[:100]!r}", advice="an issuer is reached by https only")


def _fetch(method: str, url: str, **given: Any) -> dict[str, Any]:
    try:
        answer = httpx.request(method, url, timeout=TIMEOUT, follow_redirects=False, **given)
        said = answer.json() if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError) as silent:
        raise Unavailable(
            f"your organization's issuer does not answer ({type(silent).__name__})", advice="try again"
        ) from silent
    if not isinstance(said, dict):
        if 400 <= answer.status_code < 500:
            raise LoginRefused("your organization's issuer refused this sign-in", advice="begin again")
        raise Unavailable("your organization's issuer does not answer as it should", advice="try again")
    return said
