"""`gatepass agent`, `status`, `whoami`, `prompt`: the daemon and what it holds."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from gatepass.cli.glance import COLUMNS, NO_SESSIONS, states
from gatepass.cli.laptop import face, places, say
from gatepass.cli.listing import listing_options, show_list
from gatepass.cli.pick import session_argument
from gatepass.cli.shells import PROMPTS, prompt_function
from gatepass.sessions.errors import BadInput


@click.group()
def agent() -> None:
    """The daemon that keeps credentials in memory.

    It starts by itself.
    """


@agent.command()
@click.option("--foreground", is_flag=True, help="Stay in this terminal.")
@face
def start(foreground: bool) -> None:
    """Start the agent."""
    from gatepass.sessions.client import request, uses_agent
    from gatepass.sessions.launcher.install import launch_for

    if not uses_agent(places()):
        raise BadInput(
            "the workspace says agent = false", advice="each command does the agent's work for itself"
        )
    if foreground:
        argv = launch_for(places()).argv
        if sys.platform == "win32":  # there a replaced process returns to the shell at once
            sys.exit(subprocess.call(argv))
        else:
            os.execv(argv[0], argv)  # noqa: S606  an argument list, our own interpreter
    pid = request(places(), "hello 1").decode().split()[1]
    say(f"the agent runs as process {pid}")


@agent.command()
@face
def stop() -> None:
    """End the agent; every credential in it is gone."""
    from gatepass.sessions.client import tell_agent_if_running

    say("stopped" if tell_agent_if_running(places(), "quit") else "the agent was not running")


@agent.command("status")
@face
def agent_status() -> None:
    """Whether the agent runs, and how."""
    from gatepass.sessions.client import agent_is_running, conversation, uses_agent

    if not agent_is_running(places()) or not uses_agent(places()):
        click.echo("the agent is not running; it starts when it is needed")
        return
    with conversation(places()) as talk:
        found = talk.call("agent")
    click.echo(f"process  {found['pid']}")
    click.echo(f"socket   {places().socket}")
    click.echo(f"vault    {found['vault']}")
    click.echo(f"held     {found['held']} credentials")
    if abs(found["skew_seconds"]) > 60:
        click.echo(f"warning  this machine's clock is {found['skew_seconds']} s behind AWS's")


@agent.command()
@click.argument("kind", type=click.Choice(["systemd-socket", "systemd-service", "launchd", "windows-task"]))
@face
def unit(kind: str) -> None:
    """Print a unit for systemd or launchd.

    By it the system starts the agent at login or on its first use.
    """
    from gatepass.sessions.launcher.install import launch_for
    from gatepass.sessions.units import UNITS

    click.echo(UNITS[kind](launch_for(places())), nl=False)


@agent.command()
@click.option("--lines", default=50, show_default=True)
@face
def logs(lines: int) -> None:
    """What happened last: states, and who took credentials."""
    try:
        found = places().audit.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        found = []
    for line in found[-lines:]:
        click.echo(line)


@click.command()
@session_argument(required=False)
@listing_options
@face
def status(name: str | None, output: str, columns: str | None, filters: tuple[str, ...]) -> None:
    """Which sessions are active, until when, what they wait for."""
    show_list(states(places(), name), COLUMNS, output, columns, filters, NO_SESSIONS)


@click.command()
@session_argument(required=False)
@face
def whoami(name: str | None) -> None:
    """Who AWS says NAME is; without NAME, who you are to gatepass."""
    from gatepass.sessions.client import conversation

    if name is None:
        _me()
        return
    from gatepass.cli.person import Terminal

    with conversation(places(), Terminal()) as talk:
        found = talk.call("caller", name=name)
    for key in ("account", "arn", "user_id"):
        click.echo(f"{key:9}{found[key]}")


def _me() -> None:
    """The person at the gatepass server, as far as this laptop is logged in to one, and the name on role sessions."""
    from gatepass.cli.server import connect, has_login
    from gatepass.sessions.identity import identity_of
    from gatepass.sessions.plan import role_session_name
    from gatepass.sessions.workspace.reading import load_workspace

    if has_login():
        client = connect()
        me = client.get("/v1/me")
        click.echo(f"person        {me['id']} ({me['label']}), {me['role']}")
        click.echo(f"server        {client.url}")
    else:
        click.echo("person        not known: no login to a gatepass server; run: gatepass login")
    identity = identity_of(load_workspace(places().workspace).settings, places().login)
    click.echo(f"identity      {identity}")
    click.echo(f"session name  {role_session_name(identity)}")


@click.command()
@click.argument("shell", type=click.Choice(sorted(PROMPTS)))
@face
def prompt(shell: str) -> None:
    """Print a function for your shell's prompt.

    It reads a small file that the agent keeps, and starts no process.

    \b
    Examples:
      eval "$(gatepass prompt bash)"
    """
    click.echo(prompt_function(shell, str(places().prompt)), nl=False)
