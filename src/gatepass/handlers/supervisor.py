"""One process per call: forks the worker, holds its deadline and its output, kills, reaps and reports."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from gatepass.handlers import kernel, worker
from gatepass.handlers.isolation import Walls
from gatepass.handlers.limits import Limits
from gatepass.handlers.wire import write_json

_PRINTED = 4096
"""Bytes of output that a report shows."""
_LONG = 0.1
"""Seconds after which a call gives way: handlers take milliseconds; what takes longer must not slow others down."""
_NICER = 5
_POLL_MS = 20
"""How often a worker without a pid descriptor is looked at."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the server tells of a call: until when (`time.monotonic`, one clock for the whole machine), and limits."""

    until: float
    limits: Limits

    def as_json(self) -> dict[str, Any]:
        return {"until": self.until, "limits": asdict(self.limits)}

    @classmethod
    def of_json(cls, seen: Mapping[str, Any]) -> Order:
        return cls(float(seen["until"]), Limits(**seen["limits"]))


@dataclass(slots=True)
class _Watched:
    worker: int
    output: int
    report: int
    order: Order
    taken: int = 0
    printed: bytes = b""
    long_at: float = field(default_factory=lambda: time.monotonic() + _LONG)

    def until_end(self) -> str | None:
        """Why the worker must be killed, or None when it ended by itself."""
        ended = _pidfd(self.worker)
        polled = select.poll()
        for descriptor in (self.output, self.report) if ended is None else (self.output, self.report, ended):
            polled.register(descriptor, select.POLLIN)
        while True:
            now = time.monotonic()
            left = self.order.until - now
            if left <= 0:
                return "deadline"
            if now >= self.long_at:
                _give_way(self.worker)
                self.long_at = math.inf
            wait = min(left, self.long_at - now) * 1000
            wait = wait if ended is not None else min(wait, _POLL_MS)
            ready = {descriptor for descriptor, _ in polled.poll(math.ceil(wait))}
            if self.output in ready and not self.take():
                polled.unregister(self.output)
            if self.taken > self.order.limits.output:
                return "output"
            if self.report in ready:  # the server never writes there: it has closed its side, or is gone
                return "stopped"
            if ended in ready or (ended is None and _has_ended(self.worker)):
                return None

    def take(self) -> bool:
        """Read some output; whether there may be more."""
        try:
            part = os.read(self.output, 1 << 16)
        except BlockingIOError:
            return True
        self.taken += len(part)
        self.printed = (self.printed + part)[:_PRINTED]
        return bool(part)

    def drain(self) -> None:
        """Take what the ended worker had written."""
        os.set_blocking(self.output, False)
        before = -1
        while before != self.taken and self.taken <= self.order.limits.output:
            before = self.taken
            self.take()


def supervise(walls: Walls, order: Order, call: int, report: int) -> NoReturn:
    """Run one call to its end and write the report. Never returns."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if sys.platform == "linux":
            kernel.die_with_parent()
            kernel.adopt_orphans()
        if walls.level.namespaces:
            kernel.enter_pid_namespace()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(report)
            worker.run(walls, order.limits, _cpu_seconds(order), call, writing)
        os.close(call)
        os.close(writing)
        watched = _Watched(child, reading, report, order)
        killed = watched.until_end()
        _report(watched, killed, _end(child))
        status = 0
    finally:
        os._exit(status)


def _give_way(process: int) -> None:
    """The worker and its threads run when nobody else wants to; it is a group, and a session, of its own."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PGRP, process, _NICER)
    with contextlib.suppress(OSError), open(f"/proc/{process}/autogroup", "w") as file:
        file.write(
            str(_NICER)
        )  # where the kernel shares the machine between sessions, niceness alone is without effect


def _cpu_seconds(order: Order) -> int:
    return max(1, math.ceil(order.until - time.monotonic()) + 1)


def _pidfd(process: int) -> int | None:
    try:
        return os.pidfd_open(process)
    except (AttributeError, OSError):
        return None


def _has_ended(process: int) -> bool:
    """Without reaping it: the end is collected with its figures later."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(child: int) -> tuple[int, float, int]:
    """Kill the worker if it lives, and everything it left; its status, CPU seconds and peak memory in KiB."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    _kill_orphans()
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss


def _kill_orphans() -> None:
    """Descendants that the worker left become ours (`adopt_orphans`); with a pid namespace there are none."""
    while True:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                children = [int(process) for process in file.read().split()]
        except OSError:
            children = []
        for process in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        try:
            os.waitpid(-1, 0 if children else os.WNOHANG)
        except ChildProcessError:
            return
        if not children:
            return


def _report(watched: _Watched, killed: str | None, end: tuple[int, float, int]) -> None:
    watched.drain()
    status, cpu, peak = end
    if killed is None and watched.taken > watched.order.limits.output:
        killed = "output"
    report = {
        "killed": killed,
        "status": status,
        "cpu": cpu,
        "peak": peak,
        "output": watched.taken,
        "printed": watched.printed.decode(errors="replace"),
    }
    with contextlib.suppress(OSError), socket.socket(fileno=watched.report) as sock:
        sock.sendall(write_json(report))
