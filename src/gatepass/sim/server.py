"""The entrance over HTTP on loopback, for the AWS CLI, boto3, Terraform and gatepass itself."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from gatepass.sim.answers import ConnectionLost
from gatepass.sim.front import Front
from gatepass.sim.inspection import PREFIX, Inspection
from gatepass.sim.simulator import Simulator
from gatepass.sim.wire import Incoming, Outgoing


class _Handler(WSGIRequestHandler):
    """Keeps connections open, keeps quiet, and hands on the portal's header, whose underscores werkzeug would drop."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    disable_nagle_algorithm = True

    def make_environ(self) -> dict[str, Any]:
        environ = super().make_environ()
        environ["gatepass.headers"] = {name.lower(): value for name, value in self.headers.items()}
        environ["gatepass.target"] = self.path
        return environ

    def send_response(self, code: int, message: str | None = None) -> None:
        """Without the Date of this machine's clock: the answer carries the simulator's (werkzeug adds what lacks)."""
        self.send_response_only(code, message)

    def log_request(self, *_: Any, **__: Any) -> None:
        """The simulator has a log of its own."""

    def address_string(self) -> str:
        return "127.0.0.1"


class SimServer:
    """A simulator behind a port of 127.0.0.1. `start` and `stop`, or use it in a `with` statement."""

    def __init__(self, sim: Simulator, port: int = 0, *, everything: bool = False) -> None:
        """`port` 0 takes a free one; `everything` puts moto behind for the services that are not simulated here."""
        self.sim = sim
        behind: Callable[[Incoming, str], Outgoing] | None = None
        if everything:
            from gatepass.sim.behind import Behind

            behind = Behind()
        self._front = Front(sim, behind)
        self._inspection = Inspection(sim)
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", port, self._app, threaded=True, request_handler=_Handler
        )
        sim.world.sign_in.url = self.url
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="gatepass-sim", daemon=True
        )

    @property
    def url(self) -> str:
        """What AWS_ENDPOINT_URL has to be set to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> SimServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer nothing more and free the port. Repeating is harmless."""
        self._server.shutdown()
        self._server.server_close()

    def serve_forever(self) -> None:
        """Serve in the calling thread until it is interrupted."""
        self._server.serve_forever()

    def __enter__(self) -> SimServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        incoming = _incoming(environ)
        if incoming.path.startswith(PREFIX):
            made = self._inspection.handle(incoming)
        else:
            try:
                made = self._front.handle(incoming)
            except ConnectionLost:
                _hang_up(environ["werkzeug.socket"])
                return []
        headers = {"Content-Length": str(len(made.body)), **made.headers}
        start_response(f"{made.status} {'OK' if made.status < 400 else 'Error'}", list(headers.items()))
        return [made.body]


def _incoming(environ: dict[str, Any]) -> Incoming:
    body = _body(environ)
    headers: dict[str, str] = environ["gatepass.headers"]
    path, _, query = str(environ["gatepass.target"]).partition("?")
    return Incoming(
        environ["REQUEST_METHOD"],
        quote(path, safe="/%:@!$&'()*+,;=~-._"),
        query,
        headers,
        body,
        headers.get("host", ""),
    )


def _body(environ: dict[str, Any]) -> bytes:
    """The whole body, whether its length was told or it came in chunks."""
    if environ.get("wsgi.input_terminated"):
        return bytes(environ["wsgi.input"].read())
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return bytes(environ["wsgi.input"].read(length)) if length else b""


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
