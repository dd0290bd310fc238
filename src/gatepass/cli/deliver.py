"""`gatepass exec`, `env`, `endpoint`, `console`, `ssm`: credentials to where they are used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from gatepass.cli import completing
from gatepass.cli.laptop import face, places, say
from gatepass.cli.person import Terminal
from gatepass.cli.pick import picked, session_argument
from gatepass.sessions.config.shadow import without_default
from gatepass.sessions.delivery.formats import (
    FORMATS,
    about,
    rendered,
    without_credentials,
)
from gatepass.sessions.errors import BadInput, SessionError
from gatepass.sessions.model import Session
from gatepass.sessions.workspace.reading import load_workspace, require

_fd = click.option("--fd", type=int, metavar="N", help="Read codes and passphrases from file descriptor N.")


def _session(name: str) -> Session:
    """The session as tools are told of it."""
    workspace = load_workspace(places().workspace)
    return workspace.told(require(workspace, name))


def _variables(found: Mapping[str, Any], session: Session) -> dict[str, str]:
    """Environment variables from a credential_process object."""
    named = {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found.get("SessionToken", ""),
        "AWS_CREDENTIAL_EXPIRATION": found["Expiration"],
        "AWS_ACCOUNT_ID": found.get("AccountId", ""),
        **about(session),
        "GATEPASS_EXPIRES": found["Expiration"],
    }
    return {key: value for key, value in named.items() if value}


@click.command("exec")
@click.option(
    "--env",
    "by_env",
    is_flag=True,
    help="Keys in the environment instead of the endpoint; they do not refresh.",
)
@click.option("--request", "ask", is_flag=True, help="A grant session: ask for access first and wait for it.")
@click.option("--reason", default="", help="Why, for whoever decides.")
@_fd
@session_argument()
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, shell_complete=completing.program)
@face
def exec_(ask: bool, reason: str, by_env: bool, fd: int | None, name: str, command: tuple[str, ...]) -> None:
    """Run COMMAND with the credentials of session NAME.

    They are refreshed while it runs, and end with it.

    \b
    Examples:
      gatepass exec dev -- aws s3 ls
      gatepass exec tenant_foo/main --request --reason OPS-12 -- terraform plan
    """
    from gatepass.sessions.client import conversation

    session = _session(name)
    command = command[1:] if command[0] == "--" else command
    if not command:
        raise BadInput("name the command to run", advice=f"gatepass exec {name} -- COMMAND")
    with conversation(places(), Terminal(fd=fd, stdin=False)) as talk:
        environment = without_credentials(os.environ)
        if ask:
            given = talk.call("request", name=session.name, reason=reason)
            say(f"request {given['request']} is granted until {given['ends_at'] or 'further notice'}")
            if given["lives_until"]:
                say(f"credentials made under it may live until {given['lives_until']}")
        if by_env:
            environment |= _variables(talk.call("get", name=session.name), session)
        else:
            talk.call("start", name=session.name)
            environment |= endpoint_variables(talk.call("endpoint", names=[session.name]), session)
            environment |= _default_kept_out()
        code = _run(command, environment)
    sys.exit(code)


def endpoint_variables(opened: Mapping[str, Any], session: Session) -> dict[str, str]:
    """What makes an SDK ask the endpoint; the token is worth nothing once the child has ended."""
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{opened['host']}:{opened['port']}/v1/{session.name}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": opened["token"],
        **about(session),
    }


def _default_kept_out() -> dict[str, str]:
    """So that the child gets this session's credentials and not those of `[default]`; said when there are such."""
    kept_out = without_default(os.environ)
    for variable in kept_out:
        say(
            f"[default] has credentials of its own, which tools prefer: {variable}={os.devnull} for this command"
        )
    return kept_out


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the child in our terminal, pass signals on, and take over its exit status."""
    import signal

    try:
        child = subprocess.Popen(_found(command, environment), env=dict(environment))
    except OSError as error:
        raise BadInput(f"{command[0]!r} cannot be run ({error.strerror})") from error
    for number in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, number):  # Windows has no hang-up; ending a child there is always by force
            signal.signal(getattr(signal, number), lambda got, _: child.send_signal(got))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the child itself
    code = child.wait()
    return 128 - code if code < 0 else code


def _found(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The command as the system starts it: by itself Windows finds `.exe` only, and many tools are `.cmd` files."""
    if sys.platform != "win32":
        return list(command)
    else:
        return [shutil.which(command[0], path=environment.get("PATH")) or command[0], *command[1:]]


@click.command()
@session_argument(required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default="env", show_default=True)
@_fd
@face
def env(name: str | None, form: str, fd: int | None) -> None:
    """Print the credentials of session NAME.

    For a shell or a program.

    \b
    Examples:
      eval "$(gatepass env dev)"
      gatepass env dev --format json
    """
    from gatepass.sessions.client import conversation

    session = _session(picked(name))
    if sys.stdout.isatty():
        say("warning: these are credentials; they stay in the terminal's history")
    with conversation(places(), Terminal(fd=fd, stdin=False)) as talk:
        found = talk.call("get", name=session.name)
    click.echo(rendered(form, _variables(found, session), found), nl=False)


@click.command()
@click.argument("names", nargs=-1, required=True, shell_complete=completing.sessions)
@click.option(
    "--bind", default="127.0.0.1", show_default=True, help="An address of this machine or of a local bridge."
)
@click.option("--port", type=int, default=0, help="A fixed port.")
@click.option("--imds", is_flag=True, help="Instance metadata instead, for tools that know nothing else.")
@click.option("--token-file", type=click.Path(), help="Write the token to this file instead of the terminal.")
@_fd
@face
def endpoint(
    names: tuple[str, ...], bind: str, port: int, imds: bool, token_file: str | None, fd: int | None
) -> None:
    """Serve the sessions NAMES to containers and IDEs over HTTP.

    It serves until it is interrupted.
    """
    from pathlib import Path

    from gatepass.sessions.client import conversation
    from gatepass.sessions.files import replace

    sessions = [_session(name) for name in names]
    if imds and (len(names) > 1 or token_file is not None):
        raise BadInput("--imds serves one session and has no token", advice="name one session")
    with conversation(places(), Terminal(fd=fd, stdin=False)) as talk:
        opened = talk.call("endpoint", names=[s.name for s in sessions], host=bind, port=port, imds=imds)
        if imds:
            say(f"warning: whoever reaches {bind}:{opened['port']} has the credentials of {names[0]}")
            click.echo(f"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://{bind}:{opened['port']}")
        for session in () if imds else sessions:
            click.echo(f"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://{bind}:{opened['port']}/v1/{session.name}")
        if token_file is None and not imds:
            click.echo(f"AWS_CONTAINER_AUTHORIZATION_TOKEN={opened['token']}")
        elif token_file is not None:
            replace(Path(token_file), opened["token"].encode())
            click.echo(f"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={Path(token_file).absolute()}")
        sys.stdout.flush()
        try:
            for _ in talk.events():
                continue
        except (KeyboardInterrupt, SessionError):
            return


@click.command()
@session_argument(required=False)
@click.option("--service", help="Open this service's page, like ec2.")
@click.option("--destination", help="Open this address of the console.")
@click.option("--region", help="The console's region.")
@click.option("--duration", type=int, help="How long the console session lasts, in seconds.")
@click.option(
    "--print", "print_", is_flag=True, help="Print the address: it signs in whoever has it, for 15 minutes."
)
@click.option("--logout-first", is_flag=True, help="Drop an older console session of this browser.")
@click.option("--container", help="Open in this Firefox container.")
@click.option("--browser-profile", help="Open in this Chromium profile.")
@_fd
@face
def console(
    name: str | None,
    service: str | None,
    destination: str | None,
    region: str | None,
    duration: int | None,
    print_: bool,
    logout_first: bool,
    container: str | None,
    browser_profile: str | None,
    fd: int | None,
) -> None:
    """Open the AWS console as session NAME.

    \b
    Examples:
      gatepass console dev --service s3 --region eu-west-1
      gatepass console dev --print
    """
    from gatepass.sessions.client import conversation
    from gatepass.sessions.delivery.browser import open_secretly

    name = picked(name)
    person = Terminal(fd=fd, stdin=False)
    with conversation(places(), person) as talk:
        url = talk.call(
            "console",
            name=name,
            service=service,
            destination=destination,
            region=region,
            duration=duration,
            logout_first=logout_first,
        )
    if print_:
        click.echo(url)
        return
    if person.headless:
        raise BadInput(
            "there is no browser here", advice="run it with --print and open the address elsewhere"
        )
    open_secretly(url, container=container, profile=browser_profile)
    say(f"opened the console as {name}")


@click.command()
@session_argument(required=False)
@click.argument("instance", required=False)
@click.option("--document", help="The SSM document to run.")
@click.option("--parameters", help="Its parameters, as the AWS CLI takes them.")
@click.option("--forward", metavar="[LOCAL:][HOST:]PORT", help="Forward a port instead of opening a shell.")
@click.option("--region", help="The instance's region.")
@_fd
@face
def ssm(
    name: str | None,
    instance: str | None,
    document: str | None,
    parameters: str | None,
    forward: str | None,
    region: str | None,
    fd: int | None,
) -> None:
    """Open a shell on INSTANCE; without INSTANCE list those online.

    Through AWS Session Manager, whose plugin for the AWS CLI has to be there.
    """
    from gatepass.sessions.client import conversation
    from gatepass.sessions.delivery.ssm import forwarding, list_command, start_command

    session = _session(picked(name))
    if forward is not None:
        if document is not None or parameters is not None or instance is None:
            raise BadInput("--forward takes an INSTANCE, and neither --document nor --parameters")
        document, parameters = forwarding(forward)
    with conversation(places(), Terminal(fd=fd, stdin=False)) as talk:
        talk.call("start", name=session.name)
        opened = talk.call("endpoint", names=[session.name])
        environment = (
            without_credentials(os.environ) | endpoint_variables(opened, session) | _default_kept_out()
        )
        if region is not None:
            environment |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        command = list_command() if instance is None else start_command(instance, document, parameters)
        code = _run(command, environment)
    sys.exit(code)
