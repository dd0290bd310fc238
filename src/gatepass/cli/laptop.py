"""What the laptop commands share: where the files are, how errors become exit codes, how secrets are read."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import click

from gatepass.errors import GatepassError
from gatepass.sessions.errors import BadInput, SessionError, plain, scrub, system_refused
from gatepass.sessions.paths import Paths, paths_from

P = ParamSpec("P")
R = TypeVar("R")


def places() -> Paths:
    """The laptop's directories for this environment."""
    return paths_from(os.environ)


def face(command: Callable[P, R]) -> Callable[P, R]:
    """The outer edge of a command: one line on stderr and a stable exit code, never a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except GatepassError as error:
            say(f"gatepass: {scrub(str(error))}")
            sys.exit(error.exit_code if isinstance(error, SessionError) else 1)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(0)
        except OSError as error:
            say(f"gatepass: {system_refused(error).line()}")
            sys.exit(1)

    return run


def say(text: str) -> None:
    """Lines for the person, on stderr; what came from AWS or a file stays text (security.md 32)."""
    click.echo("\n".join(plain(line) for line in text.split("\n")), err=True)


class NothingEntered(BadInput):
    """An empty line, or the end of what was piped in."""


def read_secret(prompt: str, fd: int | None, *, confirm: bool = False) -> str:
    """A secret from a file descriptor, a prompt on a terminal, or stdin; never from the arguments (S-30)."""
    if fd is None and sys.stdin.isatty():
        first = _hidden(prompt)
        if confirm and _hidden(f"{prompt} again") != first:
            raise BadInput(f"the two entries for {prompt} differ", advice="try again")
        return _one_line(first, prompt)
    return _one_line(_line_of(0 if fd is None else fd), prompt)


def _line_of(fd: int) -> str:
    """One line, byte by byte: what follows is for the next reader."""
    found = bytearray()
    try:
        while (byte := os.read(fd, 1)) not in (b"", b"\n"):
            found += byte
    except OSError as error:
        raise BadInput(f"file descriptor {fd} cannot be read ({error.strerror})") from error
    return found.decode("utf-8", "replace")


def _one_line(text: str, prompt: str) -> str:
    text = text.rstrip("\r\n")
    if not text:
        raise NothingEntered(
            f"nothing was entered for {prompt}", advice="type it, pipe it, or name a descriptor with --fd"
        )
    return text


def _hidden(prompt: str) -> str:
    value: Any = click.prompt(prompt, hide_input=True, err=True)
    return str(value)
