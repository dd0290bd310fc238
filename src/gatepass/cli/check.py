"""`gatepass check`, `init`, `generate`: the estate on disk. No server, no network."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn

import click

from gatepass.estate import Estate, EstateError, format_duration, load, load_directory, read_sources
from gatepass.estate.format.estate import json_schema
from gatepass.estate.outline import Line, counted, limit, oddities, outline
from gatepass.estate.reading.expansion import expanded
from gatepass.estate.starters import KINDS, STARTER, Wanted, flow_file

BAD_INPUT = 2
AWS_FAULT = 5

_output = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to answer.",
)


@click.command()
@click.argument("estate", required=False, type=click.Path(path_type=Path))
@click.option("--expand", is_flag=True, help="Print the long form: every entity by its own name.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of the format.")
@click.option("--live", is_flag=True, help="Also ask AWS whether each connector can do what it must.")
@_output
def check(estate: Path | None, expand: bool, schema: bool, live: bool, output: str) -> None:
    """Say what ESTATE allows, or every mistake in it.

    ESTATE is a directory or a file. Per organization: what can be asked for, by whom, who decides, for how long at
    most. Nothing is changed and no network is used. Exit 2 and every fault on stderr when the estate cannot be used.
    With --live AWS is asked too, changing nothing: missing permissions, wrong accounts and instances; exit 5 when
    access could not be given.
    """
    if schema:
        click.echo(json.dumps(json_schema(), indent=2))
        return
    if estate is None:
        raise click.UsageError("name the estate: gatepass check ESTATE")
    try:
        loaded = load_directory(estate)
    except EstateError as error:
        _refuse(error, output)
    _check_code(loaded)
    _check_teams(loaded)
    if live:
        _ask_aws(loaded, output)
    elif expand:
        click.echo(expanded(loaded), nl=False)
    elif output == "json":
        click.echo(json.dumps(_as_json(loaded), indent=1, ensure_ascii=False))
    else:
        click.echo("\n".join(_as_text(loaded)))


def _check_teams(estate: Estate) -> None:
    """The teams that the server is to compare with AWS: every fault in them, as `apply` would tell it."""
    if estate.drift is None:
        return
    from gatepass.engine.jobs.declared import compiled_drift  # only who watches drift pays for importing it
    from gatepass.teams.applying.running import TeamsError

    try:
        compiled_drift(estate.drift)
    except TeamsError as faulty:
        advice = f"\n  next: {faulty.advice}" if faulty.advice else ""
        click.echo(f"gatepass: {faulty.message}{advice}", err=True)
        raise SystemExit(BAD_INPUT) from None


def _ask_aws(estate: Estate, output: str) -> None:
    """Print what AWS says of each organization; exit 5 when something there keeps access from being given or taken."""
    import os

    from gatepass.app.live import look
    from gatepass.app.settings import read_settings

    found = list(look(estate, read_settings(os.environ)))
    if output == "json":
        click.echo(
            json.dumps({"ok": not any(f.fatal for f in found), "found": [asdict(f) for f in found]}, indent=1)
        )
    for each in found:
        click.echo(f"{'wrong' if each.fatal else 'note'}: {each}", err=output == "json")
    wrong = {each.organization for each in found if each.fatal}
    for name in estate.organizations if output == "table" else ():
        if name not in wrong:
            click.echo(f"{name}: its connector can do all that gatepass asks of it")
    if wrong:
        sys.exit(AWS_FAULT)


def _check_code(estate: Estate) -> None:
    """Load the Python of every flow, isolated as it will run; serious faults end with exit code 2."""
    if not any(flow.implementation is not None for flow in estate.flows.values()):
        return
    if importlib.util.find_spec("pydantic") is None:
        click.echo("flows' Python was not checked: pip install 'gatepass[server]'", err=True)
        return
    from gatepass.handlers import Runner
    from gatepass.handlers.looking import look

    with Runner(unisolated=True) as runner:
        found = look(runner, estate)
    for fault in found:
        click.echo(f"{'' if fault.serious else 'perhaps not meant: '}{fault}", err=True)
    serious = sum(1 for fault in found if fault.serious)
    if serious:
        click.echo(f"{counted(serious, 'faults')}; nothing was applied", err=True)
        sys.exit(BAD_INPUT)


def _refuse(error: EstateError, output: str) -> NoReturn:
    """Print every fault and end with exit code 2."""
    if output == "json":
        faults = [{"code": each.code, **asdict(each.place), **_words(each)} for each in error.faults]
        click.echo(json.dumps({"ok": False, "faults": faults}, indent=1, ensure_ascii=False))
    for fault in error.faults:
        click.echo(str(fault), err=True)
    click.echo(f"{counted(len(error.faults), 'faults')}; nothing was applied", err=True)
    sys.exit(BAD_INPUT)


def _words(fault: Any) -> dict[str, str]:
    return {name: getattr(fault, name) for name in ("path", "found", "allowed", "advice")}


def _as_json(estate: Estate) -> dict[str, Any]:
    lines = [
        {**asdict(line), "at_most": format_duration(line.at_most) if line.at_most else None}
        for line in outline(estate)
    ]
    counts = {
        name: len(getattr(estate, name))
        for name in ("people", "organizations", "targets", "strategies", "flows")
    }
    return {
        "ok": True,
        "version": estate.digest,
        "counts": counts,
        "can_be_asked_for": lines,
        "odd": list(oddities(estate)),
    }


def _as_text(estate: Estate) -> list[str]:
    lines = outline(estate)
    contents = (counted(len(getattr(estate, name)), name) for name in ("organizations", "targets", "flows"))
    text = [f"version {estate.digest[:12]}: {len(estate.people)} people, {', '.join(contents)}"]
    for name in (*estate.organizations, ""):
        mine = [line for line in lines if line.organization == name]
        if mine or name:
            text += ["", _heading(estate, name), *_grouped(estate, mine)]
        if name and not mine:
            text.append("  nothing can be asked for")
    odd = oddities(estate)
    return text + (["", "Perhaps not meant:", *(f"  {each}" for each in odd)] if odd else [])


def _heading(estate: Estate, name: str) -> str:
    if not name:
        return "Without an organization"
    organization = estate.organizations[name]
    connector = organization.connector
    most = f", at most {format_duration(organization.max_duration)}" if organization.max_duration else ""
    instance = connector.instance_arn.rpartition("/")[2]
    return (
        f"{organization.label} ({name}): {instance} in {connector.region} through {connector.role_arn}{most}"
    )


def _grouped(estate: Estate, lines: list[Line]) -> Iterator[str]:
    for (target, gives), group in groupby(lines, key=lambda line: (line.target, line.gives)):
        yield f"  {target}: {gives}" if target else f"  {gives}"
        for line in group:
            most = f"; at most {limit(line)}" if line.at_most else ""
            flow = f"{estate.flows[line.flow].label} ({line.flow})"
            yield f"      {flow}: asked by {line.asked_by}; decided by {line.decided_by}{most}"


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def init(directory: Path) -> None:
    """Write a small estate into DIRECTORY that works as it stands. Never writes over a file."""
    _write(directory / "estate.yaml", STARTER)
    click.echo(f"next: gatepass check {directory}")


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option(
    "--directory",
    default=".",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The estate.",
)
@click.option("--flow-name", required=True, help="The flow's name.")
@click.option("--organization", default="", help="aws-sso: the organization. Needed when there are several.")
@click.option("--permission-set", default="", help="aws-sso: name or ARN of the permission set to give.")
@click.option("--account", default="", help="aws-sso: in this account; without it the asker chooses.")
@click.option("--group", default="", help="aws-sso: the Identity Center group to give.")
@click.option("--ask", default="engineers", show_default=True, help="Group whose members may ask.")
@click.option("--approve", default="oncall", show_default=True, help="Group whose members decide.")
def generate(kind: str, directory: Path, flow_name: str, **wanted: str) -> None:
    """Add a flow of KIND to an estate: flows/FLOW_NAME.yaml.

    The estate is checked with the new flow before anything is written. Never writes over a file.
    """
    try:
        sources = read_sources(directory)
        if kind == "aws-sso":
            wanted = _completed(load(sources), wanted)
        text = flow_file(kind, Wanted(flow_name, **wanted))
        load({**sources, f"flows/{flow_name}.yaml": text})
    except EstateError as error:
        _refuse(error, "table")
    _write(directory / "flows" / f"{flow_name}.yaml", text)
    click.echo(f"next: gatepass check {directory}")


def _completed(estate: Estate, wanted: dict[str, str]) -> dict[str, str]:
    if not (wanted["permission_set"] or wanted["group"]):
        raise click.UsageError("say what to give: --permission-set or --group")
    names = list(estate.organizations)
    if not wanted["organization"] and len(names) != 1:
        raise click.UsageError(
            f"say where: --organization, one of {', '.join(names) or '(none is declared)'}"
        )
    return wanted | {"organization": wanted["organization"] or names[0]}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        click.echo(f"{path}: exists already; nothing was written; choose another place or name", err=True)
        sys.exit(BAD_INPUT)
    except OSError as error:
        click.echo(f"{path}: cannot be written: {error.strerror}", err=True)
        sys.exit(1)
    click.echo(f"wrote {path}")
