"""Values kept between requests, by dotted path. `KeyError` when a part of the path is itself a value."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.exceptions import SymException


def fetch(path: str) -> Any:
    """The value at `path`, or None."""
    return _ask("store.fetch", path=path)


def put(path: str, value: Any) -> None:
    """Keep `value` (anything JSON can say) at `path`."""
    _ask("store.put", path=path, value=value)


def _ask(function: str, **arguments: Any) -> Any:
    try:
        return link.ask(function, **arguments)
    except SymException as refused:
        if refused.name == "KEY_ERROR":
            raise KeyError(refused.message) from None
        raise
