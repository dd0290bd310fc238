"""What commands that speak to a gatepass server share: its address, the token, how answers are printed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from gatepass.client import Client
from gatepass.errors import GatepassError

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_URL = "http://127.0.0.1:8080"


class NoToken(GatepassError):
    """No token was given for the server."""

    code = "bad_token"


def connect() -> Client:
    """The server that GATEPASS_URL names, with the token of GATEPASS_TOKEN or of the last login, from the vault."""
    token = os.environ.get("GATEPASS_TOKEN", "")
    if not token and (found := _token_in_vault()) is not None:
        wanted = os.environ.get("GATEPASS_URL") or found["url"]
        if wanted.rstrip("/") != found["url"].rstrip(
            "/"
        ):  # a project's setting must not lead the login elsewhere
            raise NoToken(
                f"you are logged in to {found['url']}, and GATEPASS_URL says {wanted}",
                advice="unset GATEPASS_URL, or log in there: gatepass login",
            )
        return Client(found["url"], found["token"])
    if not token:
        raise NoToken("no token for the gatepass server", advice="set GATEPASS_TOKEN, or run: gatepass login")
    return Client(os.environ.get("GATEPASS_URL") or DEFAULT_URL, token)


def has_login() -> bool:
    """Whether a token for a server is at hand; needs no key of the vault."""
    if os.environ.get("GATEPASS_TOKEN"):
        return True
    from gatepass.cli.laptop import places
    from gatepass.sessions.server import SECRET
    from gatepass.sessions.vault.store import read_sealed

    return places().vault.exists() and SECRET in read_sealed(places().vault).records


def _token_in_vault() -> dict[str, str] | None:
    """The token that `gatepass login` put into the laptop's vault; the agent asks for a passphrase if it must."""
    from gatepass.cli.laptop import places

    if not places().vault.exists():
        return None
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation

    with conversation(places(), Terminal()) as talk:
        found: dict[str, str] | None = talk.call("server_token")
    return found


def output_option(command: F) -> F:
    """`--output table|json`; JSON keys are stable."""
    choice = click.option(
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="How to print.",
    )
    return choice(command)


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
