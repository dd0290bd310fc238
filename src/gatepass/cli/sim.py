"""`gatepass sim`: a simulated AWS on loopback, for trying an estate and for tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from gatepass.clock import SystemClock
from gatepass.errors import GatepassError


@click.command("sim")
@click.option("--port", default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--accounts", default=0, metavar="N", help="Add N accounts, five units deep, to tenant bar.")
@click.option("--latency", default=0.0, metavar="S", help="Seconds that each call takes.")
@click.option(
    "--operation-seconds", default=0.5, show_default=True, help="Seconds that an assignment is IN_PROGRESS."
)
@click.option("--list-lag", default=0.0, metavar="S", help="Seconds by which lists lag behind the truth.")
@click.option("--page-size", default=0, metavar="N", help="The most items a page has.")
@click.option("--seed", default=0, help="Makes identifiers and the chances of faults repeatable.")
@click.option("--faults", type=click.Path(exists=True, path_type=Path), help="Fault script, YAML or JSON.")
@click.option("--world", type=click.Path(exists=True, path_type=Path), help="The world, YAML or JSON.")
@click.option(
    "--estate", type=click.Path(exists=True, path_type=Path), help="A world in which this estate works."
)
@click.option(
    "--external-id", multiple=True, metavar="TENANT=ID", help="External id that a tenant's role requires."
)
@click.option(
    "--sign-in-as", default="", metavar="USER", help="Who approves every sign-in; without it a page asks."
)
@click.option("--everything/--only-ours", default=True, help="Have moto answer what is not simulated here.")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", help="How to print the variables."
)
def sim(
    port: int,
    accounts: int,
    latency: float,
    operation_seconds: float,
    list_lag: float,
    page_size: int,
    seed: int,
    faults: Path | None,
    world: Path | None,
    estate: Path | None,
    external_id: tuple[str, ...],
    sign_in_as: str,
    everything: bool,
    output: str,
) -> None:
    """Run a simulated AWS and print the variables that lead the AWS CLI, SDKs and gatepass to it.

    Without --world it holds the two customers' organizations of examples/multi-organization and the provider's host
    account. It ends on Ctrl-C and keeps nothing.
    """
    try:
        server = _server(
            port,
            {"latency": latency, "operation_seconds": operation_seconds, "list_lag": list_lag},
            {"page_size": page_size, "seed": seed},
            _described(world, estate, accounts, external_id),
            _read(faults) if faults else [],
            everything,
        )
    except (GatepassError, OSError) as wrong:
        raise click.ClickException(str(wrong)) from None
    server.sim.world.sign_in.browser = sign_in_as
    _announce(server.url, world is None, output)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("simulator stopped", err=True)


def _server(
    port: int,
    lengths: dict[str, float],
    numbers: dict[str, int],
    described: dict[str, Any],
    script: list[dict[str, Any]],
    everything: bool,
) -> Any:
    try:
        from gatepass.sim.server import SimServer
    except ImportError as missing:
        raise click.ClickException(
            f"the simulator's server is not installed ({missing.name}); pip install 'gatepass[sim]'"
        ) from None
    from gatepass.sim import Settings, build

    made = build(described, SystemClock(), Settings(**lengths, **numbers))  # type: ignore[arg-type]
    made.set_faults(script)
    return SimServer(made, port, everything=everything)


def _described(
    world: Path | None, estate: Path | None, accounts: int, external_id: tuple[str, ...]
) -> dict[str, Any]:
    if world is not None:
        found: dict[str, Any] = _read(world)
        return found
    pairs = dict(pair.partition("=")[::2] for pair in external_id)
    if estate is not None:
        from gatepass.estate import load_directory
        from gatepass.sim import world_of

        return world_of(load_directory(estate), pairs, accounts)
    from gatepass.sim import two_tenants

    return two_tenants(pairs, accounts)


def _read(path: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except YAMLError as wrong:
        raise click.ClickException(f"{path} cannot be read: {wrong}") from None


def _announce(url: str, seeds: bool, output: str) -> None:
    variables = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
    if seeds:
        from gatepass.sim.seed_world import ACCESS_KEY, SECRET

        variables |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    if output == "json":
        click.echo(json.dumps(variables))
    else:
        click.echo("".join(f"export {name}={value}\n" for name, value in variables.items()), nl=False)
        click.echo(f"# simulated AWS at {url}; its own view: {url}/_sim/world; Ctrl-C ends it", err=True)
    sys.stdout.flush()
