"""`gatepass teams drift`: where live accounts are not as declared; here and now, or as the server found them."""

from __future__ import annotations

import time
from typing import Any

import click

from gatepass.cli.outcomes import exit_code, report
from gatepass.cli.teams.apply import planned, planning, show_progress
from gatepass.cli.teams.common import BAD_INPUT, DONE, FAILURE, declaration, output, print_json
from gatepass.clock import SystemClock
from gatepass.errors import GatepassError
from gatepass.teams.applying.apply import Manner
from gatepass.teams.applying.entering import calls_for
from gatepass.teams.applying.running import apply_plan
from gatepass.teams.declaration import Wanted
from gatepass.teams.drift.differences import Difference, difference_json, differences, enforced
from gatepass.teams.drift.words import difference_line

_EVERY = 0.5
"""Seconds between looks at the server."""


@click.command("drift")
@declaration
@planning
@click.option("--enforce", is_flag=True, help="Repair at once what is declared enforce: true.")
@click.option("--last", is_flag=True, help="What the server found when it looked last.")
@click.option("--server", is_flag=True, help="Let the server look now, and wait for what it finds.")
@output("table", "json")
def drift(wanted: Wanted, enforce: bool, last: bool, server: bool, output: str, **more: Any) -> None:
    """Say where live accounts differ from what was applied.

    Trust, attachments, deleted or dangling, foreign trust.

    Exit 2 when something differs. Changes nothing unless --enforce; `plan` and `apply` repair the rest. The server
    does the same every so often where the estate says drift: (docs/teams.md); it repairs what is enforced.
    """
    if last or server:
        _of_server(look=server, output=output)
    made, file, compiled = planned(wanted, more)
    found = differences(made)
    if enforce:
        clock = SystemClock()
        calls = calls_for(compiled, clock, apply_role=file.apply_role)
        manner = Manner(progress=show_progress, plan_id=f"enforce-{file.id}")
        apply_plan(calls, clock, compiled, enforced(made), manner)
    if output == "json":
        print_json({"drift": [_shown(each) for each in found], "unread": dict(made.unread)})
    else:
        for each in found:
            click.echo(difference_line(each))
        click.echo("no drift" if not found else f"{len(found)} differences")
    if made.unread:
        raise SystemExit(FAILURE)
    raise SystemExit(BAD_INPUT if found else DONE)


def _shown(each: Difference) -> dict[str, Any]:
    """One difference, without what only the server knows of it."""
    return {
        name: value
        for name, value in difference_json(each).items()
        if name in {"class", "id", "detail", "account", "gained", "lost", "enforce"}
    }


def _of_server(*, look: bool, output: str) -> None:
    """Shows what the server found and ends: exit 2 for drift, 1 when nothing was or could be read."""
    from gatepass.cli.server import connect

    try:
        client = connect()
        found = client.post("/v1/teams/drift", {}) if look else client.get("/v1/teams/drift")
        done = -1
        while look and found["running"] is not None:
            if found["progress"]["done"] != done:
                done = found["progress"]["done"]
                click.echo(f"{done} of {found['progress']['whole']} steps done", err=True)
            time.sleep(_EVERY)
            found = client.get("/v1/teams/drift")
    except GatepassError as error:
        report(error)
        raise SystemExit(exit_code(error)) from None
    told = found["report"]
    if output == "json":
        print_json(found)
    elif told is None:
        click.echo("the server has not looked yet; the estate says how often: drift: {every: 6h}")
    else:
        click.echo("\n".join(found["text"]))
    if told is None or told["unread"]:
        raise SystemExit(FAILURE)
    raise SystemExit(BAD_INPUT if told["standing"] else DONE)
