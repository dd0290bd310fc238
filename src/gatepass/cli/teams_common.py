"""What the `gatepass teams` commands share: where the declaration is, how they answer, how they end."""

from __future__ import annotations

import functools
import gc
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from gatepass.cli import outcomes
from gatepass.errors import GatepassError
from gatepass.teams.declaration import Wanted
from gatepass.teams.model import Finding

DONE, FAILURE, BAD_INPUT, NEEDS_HUMAN, OUTSIDE = 0, 1, 2, 3, 5
F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)),
    click.option("--component", default="", help="Only this component."),
    click.option(
        "--context",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="YAML or JSON: account_map, saml_providers, oidc_providers, trust_policy_quota.",
    ),
    click.option("--account", default="", help="Only this account."),
    click.option(
        "--stacks",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The stacks base folder.",
    ),
)


def declaration(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what is declared; the command gets one `Wanted`. Errors end it in one line."""

    @functools.wraps(command)
    def asked(
        paths: tuple[Path, ...],
        component: str,
        context: Path | None,
        account: str,
        stacks: Path | None,
        **more: Any,
    ) -> Any:
        return guarded(command)(Wanted(paths, context, component, account, stacks), **more)

    for option in reversed(_OPTIONS):
        asked = option(asked)
    return asked


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Errors become what was found and what to do next, and an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **more: Any) -> Any:
        try:
            return command(*args, **more)
        except GatepassError as error:
            click.echo(f"gatepass: {error.message}", err=True)
            if error.advice:
                click.echo(f"  next: {error.advice}", err=True)
            raise SystemExit(exit_code(error)) from None

    return run


@contextmanager
def without_collecting() -> Iterator[None]:
    """For commands that read, answer and end: what they build has no cycles, and looking for some in it again and again
    is a quarter of their time over a large estate."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def exit_code(error: GatepassError) -> int:
    """2 for a declaration or plan that cannot be used, 3 when a person must decide, 5 for AWS or the network."""
    if error.code in {"stale_plan", "lockout"}:
        return NEEDS_HUMAN
    if error.code in {"teams", "unknown_name"}:
        return BAD_INPUT
    return OUTSIDE if error.code.startswith("aws_") else outcomes.exit_code(error)


def output(*forms: str) -> Callable[[F], F]:
    """The option that chooses the form of the answer; the first is the default."""
    return click.option(
        "--output", type=click.Choice(forms), default=forms[0], show_default=True, help="How to answer."
    )


def print_json(value: Any) -> None:
    """JSON with stable keys."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def print_lines(lines: Sequence[str], none: str) -> None:
    """One line each, or what to say when there are none."""
    click.echo("\n".join(lines) if lines else none)


def print_findings(findings: Iterable[Finding]) -> None:
    """Findings on stderr, one to a line."""
    for finding in findings:
        click.echo(f"{finding.level}: {finding}", err=True)
