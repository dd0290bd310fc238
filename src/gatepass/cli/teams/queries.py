"""`gatepass teams who-can`, `can`, `path`, `explain`, `blast`, `matrix`, `unused`: questions, no changes.

Every question reads the estate, compiles it and asks `gatepass.teams.reach`; nothing here decides who reaches what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from gatepass.cli.teams.common import DONE, output, print_json, print_lines
from gatepass.cli.teams.states import MARKS, Asked, Found, question
from gatepass.teams.reach.escalation import who_can_grant
from gatepass.teams.reach.explain import explain
from gatepass.teams.reach.matrix import Matrix, matrix, matrix_csv, matrix_json, matrix_rows
from gatepass.teams.reach.nodes import Node
from gatepass.teams.reach.nodes import Path as Way
from gatepass.teams.reach.picture import matrix_svg, paths_svg
from gatepass.teams.reach.questions import MAX_HOPS, Reach
from gatepass.teams.reach.unused import Unused, unused
from gatepass.teams.reach.words import (
    explanation_json,
    explanation_lines,
    node_json,
    path_json,
    path_line,
    path_lines,
)

T = TypeVar("T")
DENIED = 4
MAX_DRAWN = 60
"""More starts than this make a picture nobody reads; the rest is counted in its title."""


@click.command("who-can")
@click.argument("role", metavar="ROLE@ACCOUNT")
@click.option("--via", metavar="NODE", help="Only ways through this group, set, team or role.")
@click.option("--escalate", is_flag=True, help="Also who could give themselves the role by changing it.")
@output("table", "json", "svg")
@question
def who_can(asked: Asked, role: str, via: str | None, escalate: bool, output: str) -> None:
    """Say who can become ROLE@ACCOUNT, each with the shortest way.

    Wildcards and whole accounts are listed as open sets besides the principals known to match them.

    \b
    Examples:
      gatepass teams who-can terraform@plat-prod -e examples/teams
    """

    def ways(reach: Reach) -> Sequence[Way]:
        return reach.who_can(reach.role(role), via=reach.principal(via) if via else None)

    target, found = asked.first(lambda reach: reach.role(role)), asked.ways(ways)
    granting = asked.ways(lambda reach: who_can_grant(reach, reach.role(role))) if escalate else []
    if output == "svg":
        _draw([*found, *granting], f"Who can become {target.label}")
    elif output == "json":
        extra = {"may_grant_themselves": _json(granting, asked)} if escalate else {}
        print_json({"role": node_json(target), "who": _json(found, asked), **extra})
    else:
        _print_ways(found, asked, f"nobody can become {target.label}")
        if escalate:
            click.echo("could give themselves the role:")
            _print_ways(granting, asked, "nobody")


@click.command("can")
@click.argument("principal")
@click.argument("role", metavar="[ROLE@ACCOUNT]", required=False)
@output("table", "json", "svg")
@question
def can(asked: Asked, principal: str, role: str | None, output: str) -> None:
    """Say what PRINCIPAL can become.

    With ROLE@ACCOUNT, yes or no (exit code 4).
    """
    source = asked.first(lambda reach: reach.principal(principal))
    if role is None:
        found = asked.ways(lambda reach: reach.can(reach.principal(principal)))
        _answer(found, asked, source, f"What {source.label} can become", output)
        return
    target = asked.first(lambda reach: reach.role(role))
    answers = asked.each(lambda reach: reach.reaches(reach.principal(principal), reach.role(role)))
    if output == "svg":
        _draw([Found(way, state) for state, way in answers if way], f"{source.label} to {target.label}")
    elif output == "json":
        said = {
            state: {"can": way is not None, "path": path_json(way) if way else None} for state, way in answers
        }
        answer = said if asked.is_both else next(iter(said.values()))
        print_json({"from": node_json(source), "to": node_json(target), **answer})
    else:
        for state, way in answers:
            click.echo(f"{state}: {_yes_or_no(way)}" if asked.is_both else _yes_or_no(way))
    raise SystemExit(DENIED if all(way is None for _, way in answers) else DONE)


@click.command("blast")
@click.argument("role", metavar="ROLE@ACCOUNT")
@output("table", "json", "svg")
@question
def blast(asked: Asked, role: str, output: str) -> None:
    """Say everything that a session of ROLE@ACCOUNT reaches.

    That is what is at stake when it is lost.
    """
    source = asked.first(lambda reach: reach.role(role))
    found = asked.ways(lambda reach: reach.blast(reach.role(role)))
    _answer(found, asked, source, f"What {source.label} reaches", output)


@click.command("path")
@click.argument("principal")
@click.argument("role", metavar="ROLE@ACCOUNT")
@click.option("--all", "every", is_flag=True, help="Every way without a cycle, not only the shortest.")
@click.option("--max-hops", default=MAX_HOPS, show_default=True, type=click.IntRange(1, 20))
@output("table", "json", "svg")
@question
def path(asked: Asked, principal: str, role: str, every: bool, max_hops: int, output: str) -> None:
    """Show the way from PRINCIPAL to ROLE@ACCOUNT.

    With the statements of each step. Exit code 4 when there is none.

    \b
    Examples:
      gatepass teams path ana terraform@plat-prod --all
    """

    def ways(reach: Reach) -> Sequence[Way]:
        found = reach.paths(reach.principal(principal), reach.role(role), max_hops=max_hops)
        return found if every else found[:1]

    source, target = asked.first(lambda reach: (reach.principal(principal), reach.role(role)))
    found = asked.ways(ways)
    if output == "svg":
        _draw(found, f"{source.label} to {target.label}")
    elif output == "json":
        print_json({"from": node_json(source), "to": node_json(target), "paths": _json(found, asked)})
    else:
        lines = [line for one in found for line in (_line(one, asked), *path_lines(one.way))]
        print_lines(lines, f"no way of at most {max_hops} steps from {source.label} to {target.label}")
    raise SystemExit(DONE if found else DENIED)


@click.command("explain")
@click.argument("principal")
@click.argument("role", metavar="ROLE@ACCOUNT")
@output("table", "json")
@question
def explain_(asked: Asked, principal: str, role: str, output: str) -> None:
    """Say why PRINCIPAL can become ROLE@ACCOUNT, or why not.

    Where not, also what would open it.

    Per step: the Allow or Deny of the trust, and the statement on the caller's side. For a no: the nearest miss first.

    \b
    Examples:
      gatepass teams explain john.doe terraform@plat-prod
    """
    answers = asked.each(lambda reach: explain(reach, reach.principal(principal), reach.role(role)))
    _sections(asked, answers, output, explanation_json, explanation_lines)


@click.command("matrix")
@click.option(
    "--team",
    "--teams",
    "rows",
    multiple=True,
    metavar="PRINCIPAL",
    help="Only these teams, or anybody; repeatable.",
)
@click.option(
    "--account",
    "--accounts",
    "--in",
    "columns",
    multiple=True,
    metavar="ACCOUNT",
    help="Only these accounts; repeatable.",
)
@output("table", "json", "csv", "svg")
@question
def matrix_(asked: Asked, rows: tuple[str, ...], columns: tuple[str, ...], output: str) -> None:
    """Show which roles each team reaches in which account.

    And over how many hops.
    """

    def table(reach: Reach) -> Matrix:
        return matrix(
            reach, [reach.principal(row) for row in rows], [reach.account(column) for column in columns]
        )

    answers = asked.each(table)
    if not any(found.rows for _, found in answers):
        click.echo("no teams are declared: name users, groups or sets with --team", err=True)
    if output in ("csv", "svg") and asked.is_both:
        raise click.UsageError(f"--output {output} shows one state; choose --state desired or live")
    match output:
        case "csv":
            click.echo(matrix_csv(answers[0][1]), nl=False)
        case "svg":
            click.echo(matrix_svg(answers[0][1], "Roles that teams reach, by account"), nl=False)
        case _:
            _sections(asked, answers, output, matrix_json, lambda found: [_table(matrix_rows(found))])


@click.command("unused")
@output("table", "json")
@question
def unused_(asked: Asked, output: str) -> None:
    """List trust that matches nobody, and roles nobody reaches."""
    _sections(asked, asked.each(unused), output, _unused_json, _unused_lines)


def _answer(found: Sequence[Found], asked: Asked, source: Node, title: str, output: str) -> None:
    if output == "svg":
        _draw(found, title)
    elif output == "json":
        print_json({"from": node_json(source), "reaches": _json(found, asked)})
    else:
        _print_ways(found, asked, f"{source.label} reaches nothing")


def _json(found: Sequence[Found], asked: Asked) -> list[dict[str, Any]]:
    return [{**path_json(one.way), **({"state": one.state} if asked.is_both else {})} for one in found]


def _print_ways(found: Sequence[Found], asked: Asked, none: str) -> None:
    if asked.is_both and found:
        click.echo("(+ only declared, - only live)", err=True)
    print_lines([_line(one, asked) for one in found], none)


def _line(found: Found, asked: Asked) -> str:
    last = found.way[-1]
    action = f"  [{last.action}]" if last.action else ""
    return f"{MARKS[found.state] if asked.is_both else ''}{path_line(found.way)}{action}"


def _yes_or_no(way: Way | None) -> str:
    if way is None:
        return "no"
    return f"yes: {path_line(way)}" if way else "yes: it is the role itself"


def _sections(
    asked: Asked,
    answers: Sequence[tuple[str, T]],
    output: str,
    as_json: Callable[[T], dict[str, Any]],
    as_lines: Callable[[T], list[str]],
) -> None:
    """One answer, or one per state under its name."""
    if output == "json":
        said = {state: as_json(answer) for state, answer in answers}
        print_json(said if asked.is_both else as_json(answers[0][1]))
        return
    for state, answer in answers:
        if asked.is_both:
            click.echo(f"{state}:")
        print_lines(as_lines(answer), "nothing")


def _draw(found: Sequence[Found], title: str) -> None:
    rest = len(found) - MAX_DRAWN
    more = f" (the first {MAX_DRAWN}; {rest} more)" if rest > 0 else ""
    click.echo(paths_svg([one.way for one in found[:MAX_DRAWN]], title + more), nl=False)


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
