"""The front of this package: runs one handler of one implementation in a process of its own, and counts its answer.

Thread-safe. A call costs a few milliseconds and leaves nothing behind: no process, no descriptor, no state.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from gatepass.handlers import names
from gatepass.handlers.conversation import Conversation, Outcome
from gatepass.handlers.faults import Fault, Kind, LoadFault, Usage
from gatepass.handlers.isolation import Level
from gatepass.handlers.limits import Limits
from gatepass.handlers.supervisor import Order
from gatepass.handlers.wire import write_json
from gatepass.handlers.world import NOBODY, World

_log = logging.getLogger(__name__)
_START = 30.0
"""Seconds that the zygote may take to start; it takes a fifth of one."""
_LOAD = timedelta(seconds=5)
RUNNER = "(runner)"
"""In the place of a handler: the fault is not the file's but of what runs it, and may pass."""
FILE = "(file)"
"""In the place of a handler: the fault is the file's as a whole."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One flow's Python file, as the estate's version holds it."""

    flow: str
    filename: str
    source: str = field(repr=False)
    hosts: frozenset[str] = frozenset()
    """`name` or `name:port` (443 when not said) that the code may connect to."""

    @property
    def digest(self) -> str:
        """SHA-256 of the text: what the audit names when a handler decided."""
        return hashlib.sha256(self.source.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Present:
    """What an implementation holds."""

    handlers: Mapping[str, int]
    """Name (`prefetch:FIELD` for a field's options) -> line."""
    strategy: str | None
    """The class of a custom strategy."""
    faults: tuple[LoadFault, ...]

    def __contains__(self, handler: object) -> bool:
        return handler in self.handlers

    @property
    def usable(self) -> bool:
        """Whether nothing serious is wrong with the file."""
        return not any(fault.serious for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returned, with the name of its type, unchecked: `reading` makes sense of it."""

    value: Mapping[str, Any]
    handler: str
    line: int
    usage: Usage
    implementation: Implementation


class Runner:
    """Owns the zygote. Used as a context manager, or with `start` and `close`."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        unisolated: bool = False,
        at_once: int = 16,
        without: Collection[str] = (),
    ) -> None:
        """`unisolated`: the operator accepts code with resource limits only where the floor cannot be had.

        `without`: walls left out to test the lower levels (`isolation.put_up`); not for serving.
        """
        self._without = ",".join(without)
        self.limits = limits or Limits()
        self._unisolated = unisolated
        self._places = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._known = threading.Event()
        self._control: socket.socket | None = None
        self._level = Level(missing=("the process for handlers has not started",))
        self._keeper: threading.Thread | None = None
        self._present: dict[str, Present] = {}

    def start(self) -> Self:
        """Start the zygote, which is started again whenever it ends. May be repeated."""
        with self._lock:
            if self._keeper is None:
                # The kernel kills the zygote when the thread that started it ends: so that thread is ours.
                self._keeper = threading.Thread(target=self._keep, name="handlers-zygote", daemon=True)
                self._keeper.start()
        self._known.wait(_START)
        return self

    def close(self) -> None:
        """End the zygote and what runs under it. May be repeated."""
        self._closing.set()
        self._known.set()
        with self._lock:
            if self._control is not None:
                self._control.shutdown(socket.SHUT_RDWR)
        if self._keeper is not None:
            self._keeper.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def level(self) -> Level:
        """The walls that were reached; `serve` and `doctor` print it."""
        self.start()
        return self._level

    @property
    def refused(self) -> str | None:
        """Why implementations may not run here, or None when they may."""
        if self._unisolated or self.level.floor:
            return None
        return f"this machine does not offer the floor of isolation ({self.level})"

    def call(
        self,
        implementation: Implementation,
        handler: str,
        event: Mapping[str, Any] | None,
        world: World = NOBODY,
        deadline: timedelta = timedelta(seconds=2),
        arguments: Mapping[str, Any] | None = None,
    ) -> Answer | Fault:
        """Call one handler with a frozen event (`event.py`) and what else it takes. Never raises for the code's doing.

        An answer counts only when exactly one came, the worker was not killed and it exited 0. May be repeated.
        """
        job = {"op": "call", "handler": handler, "event": event, "arguments": dict(arguments or {})}
        outcome = self._perform(implementation, job, world, deadline)
        if outcome.kind is not None:
            return self._fault(implementation, handler, outcome)
        final = outcome.final
        return Answer(final["answer"], handler, int(final.get("line", 0)), outcome.usage, implementation)

    def present(self, implementation: Implementation) -> Present:
        """Which handlers the file holds and what is wrong with it. Remembered by the text's hash."""
        known = self._present.get(implementation.digest)
        if known is None:
            known = self._inspect(implementation)
            if not any(fault.handler == RUNNER for fault in known.faults):
                self._present[implementation.digest] = known
        return known

    def load_check(
        self, implementation: Implementation, prefetch_fields: Collection[str] | None = None
    ) -> tuple[LoadFault, ...]:
        """Everything wrong with the file, at once; with the flow's `prefetch` fields, also what does not match them."""
        present = self.present(implementation)
        faults = list(present.faults)
        loaded = not any(fault.handler in (FILE, RUNNER) for fault in faults)
        if prefetch_fields is not None and loaded:
            faults += _unmatched(implementation, present, frozenset(prefetch_fields))
        return tuple(faults)

    def _inspect(self, implementation: Implementation) -> Present:
        outcome = self._perform(implementation, {"op": "load"}, NOBODY, _LOAD)
        if outcome.kind is not None:
            fault = self._fault(implementation, FILE, outcome)
            reporter = RUNNER if outcome.kind in (Kind.LOST, Kind.REFUSED) else FILE
            broken = LoadFault(
                implementation.filename,
                fault.line,
                implementation.flow,
                reporter,
                fault.found,
                "a file that loads",
                "do the work inside the handlers" if reporter == FILE else "run gatepass doctor",
            )
            return Present({}, None, (broken,))
        seen = outcome.final["present"]
        problems = [{**problem, "line": int(problem["line"])} for problem in seen["problems"]]
        faults = [
            LoadFault(filename=implementation.filename, flow=implementation.flow, **problem)
            for problem in problems
        ]
        return Present(dict(seen["handlers"]), seen["strategy"], tuple(faults))

    def _fault(self, implementation: Implementation, handler: str, outcome: Outcome) -> Fault:
        assert outcome.kind is not None
        return Fault(
            outcome.kind,
            implementation.flow,
            handler,
            implementation.filename,
            outcome.detail,
            outcome.line,
            outcome.usage,
        )

    def _perform(
        self, implementation: Implementation, job: Mapping[str, Any], world: World, deadline: timedelta
    ) -> Outcome:
        began = time.monotonic()
        until = began + deadline.total_seconds()
        if self.refused is not None:
            return Outcome(Kind.REFUSED, self.refused)
        if len(implementation.source.encode()) > self.limits.source:
            return Outcome(Kind.BROKEN, f"it has more than {self.limits.source} bytes")
        if not self._places.acquire(timeout=deadline.total_seconds()):
            return Outcome(Kind.LOST, "too many handlers were running at once")
        try:
            call, report = self._order(until)
            with call, report:
                text = {"source": implementation.source, "filename": implementation.filename}
                talk = Conversation(call, report, until, self.limits, implementation.hosts)
                return talk.hold({**job, **text}, world, began)
        except OSError as gone:
            return Outcome(Kind.LOST, f"the process for handlers does not answer: {gone}")
        finally:
            self._places.release()

    def _order(self, until: float) -> tuple[socket.socket, socket.socket]:
        """Hand a new call to the zygote; our ends of the conversation and of the report."""
        if not self._ready.wait(max(0.0, until - time.monotonic())):
            raise TimeoutError("it has not started")
        order = write_json(Order(until, self.limits).as_json())
        call, their_call = socket.socketpair()
        report, their_report = socket.socketpair()
        with their_call, their_report:
            try:
                with self._lock:
                    if self._control is None:
                        raise ConnectionError("it is being started again")
                    socket.send_fds(self._control, [order], [their_call.fileno(), their_report.fileno()])
            except OSError:
                call.close()
                report.close()
                raise
        return call, report

    def _keep(self) -> None:
        while not self._closing.is_set():
            began = time.monotonic()
            self._live_once()
            # A zygote that dies at once would otherwise be started in a busy loop.
            self._closing.wait(max(0.0, 1.0 - (time.monotonic() - began)))

    def _live_once(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                zygote = _spawn(theirs, self._without)
            try:
                hello = _hello(ours)
                if hello is None:
                    _log.error("the process for handlers did not start")
                    return
                with self._lock:
                    self._control, self._level = ours, hello
                    self._ready.set()
                    self._known.set()
                    if self._closing.is_set():
                        ours.shutdown(socket.SHUT_RDWR)
                zygote.wait()
            finally:
                with self._lock:
                    self._control = None
                    self._ready.clear()
                zygote.kill()
                zygote.wait()


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


def _hello(ours: socket.socket) -> Level | None:
    ours.settimeout(_START)
    try:
        text = ours.recv(1 << 16)
    except OSError:
        return None
    ours.settimeout(None)
    return Level.of_json(json.loads(text)) if text else None


def _unmatched(implementation: Implementation, present: Present, fields: frozenset[str]) -> list[LoadFault]:
    prefix = names.prefetch_name("")
    offered = {
        name.removeprefix(prefix): line for name, line in present.handlers.items() if name.startswith(prefix)
    }

    def fault(line: int, field_name: str, found: str, expected: str, do: str) -> LoadFault:
        handler = names.prefetch_name(field_name)
        return LoadFault(implementation.filename, line, implementation.flow, handler, found, expected, do)

    missing = [
        fault(
            0,
            name,
            "no function gives its options",
            f'a function under @prefetch("{name}")',
            "write one, or remove prefetch from the field",
        )
        for name in sorted(fields - offered.keys())
    ]
    extra = [
        fault(
            offered[name],
            name,
            f"options for the field {name!r}, which the flow does not fetch",
            f"one of {', '.join(sorted(fields)) or 'no fields at all'}",
            "correct the name, or set prefetch: true on the field",
        )
        for name in sorted(offered.keys() - fields)
    ]
    return missing + extra
