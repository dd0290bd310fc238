"""`gatepass handlers`: try out the Python of a flow before anybody asks through it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gatepass.handlers import Answer, Answers, Fault, Implementation, LoadFault, Runner
from gatepass.handlers.hooks import Rules
from gatepass.handlers.names import STEPS
from gatepass.handlers.reading import Permission
from gatepass.handlers.submission import Requested, narrowed
from gatepass.handlers.wire import WireError, read_json
from gatepass.testing.flows import (
    PEOPLE,
    MadeUp,
    Tried,
    duration_of,
    field_value,
    made_up_event,
    made_up_person,
    try_step,
)
from gatepass.testing.world import FakeWorld

DONE, FAILURE, BAD_INPUT = 0, 1, 2

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def handlers() -> None:
    """The Python of a flow: reducers, hooks and prefetch functions."""


@handlers.command("test")
@click.argument("implementation", type=_file)
@click.option("--event", "event_file", type=_file, help="A recorded event (JSON). Without it one is made up.")
@click.option(
    "--step", type=click.Choice(STEPS), default="request", show_default=True, help="The step to make up."
)
@click.option("--field", "fields", multiple=True, metavar="K=V", help="A value of the form.")
@click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the flow.")
@click.option("--as", "requester", default="ana@host.example", show_default=True, help="Who asks.")
@click.option("--approver", default="ben@host.example", show_default=True, help="Who decides.")
@click.option("--for", "duration", default="1h", show_default=True, help="For how long it is asked.")
@click.option("--world", "world_file", type=_file, help="JSON: accounts, units, groups, secrets, answers.")
@click.option("--host", "hosts", multiple=True, metavar="NAME[:PORT]", help="A host the code may connect to.")
@click.option("--decide", is_flag=True, help="The flow has a decide block: code can only narrow it.")
@click.option("--automatic", is_flag=True, help="The rule of that block has automatic: true.")
@click.option("--unisolated", is_flag=True, help="Accept a machine without seccomp and Landlock.")
@click.option(
    "--show-event", is_flag=True, help="Print the event instead of running anything; edit and keep it."
)
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def test(implementation: Path, **options: Any) -> None:
    """Run the handlers of one step of IMPLEMENTATION.

    It shows what each returned and what it comes to.

    Nothing outside is touched: people, accounts and groups are made up or read from --world.
    """
    event = _event(options)
    if options["show_event"]:
        click.echo(json.dumps(event, indent=1, ensure_ascii=False))
        return
    code = Implementation(
        "flow", implementation.name, implementation.read_text(), frozenset(options["hosts"])
    )
    rules = Rules(options["decide"] or options["automatic"], options["automatic"])
    with Runner(unisolated=options["unisolated"]) as runner:
        faults = runner.load_check(code)
        if any(fault.serious for fault in faults):
            _print_faults(faults)
            raise SystemExit(BAD_INPUT)
        tried = try_step(runner, code, event, _world(options["world_file"]), rules)
        level = str(runner.level)
    if options["output"] == "json":
        click.echo(json.dumps(_json(tried, faults), indent=1, ensure_ascii=False))
    else:
        _print_faults(faults)
        _print(tried, rules)
        click.echo(f"isolation: {level}", err=True)
    raise SystemExit(FAILURE if tried.faults else DONE)


def _pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    split = [each.partition("=") for each in given]
    for each, (name, equals, _) in zip(given, split, strict=True):
        if not (name and equals):
            raise click.BadParameter(f"{each!r} is not KEY=VALUE", param_hint=option)
    return {name: value for name, _, value in split}


def _event(options: Mapping[str, Any]) -> Mapping[str, Any]:
    if options["event_file"] is not None:
        event = _read(options["event_file"])
        if not isinstance(event, dict) or "step" not in event:
            raise click.BadParameter("this is no event: it names no step", param_hint="--event")
        return event
    try:
        duration = duration_of(options["duration"])
    except ValueError as fault:
        raise click.BadParameter(str(fault), param_hint="--for") from None
    made_up = MadeUp(
        {name: field_value(value) for name, value in _pairs(options["fields"], "--field").items()},
        made_up_person(options["requester"]),
        made_up_person(options["approver"]),
        duration,
        _pairs(options["variables"], "--var"),
    )
    return made_up_event(options["step"], made_up)


def _read(path: Path) -> Any:
    try:
        return read_json(path.read_bytes())
    except WireError as fault:
        raise click.BadParameter(f"{path}: {fault}") from None


def _world(path: Path | None) -> FakeWorld:
    if path is None:
        return FakeWorld(PEOPLE)
    known = {"accounts", "units", "groups", "secrets", "event_counts", "answers"}
    given = _read(path)
    if not isinstance(given, dict) or given.keys() - known:
        raise click.BadParameter(
            f"{path} must be an object of {', '.join(sorted(known))}", param_hint="--world"
        )
    try:
        Answers(dict.fromkeys(given.get("answers", {}), lambda ask: None))
    except ValueError as fault:
        raise click.BadParameter(f"{path}: {fault}", param_hint="--world") from None
    return FakeWorld(PEOPLE, **given)


def _print_faults(faults: tuple[LoadFault, ...]) -> None:
    for fault in faults:
        click.echo(f"{'error' if fault.serious else 'warning'}: {fault}", err=True)


def _print(tried: Tried, rules: Rules) -> None:
    if not tried.calls:
        click.echo(f"no handler of this file runs at {tried.step}")
    for handler, outcome in tried.calls:
        click.echo(f"{handler:28} {_returned(outcome)}  ({outcome.usage.lasted * 1000:.0f} ms)")
        for line in outcome.usage.printed.splitlines():
            click.echo(f"{'':28} printed: {line}")
    for name, options in tried.options.items():
        for option in options if not isinstance(options, Fault) else ():
            click.echo(f"  {name} = {option.value!s:20} {option.label}")
    for line in _meaning(tried, rules):
        click.echo(f"=> {line}")
    for fault in tried.faults:
        click.echo(f"error: {fault.for_operator()}", err=True)


def _returned(outcome: Answer | Fault) -> str:
    if isinstance(outcome, Fault):
        return f"FAULT {outcome.found}"
    shown = outcome.value.get("value", "")
    return f"{outcome.value['type']} {json.dumps(shown, ensure_ascii=False)[:200] if shown != '' else ''}".strip()


def _meaning(tried: Tried, rules: Rules) -> list[str]:
    outcome = tried.outcome
    if isinstance(outcome, Requested):
        lines = [f"the request would be {outcome.fate}" + (f" by {outcome.by}" if outcome.by else "")]
        if outcome.fate == "pending":
            lines.append(f"who may decide: {_deciders(outcome.permission, rules)}")
        if outcome.notices is not None:
            lines.append(f"notifications: {len(outcome.notices)}")
        if outcome.words:
            lines.append(f"the requester reads: {outcome.words}")
    else:
        what = {"go": "is done", "ignore": "is dropped", "refuse": "is not done"}
        then = what.get(outcome.then, f"becomes {outcome.step}")
        lines = [f"the step {tried.step} {then}"]
        if outcome.message:
            lines.append(f"who caused it reads: {outcome.message}")
    return [*lines, *(f"note: {note}" for note in outcome.notes)]


def _deciders(permission: Permission | None, rules: Rules) -> str:
    if permission is None:
        return "as the flow's rules say" if rules.declarative else "every admin"
    both = narrowed(permission.approve, False, permission, declarative=False)
    own = "yourself too, " if permission.allow_self else ""
    places = "".join(f", readers of {' '.join(place.names)}" for place in permission.destinations)
    code = f"{own}{both.approvers.words()}{places}"
    return f"who may by the flow's rules and is also of: {code}" if rules.declarative else code


def _json(tried: Tried, faults: tuple[LoadFault, ...]) -> dict[str, Any]:
    outcome = tried.outcome
    if isinstance(outcome, Requested):
        result, words = str(outcome.fate), outcome.words
    else:
        result, words = str(outcome.then), outcome.message
    return {
        "step": tried.step,
        "warnings": [str(fault) for fault in faults],
        "handlers": [
            {
                "handler": handler,
                "returned": None if isinstance(each, Fault) else dict(each.value),
                "fault": each.for_audit() if isinstance(each, Fault) else None,
                "milliseconds": round(each.usage.lasted * 1000, 1),
                "questions": each.usage.asks,
                "printed": each.usage.printed,
            }
            for handler, each in tried.calls
        ],
        "options": {
            name: None
            if isinstance(each, Fault)
            else [{"value": one.value, "label": one.label} for one in each]
            for name, each in tried.options.items()
        },
        "outcome": result,
        "words": words,
        "by": outcome.by,
        "notes": list(outcome.notes),
        "faults": [fault.for_operator() for fault in tried.faults],
    }
