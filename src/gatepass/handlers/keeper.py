"""Keeps one zygote alive, and hands it the calls to fork for."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection

from gatepass.handlers.isolation import Level
from gatepass.handlers.supervisor import Order
from gatepass.handlers.wire import write_json

_log = logging.getLogger(__name__)
_START = 30.0
"""Seconds that the zygote may take to start; it takes a fifth of one."""
_HAND_OVER = 2.0
"""Seconds in which the zygote must take an order; it takes one per fork."""


class Keeper:
    """Starts the zygote from a thread of its own, and again whenever it ends. Thread-safe."""

    def __init__(self, without: Collection[str] = ()) -> None:
        """`without`: walls left out (`isolation.put_up`)."""
        self._without = ",".join(without)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._known = threading.Event()
        self._control: socket.socket | None = None
        self._level = Level(missing=("the process for handlers has not started",))
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Return once the level is known, or could not be found out. May be repeated."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                # The kernel kills the zygote when the thread that started it ends: so that thread is ours.
                self._thread = threading.Thread(target=self._keep, name="handlers-zygote", daemon=True)
                self._thread.start()
        self._known.wait(_START)

    def close(self) -> None:
        """End the zygote and what runs under it. May be repeated."""
        self._closing.set()
        self._known.set()
        with self._lock:
            if self._control is not None:
                self._control.shutdown(socket.SHUT_RDWR)
        if self._thread is not None:
            self._thread.join()

    @property
    def level(self) -> Level:
        """The walls of the zygote that runs, or of the last one."""
        self.start()
        return self._level

    def order(self, order: Order) -> tuple[socket.socket, socket.socket]:
        """Have a call forked; our ends of its conversation and of its report. OSError when the zygote is not there."""
        if not self._ready.wait(max(0.0, order.until - time.monotonic())):
            raise TimeoutError("it has not started")
        text = write_json(order.as_json())
        call, their_call = socket.socketpair()
        report, their_report = socket.socketpair()
        with their_call, their_report:
            try:
                with self._lock:
                    if self._control is None:
                        raise ConnectionError("it is being started again")
                    socket.send_fds(self._control, [text], [their_call.fileno(), their_report.fileno()])
            except OSError:
                call.close()
                report.close()
                raise
        return call, report

    def _keep(self) -> None:
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                self._live_once()
            except OSError as refused:
                _log.error("the process for handlers cannot be started: %s", refused)
                self._level = Level(missing=(f"the process for handlers cannot be started: {refused}",))
            self._known.set()
            # A zygote that dies at once would otherwise be started in a busy loop.
            self._closing.wait(max(0.0, 1.0 - (time.monotonic() - began)))

    def _live_once(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                zygote = _spawn(theirs, self._without)
            try:
                self._serve_through(ours, _hello(ours))
                zygote.wait()
            finally:
                with self._lock:
                    self._control = None
                    self._ready.clear()
                zygote.kill()
                zygote.wait()

    def _serve_through(self, ours: socket.socket, level: Level) -> None:
        ours.settimeout(_HAND_OVER)
        with self._lock:
            self._control, self._level = ours, level
            self._ready.set()
            self._known.set()
            if self._closing.is_set():
                ours.shutdown(socket.SHUT_RDWR)


def _spawn(theirs: socket.socket, without: str) -> subprocess.Popen[bytes]:
    flags = ["-I", "-X", "utf8", "-m", "gatepass.handlers.zygote"]
    return subprocess.Popen(
        [sys.executable, *flags, str(theirs.fileno()), str(os.getpid()), without],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={},
        pass_fds=[theirs.fileno()],
        start_new_session=True,
    )


def _hello(ours: socket.socket) -> Level:
    ours.settimeout(_START)
    text = ours.recv(1 << 16)
    if not text:
        raise ConnectionError("it ended at once; its own words are in the server's error output")
    return Level.of_json(json.loads(text))
