"""One flow's Python file, and what a look at it found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatepass.handlers import names
from gatepass.handlers.faults import LoadFault, visible

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

    @property
    def final(self) -> bool:
        """Whether looking again would find the same: no, when what runs the file was the fault."""
        return not any(fault.handler == RUNNER for fault in self.faults)


def read_present(of: Implementation, seen: Any) -> Present:
    """What the worker found. It ran the file, so nothing it says is believed: malformed words are a serious fault."""
    try:
        faults = tuple(_load_fault(of, each) for each in seen["problems"])
        handlers = {visible(str(name)): int(line) for name, line in seen["handlers"].items()}
        strategy = seen["strategy"]
        return Present(handlers, None if strategy is None else visible(str(strategy)), faults)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return broken(of, FILE, "it wrote something else than what it holds")


def _load_fault(of: Implementation, problem: Mapping[str, Any]) -> LoadFault:
    told = {key: visible(str(problem[key])) for key in ("handler", "found", "expected", "do")}
    return LoadFault(
        of.filename, int(problem["line"]), of.flow, **told, serious=problem["serious"] is not False
    )


def broken(of: Implementation, reporter: str, found: str, line: int = 0) -> Present:
    """A file of which nothing can be said."""
    do = "do the work inside the handlers" if reporter == FILE else "run gatepass doctor"
    return Present(
        {}, None, (LoadFault(of.filename, line, of.flow, reporter, found, "a file that loads", do),)
    )


def unmatched(of: Implementation, present: Present, fields: frozenset[str]) -> list[LoadFault]:
    """Where the prefetch functions and the flow's `prefetch` fields differ."""
    prefix = names.prefetch_name("")
    offered = {
        name.removeprefix(prefix): line for name, line in present.handlers.items() if name.startswith(prefix)
    }

    def fault(line: int, name: str, found: str, expected: str, do: str) -> LoadFault:
        return LoadFault(of.filename, line, of.flow, names.prefetch_name(name), found, expected, do)

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
