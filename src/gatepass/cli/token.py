"""`gatepass token`: bearer tokens for people and bots."""

from __future__ import annotations

import click

from gatepass.cli.listing import show_list
from gatepass.cli.moments import when, with_moments
from gatepass.cli.server import connect, output_option, print_json
from gatepass.client import segment

_COLUMNS = ("id", "person", "scopes", "label", "issued_by", "issued_at", "expires_at", "revoked_at")


@click.group("token")
def token() -> None:
    """Issue, list and revoke bearer tokens."""


@token.command("issue")
@click.argument("person")
@click.option(
    "--scope", "scopes", multiple=True, help="ask, decide, admin, on_behalf; default: ask and decide."
)
@click.option("--for", "lasts", default="30d", show_default=True, help="How long it is good.")
@click.option("--label", default="", help="What it is for.")
@output_option
def issue(person: str, scopes: tuple[str, ...], lasts: str, label: str, output: str) -> None:
    """Issue a token for PERSON. It is printed once, alone on stdout."""
    body = {"person": person, "lasts": lasts, "label": label, **({"scopes": list(scopes)} if scopes else {})}
    made = connect().post("/v1/tokens", body)
    if output == "json":
        print_json(made)
        return
    click.echo(made["token"])
    click.echo(
        f"{made['id']} for {made['person']}, good until {when(made['expires_at'])}; shown this once", err=True
    )


@token.command("list")
@output_option
def list_tokens(output: str) -> None:
    """Your tokens; for an admin everybody's. Never the tokens themselves."""
    got = connect().get("/v1/tokens")["tokens"]
    if output == "json":
        print_json(got)
    else:
        rows = [{**each, "scopes": " ".join(each["scopes"])} for each in got]
        told = with_moments(rows, "issued_at", "expires_at", "revoked_at")
        show_list(told, _COLUMNS, output, None, (), "there are no tokens")


@token.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> None:
    """End a token at once, and all that were issued through it."""
    connect().delete(f"/v1/tokens/{segment(token_id)}")
    click.echo(f"{token_id} is revoked")
