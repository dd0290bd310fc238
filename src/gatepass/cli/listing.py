"""Lists on the terminal: `--output table|json|csv`, `--columns`, `--filter key=glob`. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from gatepass.cli.rows import as_json, as_table, shown
from gatepass.sessions.errors import BadInput

Row = Mapping[str, object]
F = TypeVar("F", bound=Callable[..., Any])


def listing_options(command: F) -> F:
    """Add the options every list command has."""
    for option in (
        click.option(
            "--output", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True
        ),
        click.option("--columns", help="Columns to show, separated by commas."),
        click.option("--filter", "filters", multiple=True, metavar="KEY=GLOB", help="Only rows that match."),
    ):
        command = option(command)
    return command


def show_list(
    rows: Sequence[Row],
    columns: Sequence[str],
    output: str,
    chosen: str | None,
    filters: Sequence[str],
    nothing: str = "",
) -> None:
    """Print `rows`; `columns` are the stable keys, in their order; `nothing` is said where there are none."""
    wanted = _columns(columns, chosen)
    kept = [row for row in rows if _matches(row, filters, columns)]
    if output == "json":
        click.echo(as_json(kept, wanted))
    elif output == "csv":
        click.echo(_csv(kept, wanted), nl=False)
    elif not kept and nothing:
        click.echo(nothing)
    else:
        click.echo(as_table(kept, wanted, every=chosen is not None))


def _columns(columns: Sequence[str], chosen: str | None) -> list[str]:
    if chosen is None:
        return list(columns)
    wanted = [word.strip() for word in chosen.split(",") if word.strip()]
    unknown = [word for word in wanted if word not in columns]
    if unknown or not wanted:
        raise BadInput(f"--columns: found {chosen!r}; allowed: {', '.join(columns)}")
    return wanted


def _matches(row: Row, filters: Sequence[str], columns: Sequence[str]) -> bool:
    if not filters:
        return True
    import fnmatch

    for text in filters:
        key, equals, glob = text.partition("=")
        if not equals or key not in columns:
            raise BadInput(f"--filter: found {text!r}; allowed: KEY=GLOB with {', '.join(columns)}")
        if not fnmatch.fnmatchcase(shown(row.get(key)), glob):
            return False
    return True


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([shown(row.get(key)) for key in columns] for row in rows)
    return out.getvalue()
