"""`gatepass teams`: standing trust, compiled, planned, applied, explained."""

from __future__ import annotations

import click

from gatepass.cli.sections import SectionedGroup

SECTIONS = {
    "Change": {
        "compile": "gatepass.cli.teams.compile:compile_",
        "lint": "gatepass.cli.teams.compile:lint",
        "diff": "gatepass.cli.teams.diff:diff",
        "plan": "gatepass.cli.teams.apply:plan",
        "apply": "gatepass.cli.teams.apply:apply",
        "drift": "gatepass.cli.teams.drift:drift",
    },
    "Ask who reaches what": {
        "who-can": "gatepass.cli.teams.queries:who_can",
        "can": "gatepass.cli.teams.queries:can",
        "explain": "gatepass.cli.teams.queries:explain_",
        "path": "gatepass.cli.teams.queries:path",
        "blast": "gatepass.cli.teams.queries:blast",
        "matrix": "gatepass.cli.teams.queries:matrix_",
        "unused": "gatepass.cli.teams.queries:unused_",
    },
    "Bring in and give out": {
        "import": "gatepass.cli.teams.export:import_",
        "migrate": "gatepass.cli.teams.export:migrate",
        "export": "gatepass.cli.teams.export:export",
        "outputs": "gatepass.cli.teams.compile:outputs",
        "handover": "gatepass.cli.teams.compile:handover",
    },
}


@click.group(cls=SectionedGroup, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
def teams() -> None:
    """Standing trust between people, teams, roles and accounts."""
