"""`gatepass ui`: browse, filter, start, stop and open sessions by keyboard. A face over the agent, nothing more."""

from __future__ import annotations

import sys

import click

from gatepass.cli.laptop import face
from gatepass.sessions.errors import BadInput


@click.command()
@face
def ui() -> None:
    """Browse, start and stop sessions by keyboard."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("ui needs a terminal", advice="run: gatepass status")
    try:
        from gatepass.cli.screen import SessionsApp
    except ImportError as error:
        raise BadInput("the screen is not installed", advice="pip install 'gatepass[ui]'") from error
    from gatepass.cli.backend import AgentBackend

    SessionsApp(AgentBackend()).run()
