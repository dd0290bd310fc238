"""The process that runs one handler once: locks itself down, takes the job, answers, and ends without farewell."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import Any, NoReturn

from gatepass.handlers import isolation, jobs
from gatepass.handlers.limits import Limits
from gatepass.handlers.wire import WireError, receive, send

_CALL = 3
_NOT_LOCKED = 70


class ParentLink:
    """Questions of the SDK, carried to the server."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def ask(self, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The server's reply."""
        return self.ask_with_descriptors(function, arguments)[0]

    def ask_with_descriptors(
        self, function: str, arguments: dict[str, Any]
    ) -> tuple[dict[str, Any], list[int]]:
        """The server's reply and the descriptors it came with."""
        send(self._sock, {"ask": function, "arguments": arguments})
        reply, descriptors = receive(self._sock, with_fds=True)
        return reply, descriptors


def run(walls: isolation.Walls, limits: Limits, cpu_seconds: int, call: int, output: int) -> NoReturn:
    """Lock down, do the job on `call`, exit 0. Anything else than a sent answer ends with another status."""
    try:
        walls.enter(limits, cpu_seconds, call, output)
    except BaseException as fault:  # noqa: BLE001 (the last thing this process does)
        with contextlib.suppress(OSError):
            os.write(output, f"cannot lock down: {fault}\n".encode())
        os._exit(_NOT_LOCKED)
    status = 1
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=_CALL)
        job, _ = receive(sock)
        answer = jobs.perform(job, ParentLink(sock))
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        _answer(sock, answer)
        status = 0
    finally:
        # Without clean-up: threads, exit functions and finalizers of the implementation do not run.
        os._exit(status)


def _answer(sock: socket.socket, answer: dict[str, Any]) -> None:
    try:
        send(sock, answer)
    except WireError as fault:
        send(sock, {"fault": {"kind": "wrong", "detail": f"the answer cannot be sent: {fault}"}})
    except MemoryError:
        send(
            sock,
            {"fault": {"kind": "memory", "detail": "its answer needed more memory than a handler may use"}},
        )
