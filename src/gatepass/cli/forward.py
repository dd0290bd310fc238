"""`gatepass ssh-forward`: credentials of this laptop on another machine, which keeps none."""

from __future__ import annotations

import secrets
import subprocess
import sys

import click

from gatepass.cli import completing
from gatepass.cli.laptop import face, places
from gatepass.sessions.errors import BadInput, Upstream
from gatepass.sessions.model import Session
from gatepass.sessions.workspace.reading import load_workspace, require

SETUP_SECONDS = 120


@click.command("ssh-forward")
@click.argument("host")
@click.option(
    "-s",
    "--session",
    "names",
    multiple=True,
    required=True,
    shell_complete=completing.sessions,
    help="A session to be had there.",
)
@click.option("-o", "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option for ssh.")
@click.option("--fd", type=int, metavar="N", help="Read codes and passphrases from file descriptor N.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, shell_complete=completing.program)
@face
def ssh_forward(
    host: str, names: tuple[str, ...], options: tuple[str, ...], fd: int | None, command: tuple[str, ...]
) -> None:
    """Open a shell on HOST that has the sessions named.

    Or run COMMAND there. Nothing stays on HOST.

    \b
    Examples:
      gatepass ssh-forward build.example -s dev -s test
      gatepass ssh-forward build.example -s dev -- make deploy
    """
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation
    from gatepass.sessions.delivery.forwarding import far_command, ssh_command

    if host.startswith("-"):
        raise BadInput(f"found {host!r}; allowed: a host as ssh takes it")
    workspace = load_workspace(places().workspace)
    sessions = [workspace.told(require(workspace, name)) for name in names]
    local = places().run / f"forward-{secrets.token_hex(4)}.sock"
    with conversation(places(), Terminal(fd=fd, stdin=False)) as talk:
        for session in sessions:
            talk.call("start", name=session.name)
        talk.call("forward", names=[s.name for s in sessions], place=str(local))
        there = _set_up(host, options, sessions)
        far = far_command(there, sessions[0], command)
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        ssh = ssh_command(host, options, local, there, far, terminal=terminal)
        code = subprocess.run(ssh, check=False).returncode
    sys.exit(code if code >= 0 else 128 - code)


def _set_up(host: str, options: tuple[str, ...], sessions: list[Session]) -> str:
    """The private directory on the host, with what its tools need."""
    from gatepass.sessions.delivery.forwarding import SETUP, place_of, setup_script

    words = ["ssh", *(w for o in options for w in ("-o", o)), "--", host, *SETUP]
    try:
        done = subprocess.run(
            words,
            input=setup_script(sessions),
            stdout=subprocess.PIPE,
            text=True,
            timeout=SETUP_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise BadInput("there is no ssh here", advice="install OpenSSH's client") from error
    except subprocess.TimeoutExpired as error:
        raise Upstream(f"{host} did not answer for {SETUP_SECONDS} s") from error
    place = place_of(done.stdout)
    if done.returncode != 0 or place is None:
        raise Upstream(
            f"{host} could not be prepared (ssh ended with {done.returncode})", advice=f"try: ssh {host}"
        )
    return place
