"""`gatepass teams plan`, `apply`: the declaration against live accounts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from gatepass.cli.teams.common import (
    BAD_INPUT,
    DONE,
    FAILURE,
    declaration,
    enter_by,
    guarded,
    output,
    print_findings,
    print_json,
)
from gatepass.cli.teams.server import on_server
from gatepass.clock import SystemClock, iso
from gatepass.teams.applying.apply import Manner, Result, Written, report_json
from gatepass.teams.applying.entering import calls_for
from gatepass.teams.applying.running import (
    PlanFile,
    apply_file,
    estate_name,
    known_accounts,
    plan_live,
    read_plan,
    refuse_faulty,
    request_quotas,
    write_plan,
)
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Options, Plan, estate_hash, plan_json
from gatepass.teams.planning.words import plan_lines

F = Callable[..., Any]


def planning(command: F) -> F:
    """Adds the options of planning against live accounts."""
    options = (
        click.option("--account", "accounts", multiple=True, help="Only this account; repeatable."),
        click.option("--team", "teams", multiple=True, help="Only what concerns this team; repeatable."),
        click.option(
            "--managed-by",
            default="",
            metavar="NAME",
            help="What the tag gatepass:managed says.  [default: the organization]",
        ),
        enter_by,
        click.option(
            "--adopt", is_flag=True, help="Take over what exists under a wanted name and is not ours."
        ),
        click.option("--allow-delete", is_flag=True, help="Remove what is ours and no longer declared."),
        click.option("--force", is_flag=True, help="Remove also what was used within --used-within days."),
        click.option("--used-within", default=90, show_default=True, metavar="DAYS"),
        click.option(
            "--revoke-sessions", is_flag=True, help="End living sessions of roles that lose somebody."
        ),
        click.option(
            "--break-glass", multiple=True, metavar="ARN", help="Must keep a way into every account."
        ),
        click.option(
            "--acknowledge", multiple=True, metavar="LINT", help="A lint of level error that is meant."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def planned(wanted: Wanted, more: dict[str, Any]) -> tuple[Plan, PlanFile, Compiled]:
    """Reads the accounts and plans; `more` are the values of `planning`. Lints go to stderr."""
    compiled = compile_wanted(wanted)
    acknowledged: tuple[str, ...] = more.pop("acknowledge")
    refuse_faulty(compiled, acknowledged)
    print_findings(compiled.lints)
    accounts: tuple[str, ...] = more.pop("accounts")
    only = known_accounts(compiled, accounts) if accounts else None
    role: str = more.pop("enter_by")
    clock = SystemClock()
    calls = calls_for(compiled, clock, apply_role=role)
    actors: tuple[str, ...] = more.pop("break_glass")
    options = Options(
        estate=more.pop("managed_by") or estate_name(compiled),
        actors=(calls.identity(), *actors) if actors else (),
        used_within=timedelta(days=more.pop("used_within")),
        **more,
    )
    now = clock.now()
    made = plan_live(calls, clock, compiled, options, only, now=now)
    options = replace(options, leaving=made.leaving)
    return made, PlanFile(wanted, options, now, only, apply_role=role, acknowledged=acknowledged), compiled


@click.command("plan")
@declaration
@planning
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Keep the plan for `apply`.")
@click.option("--detailed-exitcode", is_flag=True, help="2 when something would change.")
@click.option(
    "--request-quota", is_flag=True, help="Ask AWS for longer trust policies where they do not fit."
)
@click.option("--verbose", is_flag=True, help="Also when it was made, and what stays as it is.")
@output("table", "json")
def plan(
    wanted: Wanted,
    out: Path | None,
    detailed_exitcode: bool,
    request_quota: bool,
    verbose: bool,
    output: str,
    **more: Any,
) -> None:
    """Say what would change, and who gains and loses access.

    Changes nothing.

    Accounts are entered with the usual AWS credentials, through each organization's apply_role.

    \b
    Examples:
      gatepass teams plan --estate estate --out plan.json
      gatepass teams plan --team platform --detailed-exitcode
    """
    made, file, compiled = planned(wanted, more)
    if request_quota and made.too_long:
        calls = calls_for(compiled, SystemClock(), apply_role=file.apply_role)
        for number, value in request_quotas(calls, made).items():
            click.echo(f"asked for {value} characters in {number}; plan again when it is granted", err=True)
    if out is not None:
        write_plan(out, made, compiled, file)
    if output == "json":
        print_json(plan_json(made))
    else:
        if verbose:
            click.echo(f"made at {iso(file.made_at)} from a declaration of hash {estate_hash(compiled)[:12]}")
        click.echo("\n".join(plan_lines(made, colour=sys.stdout.isatty(), verbose=verbose)))
        if out is not None and made.writes:
            click.echo(f"next: gatepass teams apply {out}")
    if made.unread:
        raise SystemExit(FAILURE)
    raise SystemExit(BAD_INPUT if detailed_exitcode and not made.is_empty else DONE)


@click.command("apply")
@click.argument("planfile", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--phase", type=click.Choice(["1", "2"]), help="Only grants (1), or only revocations (2).")
@click.option(
    "--audit", type=click.Path(dir_okay=False, path_type=Path), help="JSON lines, one for each write."
)
@output("table", "json")
@on_server
@guarded
def apply(
    planfile: Path,
    phase: str | None,
    audit: Path | None,
    output: str,
) -> None:
    """Apply a plan made by `gatepass teams plan --out`. May be repeated; what is done is not done again.

    Refuses when the declaration changed since, or when somebody would be locked out. What changed in AWS since is
    left alone and named. Exit 1 when anything was not done.

    \b
    Examples:
      gatepass teams apply plan.json
    """
    file = read_plan(planfile)
    clock = SystemClock()
    compiled = compile_wanted(file.wanted)
    calls = calls_for(compiled, clock, apply_role=file.apply_role)
    trail = audit or planfile.with_suffix(".audit.jsonl")
    with trail.open("a", encoding="utf-8") as lines:

        def heard(written: Written) -> None:
            lines.write(json.dumps(asdict(written), ensure_ascii=False) + "\n")
            lines.flush()

        phases = (1, 2) if phase is None else (int(phase),)
        manner = Manner(phases=phases, audit=heard, progress=show_progress)
        report = apply_file(calls, clock, file, manner, file.acknowledged)
    if output == "json":
        print_json(report_json(report))
    else:
        done = sum(result.outcome in {"done", "unchanged"} for result in report.results)
        click.echo(f"{done} of {len(report.results)} changes done, {report.writes} writes; audit in {trail}")
        for number, reason in sorted(report.unread.items()):
            click.echo(f"account {number} was not reached: {reason}")
    raise SystemExit(DONE if report.is_complete else FAILURE)


def show_progress(result: Result) -> None:
    """One change that ended, on stderr."""
    reason = f": {result.reason}" if result.reason else ""
    click.echo(f"{result.outcome:9} {result.change.action:7} {result.change.id}{reason}", err=True)
