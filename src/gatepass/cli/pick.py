"""Naming a session: completed by the shell, or picked by a few letters where none was named on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from gatepass.cli import completing
from gatepass.cli.laptop import places
from gatepass.sessions.errors import BadInput

F = TypeVar("F", bound=Callable[..., Any])
SHOWN = 20


def session_argument(*, required: bool = True) -> Callable[[F], F]:
    """The argument NAME, completed with sessions; where it is not `required`, `picked` asks for it."""
    return click.argument("name", required=required, shell_complete=completing.sessions)


def picked(name: str | None) -> str:
    """`name`, or what a person at the terminal picks by typing parts of it. Raises `BadInput` with nobody there."""
    if name is not None:
        return name
    if not sys.stdin.isatty():
        raise BadInput("name a session", advice="run: gatepass session list")
    from gatepass.cli.glance import listed

    names = [str(row["name"]) for row in listed(places())]
    if not names:
        raise BadInput("there are no sessions yet", advice="run: gatepass session add, or: gatepass sync")
    return pick(names, lambda text: str(click.prompt(text, default="", show_default=False, err=True)))


def pick(names: Sequence[str], ask: Callable[[str], str]) -> str:
    """One of `names`: each answer narrows by its words, or is the number of a line."""
    left = list(names)
    while len(left) > 1:
        for number, each in enumerate(left[:SHOWN], 1):
            click.echo(f"{number:3}  {each}", err=True)
        if len(left) > SHOWN:
            click.echo(f"     and {len(left) - SHOWN} more", err=True)
        answer = ask("session (number, or parts of its name)").strip()
        if answer.isdecimal() and 1 <= int(answer) <= min(len(left), SHOWN):
            return left[int(answer) - 1]
        narrowed = [each for each in names if all(fits(word, each) for word in answer.lower().split())]
        if not narrowed:
            click.echo(f"no session fits {answer!r}", err=True)
        left = narrowed or left
    click.echo(f"session {left[0]}", err=True)
    return left[0]


def fits(letters: str, name: str) -> bool:
    """Whether the letters are in the name in their order: `brst` fits `bar-staging`."""
    rest = iter(name.lower())
    return all(letter in rest for letter in letters)
