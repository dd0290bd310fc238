"""`gatepass teams diff`: who gains and who loses between two estates, by a plan, or when the estate is applied."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from gatepass.cli.teams.common import BAD_INPUT, DONE, output, print_json, print_lines
from gatepass.cli.teams.states import DESIRED, LIVE, Asked, ask, question
from gatepass.teams.declaration import Wanted
from gatepass.teams.reach.changes import Change, Meaning, compare
from gatepass.teams.reach.words import change_json, change_lines

NOBODY = "nobody gains or loses anything"


@click.command("diff")
@click.argument("before", required=False, type=click.Path(exists=True, path_type=Path))
@output("table", "json")
@question
def diff(asked: Asked, before: Path | None, output: str) -> None:
    """Say who gains and who loses what. Exit code 2 when anybody does.

    BEFORE is another version of the estate, or a plan file, of which the recorded gains and losses are shown. Without
    it the estate is compared with the live accounts (--state both): what applying it would mean.
    """
    if before is not None and before.is_file() and (recorded := recorded_meaning(before)) is not None:
        _print_recorded(recorded, output)
        return
    states = dict(asked.states)
    old = states.get(LIVE) if before is None else ask(Wanted((before,))).states[0][1]
    new = states.get(DESIRED, states.get(LIVE))
    if old is None or new is None or old is new:
        raise click.UsageError(
            "name the estate as it was, or a plan file; or use --state both for the live accounts"
        )
    found = compare(old, new)
    if output == "json":
        print_json(meaning_json(found))
    else:
        print_lines(meaning_lines(found), NOBODY)
    raise SystemExit(DONE if found.is_empty else BAD_INPUT)


def recorded_meaning(plan: Path) -> dict[str, Any] | None:
    """Who gains and loses by a plan file; None when it is none."""
    try:
        value = json.loads(plan.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(value, dict) or "gatepass_plan" not in value:
        return None
    changes = [change for change in value["changes"] if change["gains"] or change["loses"]]
    kept = [{key: change[key] for key in ("id", "gains", "loses")} for change in changes]
    return {"changes": kept, "ways": value.get("ways", [])}


def _print_recorded(recorded: dict[str, Any], output: str) -> None:
    if output == "json":
        print_json(recorded)
    else:
        lines = []
        for change in recorded["changes"]:
            lines.append(change["id"])
            lines += [click.style(f"  + {principal} gains", fg="red") for principal in change["gains"]]
            lines += [f"  - {principal} loses" for principal in change["loses"]]
        print_lines([*lines, *recorded["ways"]], NOBODY)
    raise SystemExit(BAD_INPUT if recorded["changes"] or recorded["ways"] else DONE)


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
