"""One connection to a gatepass server: words out, JSON back, problems as `ApiError`. Standard library only."""

from __future__ import annotations

import http.client
import json
import ssl
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from gatepass.errors import GatepassError

Json = dict[str, Any]
TIMEOUT = 30.0
"""Seconds without a byte; the server answers as soon as a row is committed."""


class ApiError(GatepassError):
    """The server said no, in its own words."""

    code = "api"

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        detail = str(problem.get("detail") or f"the server answered {status}")
        super().__init__(detail, advice=str(problem.get("advice") or ""))
        self.status = status
        self.problem = problem


class NoServer(GatepassError):
    """No gatepass server answers at this address. Whether the request arrived is not known."""

    code = "no_server"


class Client:
    """Speaks to one server with one token. Every change carries an idempotency key, so a repeat is safe."""

    def __init__(
        self, url: str, token: str, *, agent: str = "gatepass-cli", timeout: float = TIMEOUT
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NoServer(
                f"{url!r} is not the address of a server", advice="set GATEPASS_URL to http(s)://host:port"
            )
        loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.scheme == "http" and not loopback:
            raise NoServer(
                f"{url} would send your token unencrypted", advice="use https, or a server on this machine"
            )
        token = token.strip()
        if (
            not (token.isascii() and token.isprintable()) or " " in token
        ):  # what sends it would show it in its fault
            raise NoServer(
                "the token has characters that no token of gatepass has",
                advice="copy it again, or: gatepass login",
            )
        self._url = url.rstrip("/")
        self._parts = parts
        self._token = token
        self._agent = agent
        self._timeout = timeout

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return self._url

    def get(self, path: str, **query: object) -> Json:
        """Read. Repeating is safe."""
        wanted = {name: value for name, value in query.items() if value not in (None, "", ())}
        return self._json("GET", path + ("?" + urlencode(wanted, doseq=True) if wanted else ""), None)

    def post(self, path: str, body: Json | None = None, *, key: str | None = None) -> Json:
        """Change something, once however often it is sent under the same key."""
        return self._json("POST", path, body if body is not None else {}, key or str(uuid.uuid4()))

    def put(self, path: str, body: Json) -> Json:
        return self._json("PUT", path, body)

    def delete(self, path: str) -> None:
        self._json("DELETE", path, None)

    def lines(self, path: str, **query: object) -> Iterator[str]:
        """A long answer, line by line, as it arrives."""
        wanted = {name: value for name, value in query.items() if value}
        connection = self._connect()
        try:
            response = self._send(
                connection, "GET", path + ("?" + urlencode(wanted, doseq=True) if wanted else ""), None, None
            )
            if response.status >= 400:
                raise _error(response.status, response.read())
            for line in response:
                yield line.decode()
        finally:
            connection.close()

    def _json(self, method: str, path: str, body: Json | None, key: str | None = None) -> Json:
        connection = self._connect()
        try:
            response = self._send(connection, method, path, body, key)
            data = response.read()
        except (OSError, http.client.HTTPException) as silent:
            raise self._silent(silent) from silent
        finally:
            connection.close()
        if response.status >= 400:
            raise _error(response.status, data)
        answer = json.loads(data) if data else {}
        assert isinstance(answer, dict)
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Json | None,
        key: str | None,
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": self._agent}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        try:
            connection.request(method, self._parts.path.rstrip("/") + path, data, headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as silent:
            raise self._silent(silent) from silent

    def _silent(self, why: Exception) -> NoServer:
        return NoServer(
            f"no gatepass server answers at {self._url}: {why}",
            advice="check GATEPASS_URL, or start one with: gatepass serve ESTATE",
        )


def segment(text: str) -> str:
    """A piece of text as one segment of a path, whatever is in it."""
    return quote(text, safe="")


def _error(status: int, data: bytes) -> ApiError:
    try:
        problem = json.loads(data)
    except ValueError:
        problem = {}
    return ApiError(status, problem if isinstance(problem, dict) else {})
