"""The decorators that make a function of an implementation a handler. Without one, a function is never a handler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])
_MARK = "__gatepass_handler__"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a decorator noted on a function."""

    kind: str
    """`reducer`, `hook` or `prefetch`."""
    field: str | None = None
    """For `prefetch`: the prompt field whose options the function returns."""


def mark_of(function: object) -> Mark | None:
    """The mark of a decorated function, else None."""
    mark = getattr(function, _MARK, None)
    return mark if isinstance(mark, Mark) else None


def _marked(function: _F, mark: Mark) -> _F:
    if not callable(function):
        raise TypeError(f"@{mark.kind} decorates a function, not {type(function).__name__}")
    setattr(function, _MARK, mark)
    return function


def reducer(function: _F) -> _F:
    """Mark a `get_*` function: it returns one value that shapes the request."""
    return _marked(function, Mark("reducer"))


def hook(function: _F) -> _F:
    """Mark an `on_*` or `after_*` function: it returns None or an event of `ApprovalTemplate`."""
    return _marked(function, Mark("hook"))


def prefetch(field_name: str) -> Callable[[_F], _F]:
    """Mark a function of any name that returns the options of the prompt field `field_name`."""
    if not isinstance(field_name, str) or not field_name:
        raise TypeError('@prefetch takes the name of a prompt field: @prefetch("account_id")')

    def decorate(function: _F) -> _F:
        return _marked(function, Mark("prefetch", field_name))

    return decorate
