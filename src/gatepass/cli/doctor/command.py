"""`gatepass doctor`: looks at whatever is installed here and says what is wrong and what to do."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable

import click

from gatepass.cli.laptop import face
from gatepass.cli.shells import COMPLETIONS

# Part -> function that yields one line per fault; imported only when the doctor runs.
PARTS: dict[str, str] = {
    "laptop": "gatepass.cli.doctor.laptop:laptop_faults",
    "handlers": "gatepass.cli.doctor.handlers:handler_faults",
}


@click.command()
@face
def doctor() -> None:
    """Check this installation.

    Exits with 1 when something is wrong.
    """
    faults = 0
    for part, place in PARTS.items():
        module, attribute = place.split(":")
        look: Callable[[], Iterable[str]] = getattr(importlib.import_module(module), attribute)
        for line in look():
            click.echo(f"{part}: {line}")
            faults += 1
    click.echo("everything is sound" if not faults else f"{faults} fault{'s' if faults > 1 else ''}")
    raise SystemExit(1 if faults else 0)


@click.command()
@click.argument("shell", type=click.Choice(sorted(COMPLETIONS)))
def completion(shell: str) -> None:
    """Print the completion script for your shell.

    \b
    In your shell's start file:
      source <(gatepass completion bash)
      source <(gatepass completion zsh)
      gatepass completion fish | source
    """
    click.echo(COMPLETIONS[shell], nl=False)
