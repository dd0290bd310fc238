"""`gatepass apply`: make an estate the version in force, on a running server."""

from __future__ import annotations

from pathlib import Path

import click

from gatepass.cli.server import connect, output_option, print_json
from gatepass.estate.outline import counted
from gatepass.estate.sources import load_directory, read_sources


@click.command("apply")
@click.argument("estate", type=click.Path(exists=True, path_type=Path))
@click.option("--end-grants", is_flag=True, help="End the live access that the new estate has no place for.")
@output_option
def apply(estate: Path, end_grants: bool, output: str) -> None:
    """Check ESTATE, then apply it as one version, or not at all.

    Refused when live grants need what it takes away, naming each of them. Applying the same estate twice changes
    nothing. Exit codes: 0 applied, 2 faults in the estate, 3 live grants in the way.
    """
    load_directory(estate)
    done = connect().post("/v1/estate", {"files": read_sources(estate), "end_grants": end_grants})
    if output == "json":
        print_json(done)
        return
    for change in done["changes"]:
        click.echo(change)
    for fault in done["odd"]:
        click.echo(f"perhaps not meant: {fault}", err=True)
    click.echo(f"version {done['version']} is in force" + ("" if done["changes"] else "; nothing changed"))
    if done["ended"]:
        click.echo(f"taking back {counted(done['ended'], 'grants')}")
    for name in done["kept_connectors"]:
        click.echo(f"the connector of {name} is kept until the last of its access is gone")
