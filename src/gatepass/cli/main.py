"""The `gatepass` command: lazy subcommands, so that none pays for the imports of another."""

from __future__ import annotations

import click

from gatepass import __version__
from gatepass.cli.outcomes import exit_code, report
from gatepass.cli.sections import SectionedGroup
from gatepass.errors import GatepassError

SECTIONS = {
    "Ask and decide": {
        "request": "gatepass.cli.request:request",
        "requests": "gatepass.cli.request:requests",
        "show": "gatepass.cli.request:show",
        "access": "gatepass.cli.request:access",
        "approve": "gatepass.cli.request:approve",
        "deny": "gatepass.cli.request:deny",
        "cancel": "gatepass.cli.request:cancel",
        "extend": "gatepass.cli.request:extend",
        "revoke": "gatepass.cli.request:revoke",
    },
    "Use AWS from your laptop": {
        "login": "gatepass.cli.login:login",
        "logout": "gatepass.cli.login:logout",
        "whoami": "gatepass.cli.agent:whoami",
        "status": "gatepass.cli.agent:status",
        "exec": "gatepass.cli.deliver:exec_",
        "env": "gatepass.cli.deliver:env",
        "console": "gatepass.cli.deliver:console",
        "ssm": "gatepass.cli.deliver:ssm",
        "ssh-forward": "gatepass.cli.forward:ssh_forward",
        "endpoint": "gatepass.cli.deliver:endpoint",
        "profiles": "gatepass.cli.profiles:profiles",
        "files": "gatepass.cli.files:files",
        "ui": "gatepass.cli.ui:ui",
    },
    "Sessions and secrets of this laptop": {
        "session": "gatepass.cli.session:session",
        "integration": "gatepass.cli.login:integration",
        "sync": "gatepass.cli.login:sync",
        "import": "gatepass.cli.importing:import_",
        "export": "gatepass.cli.importing:export_",
        "vault": "gatepass.cli.vault:vault",
        "agent": "gatepass.cli.agent:agent",
        "prompt": "gatepass.cli.agent:prompt",
        "completion": "gatepass.cli.doctor.command:completion",
        "doctor": "gatepass.cli.doctor.command:doctor",
    },
    "The estate and its teams": {
        "init": "gatepass.cli.check:init",
        "check": "gatepass.cli.check:check",
        "apply": "gatepass.cli.apply:apply",
        "generate": "gatepass.cli.check:generate",
        "handlers": "gatepass.cli.handlers:handlers",
        "teams": "gatepass.cli.teams.group:teams",
    },
    "Run the gate": {
        "serve": "gatepass.cli.serve:serve",
        "worker": "gatepass.cli.serve:worker",
        "organizations": "gatepass.cli.organizations:organizations",
        "people": "gatepass.cli.people:people",
        "token": "gatepass.cli.token:token",
        "audit": "gatepass.cli.audit:audit",
        "slack": "gatepass.cli.slack:slack",
        "sim": "gatepass.cli.sim:sim",
    },
}


class GatepassGroup(SectionedGroup):
    """The whole command line."""

    def summary(self, ctx: click.Context, name: str) -> str:
        """From `summaries`, which imports no command; a command that is missing there is imported to be shown."""
        from gatepass.cli.summaries import SUMMARIES

        return SUMMARIES.get(name) or super().summary(ctx, name)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of ours becomes two lines and a stable exit code, never a traceback."""
        try:
            return super().invoke(ctx)
        except GatepassError as error:
            report(error)
            ctx.exit(exit_code(error))


@click.group(cls=GatepassGroup, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """The self-hosted gate to AWS: ask for access, decide, hold it, and see it end."""
