"""`gatepass teams apply PLANFILE --server`: the server applies the plan, and this shows how far it is."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gatepass.cli.outcomes import exit_code, report
from gatepass.cli.teams.common import DONE, FAILURE, print_json
from gatepass.errors import GatepassError
from gatepass.teams.applying.running import TeamsError, read_plan
from gatepass.teams.declaration import native_files

Json = dict[str, Any]
_KINDS = (".yaml", ".yml", ".json", ".xml")
"""What a declaration is made of; metadata of SAML providers lies beside it."""
_EVERY = 0.5
"""Seconds between looks at the server."""


def on_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--server` and `--wait` to a command that applies a PLANFILE."""

    @functools.wraps(command)
    def chosen(server: bool, wait: bool, stop: bool, **given: Any) -> Any:
        if not server:
            if stop:
                raise click.UsageError(
                    "--stop is for --server: here, Ctrl-C ends it, and applying again goes on"
                )
            return command(**given)
        local = [name for name in ("phase", "audit") if given.get(name) is not None]
        if local:
            raise click.UsageError(f"--{local[0]} is for applying here; leave it out with --server")
        return apply_there(given["planfile"], wait=wait, stop=stop, output=given["output"])

    chosen = click.option("--stop", is_flag=True, help="With --server: begin no further account.")(chosen)
    chosen = click.option("--wait", is_flag=True, help="With --server: until all accounts are done.")(chosen)
    return click.option("--server", is_flag=True, help="Let the gatepass server apply it, as a job.")(chosen)


def apply_there(planfile: Path, *, wait: bool, stop: bool, output: str) -> None:
    """Sends the plan, and follows it with `wait`. Sending it again joins what runs; `stop` ends what was begun so."""
    from gatepass.cli.server import connect
    from gatepass.engine.jobs.teams import Sent

    try:
        client = connect()
        body = body_of(planfile)
        there = f"/{Sent(body['plan'], body['files']).job}/stop" if stop else ""
        job = client.post(f"/v1/teams/applies{there}", {} if stop else body)
        if wait:
            job = _follow(client.get, job)
    except GatepassError as error:
        report(error)
        raise SystemExit(exit_code(error)) from None
    if output == "json":
        print_json(job)
    else:
        _tell(job)
    raise SystemExit(FAILURE if job["state"] == "ended" and not job["complete"] else DONE)


def body_of(planfile: Path) -> Json:
    """The plan without what only people read, and the files it was made from. Raises `TeamsError` for no plan file."""
    file = read_plan(planfile)
    document: Json = json.loads(planfile.read_text(encoding="utf-8"))
    needed = ("id", "action", "phase", "fingerprint", "before")
    changes = [{key: change[key] for key in needed} for change in document["changes"]]
    plan = {**document, "changes": changes, "ways": [], "dangling": {}, "foreign_trust": []}
    wanted = file.wanted
    roots = [
        *wanted.paths,
        *([wanted.context] if wanted.context else []),
        *([wanted.base] if wanted.base else []),
    ]
    files = {str(path): _text(path) for root in roots for path in _files(root)}
    return {"plan": plan, "files": files}


def _files(root: Path) -> Iterator[Path]:
    """What compiling a path may read: a folder; around an Atmos file its stacks; beside a native file metadata."""
    folder = root
    kinds: tuple[str, ...] = _KINDS
    if root.is_file():
        yield root
        stacks = [parent for parent in root.parents if parent.name == "stacks"]
        folder = stacks[-1] if stacks else root.parent
        if native_files([root]):
            folder, kinds = root.parent, (".xml",)
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in kinds and path.is_file() and not hidden and not _is_plan(path):
            yield path


def _is_plan(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == ".json" and b'"gatepass_plan"' in file.read(200)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TeamsError(f"{path} cannot be read: {error}", advice="it belongs to the declaration") from error


def _follow(get: Callable[[str], Json], job: Json) -> Json:
    """Looks until it is over: a bar on a terminal, plain lines elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as shown:
        bar = shown.add_task("accounts", total=job["progress"]["whole"])
        told = -1
        while True:
            done, whole = job["progress"]["done"], job["progress"]["whole"]
            shown.update(bar, completed=done, total=whole)
            if done != told and not sys.stderr.isatty():
                click.echo(f"{done} of {whole} accounts and phases done", err=True)
            told = done
            if job["state"] == "ended":
                return job
            time.sleep(_EVERY)
            job = get(f"/v1/teams/applies/{job['id']}")


def _tell(job: Json) -> None:
    for account in job["accounts"]:
        click.echo(f"{account['account']} phase {account['phase']}: {_said(account)}")
    progress = job["progress"]
    click.echo(f"apply {job['id']} {job['state']}: {progress['done']} of {progress['whole']} done")
    if job["state"] != "ended":
        click.echo("next: the same command with --wait follows it")


def _said(account: Mapping[str, Any]) -> str:
    if account["complete"]:
        return f"done, {account['writes']} writes"
    bad = [
        f"{result['id']} {result['outcome']}: {result['reason']}"
        for result in account["results"]
        if result["outcome"] not in {"done", "unchanged"}
    ]
    return "; ".join([account["state"], *([account["why"]] if account["why"] else []), *bad])
