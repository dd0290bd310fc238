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

from gatepass.sessions.agent.http import Answer, Asked, listen
from gatepass.sessions.agent.peer import Peer
from gatepass.sessions.errors import BadInput, Denied, Locked, NeedsHuman, SessionError
from gatepass.sessions.workspace.reading import require

if TYPE_CHECKING:
    from gatepass.sessions.agent.service import Service

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
    handler = _Handler(service, served, token, local_hosts(host), peer)
    server = await listen(handler.answer, host, port)
    return Endpoint(host, server.sockets[0].getsockname()[1], token, server)


def local_hosts(host: str) -> set[str]:
    """The `Host` names a request may carry; anything else is a rebound name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise BadInput(f"--bind: found {host!r}; allowed: an address") from error
    address = getattr(address, "ipv4_mapped", None) or address
    if not (address.is_loopback or address.is_private or address.is_link_local) or address.is_unspecified:
        raise BadInput(f"--bind: found {host!r}; allowed: 127.0.0.1 or one address of a local bridge")
    return {host, f"[{host}]"} | ({"localhost"} if address.is_loopback else set())


class _Handler:
    """The container protocol: `GET /v1/<name>` with the token."""

    def __init__(self, service: Service, served: set[str], token: str, hosts: set[str], peer: Peer) -> None:
        self._service, self._served, self._token = service, served, token.encode()
        self._hosts, self._peer = hosts, peer

    async def answer(self, asked: Asked) -> Answer:
        """What to say."""
        if asked.method != "GET":
            return _error("405 Method Not Allowed", "MethodNotAllowed", "only GET is answered")
        if asked.host not in self._hosts:
            return _error("403 Forbidden", "WrongHost", "the Host header is not one of this endpoint")
        if asked.forwarded:
            return _error("403 Forbidden", "Forwarded", "requests of browsers and proxies are refused")
        given = asked.headers.get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(given, self._token):
            return _error("401 Unauthorized", "WrongToken", "the authorization token is missing or wrong")
        name = asked.path.removeprefix("/v1/")
        if not asked.path.startswith("/v1/") or name not in self._served:
            return _error("404 Not Found", "UnknownSession", "this endpoint does not serve that session")
        return await self._credentials(name)

    async def _credentials(self, name: str) -> Answer:
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
        return Answer("200 OK", json.dumps(body).encode())


def _error(status: str, code: str, message: str) -> Answer:
    return Answer(status, json.dumps({"Code": code, "Message": message}).encode())
