"""The `gatepass` command: lazy subcommands, so that none pays for the imports of another."""

from __future__ import annotations

import importlib

import click

from gatepass.cli.outcomes import exit_code, report
from gatepass.errors import GatepassError

# Command -> module and attribute; imported only when that command is used. One line per command, sorted by subject.
COMMANDS: dict[str, str] = {
    "organizations": "gatepass.cli.organizations:organizations",
    "apply": "gatepass.cli.apply:apply",
    "worker": "gatepass.cli.serve:worker",
    "serve": "gatepass.cli.serve:serve",
    "request": "gatepass.cli.request:request",
    "requests": "gatepass.cli.request:requests",
    "show": "gatepass.cli.request:show",
    "access": "gatepass.cli.request:access",
    "approve": "gatepass.cli.request:approve",
    "deny": "gatepass.cli.request:deny",
    "revoke": "gatepass.cli.request:revoke",
    "extend": "gatepass.cli.request:extend",
    "cancel": "gatepass.cli.request:cancel",
    "token": "gatepass.cli.token:token",
    "people": "gatepass.cli.people:people",
    "audit": "gatepass.cli.audit:audit",
    "check": "gatepass.cli.check:check",
    "generate": "gatepass.cli.check:generate",
    "init": "gatepass.cli.check:init",
    "handlers": "gatepass.cli.handlers:handlers",
    "teams": "gatepass.cli.teams:teams",
    "sim": "gatepass.cli.sim:sim",
    "slack": "gatepass.cli.slack:slack",
    "agent": "gatepass.cli.agent:agent",
    "completion": "gatepass.cli.doctor:completion",
    "console": "gatepass.cli.deliver:console",
    "doctor": "gatepass.cli.doctor:doctor",
    "endpoint": "gatepass.cli.deliver:endpoint",
    "env": "gatepass.cli.deliver:env",
    "exec": "gatepass.cli.deliver:exec_",
    "export": "gatepass.cli.importing:export_",
    "files": "gatepass.cli.files:files",
    "import": "gatepass.cli.importing:import_",
    "integration": "gatepass.cli.login:integration",
    "login": "gatepass.cli.login:login",
    "logout": "gatepass.cli.login:logout",
    "profiles": "gatepass.cli.profiles:profiles",
    "prompt": "gatepass.cli.agent:prompt",
    "session": "gatepass.cli.session:session",
    "ssm": "gatepass.cli.deliver:ssm",
    "ssh-forward": "gatepass.cli.forward:ssh_forward",
    "status": "gatepass.cli.agent:status",
    "sync": "gatepass.cli.login:sync",
    "ui": "gatepass.cli.ui:ui",
    "vault": "gatepass.cli.vault:vault",
    "whoami": "gatepass.cli.agent:whoami",
}


class LazyGroup(click.Group):
    """A click group whose commands are imported when they are first looked at."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, attribute = place.split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, importing only those that `summaries` does not know."""
        from gatepass.cli.summaries import SUMMARIES

        rows = []
        for name in self.list_commands(ctx):
            summary = SUMMARIES.get(name)
            if summary is None:
                command = self.get_command(ctx, name)
                summary = (
                    command.get_short_help_str(100) if command is not None and not command.hidden else None
                )
            if summary is not None:
                rows.append((name, summary))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of ours becomes two lines and a stable exit code, never a traceback."""
        try:
            return super().invoke(ctx)
        except GatepassError as error:
            report(error)
            ctx.exit(exit_code(error))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gatepass")
def main() -> None:
    """The self-hosted gate to AWS: ask for access, decide, hold it, and see it end."""
