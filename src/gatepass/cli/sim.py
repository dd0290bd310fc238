"""`gatepass sim`: a simulated AWS on loopback, for trying an estate and for tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gatepass.clock import SystemClock
from gatepass.errors import GatepassError, Unavailable

if TYPE_CHECKING:
    from gatepass.sim import Simulator
    from gatepass.sim.server import SimServer

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ANY = click.Path(exists=True, path_type=Path)


class Unreadable(GatepassError):
    """A file given to the simulator is no YAML or JSON of the expected form."""

    code = "unreadable"
    exit_code = 2


@click.command("sim")
@click.option("--port", default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--accounts", default=0, metavar="N", help="Add N accounts, five units deep, to tenant bar.")
@click.option("--latency", default=0.0, metavar="S", help="Seconds that each call takes.")
@click.option(
    "--operation-seconds", default=0.5, show_default=True, help="Seconds that an assignment is IN_PROGRESS."
)
@click.option("--list-lag", default=0.0, metavar="S", help="Seconds by which lists lag behind the truth.")
@click.option("--iam-lag", default=0.0, metavar="S", help="Seconds until what is new in IAM is seen.")
@click.option("--page-size", default=0, metavar="N", help="The most items a page has.")
@click.option("--seed", default=0, help="Makes identifiers and the chances of faults repeatable.")
@click.option("--faults", type=_FILE, help="Fault script, YAML or JSON.")
@click.option("--world", type=_FILE, help="The world, YAML or JSON.")
@click.option("--estate", type=_ANY, help="A world in which this estate works.")
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
    faults: Path | None,
    world: Path | None,
    estate: Path | None,
    external_id: tuple[str, ...],
    sign_in_as: str,
    everything: bool,
    output: str,
    **knobs: Any,
) -> None:
    """Run a simulated AWS, and print the variables that lead to it.

    The AWS CLI, SDKs and gatepass follow them. Without --world or --estate it holds the two customers' organizations
    of examples/multi-organization and the provider's host account. It ends on Ctrl-C and keeps nothing.
    """
    if world is not None and estate is not None:
        raise click.UsageError("--world and --estate are two ways to say the same; give one of them")
    made = _made(_described(world, estate, accounts, _pairs(external_id)), knobs)
    if faults is not None:
        made.set_faults(_read(faults, list))
    made.world.sign_in.browser = sign_in_as
    server = _listening(made, port, everything)
    _announce(server.url, world is None, output)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("simulator stopped", err=True)


def _made(described: dict[str, Any], knobs: dict[str, Any]) -> Simulator:
    from gatepass.sim import Settings, build

    return build(described, SystemClock(), Settings(**knobs))


def _listening(made: Simulator, port: int, everything: bool) -> SimServer:
    try:
        from gatepass.sim.server import SimServer
    except ImportError as missing:
        raise Unavailable(
            f"the simulator's server needs {missing.name}, which is not installed",
            advice="pip install 'gatepass[sim]'",
        ) from None
    try:
        return SimServer(made, port, everything=everything)
    except (OSError, SystemExit) as taken:
        raise Unavailable(
            f"127.0.0.1:{port} cannot be listened on: {taken}", advice="leave --port away"
        ) from None


def _pairs(external_id: tuple[str, ...]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in external_id]
    if any(not name or not value for name, _, value in pairs):
        raise click.UsageError("--external-id is TENANT=ID, for example tenant_foo=gp-0123456789")
    return {name: value for name, _, value in pairs}


def _described(
    world: Path | None, estate: Path | None, accounts: int, external: dict[str, str]
) -> dict[str, Any]:
    if world is not None:
        found: dict[str, Any] = _read(world, dict)
        return found
    if estate is not None:
        from gatepass.estate import load_directory
        from gatepass.sim import world_of

        return world_of(load_directory(estate), external, accounts)
    from gatepass.sim import two_tenants

    return two_tenants(external, accounts)


def _read(path: Path, form: type) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as wrong:
        raise Unreadable(f"{path} cannot be read: {wrong}", advice="see docs/simulator.md") from None
    if not isinstance(found, form):
        wanted = "list of rules" if form is list else "mapping with organizations"
        raise Unreadable(f"{path} holds no {wanted}", advice="see docs/simulator.md")
    return found


def _announce(url: str, seeds: bool, output: str) -> None:
    variables = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
    if seeds:
        from gatepass.sim.worlds.of_seeds import ACCESS_KEY, SECRET

        variables |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    if output == "json":
        click.echo(json.dumps(variables))
    else:
        click.echo("".join(f"export {name}={value}\n" for name, value in variables.items()), nl=False)
        click.echo(f"# simulated AWS at {url}; its own view: {url}/_sim/world; Ctrl-C ends it", err=True)
    sys.stdout.flush()
