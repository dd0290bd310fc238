"""Loads an implementation and says which handlers it holds and what is wrong with it. Runs in the worker."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType, TracebackType
from typing import Any

from gatepass.handlers import names
from gatepass.sdk.annotations import Mark, mark_of
from gatepass.sdk.strategies import AccessStrategy

MODULE = "implementation"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a file: where, what was found, what was expected, what to do."""

    line: int
    handler: str
    found: str
    expected: str
    do: str
    serious: bool = True
    """Whether the file must not be used; else it is worth telling."""


@dataclass(slots=True)
class Loaded:
    """What a file holds."""

    handlers: dict[str, Callable[..., Any]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    strategies: list[type[AccessStrategy]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, name: str, function: Callable[..., Any]) -> None:
        self.handlers[name] = function
        self.lines[name] = line_of(function)


def load(source: str, filename: str) -> Loaded:
    """Compile and run the file, then look at what it defined. What it raises is raised on."""
    module = ModuleType(MODULE)
    module.__file__ = filename
    sys.modules[MODULE] = module
    exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 (this is the sandbox)
    loaded = Loaded()
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and issubclass(value, AccessStrategy) and value is not AccessStrategy:
            loaded.strategies.append(value)
        elif callable(value) and not isinstance(value, type):
            _look_at(loaded, name, value)
    if len(loaded.strategies) > 1:
        known = ", ".join(strategy.__name__ for strategy in loaded.strategies)
        loaded.problems.append(
            Problem(
                0, "AccessStrategy", f"classes {known}", "one subclass of AccessStrategy", "keep one of them"
            )
        )
    return loaded


def _look_at(loaded: Loaded, name: str, function: Callable[..., Any]) -> None:
    mark = mark_of(function)
    if mark is None:
        if name.startswith(names.ON_CHANGE):
            loaded.add(name, function)
            loaded.problems += _of_function(function, name)
        elif names.decorator_of(name):
            loaded.problems.append(_undecorated(name, function))
        return
    handler = names.prefetch_name(mark.field or "") if mark.kind == "prefetch" else name
    if handler in loaded.handlers and mark.kind == "prefetch":
        loaded.problems.append(_twice(handler, function, loaded.lines[handler]))
    loaded.add(handler, function)
    loaded.problems += [*_of_name(name, mark, function), *_of_function(function, handler)]


def _undecorated(name: str, function: Callable[..., Any]) -> Problem:
    decorator = names.decorator_of(name)
    return Problem(
        line_of(function),
        name,
        "a function without decorator, which is never called",
        f"@{decorator}",
        f"put @{decorator} above it, or rename it",
        serious=False,
    )


def _twice(handler: str, function: Callable[..., Any], first: int) -> Problem:
    return Problem(
        line_of(function),
        handler,
        f"a second function for the field (the first is on line {first})",
        "one function per field",
        "keep one",
    )


def _of_name(name: str, mark: Mark, function: Callable[..., Any]) -> Iterator[Problem]:
    wanted = names.decorator_of(name)
    if mark.kind == "prefetch" or wanted == mark.kind:
        return
    line = line_of(function)
    if wanted is not None:
        yield Problem(line, name, f"@{mark.kind}", f"@{wanted}", f"decorate {name} with @{wanted}")
    elif name in names.REMOVED:
        yield Problem(
            line,
            name,
            "a reducer that is no longer called",
            "Notification.timeout",
            "remove it; a Notification carries its own timeout",
            serious=False,
        )
    else:
        near = names.nearest(name, mark.kind)
        known = names.REDUCERS if mark.kind == "reducer" else names.HOOKS
        advice = f"call it {near}" if near else "use one of the known names, or remove the decorator"
        yield Problem(
            line, name, f"an unknown {mark.kind}", near or f"one of {', '.join(sorted(known))}", advice
        )


def _of_function(function: Callable[..., Any], handler: str) -> Iterator[Problem]:
    line = line_of(function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield Problem(line, handler, "async def", "def", "make it a plain function")
    elif inspect.isgeneratorfunction(function):
        yield Problem(
            line, handler, "a generator (it yields)", "a function that returns", "return the whole value"
        )
    arguments = names.arguments_of(handler)
    if accepted(function, handler) is None:
        takes = str(inspect.signature(function))
        yield Problem(
            line,
            handler,
            f"parameters {takes}",
            f"({', '.join(arguments)})",
            f"take exactly {', '.join(arguments)}",
        )


def accepted(function: Callable[..., Any], handler: str) -> int | None:
    """How many of the handler's arguments the function takes by position; None when it cannot be called so.

    What `get_identity_lookup` was called with is not published: any number of `get_identity`'s is taken.
    """
    full = len(names.arguments_of(handler))
    signature = inspect.signature(function)
    for count in range(full, 0 if handler == "get_identity_lookup" else full - 1, -1):
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        return count
    return None


def line_of(function: Callable[..., Any]) -> int:
    """Where the function begins, its decorators included; 0 when it has no code of its own."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return int(code.co_firstlineno) if code is not None else 0


def line_in(filename: str, trace: TracebackType | None) -> int:
    """The innermost line of the file that a traceback goes through; 0 when none."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
