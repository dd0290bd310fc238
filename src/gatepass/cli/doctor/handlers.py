"""What `gatepass doctor` says about running flows in Python on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import click


def handler_faults() -> Iterator[str]:
    """Print the walls that can be put up around implementations; one line when they are below the floor."""
    if any(importlib.util.find_spec(name) is None for name in ("pydantic", "fcntl")):
        return  # a laptop, or Windows: no flow runs here
    from gatepass.handlers import Runner

    with Runner() as runner:
        level = runner.level
    click.echo(f"handlers: isolation {level}")
    if not level.floor:
        yield (
            "flows with an implementation are refused here; "
            "use a Linux with seccomp and Landlock, or accept the risk with GATEPASS_HANDLERS=unisolated"
        )
