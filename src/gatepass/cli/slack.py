"""`gatepass slack`: what a flow looks like there, what is missing, the app's manifest."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from gatepass.errors import GatepassError
from gatepass.estate.model import Estate, Offer, Person
from gatepass.estate.reading.sources import load_directory

_estate = click.option(
    "--estate",
    "estate_path",
    type=click.Path(exists=True, path_type=Path),
    help="The estate's directory or file.",
)
_output = click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)


class NoSuchFlow(GatepassError):
    """There is nothing of that name to show."""

    code = "estate"


@click.group("slack")
def slack() -> None:
    """Slack: previews, checks, manifest."""


@slack.command("preview")
@click.argument("flow")
@_estate
@click.option("--as", "person_id", help="Who asks.  [default: the first who may]")
@click.option("--target", help="Which target of the flow.  [default: the first]")
@_output
def preview(
    flow: str, estate_path: Path | None, person_id: str | None, target: str | None, output: str
) -> None:
    """Print the modal and the messages of FLOW.

    Drawn, or as Block Kit JSON. Asks nobody.
    """
    from gatepass.clock import SystemClock
    from gatepass.slack.drawing import draw_message, draw_modal
    from gatepass.slack.preview import preview as make

    estate = load_directory(estate_path or Path())
    person, offers = _offers(estate, flow, person_id, target)
    made = make(estate, offers, person, SystemClock().now())
    if output == "json":
        click.echo(json.dumps({"modal": made.modal, "messages": made.messages}, indent=2, ensure_ascii=False))
        return
    click.echo(draw_modal(made.modal))
    for name, message in made.messages.items():
        click.echo(draw_message(name, message["text"], message["blocks"]))


def _offers(
    estate: Estate, name: str, person_id: str | None, target: str | None
) -> tuple[Person, tuple[Offer, ...]]:
    flow = estate.flows.get(name)
    if flow is None:
        raise NoSuchFlow(f"there is no flow {name!r}", advice=f"there are: {', '.join(sorted(estate.flows))}")
    if person_id is not None and person_id not in estate.people:
        raise NoSuchFlow(
            f"there is no person {person_id!r}", advice=f"there are: {', '.join(sorted(estate.people))}"
        )
    people = [estate.people[person_id]] if person_id is not None else list(estate.people.values())
    for person in people:
        offers = tuple(estate.offers(flow, person))
        chosen = [
            o for o in offers if target is None or (o.target and target in (o.target.name, o.target.short))
        ]
        if chosen:
            return person, (*chosen, *(o for o in offers if o not in chosen))
    who = person_id or "anybody"
    raise NoSuchFlow(f"flow {name} offers {who} no {target or 'target'}", advice="see: gatepass check ESTATE")


@slack.command("check")
@_estate
@_output
def check(estate_path: Path | None, output: str) -> None:
    """Say what is missing before Slack works.

    By GATEPASS_SLACK_*. Changes nothing; exit code 3 when something is missing.
    """
    from gatepass.app.settings import SettingsError, read_settings
    from gatepass.app.telling import slack_settings
    from gatepass.slack.checking import check as look

    settings = slack_settings(read_settings(os.environ))
    if settings is None:
        raise SettingsError("GATEPASS_SLACK_BOT_TOKEN is not set: Slack is off", advice="see docs/slack.md")
    findings = look(settings, load_directory(estate_path) if estate_path is not None else None)
    if output == "json":
        rows = [{"what": f.what, "state": f.state, "words": f.words, "advice": f.advice} for f in findings]
        click.echo(json.dumps({"findings": rows}, indent=2))
    else:
        for each in findings:
            click.echo(
                f"{each.state:<8} {each.what}: {each.words}" + (f"; {each.advice}" if each.advice else "")
            )
    if any(each.state == "missing" for each in findings):
        raise SystemExit(3)


@slack.command("manifest")
@click.option("--url", default="", help="How Slack reaches the server; without it: Socket Mode.")
@click.option("--command", default="/gatepass", show_default=True, help="The slash command; /sym may stay.")
def manifest(url: str, command: str) -> None:
    """Print the app's manifest (JSON), to be pasted into Slack."""
    from gatepass.slack.manifest import manifest as make

    click.echo(json.dumps(make(command, url), indent=2))
