"""Logging the command line in at a server: authorization code with PKCE, answered on a loopback port (security.md 22).

Standard library only. The token is in the answer to a POST; it never stands in an address, a page or an argument.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from gatepass.client.api import ApiError, NoServer

WAIT_SECONDS = 300.0
"""So long a person may take in the browser."""
_PAGE = '<!doctype html><title>gatepass</title><link rel="icon" href="data:,"><p>gatepass: %s</p>'


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A token of a person's, issued to this command line."""

    person: str
    token: str
    expires_at: str


def log_in(url: str, show: Callable[[str], None], *, wait: float = WAIT_SECONDS) -> LoggedIn:
    """Have a person let this command line in; `show` gets the address to open. Raises `ApiError`, `NoServer`."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with _Listener(state) as listener:
        back = f"http://127.0.0.1:{listener.server_port}/callback"
        wish = {"redirect_uri": back, "state": state, "code_challenge": challenge}
        show(f"{url.rstrip('/')}/login/cli?{urlencode({**wish, 'code_challenge_method': 'S256'})}")
        code = listener.code(wait)
    return _exchange(url, {"code": code, "code_verifier": verifier, "redirect_uri": back})


class _Listener(HTTPServer):
    """Waits on a free loopback port for one answer that carries our state."""

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state
        self.found = ""
        self.timeout = 0.5

    def code(self, wait: float) -> str:
        ends = time.monotonic() + wait
        while not self.found:
            if time.monotonic() > ends:
                raise NoServer("nobody let the command line in", advice="run: gatepass login")
            self.handle_request()
        return self.found


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 5.0
    """A connection that a browser opened ahead, or anybody, must not keep the one that counts waiting."""

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        ours = hmac.compare_digest(query.get("state", "").encode(), self.server.state.encode())
        good = where.path == "/callback" and ours and bool(query.get("code"))
        text = (_PAGE % ("the command line is in. You may close this page." if good else "no")).encode()
        self.send_response(200 if good else 400)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        if good:
            self.server.found = query["code"]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
        """Nothing: the address holds the code."""


def _exchange(url: str, sent: dict[str, str]) -> LoggedIn:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=30, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=30)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "gatepass-cli"}
    try:
        connection.request("POST", parts.path.rstrip("/") + "/login/cli/token", urlencode(sent), headers)
        answer = connection.getresponse()
        said = json.loads(answer.read(65_536))
    except (OSError, http.client.HTTPException, ValueError) as silent:
        raise NoServer(
            f"the server at {url} did not answer: {silent}", advice="run: gatepass login"
        ) from silent
    finally:
        connection.close()
    if answer.status != 200:
        raise ApiError(answer.status, said if isinstance(said, dict) else {})
    return LoggedIn(str(said["person"]), str(said["token"]), str(said["expires_at"]))
