"""`gatepass teams`: standing trust, compiled, planned, applied, explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gatepass.cli.teams_queries import QUERIES
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled, Finding
from gatepass.teams.wire import compiled_json, keyed

DONE, BAD_INPUT = 0, 2

_paths = click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
_context = click.option(
    "--context", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML or JSON: account_map, saml_providers, oidc_providers, trust_policy_quota.",
)  # fmt: skip
_component = click.option("--component", default="", help="Only this component.")
_account = click.option("--account", default="", help="Only this account.")
_stacks = click.option(
    "--stacks", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The stacks base folder."
)
_output = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to answer.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def teams() -> None:
    """Standing trust between people, teams, roles and accounts."""


for _query in QUERIES:
    teams.add_command(_query)


def _wanted(paths: tuple[Path, ...], **more: Any) -> Compiled:
    return compile_wanted(Wanted(paths, **more))


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _print_findings(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        click.echo(f"{finding.level}: {finding}", err=True)


@teams.command("compile")
@_paths
@_component
@_context
@_account
@_stacks
@_output
def compile_(
    paths: tuple[Path, ...],
    component: str,
    context: Path | None,
    account: str,
    stacks: Path | None,
    output: str,
) -> None:
    """Compile teams and roles to IAM trust policies. No AWS call is made.

    PATHS are Atmos stack files or folders, as they are, or a native estate. Lints never stop a compile; errors do:
    exit 2, and what could be compiled is printed beside them.
    """
    compiled = _wanted(paths, component=component, context=context, account=account, base=stacks)
    if output == "json":
        _print_json(compiled_json(compiled))
    else:
        for key, part in keyed(compiled.components):
            for role in part.roles:
                click.echo(f"{key}\t{role.arn}\t{role.characters} of {role.account.trust_quota} characters")
        _print_findings(compiled.findings)
    raise SystemExit(BAD_INPUT if compiled.faults else DONE)
