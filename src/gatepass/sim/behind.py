"""moto, behind the simulator: whatever a client touches that is not ours, kept apart by account."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from gatepass.sim.answers import ApiError
from gatepass.sim.wire import Incoming, Outgoing


class Behind:
    """Answers for the caller's account and no other. One per process: moto's state is global to it."""

    def __init__(self) -> None:
        # It would win over the header that says whose account the call is about.
        os.environ.pop("MOTO_ACCOUNT_ID", None)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app = DomainDispatcherApplication(create_backend_app)

    def __call__(self, incoming: Incoming, account: str) -> Outgoing:
        """moto's answer; what moto does not know is a client error that names the operation."""
        found: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            found.update(status=int(status.split()[0]), headers=dict(headers))

        try:
            body = b"".join(self._app(_environ(incoming, account), start))
        except NotImplementedError:
            found["status"] = 501
        if found["status"] in (500, 501):
            what = incoming.headers.get("x-amz-target") or incoming.form().get("Action") or incoming.path
            raise ApiError("NotImplementedBySimulator", f"gatepass sim does not know {what}", status=400)
        # Of a HEAD the length is that of the body it stands for; of everything else it is counted when it is sent.
        dropped = {"date", "server"} if incoming.method == "HEAD" else {"date", "server", "content-length"}
        headers = {
            name.title(): value for name, value in found["headers"].items() if name.lower() not in dropped
        }
        return Outgoing(found["status"], body, headers)


def _environ(incoming: Incoming, account: str) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": incoming.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": incoming.path,
        "RAW_URI": incoming.path + (f"?{incoming.query}" if incoming.query else ""),
        "QUERY_STRING": incoming.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(incoming.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(incoming.body)),
        "CONTENT_TYPE": incoming.headers.get("content-type", ""),
    }
    for name, value in {**incoming.headers, "x-moto-account-id": account}.items():
        if name not in ("content-type", "content-length", "transfer-encoding"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ
