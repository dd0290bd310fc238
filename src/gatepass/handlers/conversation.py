"""The server's side of one call: sends the job, serves the questions, and decides whether the answer counts."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gatepass.handlers import connections
from gatepass.handlers.faults import Kind, Usage, visible
from gatepass.handlers.limits import Limits
from gatepass.handlers.outgoing import CONNECT
from gatepass.handlers.wire import WireClosed, WireError, read_json, receive, send
from gatepass.handlers.world import FUNCTIONS, Ask, Unanswered, World

_log = logging.getLogger(__name__)
_GRACE = 2.0
"""Seconds after the deadline in which the supervisor's report must have come; it comes within milliseconds."""
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """A final message that counts (`kind` is None), or why there is none."""

    kind: Kind | None
    detail: str = ""
    line: int = 0
    final: Mapping[str, Any] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)


_NONSENSE = (Kind.WRONG, "it wrote something else than an answer", 0)


@dataclass(slots=True)
class Conversation:
    """One call over its two sockets, until `until` (`time.monotonic`)."""

    call: socket.socket
    report: socket.socket
    until: float
    limits: Limits
    hosts: frozenset[str]
    wanted: str
    """What the final message must hold: `answer`, or `present`."""
    asks: int = 0
    finals: list[Mapping[str, Any]] = field(default_factory=list)
    refusal: tuple[Kind, str] | None = None

    def hold(self, job: Mapping[str, Any], world: World, began: float) -> Outcome:
        """Talk until the worker has ended and its supervisor has reported."""
        try:
            self._talk(job, world)
        except WireClosed:
            pass
        except TimeoutError:
            self.refusal = self.refusal or (Kind.HUNG, self._deadline(began))
        except WireError as garbage:
            self.refusal = self.refusal or (Kind.WRONG, f"it wrote something else than an answer: {garbage}")
        self.call.close()
        if self.refusal is not None:
            with contextlib.suppress(
                OSError
            ):  # the end of file there tells the supervisor to kill the worker
                self.report.shutdown(socket.SHUT_WR)
        report = self._reported()
        usage = Usage(
            lasted=time.monotonic() - began,
            cpu=float(report.get("cpu", 0)),
            peak=int(report.get("peak", 0)),
            asks=self.asks,
            printed=visible(str(report.get("printed", "")), keep="\n\t"),
        )
        kind, detail, line = self._verdict(report, began)
        return Outcome(kind, visible(detail[:_SHOWN]), line, self.finals[0] if kind is None else {}, usage)

    def _talk(self, job: Mapping[str, Any], world: World) -> None:
        self.call.settimeout(max(0.001, self.until - time.monotonic()))
        send(self.call, job)
        while True:
            # Past the deadline the supervisor is killing: give the end of file a moment to arrive.
            message, _ = receive(self.call, self.until + _GRACE)
            if not isinstance(message, dict):
                raise WireError("a message must be an object")
            if "ask" not in message:
                self.finals.append(message)
            elif self.finals:
                raise WireError("a question after the answer")
            else:
                self._serve(message, world)

    def _serve(self, message: Mapping[str, Any], world: World) -> None:
        self.asks += 1
        if self.asks > self.limits.asks:
            self.refusal = (Kind.ASKED_TOO_MUCH, str(self.limits.asks))
            raise WireClosed
        function, arguments = message["ask"], message.get("arguments")
        if not isinstance(arguments, dict) or not isinstance(function, str):
            raise WireError("a question must name a function and its arguments")
        if function == CONNECT:
            self._connect(arguments)
            return
        reply = _answered(function, arguments, world, self.until)
        self.call.settimeout(max(0.001, self.until - time.monotonic()))
        try:
            send(self.call, reply)
        except WireClosed:
            raise
        except WireError as unsendable:
            send(self.call, _error("SymSDK", "ERROR_RESPONSE", f"the answer to {function}: {unsendable}"))

    def _connect(self, arguments: Mapping[str, Any]) -> None:
        within = max(0.001, self.until - time.monotonic())
        try:
            connection = connections.connect(arguments.get("host"), arguments.get("port"), self.hosts, within)
        except OSError as refused:
            send(self.call, _error("HTTP", "NO_CONNECTION", str(refused)))
            return
        with connection:
            self.call.settimeout(within)
            send(self.call, {"answer": None}, [connection.fileno()])

    def _reported(self) -> Mapping[str, Any]:
        parts = bytearray()
        with contextlib.suppress(OSError, WireError):
            while True:
                self.report.settimeout(max(0.001, self.until + _GRACE - time.monotonic()))
                part = self.report.recv(1 << 16)
                if not part:
                    break
                parts += part
            report = read_json(bytes(parts))
            return report if isinstance(report, dict) else {}
        return {}

    def _verdict(self, report: Mapping[str, Any], began: float) -> tuple[Kind | None, str, int]:
        match report.get("killed", "nothing"):
            case "deadline":
                return Kind.HUNG, self._deadline(began), 0
            case "output":
                return Kind.OUTPUT, str(self.limits.output), 0
            case "nothing" if self.refusal is None:
                if time.monotonic() >= self.until:  # a late report, on a machine that stood still
                    return Kind.HUNG, self._deadline(began), 0
                return Kind.LOST, "no report came of it", 0
        if self.refusal is not None:
            return (*self.refusal, 0)
        if report["status"] != 0 or not self.finals:
            return Kind.EXITED, _ending(report["status"]), 0
        if len(self.finals) > 1:
            return Kind.WRONG, "it answered more than once", 0
        return self._final(self.finals[0])

    def _final(self, final: Mapping[str, Any]) -> tuple[Kind | None, str, int]:
        """The worker's word for it: it ran the code, so its shape is checked before it is believed."""
        try:
            line = int(final.get("line", 0))
            fault = final.get("fault")
            if fault is not None:
                return Kind(fault["kind"]), str(fault["detail"]), int(fault.get("line", 0))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            return _NONSENSE
        return (None, "", line) if isinstance(final.get(self.wanted), dict) else _NONSENSE

    def _deadline(self, began: float) -> str:
        return f"{self.until - began:g} s"


def _answered(function: str, arguments: Mapping[str, Any], world: World, until: float) -> dict[str, Any]:
    if function not in FUNCTIONS:
        return _error("SymSDK", "UNKNOWN_FUNCTION", f"there is no function {function[:80]}")
    within = timedelta(seconds=max(0.0, until - time.monotonic()))
    try:
        return {"answer": world.ask(Ask(function, arguments, within))}
    except Unanswered as refused:
        return _error(refused.error_type, refused.name, refused.message, refused.hint)
    except Exception:  # noqa: BLE001 (ours, not the implementer's: logged, and the handler sees no particulars)
        _log.exception("answering %s failed", function)
        return _error(
            FUNCTIONS[function], "FATAL_FUNCTION_ERROR", f"{function} failed; the operator has been told"
        )


def _error(error_type: str, name: str, message: str, hint: str | None = None) -> dict[str, Any]:
    return {"error": {"type": error_type, "name": name, "message": message, "hint": hint}}


def _ending(status: int) -> str:
    if status < 0:
        return f"signal {-status}"
    return f"exit status {status}" if status else "exit status 0 without an answer"
