"""`gatepass apply`: make an estate the version in force, on a running server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gatepass.cli.server import connect, output_option, print_json
from gatepass.client import ApiError, Client
from gatepass.estate.outline import counted
from gatepass.estate.reading.sources import load_directory, read_sources


@click.command("apply")
@click.argument("estate", type=click.Path(exists=True, path_type=Path))
@click.option("--end-grants", is_flag=True, help="End the live access that the new estate has no place for.")
@click.option("--yes", is_flag=True, help="Do not ask when people lose what they hold; for scripts.")
@output_option
def apply(estate: Path, end_grants: bool, yes: bool, output: str) -> None:
    """Check ESTATE, then apply it as one version, or not at all.

    Refused when live grants need what it takes away, naming each of them; where people lose what they hold or wait for
    (a group, a rule, their place here), that is said first and asked about. Applying the same estate twice changes
    nothing. Exit codes: 0 applied, 2 faults in the estate, 3 live grants in the way, or nobody there to agree.
    """
    load_directory(estate)
    body = {"files": read_sources(estate), "end_grants": end_grants, "agreed": yes}
    done = _applied(connect(), body)
    if output == "json":
        print_json(done)
        return
    for change in done["changes"]:
        click.echo(change)
    for fault in done["odd"]:
        click.echo(f"perhaps not meant: {fault}", err=True)
    click.echo(f"version {done['version']} is in force" + ("" if done["changes"] else "; nothing changed"))
    for line in done["ends"]:
        click.echo(line)
    if done["ended"]:
        click.echo(f"taking back {counted(done['ended'], 'grants')}")
    for name in done["kept_connectors"]:
        click.echo(f"the connector of {name} is kept until the last of its access is gone")


def _applied(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """What was applied; where people lose something by it, whoever sits at a terminal is asked first."""
    try:
        return client.post("/v1/estate", body)
    except ApiError as refused:
        if refused.problem.get("code") != "estate_ends_access" or not _is_terminal():
            raise
        click.echo(refused.message, err=True)
    click.confirm("apply it?", abort=True, err=True)
    return client.post("/v1/estate", {**body, "agreed": True})


def _is_terminal() -> bool:
    return sys.stdin.isatty()
