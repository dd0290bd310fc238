"""The container credentials endpoint (3.7): loopback HTTP, one token per consumer, gone with its conversation."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatepass.sessions.agent.peer import Peer
from gatepass.sessions.errors import BadInput, Denied, Locked, NeedsHuman, SessionError
from gatepass.sessions.workspace import require

if TYPE_CHECKING:
    from gatepass.sessions.agent.service import Service

HEAD_LIMIT = 16384
ANSWER_SECONDS = 1.8  # botocore gives up after 2 s (S-71)


@dataclass(frozen=True)
class Endpoint:
    """An open endpoint."""

    host: str
    port: int
    token: str
    server: asyncio.Server

    def close(self) -> None:
        """Stop listening at once. May be repeated."""
        self.server.close()


async def open_endpoint(service: Service, names: Sequence[str], peer: Peer, host: str, port: int) -> Endpoint:
    """Serve these sessions to whoever brings the new token. Raises `BadInput` for an address that is not local."""
    workspace = service.workspace()
    served = {require(workspace, name).name for name in names} | set(names)
    served |= {require(workspace, name).profile for name in names}
    token = secrets.token_urlsafe(32)
    handler = _Handler(service, served, token, _hosts(host), peer)
    try:
        server = await asyncio.start_server(handler.serve, host, port, limit=HEAD_LIMIT)
    except OSError as error:
        raise BadInput(f"cannot listen on {host} port {port} ({error.strerror})") from error
    return Endpoint(host, server.sockets[0].getsockname()[1], token, server)


def _hosts(host: str) -> set[str]:
    """The `Host` names a request may carry; anything else is a rebound name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise BadInput(f"--bind: found {host!r}; allowed: an address") from error
    if not (address.is_loopback or address.is_private or address.is_link_local) or address.is_unspecified:
        raise BadInput(f"--bind: found {host!r}; allowed: 127.0.0.1 or one address of a local bridge")
    return {host, f"[{host}]"} | ({"localhost"} if address.is_loopback else set())


class _Handler:
    def __init__(self, service: Service, served: set[str], token: str, hosts: set[str], peer: Peer) -> None:
        self._service, self._served, self._token = service, served, token.encode()
        self._hosts, self._peer = hosts, peer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            status, body = await self._answer(head)
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                "Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    async def _answer(self, head: bytes) -> tuple[str, bytes]:
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        headers = {
            name.strip().lower(): value.strip()
            for name, colon, value in (line.partition(":") for line in lines[1:])
            if colon
        }
        if len(words) != 3 or words[0] != "GET":
            return _error("405 Method Not Allowed", "MethodNotAllowed", "only GET is answered")
        if headers.get("host", "").rsplit(":", 1)[0] not in self._hosts:
            return _error("403 Forbidden", "WrongHost", "the Host header is not one of this endpoint")
        if "origin" in headers or "x-forwarded-for" in headers:
            return _error("403 Forbidden", "Forwarded", "requests of browsers and proxies are refused")
        if not hmac.compare_digest(headers.get("authorization", "").encode("latin-1"), self._token):
            return _error("401 Unauthorized", "WrongToken", "the authorization token is missing or wrong")
        name = words[1].removeprefix("/v1/")
        if not words[1].startswith("/v1/") or name not in self._served:
            return _error("404 Not Found", "UnknownSession", "this endpoint does not serve that session")
        return await self._credentials(name)

    async def _credentials(self, name: str) -> tuple[str, bytes]:
        try:
            payload = await asyncio.wait_for(self._service.payload(name, self._peer), ANSWER_SECONDS)
        except TimeoutError:
            return _error("503 Service Unavailable", "Pending", "credentials are being made; try again")
        except (NeedsHuman, Locked, Denied) as error:
            return _error("403 Forbidden", error.code, error.line())
        except SessionError as error:
            return _error("502 Bad Gateway", error.code, error.line())
        found = json.loads(payload)
        body = {
            "AccessKeyId": found["AccessKeyId"],
            "SecretAccessKey": found["SecretAccessKey"],
            "Token": found.get("SessionToken", ""),
            "Expiration": found["Expiration"],
        }
        if "AccountId" in found:
            body["AccountId"] = found["AccountId"]
        return "200 OK", json.dumps(body).encode()


def _error(status: str, code: str, message: str) -> tuple[str, bytes]:
    return status, json.dumps({"Code": code, "Message": message}).encode()
