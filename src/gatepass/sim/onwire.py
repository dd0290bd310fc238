"""The entrance between: botocore signs and serializes, and its request is answered without a socket.

Slower than `inprocess` and closer to the wire: signatures, serialization and botocore's own retries take part.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from gatepass.sim.answers import ConnectionLost
from gatepass.sim.front import Front
from gatepass.sim.inprocess import events_of
from gatepass.sim.simulator import Simulator
from gatepass.sim.wire import Incoming


def install_on_wire(target: Any, sim: Simulator) -> None:
    """Answer the requests of every client made from `target` (a session) from now on, or of one client, here."""
    front = Front(sim)

    def send(request: Any, **_: Any) -> AWSResponse:
        try:
            made = front.handle(_incoming(request))
        except ConnectionLost as lost:
            if lost.applied:
                raise ReadTimeoutError(endpoint_url=request.url) from None
            raise EndpointConnectionError(endpoint_url=request.url) from None
        return AWSResponse(request.url, made.status, made.headers, _Raw(made.body))

    events_of(target).register_first("before-send", send, unique_id=f"gatepass-sim-send-{id(sim)}")


def _incoming(request: Any) -> Incoming:
    url = urlsplit(request.url)
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    body = request.body or b""
    headers.setdefault("host", url.netloc)
    return Incoming(
        request.method,
        url.path or "/",
        url.query,
        headers,
        body.encode() if isinstance(body, str) else bytes(body),
        url.netloc,
    )


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Raw:
    """The little of an urllib3 response that botocore reads."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._body

    def read(self, *_: Any, **__: Any) -> bytes:
        body, self._body = self._body, b""
        return body
