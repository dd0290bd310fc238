"""`gatepass files`: credentials in `~/.aws/credentials`, for tools that know nothing else."""

from __future__ import annotations

import os

import click

from gatepass.cli import completing
from gatepass.cli.laptop import face, places, say
from gatepass.cli.listing import listing_options, show_list
from gatepass.cli.pick import session_argument
from gatepass.sessions.errors import BadInput


@click.group()
def files() -> None:
    """Short-lived keys in ~/.aws/credentials, for legacy tools.

    They are there while the agent holds them.
    """


@files.command()
@session_argument()
@click.option("--i-know", is_flag=True, help="Yes: every program of yours can read them there.")
@click.option("--fd", type=int, metavar="N", help="Read codes and passphrases from file descriptor N.")
@face
def write(name: str, i_know: bool, fd: int | None) -> None:
    """Write the keys of session NAME into the file.

    They are renewed until it is stopped, and removed at stop, expiry and the agent's end.
    """
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation, uses_agent
    from gatepass.sessions.config.shadow import credentials_path

    path = credentials_path(os.environ)
    if not i_know:
        raise BadInput(
            f"this writes keys in clear into {path}",
            advice=f"use gatepass exec or gatepass profiles install; or: gatepass files write {name} --i-know",
        )
    if not uses_agent(places()):
        raise BadInput("without an agent nobody would remove them again", advice="use gatepass exec")
    with conversation(places(), Terminal(fd=fd)) as talk:
        talk.call("start", name=name)
        found = talk.call("files_write", name=name, path=str(path.absolute()))
    say(f"[{found['profile']}] is in {path} until {found['expires_at']}, renewed while the agent runs")


@files.command()
@click.argument("names", nargs=-1, shell_complete=completing.sessions)
@face
def remove(names: tuple[str, ...]) -> None:
    """Remove the keys of NAMES, or all that gatepass wrote."""
    from gatepass.sessions.client import agent_is_running, conversation

    gone: list[str] = []
    if agent_is_running(places()):
        with conversation(places()) as talk:
            gone = talk.call("files_remove", names=list(names))
    say(f"removed {', '.join(gone)}" if gone else "there was nothing to remove")


@files.command("list")
@listing_options
@face
def list_(output: str, columns: str | None, filters: tuple[str, ...]) -> None:
    """The sessions whose keys lie in the file."""
    from gatepass.sessions.client import agent_is_running, conversation

    rows: list[dict[str, object]] = []
    if agent_is_running(places()):
        with conversation(places()) as talk:
            rows = [{"name": name} for name in talk.call("files_list")]
    show_list(rows, ["name"], output, columns, filters)
