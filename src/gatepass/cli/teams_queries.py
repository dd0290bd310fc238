"""`gatepass teams who-can`, `can`, `path`, `explain`, `blast`, `matrix`, `unused`, `diff`: questions, no changes.

Every question reads the estate, compiles it and asks `gatepass.teams.reach`; nothing here decides who reaches what.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from gatepass.cli.teams_common import BAD_INPUT, DONE, guarded, output, print_findings, print_json
from gatepass.clock import SystemClock
from gatepass.errors import GatepassError
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.reach import MAX_HOPS, Reach
from gatepass.teams.reach_changes import Change, Meaning, compare
from gatepass.teams.reach_escalation import who_can_grant
from gatepass.teams.reach_explain import explain
from gatepass.teams.reach_matrix import matrix, matrix_csv, matrix_json, matrix_rows
from gatepass.teams.reach_nodes import Node
from gatepass.teams.reach_nodes import Path as Way
from gatepass.teams.reach_picture import matrix_svg, paths_svg
from gatepass.teams.reach_unused import Unused, unused
from gatepass.teams.reach_words import (
    change_json,
    change_lines,
    explanation_json,
    explanation_lines,
    node_json,
    path_json,
    path_line,
    path_lines,
)

DENIED = 4
MAX_DRAWN = 60
"""More starts than this make a picture nobody reads; the rest is counted in its title."""


class Faulty(GatepassError):
    """The declaration has faults, which stand on stderr already."""

    code = "teams"


def question(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which estate is asked about; errors end it as in the other commands."""

    @click.option(
        "-e", "--estate", "paths", multiple=True, default=(".",), show_default="the current directory",
        type=click.Path(exists=True, path_type=Path), help="Native estate, Atmos stack file or folder; repeatable.",
    )  # fmt: skip
    @click.option(
        "--context", type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="YAML or JSON: account_map, saml_providers, oidc_providers.",
    )  # fmt: skip
    @click.option(
        "--stacks",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The stacks base folder.",
    )
    @functools.wraps(command)
    def asked(paths: tuple[Path, ...], context: Path | None, stacks: Path | None, **more: Any) -> Any:
        return guarded(lambda: command(_reach(Wanted(paths, context=context, base=stacks)), **more))()

    return asked


def _reach(wanted: Wanted) -> Reach:
    compiled = compile_wanted(wanted)
    if compiled.faults:
        print_findings(compiled.faults)
        raise Faulty(
            f"the declaration has {len(compiled.faults)} faults; it is not asked who reaches what",
            advice="correct them",
        )
    return Reach(compiled.resources, now=SystemClock().now())


@click.command("who-can")
@click.argument("role", metavar="ROLE@ACCOUNT")
@click.option("--via", metavar="NODE", help="Only ways through this group, set, team or role.")
@click.option("--escalate", is_flag=True, help="Also who could give themselves the role by changing it.")
@output("table", "json", "svg")
@question
def who_can(reach: Reach, role: str, via: str | None, escalate: bool, output: str) -> None:
    """Say who can become ROLE@ACCOUNT, each with the shortest way.

    Wildcards and whole accounts are listed as open sets besides the principals known to match them.
    """
    target = reach.role(role)
    paths = reach.who_can(target, via=reach.principal(via) if via else None)
    granting = who_can_grant(reach, target) if escalate else ()
    if output == "svg":
        _draw((*paths, *granting), f"Who can become {target.label}")
    elif output == "json":
        extra = {"may_grant_themselves": [path_json(path) for path in granting]} if escalate else {}
        print_json({"role": node_json(target), "who": [path_json(path) for path in paths], **extra})
    else:
        _lines([path_line(path) for path in paths], f"nobody can become {target.label}")
        if escalate:
            click.echo("could give themselves the role:")
            _lines([f"{path_line(path)}  [{path[-1].action}]" for path in granting], "nobody")


@click.command("can")
@click.argument("principal")
@click.argument("role", metavar="[ROLE@ACCOUNT]", required=False)
@output("table", "json", "svg")
@question
def can(reach: Reach, principal: str, role: str | None, output: str) -> None:
    """Say what PRINCIPAL can become; with ROLE@ACCOUNT, yes or no (exit code 4)."""
    source = reach.principal(principal)
    if role is None:
        _ways(reach.can(source), source, f"What {source.label} can become", output)
        return
    target = reach.role(role)
    path = reach.reaches(source, target)
    if output == "svg":
        _draw([path] if path else [], f"{source.label} to {target.label}")
    elif output == "json":
        found = path_json(path) if path else None
        print_json(
            {"from": node_json(source), "to": node_json(target), "can": path is not None, "path": found}
        )
    else:
        click.echo(
            "no" if path is None else f"yes: {path_line(path)}" if path else "yes: it is the role itself"
        )
    raise SystemExit(DENIED if path is None else DONE)


@click.command("blast")
@click.argument("role", metavar="ROLE@ACCOUNT")
@output("table", "json", "svg")
@question
def blast(reach: Reach, role: str, output: str) -> None:
    """Say everything that a session of ROLE@ACCOUNT reaches: what is at stake when it is lost."""
    source = reach.role(role)
    _ways(reach.blast(source), source, f"What {source.label} reaches", output)


@click.command("path")
@click.argument("principal")
@click.argument("role", metavar="ROLE@ACCOUNT")
@click.option("--all", "every", is_flag=True, help="Every way without a cycle, not only the shortest.")
@click.option("--max-hops", default=MAX_HOPS, show_default=True, type=click.IntRange(1, 20))
@output("table", "json", "svg")
@question
def path(reach: Reach, principal: str, role: str, every: bool, max_hops: int, output: str) -> None:
    """Show the way from PRINCIPAL to ROLE@ACCOUNT with the statements of each step. Exit code 4 when there is none."""
    source, target = reach.principal(principal), reach.role(role)
    found = reach.paths(source, target, max_hops=max_hops)
    shown = found if every else found[:1]
    if output == "svg":
        _draw(shown, f"{source.label} to {target.label}")
    elif output == "json":
        print_json(
            {"from": node_json(source), "to": node_json(target), "paths": [path_json(way) for way in shown]}
        )
    else:
        lines = [line for way in shown for line in (path_line(way), *path_lines(way))]
        _lines(lines, f"no way of at most {max_hops} steps from {source.label} to {target.label}")
    raise SystemExit(DONE if found else DENIED)


@click.command("explain")
@click.argument("principal")
@click.argument("role", metavar="ROLE@ACCOUNT")
@output("table", "json")
@question
def explain_(reach: Reach, principal: str, role: str, output: str) -> None:
    """Say why PRINCIPAL can become ROLE@ACCOUNT, or why not and what would open it.

    Per step: the Allow or Deny of the trust, and the statement on the caller's side. For a no: the nearest miss first,
    and exit code 4.
    """
    answer = explain(reach, reach.principal(principal), reach.role(role))
    if output == "json":
        print_json(explanation_json(answer))
    else:
        _lines(explanation_lines(answer), "")
    raise SystemExit(DONE if answer.reaches else DENIED)


@click.command("matrix")
@click.option(
    "--team", "rows", multiple=True, metavar="PRINCIPAL", help="Only these teams, or anybody; repeatable."
)
@click.option("--in", "columns", multiple=True, metavar="ACCOUNT", help="Only these accounts; repeatable.")
@output("table", "json", "csv", "svg")
@question
def matrix_(reach: Reach, rows: tuple[str, ...], columns: tuple[str, ...], output: str) -> None:
    """Show teams by accounts: which roles each team reaches where, and over how many hops."""
    found = matrix(
        reach, [reach.principal(row) for row in rows], [reach.account(column) for column in columns]
    )
    match output:
        case "json":
            print_json(matrix_json(found))
        case "csv":
            click.echo(matrix_csv(found), nl=False)
        case "svg":
            click.echo(matrix_svg(found, "Roles that teams reach, by account"), nl=False)
        case _:
            click.echo(_table(matrix_rows(found)))


@click.command("unused")
@output("table", "json")
@question
def unused_(reach: Reach, output: str) -> None:
    """List trusted entries that match nobody, and roles that nobody reaches."""
    found = unused(reach)
    if output == "json":
        print_json(_unused_json(found))
    else:
        _lines(_unused_lines(found), "nothing is unused")


@click.command("diff")
@click.argument("before", type=click.Path(exists=True, path_type=Path))
@output("table", "json")
@question
def diff(reach: Reach, before: Path, output: str) -> None:
    """Say who gains and who loses what between the estate at BEFORE and this one. Exit code 2 when anybody does."""
    found = compare(_reach(Wanted((before,))), reach)
    if output == "json":
        print_json(meaning_json(found))
    else:
        _lines(meaning_lines(found), "nobody gains or loses anything")
    raise SystemExit(DONE if found.is_empty else BAD_INPUT)


def meaning_json(found: Meaning) -> dict[str, Any]:
    """Who gains and loses, as JSON."""
    return {
        "steps": [change_json(one) for one in found.steps],
        "ways": [change_json(one) for one in found.ways],
    }


def meaning_lines(found: Meaning) -> list[str]:
    """Who gains and loses, for the terminal; gains in red, since they are what a review is for (T-75)."""

    def shown(changes: Sequence[Change]) -> Iterable[str]:
        for change in changes:
            yield click.style(change_lines(change), fg="red") if change.gained else change_lines(change)

    steps = ["single steps:", *shown(found.steps)] if found.steps else []
    return [*steps, *(["ways in:", *shown(found.ways)] if found.ways else [])]


def _ways(paths: tuple[Way, ...], source: Node, title: str, output: str) -> None:
    if output == "svg":
        _draw(paths, title)
    elif output == "json":
        print_json({"from": node_json(source), "reaches": [path_json(way) for way in paths]})
    else:
        _lines([path_line(way) for way in paths], f"{source.label} reaches nothing")


def _draw(paths: Sequence[Way], title: str) -> None:
    rest = len(paths) - MAX_DRAWN
    more = f" (the first {MAX_DRAWN}; {rest} more)" if rest > 0 else ""
    click.echo(paths_svg(paths[:MAX_DRAWN], title + more), nl=False)


def _unused_json(found: Unused) -> dict[str, Any]:
    stale = [
        {"role": one.role.id, "statement": one.statement, "entry": one.entry, "reason": one.reason}
        for one in found.stale
    ]
    return {"stale": stale, "unreachable": [node_json(node) for node in found.unreachable]}


def _unused_lines(found: Unused) -> list[str]:
    stale = [f"{one.role.label}  {one.statement} trusts {one.entry}: {one.reason}" for one in found.stale]
    return [*stale, *(f"{node.label}  nobody reaches it" for node in found.unreachable)]


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _lines(lines: Sequence[str], none: str) -> None:
    click.echo("\n".join(lines) if lines else none)
