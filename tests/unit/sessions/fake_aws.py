"""A small strict stand-in for STS, the portal, OIDC and sign-in over HTTP, with counters and scripted faults.

The simulator is the product's model; this one exists to fail in ways that a correct service would not.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.canaries import canary
from tests.waiting import LONG


@dataclass
class Answer(Exception):
    """An error answer."""

    status: int
    code: str
    message: str = ""


@dataclass
class Issued:
    """Credentials the fake gave out."""

    secret: str
    kind: str
    account: str
    expires: datetime


@dataclass
class FakeAws:
    """State of the stand-in. `calls` counts operations; `fail` maps an operation to a list of scripted faults."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    latency: float = 0.0
    answering: threading.Event = field(default_factory=threading.Event)
    """Cleared: calls are counted and their answers kept back until it is set."""
    replying: threading.Event = field(default_factory=threading.Event)
    """Cleared: what a token was asked for is done, and the answer kept back until it is set."""
    done: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    params: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    fail: dict[str, list[Answer]] = field(default_factory=dict)
    users: dict[str, tuple[str, str]] = field(default_factory=dict)  # key id -> (secret, account)
    mfa: dict[str, str] = field(default_factory=dict)  # serial -> the code that is right now
    used_codes: set[tuple[str, str]] = field(default_factory=set)
    mfa_users: set[str] = field(default_factory=set)
    max_session: dict[str, int] = field(default_factory=dict)
    issued: dict[str, Issued] = field(default_factory=dict)
    accounts: list[tuple[str, str, list[str]]] = field(default_factory=list)
    tokens: dict[str, datetime] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)
    clients: dict[str, str] = field(default_factory=dict)
    device: str = "approved"
    device_polls: list[str] = field(default_factory=list)
    too_many_share: float = 0.0
    url: str = ""
    lies: dict[str, str] = field(default_factory=dict)  # operation -> the body to answer, whatever was asked
    lock: threading.Lock = field(default_factory=threading.Lock)
    token_lasts: int = 8 * 3600
    role_lasts: int = 3600

    def __post_init__(self) -> None:
        self.answering.set()
        self.replying.set()

    def user(
        self, key_id: str = "AKIAEXAMPLEGATEWAY01", secret: str = "s" * 40, account: str = "111111111111"
    ) -> None:
        """An IAM user with an access key."""
        self.users[key_id] = (secret, account)

    # --- sts ---------------------------------------------------------------------------------------------------

    def sts(self, action: str, p: dict[str, str], signer: str | None) -> str:
        caller = self._caller(signer) if signer else None
        if action == "GetSessionToken":
            assert caller is not None
            if caller.kind != "user":
                raise Answer(403, "AccessDenied", "Cannot call GetSessionToken with session credentials")
            if "TokenCode" in p:
                self._check_mfa(p)
            return self._issue(
                action, "session-token", caller.account, int(p.get("DurationSeconds", 43200)), ""
            )
        if action == "GetFederationToken":
            assert caller is not None
            if caller.kind != "user":
                raise Answer(403, "AccessDenied", "Cannot call GetFederationToken with session credentials")
            return self._issue(action, "federated", caller.account, int(p["DurationSeconds"]), "")
        if action == "AssumeRole":
            assert caller is not None
            if "TokenCode" in p:
                self._check_mfa(p)
            asked = int(p.get("DurationSeconds", 3600))
            if caller.kind != "user" and asked > 3600:
                raise Answer(
                    400,
                    "ValidationError",
                    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
                )
            self._check_max(p["RoleArn"], asked)
            return self._issue(action, "role", p["RoleArn"].split(":")[4], asked, p["RoleArn"])
        if action in ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"):
            asked = int(p.get("DurationSeconds", 3600))
            self._check_max(p["RoleArn"], asked)
            return self._issue(action, "role", p["RoleArn"].split(":")[4], asked, p["RoleArn"])
        if action == "GetCallerIdentity":
            assert caller is not None
            body = f"<Account>{caller.account}</Account><Arn>arn:aws:sts::{caller.account}:x</Arn><UserId>U</UserId>"
            return _xml(action, body)
        raise Answer(400, "InvalidAction", action)

    def _check_max(self, role: str, asked: int) -> None:
        if asked > self.max_session.get(role, 43200):
            text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            raise Answer(400, "ValidationError", text)

    def _check_mfa(self, p: dict[str, str]) -> None:
        key = (p["SerialNumber"], p["TokenCode"])
        if self.mfa.get(p["SerialNumber"], p["TokenCode"]) != p["TokenCode"] or key in self.used_codes:
            text = "MultiFactorAuthentication failed with invalid MFA one time pass code."
            raise Answer(403, "AccessDenied", text)
        self.used_codes.add(key)

    def _caller(self, key_id: str) -> Issued:
        if key_id in self.users:
            secret, account = self.users[key_id]
            return Issued(secret, "user", account, datetime.max.replace(tzinfo=UTC))
        found = self.issued.get(key_id)
        if found is None:
            raise Answer(
                403, "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        if found.expires <= self.now():
            raise Answer(403, "ExpiredToken", "The security token included in the request is expired")
        return found

    def make(self, kind: str, account: str, seconds: int) -> tuple[str, Issued]:
        key_id = "ASIA" + secrets.token_hex(8).upper()
        made = Issued(
            canary("S3cret") + secrets.token_hex(14), kind, account, self.now() + timedelta(seconds=seconds)
        )
        self.issued[key_id] = made
        return key_id, made

    def _issue(self, action: str, kind: str, account: str, seconds: int, role: str) -> str:
        key_id, made = self.make(kind, account, seconds)
        expires = made.expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        body = (
            f"<Credentials><AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>{made.secret}</SecretAccessKey>"
            f"<SessionToken>{canary('T0ken')}{secrets.token_hex(40)}</SessionToken>"
            f"<Expiration>{expires}</Expiration></Credentials>"
        )
        if role:
            arn = f"arn:aws:sts::{account}:assumed-role/{role.rsplit('/', 1)[-1]}/me"
            body += f"<AssumedRoleUser><Arn>{arn}</Arn><AssumedRoleId>A:me</AssumedRoleId></AssumedRoleUser>"
        return _xml(action, body)

    # --- portal and oidc ---------------------------------------------------------------------------------------

    def portal(self, path: str, q: dict[str, str], token: str | None) -> dict[str, Any]:
        if token is None or self.tokens.get(token, datetime.min.replace(tzinfo=UTC)) <= self.now():
            raise Answer(401, "UnauthorizedException", "Session token not found or invalid")
        if path == "/assignment/accounts":
            return self._page("accountList", [_account(a) for a in self.accounts], q)
        if path == "/assignment/roles":
            roles = next(r for a, _, r in self.accounts if a == q["account_id"])
            rows = [{"roleName": r, "accountId": q["account_id"]} for r in roles]
            return self._page("roleList", rows, q)
        if path == "/federation/credentials":
            roles = next((r for a, _, r in self.accounts if a == q["account_id"]), [])
            if q["role_name"] not in roles:
                raise Answer(403, "ForbiddenException", "No access")
            key_id, made = self.make("role", q["account_id"], self.role_lasts)
            keys = {
                "accessKeyId": key_id,
                "secretAccessKey": made.secret,
                "sessionToken": canary("T0ken") + "x" * 60,
            }
            return {"roleCredentials": keys | {"expiration": int(made.expires.timestamp() * 1000)}}
        if path == "/logout":
            self.tokens.pop(token)
            return {}
        raise Answer(404, "ResourceNotFoundException", path)

    def _page(self, key: str, rows: list[Any], q: dict[str, str]) -> dict[str, Any]:
        size = int(q.get("max_result", "20"))
        if size > 100:
            raise Answer(400, "InvalidRequestException", "maxResults")
        start = int(q.get("next_token", "0"))
        more = {"nextToken": str(start + size)} if start + size < len(rows) else {}
        return {key: rows[start : start + size], **more}

    def oidc(self, path: str, p: dict[str, Any]) -> dict[str, Any]:
        if path == "/client/register":
            client = secrets.token_hex(8)
            self.clients[client] = "pkce" if "grantTypes" in p else "device"
            soon = int((self.now() + timedelta(days=90)).timestamp())
            return {
                "clientId": client,
                "clientSecret": canary("Client") + client,
                "clientSecretExpiresAt": soon,
            }
        if p.get("clientId") not in self.clients:
            raise Answer(401, "InvalidClientException", "unknown client")
        if path == "/device_authorization":
            return {
                "deviceCode": "dev",
                "userCode": "ABCD-EFGH",
                "verificationUri": "https://device.example/",
                "verificationUriComplete": "https://device.example/?user_code=ABCD-EFGH",
                "expiresIn": 600,
                "interval": 1,
            }
        return self._token(p)

    def _token(self, p: dict[str, Any]) -> dict[str, Any]:
        grant = p["grantType"]
        if grant.endswith("device_code"):
            step = self.device_polls.pop(0) if self.device_polls else self.device
            errors = {
                "pending": "AuthorizationPendingException",
                "slow": "SlowDownException",
                "expired": "ExpiredTokenException",
                "denied": "AccessDeniedException",
                "invalid": "InvalidGrantException",
            }
            if step in errors:
                raise Answer(400, errors[step], step)
        elif grant == "refresh_token":
            if p["refreshToken"] not in self.refresh_tokens:
                raise Answer(400, "InvalidGrantException", "used")
            self.refresh_tokens.remove(p["refreshToken"])  # refresh tokens rotate
        elif grant == "authorization_code" and not (p.get("code") and p.get("codeVerifier")):
            raise Answer(400, "InvalidRequestException", "code")
        return self.new_token()

    def new_token(self) -> dict[str, Any]:
        access, refresh = canary("Access") + secrets.token_hex(20), canary("Refresh") + secrets.token_hex(20)
        self.tokens[access] = self.now() + timedelta(seconds=self.token_lasts)
        self.refresh_tokens.add(refresh)
        return {
            "accessToken": access,
            "expiresIn": self.token_lasts,
            "refreshToken": refresh,
            "tokenType": "Bearer",
        }

    def count(self, operation: str, params: dict[str, str]) -> None:
        with self.lock:
            self.calls[operation] += 1
            self.params.append((operation, params))
            scripted = self.fail.get(operation)
            fault = scripted.pop(0) if scripted else None
        if self.latency:
            time.sleep(self.latency)
        assert self.answering.wait(LONG)
        if fault is not None:
            raise fault


def _account(row: tuple[str, str, list[str]]) -> dict[str, str]:
    return {"accountId": row[0], "accountName": row[1], "emailAddress": f"{row[0]}@example.com"}


def _xml(action: str, body: str) -> str:
    return (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>{body}'
        f"</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: FakeAws

    def log_message(self, *_: object) -> None:
        return

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.fake.now().timestamp())

    def do_GET(self) -> None:
        split = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(split.query))
        self._json(f"portal:{split.path}", q, lambda: self.fake.portal(split.path, q, self._bearer()))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urllib.parse.urlsplit(self.path)
        if split.path in ("/token", "/client/register", "/device_authorization"):
            p = json.loads(body)
            name = f"oidc:{split.path}" + (f":{p['grantType']}" if "grantType" in p else "")
            self._json(name, {}, lambda: self.fake.oidc(split.path, p), kept_back=True)
        elif split.path == "/logout":
            self._json("portal:/logout", {}, lambda: self.fake.portal("/logout", {}, self._bearer()))
        elif split.path == "/federation":
            q = dict(urllib.parse.parse_qsl(body.decode()))
            self._json("signin", q, lambda: {"SigninToken": canary("Signin")})
        else:
            self._sts(dict(urllib.parse.parse_qsl(body.decode())))

    def _bearer(self) -> str | None:
        return self.headers.get("x-amz-sso_bearer_token")

    def _sts(self, p: dict[str, str]) -> None:
        action = p["Action"]
        auth = self.headers.get("Authorization", "")
        signer = auth.partition("Credential=")[2].partition("/")[0] or None
        try:
            self.fake.count(action, p)
            with self.fake.lock:
                text = self.fake.lies.get(action) or self.fake.sts(action, p, signer)
        except Answer as error:
            body = f"<Error><Type>Sender</Type><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
            self._send(
                error.status, f"<ErrorResponse>{body}<RequestId>r</RequestId></ErrorResponse>", "text/xml"
            )
        else:
            self._send(200, text, "text/xml")

    def _json(
        self,
        name: str,
        params: dict[str, str],
        make: Callable[[], dict[str, Any]],
        *,
        kept_back: bool = False,
    ) -> None:
        try:
            self.fake.count(name, params)
            with self.fake.lock:
                value = make()
                self.fake.done[name] += 1
            assert not kept_back or self.fake.replying.wait(LONG)
        except Answer as error:
            # OIDC errors are named twice: in the header and, for some, in the body
            body = json.dumps({"error": error.code, "message": error.message, "__type": error.code})
            self._send(error.status, body, "application/json", error.code)
        else:
            self._send(200, self.fake.lies.get(name, json.dumps(value)), "application/json")

    def _send(self, status: int, text: str, kind: str, error: str | None = None) -> None:
        raw = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        if error:
            self.send_header("x-amzn-errortype", error)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the agent was killed meanwhile
            self.wfile.write(raw)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def serving(fake: FakeAws) -> Iterator[FakeAws]:
    """Serve `fake` on loopback; its `url` is set."""
    handler = type("Bound", (_Handler,), {"fake": fake})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def endpoints(fake: FakeAws) -> dict[str, str]:
    """The services the fake stands for, by their setting's name."""
    return dict.fromkeys(("sts", "sso", "sso_oidc", "signin", "iam"), fake.url)
