"""`gatepass organizations`: how each organization is reached, and what is live and waiting there."""

from __future__ import annotations

import click

from gatepass.cli.listing import show_list
from gatepass.cli.server import connect, output_option, print_json

_COLUMNS = ("name", "live_grants", "ending_grants", "take_backs_due", "in_flight", "role_arn", "external_id")


@click.command("organizations")
@output_option
def organizations(output: str) -> None:
    """Every organization, with the external id of its role.

    The connector role of each has to require it.
    """
    got = connect().get("/v1/organizations")["organizations"]
    if output == "json":
        print_json(got)
    else:
        show_list(got, _COLUMNS, output, None, ())
