"""`gatepass people`: who there is, who has left, who somebody is in an identity store."""

from __future__ import annotations

import click

from gatepass.cli.listing import show_list
from gatepass.cli.server import connect, output_option, print_json
from gatepass.client import segment
from gatepass.estate.outline import counted

_COLUMNS = ("id", "label", "email", "role", "groups", "active")


@click.group("people", invoke_without_command=True)
@output_option
@click.pass_context
def people(ctx: click.Context, output: str) -> None:
    """List people; disable leavers; store identities."""
    if ctx.invoked_subcommand is not None:
        return
    got = connect().get("/v1/people")["people"]
    if output == "json":
        print_json(got)
    else:
        show_list([{**each, "groups": " ".join(each["groups"])} for each in got], _COLUMNS, output, None, ())


@people.command("disable")
@click.argument("person")
@click.option("--why", default="left", show_default=True)
def disable(person: str, why: str) -> None:
    """PERSON has left: what they hold, ask and may do ends now.

    Requests, grants, tokens and sessions.
    """
    ended = connect().post(f"/v1/people/{segment(person)}/disable", {"why": why})["ended"]
    click.echo(f"{person} is disabled; taking back {counted(ended, 'grants')}")


@people.command("enable")
@click.argument("person")
def enable(person: str) -> None:
    """PERSON is back. What was ended stays ended."""
    connect().post(f"/v1/people/{segment(person)}/enable")
    click.echo(f"{person} may act again")


@people.command("identity")
@click.argument("person")
@click.argument("service")
@click.argument("external_id")
@click.argument("identity")
def identity(person: str, service: str, external_id: str, identity: str) -> None:
    """Say who PERSON is at a SERVICE.

    SERVICE is aws_sso, EXTERNAL_ID the instance's ARN, IDENTITY the user's id there.
    """
    body = {"service": service, "external_id": external_id, "identity": identity}
    connect().put(f"/v1/people/{segment(person)}/identities", body)
    click.echo(f"{person} is {identity} in {external_id}")
