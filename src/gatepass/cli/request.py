"""Asking and deciding on the command line: request, requests, show, approve, deny, revoke, extend, cancel, access."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import click

from gatepass.access.states import RequestState
from gatepass.cli.listing import show_list
from gatepass.cli.moments import with_moments
from gatepass.cli.outcomes import DENIED, FAILURE, NEEDS_HUMAN
from gatepass.cli.request_page import deciders, lines
from gatepass.cli.server import connect, output_option, print_json
from gatepass.client import Client, segment

Json = dict[str, Any]
_WAITING = {"asked", "pending"}
_REFUSED = {"denied": DENIED, "cancelled": DENIED, "expired": NEEDS_HUMAN, "failed": FAILURE}
_REQUESTS = (
    "id",
    "state",
    "requester",
    "flow",
    "organization",
    "target",
    "account_id",
    "duration",
    "asked_at",
)
_ACCESS = (
    "request",
    "state",
    "organization",
    "target",
    "account_id",
    "no_new_sessions_after",
    "last_session_ends_by",
    "session",
)


@click.command("request")
@click.argument("flow", required=False)
@click.option("--list", "listing", is_flag=True, help="Show what you may ask for.")
@click.option("--target", help="What you want, by name.")
@click.option("--organization", help="Whose, when several organizations have that target.")
@click.option("--account", help="The account, where the target covers several.")
@click.option(
    "--field", "fields", multiple=True, metavar="K=V", help="A field of the flow's form; repeat for lists."
)
@click.option("--for", "duration", metavar="30m", help="How long.")
@click.option("--reason", default="", help="Why, for whoever decides.")
@click.option("--on-behalf-of", metavar="PERSON", help="Ask for somebody else (needs a token that may).")
@click.option("--wait", is_flag=True, help="Wait until access is there, or refused.")
@click.option("--timeout", default=3600.0, show_default=True, metavar="S", help="How long --wait waits.")
@output_option
def request(
    flow: str | None,
    listing: bool,
    target: str | None,
    organization: str | None,
    account: str | None,
    fields: tuple[str, ...],
    duration: str | None,
    reason: str,
    on_behalf_of: str | None,
    wait: bool,
    timeout: float,
    output: str,
) -> None:
    """Ask for access through FLOW.

    Without FLOW, or with --list, it shows what you may ask for. Exit codes: 0 asked (with --wait: access is there),
    2 bad input, 3 nobody decided in time, 4 denied.

    \b
    Examples:
      gatepass request --list
      gatepass request aws-access --target tenant_foo-main --for 30m --reason OPS-12
      gatepass request aws-access --target tenant_foo-main --for 1h --wait
    """
    client = connect()
    if listing or flow is None:
        _list_offers(client, output)
        return
    given = _fields(fields)
    for name, value in (("account_id", account), ("duration", duration), ("reason", reason)):
        if value:
            given[name] = value
    body: Json = {"flow": flow, "target": target, "organization": organization, "fields": given}
    if on_behalf_of:
        body["requester"] = on_behalf_of
    made = client.post("/v1/requests", {name: value for name, value in body.items() if value is not None})
    if not wait:
        _print_request(made, output)
        return
    _finish(_wait(client, made["id"], timeout), output)


def _list_offers(client: Client, output: str) -> None:
    offers = client.get("/v1/offers")["offers"]
    columns = ("flow", "organization", "target", "target_label", "longest", "approvers")
    if output == "json":
        print_json(offers)
    elif offers:
        show_list([{**each, "approvers": deciders(each)} for each in offers], columns, output, None, ())
    else:
        click.echo("there is nothing you may ask for; an admin can add you to a group of the estate")


def _fields(pairs: Iterable[str]) -> Json:
    given: Json = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"found {pair!r}; allowed: NAME=VALUE", param_hint="--field")
        if name in given:
            known = given[name]
            given[name] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            given[name] = value
    return given


def _wait(client: Client, request_id: str, timeout: float) -> Json:
    """The request once it is decided and, if approved, its access is there or failed; asks often, then seldom."""
    until = time.monotonic() + timeout
    pause = 0.2
    while True:
        shown = client.get(f"/v1/requests/{segment(request_id)}")
        grants = shown["grants"]
        moving = shown["state"] == "approved" and (
            not grants or any(grant["state"] in ("waiting", "granting") for grant in grants)
        )
        if not (shown["state"] in _WAITING or moving) or time.monotonic() > until:
            return shown
        time.sleep(pause)
        pause = min(pause * 1.3, 3.0)


def _finish(shown: Json, output: str) -> None:
    _print_request(shown, output)
    state = shown["state"]
    if state in _WAITING:
        raise SystemExit(NEEDS_HUMAN)
    if state in _REFUSED:
        raise SystemExit(_REFUSED[state])


@click.command("requests")
@click.option("--to-decide", is_flag=True, help="Only those that wait for your answer.")
@click.option(
    "--state",
    multiple=True,
    type=click.Choice([state.value for state in RequestState]),
    help="Only in this state; may be repeated.",
)
@click.option("--flow")
@click.option("--requester", metavar="PERSON")
@click.option("--limit", default=50, show_default=True)
@output_option
def requests(
    to_decide: bool, state: tuple[str, ...], flow: str | None, requester: str | None, limit: int, output: str
) -> None:
    """Requests you may see, newest first."""
    query = {"flow": flow, "requester": requester, "state": state, "limit": limit}
    got = connect().get("/v1/requests", **query, to_decide="true" if to_decide else None)["requests"]
    if output == "json":
        print_json(got)
    else:
        nothing = "nothing waits for your answer" if to_decide else "there are no such requests"
        show_list(with_moments(got, "asked_at"), _REQUESTS, output, None, (), nothing)


@click.command("show")
@click.argument("request_id", metavar="ID")
@output_option
def show(request_id: str, output: str) -> None:
    """One request: its time line, grants, calls to AWS and errors.

    And what you may do about it.
    """
    _print_request(connect().get(f"/v1/requests/{segment(request_id)}"), output)


@click.command("access")
@output_option
def access(output: str) -> None:
    """What you hold now, and until when.

    Each grant has two ends: no new sessions start after the first, the last session ends by the second.
    """
    got = connect().get("/v1/access")["access"]
    if output == "json":
        print_json(got)
    else:
        told = with_moments(got, "no_new_sessions_after", "last_session_ends_by")
        show_list(told, _ACCESS, output, None, (), "you hold nothing; ask with: gatepass request --list")


@click.command("approve")
@click.argument("request_id", metavar="ID")
@click.option("--for", "duration", metavar="30m", help="Give less time than was asked for.")
@click.option("--message", default="", help="For the requester.")
@click.option("--content-hash", help="What you decided on, as `show` printed it; else what it is now.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@output_option
def approve(
    request_id: str, duration: str | None, message: str, content_hash: str | None, yes: bool, output: str
) -> None:
    """Approve a request. You see exactly what you approve.

    \b
    Examples:
      gatepass approve REQUEST
      gatepass approve REQUEST --for 30m --message 'half an hour should do'
    """
    body: Json = {"message": message, **({"duration": duration} if duration else {})}
    _answer("approve", request_id, body, content_hash, yes, output)


@click.command("deny")
@click.argument("request_id", metavar="ID")
@click.option("--message", default="", help="For the requester.")
@click.option("--content-hash", help="What you decided on, as `show` printed it; else what it is now.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@output_option
def deny(request_id: str, message: str, content_hash: str | None, yes: bool, output: str) -> None:
    """Deny a request."""
    _answer("deny", request_id, {"message": message}, content_hash, yes, output)


def _answer(verb: str, request_id: str, body: Json, content_hash: str | None, yes: bool, output: str) -> None:
    client = connect()
    path = f"/v1/requests/{segment(request_id)}"
    if content_hash is None:
        shown = client.get(path)
        content_hash = shown["content_hash"]
        if not yes:
            _print_request(shown, "table", err=True)
            click.confirm(f"{verb} this?", abort=True, err=True)
    client.post(f"{path}/{verb}", {**body, "content_hash": content_hash})
    _print_request(client.get(path), output)


@click.command("revoke")
@click.argument("request_id", metavar="ID")
@output_option
def revoke(request_id: str, output: str) -> None:
    """Give access back now, or take it back."""
    client = connect()
    path = f"/v1/requests/{segment(request_id)}"
    client.post(f"{path}/revoke")
    _print_request(client.get(path), output)


@click.command("extend")
@click.argument("request_id", metavar="ID")
@click.option("--for", "duration", metavar="30m", required=True, help="How much longer.")
@output_option
def extend(request_id: str, duration: str, output: str) -> None:
    """Ask for more time on live access: decided like a request."""
    path = f"/v1/requests/{segment(request_id)}/extend"
    _print_request(connect().post(path, {"duration": duration}), output)


@click.command("cancel")
@click.argument("request_id", metavar="ID")
@output_option
def cancel(request_id: str, output: str) -> None:
    """Withdraw a request that is not decided yet."""
    _print_request(connect().post(f"/v1/requests/{segment(request_id)}/cancel"), output)


def _print_request(shown: Json, output: str, *, err: bool = False) -> None:
    if output == "json":
        print_json(shown)
        return
    for line in lines(shown):
        click.echo(line, err=err)
