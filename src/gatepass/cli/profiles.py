"""`gatepass profiles`: gatepass's block in the shared AWS config."""

from __future__ import annotations

import os

import click

from gatepass.cli import completing
from gatepass.cli.laptop import face, places, say
from gatepass.sessions.config.shadow import config_path, find_shadows
from gatepass.sessions.config.writer import ConfigPlan, apply, plan_install, plan_uninstall
from gatepass.sessions.errors import BadInput
from gatepass.sessions.launcher.install import command, install_launcher, installed_launcher, repair_launcher
from gatepass.sessions.workspace.reading import load_workspace, require


@click.group()
def profiles() -> None:
    """Profiles for aws, boto3, Terraform and other tools."""


@profiles.command()
@click.argument("names", nargs=-1, shell_complete=completing.sessions)
@click.option(
    "--adopt", is_flag=True, help="Comment out sections of the same name; uninstall brings them back."
)
@click.option("--default", is_flag=True, help="Also write [default] for the session of that profile.")
@click.option("--dry-run", is_flag=True, help="Show the difference only.")
@face
def install(names: tuple[str, ...], adopt: bool, default: bool, dry_run: bool) -> None:
    """Write the block for all sessions, or for NAMES only.

    \b
    Examples:
      gatepass profiles install --dry-run
      gatepass profiles install dev test
    """
    workspace = load_workspace(places().workspace)
    chosen = [
        workspace.told(s) for s in [require(workspace, n) for n in names] or workspace.sessions.values()
    ]
    if not chosen:
        raise BadInput("there is no session to install", advice="run: gatepass session add")
    launcher = (installed_launcher(places()) or places().launcher) if dry_run else install_launcher(places())
    plan = plan_install(config_path(os.environ), chosen, command(launcher), adopt=adopt, default=default)
    if dry_run:
        click.echo(plan.diff(), nl=False)
        return
    _apply(plan, f"{len(chosen)} profiles are in {plan.path}")
    for shadow in find_shadows({s.profile for s in chosen}, os.environ):
        say(f"warning: {shadow.line()}")


@profiles.command()
@face
def diff() -> None:
    """What `install` would change now."""
    workspace = load_workspace(places().workspace)
    sessions = [workspace.told(session) for session in workspace.sessions.values()]
    launcher = installed_launcher(places()) or places().launcher
    click.echo(plan_install(config_path(os.environ), sessions, command(launcher)).diff(), nl=False)


@profiles.command()
@face
def uninstall() -> None:
    """Remove the block; everything else stays as it is."""
    plan = plan_uninstall(config_path(os.environ))
    _apply(plan, f"gatepass's block is gone from {plan.path}")


@profiles.command()
@face
def repair() -> None:
    """Write the launcher anew, for example after Python was updated."""
    if installed_launcher(places()) is None:
        raise BadInput("no launcher is installed", advice="run: gatepass profiles install")
    say("the launcher was written anew" if repair_launcher(places()) else "the launcher is sound")


def _apply(plan: ConfigPlan, done: str) -> None:
    say(done if apply(plan, places().locks) else "nothing to change")
