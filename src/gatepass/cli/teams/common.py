"""What the `gatepass teams` commands share: where the declaration is, how they answer, how they end."""

from __future__ import annotations

import functools
import gc
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from gatepass.cli import outcomes
from gatepass.errors import GatepassError
from gatepass.teams.declaration import Wanted
from gatepass.teams.model import Finding

DONE, FAILURE, BAD_INPUT, NEEDS_HUMAN, OUTSIDE = 0, 1, 2, 3, 5
F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(exists=True, path_type=Path)
_WHERE = (
    click.option(
        "-e",
        "--estate",
        "estates",
        multiple=True,
        type=_PATH,
        show_default="the current directory",
        help="Native estate, Atmos stack file or folder; repeatable.",
    ),
    click.option(
        "--context",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="YAML or JSON: account_map, saml_providers, oidc_providers, trust_policy_quota.",
    ),
    click.option(
        "--stacks",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The stacks base folder.",
    ),
)
enter_by = click.option(
    "--enter-by",
    "--role",
    default="",
    metavar="ROLE",
    help="Role to enter accounts by, instead of apply_role.",
)
"""Of every command that calls AWS."""


def estate(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say where the declaration is; the command gets one `Wanted`. Errors end it in one line."""

    @functools.wraps(command)
    def asked(
        estates: tuple[Path, ...],
        context: Path | None,
        stacks: Path | None,
        paths: tuple[Path, ...] = (),
        component: str = "",
        **more: Any,
    ) -> Any:
        wanted = Wanted((*paths, *estates) or (Path(),), context, component, base=stacks)
        return guarded(command)(wanted, **more)

    for option in reversed(_WHERE):
        asked = option(asked)
    return asked


def declaration(command: Callable[..., Any]) -> Callable[..., Any]:
    """`estate` for commands that are about the declaration itself and take its PATHS as arguments too."""
    chosen = click.option("--component", default="", help="Only this component.")(estate(command))
    return click.argument("paths", nargs=-1, type=_PATH)(chosen)


def declaration_of_account(command: Callable[..., Any]) -> Callable[..., Any]:
    """`declaration` for commands that may look at one account only."""

    @click.option("--account", default="", help="Only this account.")
    @functools.wraps(command)
    def asked(wanted: Wanted, account: str, **more: Any) -> Any:
        return command(replace(wanted, account=account), **more)

    return declaration(asked)


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
    """The option that chooses the form of the answer; the first is the default. `--json` is short for one of them."""

    def option(command: F) -> F:
        chosen = click.option(
            "--output",
            type=click.Choice(forms),
            default=forms[0],
            show_default=True,
            callback=lambda context, option, value: "json" if context.meta.get(_JSON) else value,
            help="How to answer.",
        )(command)
        return click.option(
            "--json",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_remember,
            help="--output json.",
        )(chosen)

    return option


_JSON = "gatepass.teams.json"


def _remember(context: click.Context, option: click.Parameter, value: bool) -> None:
    context.meta[_JSON] = value


def print_json(value: Any) -> None:
    """JSON with stable keys."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def print_lines(lines: Sequence[str], none: str) -> None:
    """One line each, or what to say when there are none."""
    click.echo("\n".join(lines) if lines else none)


def print_findings(findings: Iterable[Finding]) -> None:
    """Findings on stderr, one to a line; what a catalog says for many accounts is told once."""
    for line in dict.fromkeys(f"{finding.level}: {finding}" for finding in findings):
        click.echo(line, err=True)
