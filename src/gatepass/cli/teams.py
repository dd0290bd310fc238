"""`gatepass teams`: standing trust, compiled, planned, applied, explained. Subcommands are imported lazily."""

from __future__ import annotations

import importlib

import click

_COMMANDS = {
    "apply": "gatepass.cli.teams_apply:apply",
    "blast": "gatepass.cli.teams_queries:blast",
    "can": "gatepass.cli.teams_queries:can",
    "compile": "gatepass.cli.teams_compile:compile_",
    "diff": "gatepass.cli.teams_diff:diff",
    "drift": "gatepass.cli.teams_apply:drift",
    "explain": "gatepass.cli.teams_queries:explain_",
    "export": "gatepass.cli.teams_export:export",
    "handover": "gatepass.cli.teams_compile:handover",
    "import": "gatepass.cli.teams_export:import_",
    "migrate": "gatepass.cli.teams_export:migrate",
    "lint": "gatepass.cli.teams_compile:lint",
    "matrix": "gatepass.cli.teams_queries:matrix_",
    "outputs": "gatepass.cli.teams_compile:outputs",
    "path": "gatepass.cli.teams_queries:path",
    "plan": "gatepass.cli.teams_apply:plan",
    "unused": "gatepass.cli.teams_queries:unused_",
    "who-can": "gatepass.cli.teams_queries:who_can",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def teams() -> None:
    """Standing trust between people, teams, roles and accounts."""
