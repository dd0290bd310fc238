"""How a command ends: one line with what was found, one with what to do next, and a stable exit code."""

from __future__ import annotations

import click

from gatepass.errors import GatepassError

FAILURE, BAD_INPUT, NEEDS_HUMAN, DENIED, OUTSIDE = 1, 2, 3, 4, 5
"""0 done, 1 failure, 2 usage or bad input, 3 needs a human, 4 denied, 5 AWS or network (architecture.md 10)."""

_BY_CODE = {
    "settings": BAD_INPUT,
    "estate": BAD_INPUT,
    "bad_database": BAD_INPUT,
    "no_server": OUTSIDE,
    "unavailable": OUTSIDE,
    "refused": DENIED,
    "bad_token": DENIED,
}
_BY_STATUS = {
    400: BAD_INPUT,
    401: DENIED,
    403: DENIED,
    404: BAD_INPUT,
    409: NEEDS_HUMAN,
    422: BAD_INPUT,
    503: OUTSIDE,
}


def exit_code(error: GatepassError) -> int:
    """The exit code of an error, by its stable code and, from a server, by the status it answered."""
    own = getattr(error, "exit_code", None)
    if isinstance(own, int):
        return own
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return _BY_STATUS.get(status, FAILURE)
    return _BY_CODE.get(error.code, FAILURE)


def report(error: GatepassError) -> None:
    """Tell the person, on stderr: what was found, then what to do next."""
    click.echo(f"gatepass: {error.message}", err=True)
    if error.advice:
        click.echo(f"  next: {error.advice}", err=True)
