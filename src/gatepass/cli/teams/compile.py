"""`gatepass teams compile`, `lint`, `outputs`, `handover`: what the declaration says. No AWS call is made."""

from __future__ import annotations

from dataclasses import replace

import click

from gatepass.cli.teams.common import (
    BAD_INPUT,
    DONE,
    declaration_of_account,
    output,
    print_findings,
    print_json,
    print_lines,
    without_collecting,
)
from gatepass.clock import SystemClock
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.export.shell import shell_script
from gatepass.teams.model import Compiled, Finding, Level
from gatepass.teams.wire import compiled_json, finding_json, handover_json, headroom, keyed
from gatepass.teams.wire import outputs as outputs_of


@click.command("compile")
@declaration_of_account
@output("table", "json")
@without_collecting()
def compile_(wanted: Wanted, output: str) -> None:
    """Compile teams and roles to IAM trust policies. No AWS call is made.

    PATHS are Atmos stack files or folders, as they are, or a native estate. Lints never stop a compile; errors do:
    exit 2, and what could be compiled is printed beside them.
    """
    compiled = compile_wanted(wanted)
    if output == "json":
        print_json(compiled_json(compiled))
    else:
        for key, part in keyed(compiled.components):
            for role in part.roles:
                size = f"{role.characters} of {role.account.trust_quota} characters, {headroom(role)} % free"
                click.echo(f"{key}\t{role.arn}\t{size}")
        print_findings(compiled.findings)
    raise SystemExit(BAD_INPUT if compiled.faults else DONE)


@click.command("lint")
@declaration_of_account
@click.option("--strict", is_flag=True, help="Warnings end with 2 too.")
@click.option("--aws", is_flag=True, help="Also ask IAM Access Analyzer, with your AWS credentials.")
@output("table", "json")
@without_collecting()
def lint(wanted: Wanted, strict: bool, aws: bool, output: str) -> None:
    """Say what compiles but a person should know.

    Also where the two profiles differ, with a witness.

    --aws sends every different document to IAM Access Analyzer (ValidatePolicy, and for trust policies
    CheckNoPublicAccess, for which AWS charges) in your own account.

    Exit 2 for errors and lints of level error; with --strict for warnings too.
    """
    from gatepass.teams.lint.reach import reach_lints
    from gatepass.teams.reach.questions import Reach  # only lint pays for importing these

    compiled = compile_wanted(replace(wanted, compare_profiles=True))
    if not compiled.faults:
        more = reach_lints(compiled, Reach(compiled.resources, now=SystemClock().now()))
        said_by_aws = _said_by_aws(compiled) if aws else ()
        compiled = replace(compiled, findings=(*compiled.findings, *more, *said_by_aws))
    if output == "json":
        print_json({"findings": [finding_json(finding) for finding in compiled.findings]})
    else:
        lines = dict.fromkeys(f"{finding.level}: {finding}" for finding in compiled.findings)
        print_lines(list(lines), "nothing to say")
    bad = {Level.FAULT, Level.ERROR, *([Level.WARNING] if strict else [])}
    raise SystemExit(BAD_INPUT if any(finding.level in bad for finding in compiled.findings) else DONE)


def _said_by_aws(compiled: Compiled) -> tuple[Finding, ...]:
    from gatepass.teams.applying.calls import Patient
    from gatepass.teams.applying.entering import calls_for
    from gatepass.teams.lint.analyzer import cross_checked  # the AWS SDK is imported only where AWS is asked

    clock = SystemClock()
    return cross_checked(Patient(calls_for(compiled, clock), clock), compiled)


@click.command("outputs")
@declaration_of_account
@click.option("--format", "form", type=click.Choice(["json", "shell"]), default="json", show_default=True)
@without_collecting()
def outputs(wanted: Wanted, form: str) -> None:
    """Print the names and ARNs that upstream's components output.

    By team and role; or a shell helper with look-ups.
    """
    compiled = compile_wanted(wanted)
    print_findings(compiled.faults)
    if form == "json":
        print_json({key: outputs_of(part) for key, part in keyed(compiled.components)})
    else:
        click.echo(shell_script(compiled.components), nl=False)
    raise SystemExit(BAD_INPUT if compiled.faults else DONE)


@click.command("handover")
@declaration_of_account
@without_collecting()
def handover(wanted: Wanted) -> None:
    """Print what the owners of other accounts must make.

    For roles in accounts that are not ours: role, trust, external id.
    """
    compiled = compile_wanted(wanted)
    print_findings(compiled.faults)
    print_json([handover_json(one) for one in compiled.handovers])
    raise SystemExit(BAD_INPUT if compiled.faults else DONE)
