"""An issuer of identities for tests: discovery, keys, authorization and token endpoints on loopback.

    with FakeIssuer() as issuer:
        issuer.person = {"sub": "u-1", "email": "ana@host.example", "email_verified": True}
        GATEPASS_OIDC_ISSUER=issuer.url

It checks what an issuer must (client, redirect URI, PKCE, one use of a code) and can be told to lie: `lie` replaces
claims of the next identity, `header` its header, `algorithm` how it is signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from gatepass.clock import Clock, SystemClock

LASTS = 300


class FakeIssuer:
    """One issuer with one client. `url` is its issuer identifier; `asked` are the queries of authorizations."""

    def __init__(self, clock: Clock | None = None, client_id: str = "gatepass", secret: str = "") -> None:
        self.clock = clock or SystemClock()
        self.client_id, self.secret = client_id, secret
        self.person: Mapping[str, Any] = {}
        self.lie: Mapping[str, Any] = {}
        self.header: Mapping[str, Any] = {}
        self.algorithm = "RS256"
        self.asked: list[dict[str, str]] = []
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}, private=True)
        self._codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"issuer": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FakeIssuer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def new_key(self, kid: str) -> None:
        """Sign with another key from now on; the old one is published no more."""
        self.key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, private=True)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes next: the person is always let in."""
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        answer = urlencode({"code": code, "state": query.get("state", ""), "iss": self.url})
        return f"{query['redirect_uri']}?{answer}"

    def token(self, sent: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """The tokens for a code; None: refused."""
        asked = self._codes.pop(sent.get("code", ""), None)
        challenge = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        expected = "Basic " + base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        if (
            asked is None
            or asked.get("client_id") != self.client_id
            or asked.get("redirect_uri") != sent.get("redirect_uri")
            or asked.get("code_challenge") != _part(challenge)
            or (self.secret and authorization != expected)
        ):
            return None
        return {"token_type": "Bearer", "access_token": "unused", "id_token": self.identity(asked)}

    def identity(self, asked: Mapping[str, str]) -> str:
        """An identity token, with whatever lie was asked for."""
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.url,
            "aud": self.client_id,
            "iat": now,
            "exp": now + LASTS,
            "nonce": asked.get("nonce", ""),
            **self.person,
            **self.lie,
        }
        header = {"alg": self.algorithm, "kid": self.key.kid, **self.header}
        if self.algorithm in ("none", "HS256"):  # what no client may believe
            signed = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}"
            mac = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{_part(mac) if self.algorithm == 'HS256' else ''}"
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Handler(BaseHTTPRequestHandler):
    issuer: ClassVar[FakeIssuer]

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        if where.path == "/.well-known/openid-configuration":
            self._json(200, self.issuer.discovery())
        elif where.path == "/keys":
            self._json(200, {"keys": [self.issuer.key.as_dict(private=False)]})
        elif where.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.issuer.authorize(query))
            self.end_headers()
        else:
            self._json(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        tokens = self.issuer.token(sent, self.headers.get("Authorization", ""))
        self._json(200 if tokens else 400, tokens or {"error": "invalid_grant"})

    def _json(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class calls it so
        """Nothing: tests are quiet."""
