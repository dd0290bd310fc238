"""`gatepass teams`: standing trust, compiled, planned, applied, explained."""

from __future__ import annotations

import click

from gatepass.cli.sections import SectionedGroup

SECTIONS = {
    "Change": {
        "compile": "gatepass.cli.teams_compile:compile_",
        "lint": "gatepass.cli.teams_compile:lint",
        "diff": "gatepass.cli.teams_diff:diff",
        "plan": "gatepass.cli.teams_apply:plan",
        "apply": "gatepass.cli.teams_apply:apply",
        "drift": "gatepass.cli.teams_drift:drift",
    },
    "Ask who reaches what": {
        "who-can": "gatepass.cli.teams_queries:who_can",
        "can": "gatepass.cli.teams_queries:can",
        "explain": "gatepass.cli.teams_queries:explain_",
        "path": "gatepass.cli.teams_queries:path",
        "blast": "gatepass.cli.teams_queries:blast",
        "matrix": "gatepass.cli.teams_queries:matrix_",
        "unused": "gatepass.cli.teams_queries:unused_",
    },
    "Bring in and give out": {
        "import": "gatepass.cli.teams_export:import_",
        "migrate": "gatepass.cli.teams_export:migrate",
        "export": "gatepass.cli.teams_export:export",
        "outputs": "gatepass.cli.teams_compile:outputs",
        "handover": "gatepass.cli.teams_compile:handover",
    },
}


@click.group(cls=SectionedGroup, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
def teams() -> None:
    """Standing trust between people, teams, roles and accounts."""
