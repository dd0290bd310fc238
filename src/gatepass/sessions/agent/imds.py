"""The instance metadata service, for tools that know nothing else (S-72): version 2 only, one session, local addresses.

The protocol has no secret of the caller's. On loopback the kernel's table of connections says whose the caller is,
and other users of the machine are refused; where it does not say (a bridge), reaching the address is all it takes.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

from gatepass.clock import iso
from gatepass.sessions.agent.endpoint import Endpoint, local_hosts
from gatepass.sessions.agent.http import Answer, Asked, listen
from gatepass.sessions.agent.peer import Peer
from gatepass.sessions.agent.service import Service
from gatepass.sessions.delivery.formats import rfc3339
from gatepass.sessions.errors import BadInput, SessionError
from gatepass.sessions.workspace.reading import require

ROOT = "/latest/meta-data"
ROLES = f"{ROOT}/iam/security-credentials"
TOKEN_SECONDS = 21600
TOKENS = 1000
"""On a bridge anybody may ask for tokens; the oldest go first."""


async def open_imds(service: Service, name: str, peer: Peer, host: str, port: int) -> Endpoint:
    """Serve one session as an instance's role.

    Raises `BadInput` for an address that is not local, and for loopback where the system does not say whose a
    connection is: every user of the machine would have the credentials.
    """
    session = require(service.workspace(), name)
    region = service.workspace().region_of(session) or ""
    hosts = local_hosts(host)
    if ipaddress.ip_address(host).is_loopback and sys.platform != "linux":
        raise BadInput(
            "this system does not say whose a connection on loopback is: every user of the machine would have "
            f"the credentials of {name!r}",
            advice=f"use: gatepass endpoint {name}",
        )
    metadata = Metadata(service, session.name, region, peer, hosts, service.transport.now)
    server = await listen(metadata.answer, host, port)
    return Endpoint(host, server.sockets[0].getsockname()[1], "", server)


class Metadata:
    """What an instance would be told, as far as credentials go."""

    def __init__(
        self,
        service: Service,
        session: str,
        region: str,
        peer: Peer,
        hosts: set[str],
        now: Callable[[], datetime],
    ) -> None:
        self._service, self._session, self._region = service, session, region
        self._peer, self._hosts, self._now = peer, hosts, now
        self._tokens: dict[str, datetime] = {}

    async def answer(self, asked: Asked) -> Answer:
        """What to say."""
        if asked.host not in self._hosts or asked.forwarded:
            return _plain("403 Forbidden", "")
        if asked.by_a_stranger:
            return _plain("403 Forbidden", "")
        if (asked.method, asked.path) == ("PUT", "/latest/api/token"):
            return self._token(asked.headers.get("x-aws-ec2-metadata-token-ttl-seconds", ""))
        if asked.method != "GET":
            return _plain("405 Method Not Allowed", "")
        if not self._knows(asked.headers.get("x-aws-ec2-metadata-token", "")):
            return _plain("401 Unauthorized", "")
        return await self._get(asked.path.rstrip("/"))

    async def _get(self, path: str) -> Answer:
        role = self._session.replace("/", "-")
        places = {ROLES: role, f"{ROOT}/placement/region": self._region}
        if places.get(path):
            return _plain("200 OK", places[path])
        if path == f"{ROLES}/{role}":
            return await self._credentials()
        return _plain("404 Not Found", "")

    def _token(self, seconds: str) -> Answer:
        if not seconds.isdecimal() or len(seconds) > 5 or not 1 <= int(seconds) <= TOKEN_SECONDS:
            return _plain("400 Bad Request", "")
        now = self._now()
        live = [(token, ends) for token, ends in self._tokens.items() if ends > now]
        self._tokens = dict(live[1 - TOKENS :])
        token = secrets.token_urlsafe(32)
        self._tokens[token] = now + timedelta(seconds=int(seconds))
        more = {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": seconds}
        return Answer("200 OK", token.encode(), "text/plain", more)

    def _knows(self, given: str) -> bool:
        now, said = self._now(), given.encode("latin-1")
        return any(
            hmac.compare_digest(said, token.encode()) and ends > now for token, ends in self._tokens.items()
        )

    async def _credentials(self) -> Answer:
        try:
            entry = await self._service.entry(self._session, self._peer)
        except SessionError as error:
            body = {
                "Code": "AssumeRoleUnauthorizedAccess",
                "Message": error.line(),
                "LastUpdated": iso(self._now()),
            }
            return Answer("200 OK", json.dumps(body).encode())  # as the real service tells a role's faults
        self._service.events.issued(self._session, "imds", entry.expires_at, self._peer)
        made = entry.credentials
        body = {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "LastUpdated": rfc3339(made.issued_at or self._now()),
            "AccessKeyId": made.access_key_id,
            "SecretAccessKey": made.secret_access_key,
            "Token": made.session_token or "",
            "Expiration": rfc3339(entry.expires_at),
        }
        return Answer("200 OK", json.dumps(body).encode())


def _plain(status: str, text: str) -> Answer:
    return Answer(status, text.encode(), "text/plain")
