"""Connections of an implementation: only to hosts its flow declares, opened by the server and handed over.

A worker cannot make a socket itself (seccomp) and has no network (namespace); `socket.create_connection`, and with it
`urllib` and `http.client`, and urllib3's, and with it `requests`, ask the server instead. Runs in the worker.
"""

from __future__ import annotations

import socket
import sys
from typing import Any, Protocol

CONNECT = "net.connect"


class Parent(Protocol):
    """The way to the server."""

    def ask(self, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One question, one reply."""
        ...

    def ask_with_descriptors(
        self, function: str, arguments: dict[str, Any]
    ) -> tuple[dict[str, Any], list[int]]:
        """One question; the reply and the descriptors beside it."""
        ...


def attach(parent: Parent) -> None:
    """From now on, connections are asked of `parent`."""

    def create_connection(address: tuple[str, int], timeout: Any = None, *_ignored: Any, **_more: Any) -> Any:
        host, port = address[:2]
        reply, descriptors = parent.ask_with_descriptors(CONNECT, {"host": str(host), "port": int(port)})
        if "error" in reply or not descriptors:
            raise PermissionError(reply.get("error", {}).get("message", f"no connection to {host}:{port}"))
        connection = socket.socket(fileno=descriptors[0])
        connection.settimeout(timeout if isinstance(timeout, int | float) else None)
        return connection

    socket.create_connection = create_connection  # type: ignore[assignment]
    theirs = sys.modules.get("urllib3.util.connection")
    if theirs is not None:
        theirs.create_connection = create_connection  # type: ignore[attr-defined]
