"""The one way out of an implementation: questions to the process that runs it. Not for implementers.

The worker sets `link` and `current` before a handler runs; in any other process SDK functions say that nobody answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from gatepass.sdk.exceptions import SDKError, exception_of

if TYPE_CHECKING:
    from gatepass.sdk.event import Event


class Link(Protocol):
    """Carries one question to the parent and its answer back."""

    def ask(self, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """`{"answer": value}` or `{"error": {"type", "name", "message", "hint"}}`."""
        ...


class _Nobody:
    def ask(self, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
        raise SDKError("NO_RUNTIME", f"{function} works only while gatepass runs a handler")


_link: Link = _Nobody()
_current: Event | None = None


def attach(link: Link, event: Event | None) -> None:
    """Serve SDK functions from `link`, and `get_step_output` from `event`, from now on."""
    global _link, _current
    _link, _current = link, event


def current_event() -> Event:
    """The event being handled; `SDKError` outside a handler."""
    if _current is None:
        raise SDKError("NO_RUNTIME", "there is no current event: no handler is running")
    return _current


def ask(function: str, **arguments: Any) -> Any:
    """The parent's answer to `function(arguments)`, or the exception of the system that refused it."""
    reply = _link.ask(function, arguments)
    error = reply.get("error")
    if error is not None:
        raise exception_of(error["type"], error["name"], error["message"], error.get("hint"))
    return reply["answer"]
