"""`gatepass session`: the sessions of this laptop, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gatepass.cli import completing
from gatepass.cli.glance import NO_SESSIONS, listed
from gatepass.cli.laptop import face, places, read_secret, say
from gatepass.cli.listing import listing_options, show_list
from gatepass.cli.pick import picked, session_argument
from gatepass.sessions.errors import BadInput, Locked
from gatepass.sessions.model import KINDS
from gatepass.sessions.workspace.reading import load_workspace, require
from gatepass.sessions.workspace.roster import COLUMNS

if TYPE_CHECKING:
    from gatepass.sessions.plan import Step

_fd = click.option("--fd", type=int, metavar="N", help="Read secrets from file descriptor N, one per line.")


@click.group()
def session() -> None:
    """Named recipes that yield AWS credentials."""


@session.command()
@click.argument("name")
@click.argument("kind", type=click.Choice(list(KINDS)), metavar=f"[{'|'.join(KINDS)}]")
@click.argument("keys", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=completing.keys)
@click.option("--without-keys", is_flag=True, help="iam-user: put the access key in later.")
@_fd
@face
def add(name: str, kind: str, keys: tuple[str, ...], without_keys: bool, fd: int | None) -> None:
    """Add the session NAME.

    \b
    Examples:
      gatepass session add gateway iam-user
      gatepass session add dev role role_arn=arn:aws:iam::222222222222:role/developer via=gateway
    """
    from gatepass.sessions.workspace.assign import assigned
    from gatepass.sessions.workspace.edit import edit_workspace

    if name in load_workspace(places().workspace).sessions:
        raise BadInput(
            f"there is a session {name!r} already", advice=f"run: gatepass session edit {name} KEY=VALUE"
        )
    if kind == "iam-user" and not without_keys and not places().vault.exists():
        raise Locked("there is no vault for its access key", advice="run: gatepass vault init")
    values = {key: value for key, value in assigned(kind, keys).items() if value is not None}
    edit_workspace(places().workspace, {("session", name): {"kind": kind, **values}})
    say(f"session {name} added")
    if kind == "iam-user" and not without_keys:
        _store_keys(name, fd)


@session.command()
@session_argument()
@click.argument("keys", nargs=-1, required=True, metavar="KEY=VALUE...", shell_complete=completing.keys)
@face
def edit(name: str, keys: tuple[str, ...]) -> None:
    """Change keys of a session; KEY= removes one."""
    from gatepass.sessions.workspace.assign import assigned
    from gatepass.sessions.workspace.edit import edit_workspace, table_at

    found = require(load_workspace(places().workspace), name)
    table = table_at(places().workspace, ("session", found.name))
    assert table is not None
    changed = {**table, **assigned(found.kind, keys)}
    edit_workspace(
        places().workspace, {("session", found.name): {k: v for k, v in changed.items() if v is not None}}
    )
    say(f"session {found.name} changed")


@session.command()
@session_argument()
@click.option("--with-children", is_flag=True, help="Remove the sessions made from it too.")
@face
def rm(name: str, with_children: bool) -> None:
    """Remove a session and its secrets."""
    from gatepass.sessions.client import agent_is_running, conversation
    from gatepass.sessions.workspace.edit import edit_workspace

    workspace = load_workspace(places().workspace)
    found = require(workspace, name)
    gone = [found.name]
    for each in gone:
        gone += [child.name for child in workspace.children(each)]
    if len(gone) > 1 and not with_children:
        raise BadInput(
            f"sessions {', '.join(gone[1:])} are made from {found.name!r}",
            advice=f"remove them first, or: gatepass session rm --with-children {found.name}",
        )
    running = agent_is_running(places())
    if running:
        with conversation(places()) as talk:
            talk.call("stop", name=found.name)
    edit_workspace(places().workspace, {("session", each): None for each in gone})
    _remove_secrets(gone)
    say(f"removed {', '.join(gone)}")


def _remove_secrets(names: list[str]) -> None:
    """Only where there are any: a vault that is locked need not be opened for nothing."""
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation
    from gatepass.sessions.errors import SessionError
    from gatepass.sessions.vault.store import read_sealed

    wanted = {f"{group}/{name}" for name in names for group in ("iam-user", "totp")}
    try:
        there = sorted(wanted & read_sealed(places().vault).records.keys())
    except SessionError:
        return
    if there:
        with conversation(places(), Terminal()) as talk:
            talk.call("remove_secrets", names=there)


@session.command()
@session_argument()
@click.option("--totp", is_flag=True, help="The TOTP seed of its MFA device instead of the access key.")
@_fd
@face
def secret(name: str, totp: bool, fd: int | None) -> None:
    """Put a session's access key or TOTP seed into the vault."""
    found = require(load_workspace(places().workspace), name)
    if found.kind != "iam-user":
        raise BadInput(f"session {found.name!r} is of kind {found.kind} and has no secret of its own")
    if totp:
        _put(f"totp/{found.name}", {"seed": read_secret("TOTP seed (base32)", fd)}, fd)
    else:
        _store_keys(found.name, fd)


def _store_keys(name: str, fd: int | None) -> None:
    key_id = read_secret("access key id", fd)
    if not (16 <= len(key_id) <= 128 and key_id.isalnum()):
        raise BadInput("this is not an access key id", advice=f"run: gatepass session secret {name}")
    value = {"access_key_id": key_id, "secret_access_key": read_secret("secret access key", fd)}
    _put(f"iam-user/{name}", value, fd)


def _put(name: str, value: dict[str, str], fd: int | None) -> None:
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation

    with conversation(places(), Terminal(fd=fd)) as talk:
        talk.call("put_secret", name=name, value=value)
    say(f"{name} is in the vault")


@session.command("list")
@listing_options
@face
def list_(output: str, columns: str | None, filters: tuple[str, ...]) -> None:
    """All sessions."""
    show_list(listed(places()), COLUMNS, output, columns, filters, NO_SESSIONS)


@session.command()
@session_argument(required=False)
@click.option("--wait", is_flag=True, help="A grant session that was asked for: wait until it is decided.")
@_fd
@face
def start(name: str | None, wait: bool, fd: int | None) -> None:
    """Mint now, asking now for what is needed."""
    name = picked(name)
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation

    with conversation(places(), Terminal(fd=fd)) as talk:
        if wait:
            talk.call("await", name=name)
        found = talk.call("start", name=name)
    say(f"session {found['name']} is active until {found['expires_at']}")


@session.command()
@session_argument()
@face
def stop(name: str) -> None:
    """Drop the credentials at once and refuse to mint until start."""
    from gatepass.sessions.client import conversation

    with conversation(places()) as talk:
        gone = talk.call("stop", name=name)
    say(f"stopped; dropped {', '.join(gone) or 'nothing'}")
    found = require(load_workspace(places().workspace), name)
    if found.kind in ("sso-role", "role", "saml-role", "grant"):
        say("credentials that a tool already took may live until they expire")


@session.command()
@session_argument()
@face
def explain(name: str) -> None:
    """How the session's credentials are made.

    Which calls, for how long, and where a person is needed.
    """
    from gatepass.clock import SystemClock
    from gatepass.sessions.learned import Learned
    from gatepass.sessions.model import IamUser
    from gatepass.sessions.plan import console_step, plan

    workspace = load_workspace(places().workspace)
    found = require(workspace, name)
    learned = Learned(places().learned, SystemClock().now).lengths
    steps = plan(workspace.chain(found.name), learned)
    for number, step in enumerate(steps, 1):
        click.echo(f"{number}. {step.session.name}: {_told(step)}")
    if isinstance(found.recipe, IamUser):
        click.echo(f"console: {_told(console_step(found, None))}")


def _told(step: Step) -> str:
    lasts = f" for {int(step.lasts.total_seconds())} s" if step.lasts else ""
    mfa = f", with an MFA code of {step.mfa_serial}" if step.mfa_serial else ""
    why = f" ({step.why})" if step.why else ""
    return f"{step.call}{lasts}{mfa}{why}"


@session.command()
@click.option("--confirm", is_flag=True, help="Also answer questions about prod sessions here.")
@face
def watch(confirm: bool) -> None:
    """Show every change of state as a line of JSON, until interrupted."""
    import json

    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation, uses_agent

    if not uses_agent(places()):
        raise BadInput("there is no agent to watch (agent = false)", advice="run: gatepass agent logs")
    with conversation(places(), Terminal()) as talk:
        talk.call("watch", confirm=confirm)
        try:
            for event in talk.events():
                click.echo(json.dumps(event))
        except KeyboardInterrupt:
            return
