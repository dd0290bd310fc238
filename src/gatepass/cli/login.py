"""`gatepass login`, `logout`, `sync` and `integration`: the logins from which sessions come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gatepass.cli import completing
from gatepass.cli.laptop import face, places, read_secret, say
from gatepass.cli.listing import listing_options, show_list
from gatepass.sessions.errors import BadInput, SessionError
from gatepass.sessions.workspace.reading import load_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatepass.cli.person import Terminal
    from gatepass.sessions.model import Workspace
    from gatepass.sessions.sync.plan import SyncPlan

NAME_TRIES = 10


@click.command()
@click.argument("integration", required=False, shell_complete=completing.integrations)
@click.option("--no-browser", is_flag=True, help="Print the address and a code (device flow).")
@click.option("--fd", type=int, metavar="N", help="Read the vault's passphrase from file descriptor N.")
@face
def login(integration: str | None, no_browser: bool, fd: int | None) -> None:
    """Log in to INTEGRATION; without one, to the gatepass server.

    \b
    Examples:
      gatepass login
      gatepass login corp --no-browser
    """
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation

    if integration is None:
        _login_to_server(fd, browser=not no_browser)
        return
    with conversation(places(), Terminal(fd=fd, browser=not no_browser)) as talk:
        found = talk.call("login", name=integration)
    say(f"logged in to {integration} until {found['expires_at']}")


def _by_browser(url: str, browser: bool) -> str:
    """A token for this command line, once a person let it in at the portal."""
    from gatepass.cli.person import Terminal
    from gatepass.client.login import log_in

    if not places().vault.exists():  # said before the person goes to the browser, not after
        raise BadInput("there is no vault to keep the login in", advice="run: gatepass vault init")
    terminal = Terminal(browser=browser)
    return log_in(url, lambda address: terminal.show(address, None)).token


def _login_to_server(fd: int | None, *, browser: bool) -> None:
    """By the browser (authorization code with PKCE on a loopback port), or with a token that is piped in.

    The token is kept in the vault and nowhere else (S-25); the commands that ask the server find it there.
    """
    import os
    import sys

    from gatepass.cli.person import Terminal
    from gatepass.cli.server import DEFAULT_URL
    from gatepass.client import Client
    from gatepass.sessions.client import conversation
    from gatepass.sessions.identity import Known, keep
    from gatepass.sessions.server import SECRET

    url = os.environ.get("GATEPASS_URL") or load_workspace(places().workspace).settings.server or DEFAULT_URL
    given = fd is not None or not sys.stdin.isatty()
    token = read_secret(f"token of {url}", fd) if given else _by_browser(url, browser)
    me = Client(url, token).get("/v1/me")
    with conversation(places(), Terminal(fd=fd)) as talk:
        talk.call("put_secret", name=SECRET, value={"url": url, "token": token})
    keep(places().login, Known(url, str(me["id"]), str(me["email"] or me["id"])))
    say(f"logged in to {url} as {me['id']}")


@click.command()
@click.argument("integration", required=False, shell_complete=completing.integrations)
@face
def logout(integration: str | None) -> None:
    """End the login to INTEGRATION; without one, to the server.

    What was made from the login is dropped with it.
    """
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation
    from gatepass.sessions.server import SECRET

    with conversation(places(), Terminal()) as talk:
        if integration is not None:
            there = bool(talk.call("logout", name=integration))
        else:
            there = bool(talk.call("remove_secrets", names=[SECRET]))
            places().login.unlink(missing_ok=True)
    name = integration or "the gatepass server"
    say(f"logged out of {name}" if there else f"there was no login to {name}")


@click.group()
def integration() -> None:
    """Identity Centers and SAML providers."""


@integration.command("add")
@click.argument("name")
@click.argument("kind", type=click.Choice(["identity-center", "saml"]))
@click.argument("start_url")
@click.argument("keys", nargs=-1, metavar="[KEY=VALUE]...")
@face
def add(name: str, kind: str, start_url: str, keys: tuple[str, ...]) -> None:
    """Add a login.

    KEYs: region, login_flow, auto_login, share_sso_cache, name_template, assertion_command.

    \b
    Examples:
      gatepass integration add corp identity-center https://example.awsapps.com/start region=eu-west-1
    """
    from gatepass.sessions.workspace.assign import assigned
    from gatepass.sessions.workspace.edit import edit_workspace

    if name in load_workspace(places().workspace).integrations:
        raise BadInput(
            f"there is an integration {name!r} already", advice="edit workspace.toml, or choose another name"
        )
    values = {k: v for k, v in assigned("", keys).items() if v is not None}
    edit_workspace(
        places().workspace, {("integration", name): {"kind": kind, "start_url": start_url, **values}}
    )
    if kind == "saml":
        say(f"integration {name} added; its sessions ask for an assertion, or run its assertion_command")
    else:
        say(f"integration {name} added; run: gatepass login {name}")


@integration.command("rm")
@click.argument("name", shell_complete=completing.integrations)
@face
def rm(name: str) -> None:
    """Remove a login; its sessions must be gone first."""
    from gatepass.sessions.workspace.edit import edit_workspace

    workspace = load_workspace(places().workspace)
    if name not in workspace.integrations:
        raise BadInput(f"there is no integration {name!r}", advice="run: gatepass integration list")
    users = [s.name for s in workspace.sessions.values() if s.integration == name]
    if users:
        raise BadInput(
            f"{len(users)} sessions use integration {name!r}, for example {users[0]}",
            advice="remove them first: gatepass sync --prune, or gatepass session rm",
        )
    edit_workspace(places().workspace, {("integration", name): None})
    say(f"integration {name} removed")


@integration.command("list")
@listing_options
@face
def list_(output: str, columns: str | None, filters: tuple[str, ...]) -> None:
    """All logins."""
    workspace = load_workspace(places().workspace)
    rows = [
        {
            "name": each.name,
            "kind": each.kind,
            "start_url": each.start_url,
            "region": each.region,
            "sessions": sum(s.integration == each.name for s in workspace.sessions.values()),
        }
        for each in workspace.integrations.values()
    ]
    none = "there are no logins yet; run: gatepass integration add NAME identity-center START_URL"
    show_list(rows, ["name", "kind", "start_url", "region", "sessions"], output, columns, filters, none)


@click.command()
@click.argument("integrations", nargs=-1, shell_complete=completing.integrations)
@click.option("--server", is_flag=True, help="Only what the gatepass server offers.")
@click.option("--dry-run", is_flag=True, help="Show the difference only.")
@click.option("--prune", is_flag=True, help="Remove sessions whose role has gone.")
@click.option("--yes", is_flag=True, help="Apply without asking.")
@click.option("--fd", type=int, metavar="N", help="Read the vault's passphrase from file descriptor N.")
@face
def sync(
    integrations: tuple[str, ...], server: bool, dry_run: bool, prune: bool, yes: bool, fd: int | None
) -> None:
    """Make sessions of every account and role behind INTEGRATIONS.

    Without any, behind all of them and the gatepass server. The plan is shown first.

    \b
    Examples:
      gatepass sync --dry-run
      gatepass sync corp --prune
    """
    from gatepass.cli.person import Terminal
    from gatepass.cli.server import has_login
    from gatepass.sessions.sync.plan import SyncPlan, plan_sync
    from gatepass.sessions.workspace.edit import edit_workspace

    workspace = load_workspace(places().workspace)
    if server and integrations:
        raise BadInput("name integrations, or give --server, not both")
    from_server = server or (not integrations and has_login())
    known = tuple(n for n, i in workspace.integrations.items() if i.kind == "identity-center")
    names = () if server else integrations or known
    if not names and not from_server:
        raise BadInput(
            "there is nothing to sync from",
            advice="run: gatepass integration add NAME identity-center URL, or: gatepass login",
        )
    offered = _offered(workspace, prune) if from_server else SyncPlan({})
    found = _discovered(names, Terminal(fd=fd)) if names else {}
    plan = offered.and_(plan_sync(workspace, {n: f["roles"] for n, f in found.items()}, prune=prune))
    click.echo(plan.text(), nl=False)
    partial = [name for name in names if name not in found or not found[name]["complete"]]
    for name in (each for each in partial if each in found):
        failed = len(found[name]["failed"])
        say(f"{name}: {failed} accounts could not be read; run sync again to go on from here")
    if not plan.changes or dry_run:
        say("nothing to change" if not plan.changes else "dry run: nothing was changed")
    elif yes or _agreed(len(plan.changes)):
        edit_workspace(places().workspace, plan.changes)
        say(f"changes made: {len(plan.changes)}; run: gatepass profiles install")
    if partial:
        raise SystemExit(5)


def _discovered(names: Sequence[str], person: Terminal) -> dict[str, dict[str, Any]]:
    """What each login opens; one that fails is told and does not hold up the others. Raises when all fail."""
    from gatepass.sessions.client import conversation

    found: dict[str, dict[str, Any]] = {}
    with conversation(places(), person) as talk:
        for number, name in enumerate(names, 1):
            try:
                found[name] = talk.call("discover", name=name)
            except SessionError as error:
                if number == len(names) and not found:
                    raise
                say(f"{name}: {error.line()}")
    return found


def _offered(workspace: Workspace, prune: bool) -> SyncPlan:
    """What the gatepass server lets this person ask for. Its names come from AWS, which may take it a moment."""
    import time

    from gatepass.cli.server import connect
    from gatepass.sessions.sync.offered import plan_offered

    client = connect()
    shown = client.get("/v1/sessions")
    for _ in range(NAME_TRIES):
        if shown["complete"]:
            break
        time.sleep(1)
        shown = client.get("/v1/sessions")
    else:
        say("some names are not known to the server yet; run sync again later")
    for problem in shown["problems"]:
        say(f"left out: {problem}")
    return plan_offered(workspace, shown, prune=prune)


def _agreed(count: int) -> bool:
    import sys

    if not sys.stdin.isatty():
        raise BadInput(
            f"changes are planned ({count}) and nobody can agree to them", advice="run: gatepass sync --yes"
        )
    return bool(click.confirm(f"apply these changes ({count})?", err=True))
