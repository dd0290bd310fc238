"""`gatepass teams export` and `import`: to and from what others write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gatepass.aws.accounts import AccountReach, Accounts
from gatepass.cli.teams.common import (
    BAD_INPUT,
    DONE,
    FAILURE,
    declaration_of_account,
    guarded,
    output,
    print_findings,
    print_json,
    print_lines,
)
from gatepass.clock import SystemClock
from gatepass.teams.applying.running import TeamsError
from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.export.atmos import atmos_files
from gatepass.teams.export.cloudformation import cloudformation_files
from gatepass.teams.export.terraform import terraform_files
from gatepass.teams.export.terraform_center import center_files
from gatepass.teams.importing.descriptions import from_cloudformation, from_terraform
from gatepass.teams.importing.imported import native_estate
from gatepass.teams.importing.live import Selection, import_live, selected
from gatepass.teams.importing.migrate import propose
from gatepass.teams.model import Account, Finding, Resources
from gatepass.teams.nodes import parse_yaml


@click.command("export")
@declaration_of_account
@click.option("--format", "form", type=click.Choice(["terraform", "cloudformation", "atmos"]), required=True)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to."
)
@click.option(
    "--import-blocks", is_flag=True, help="Terraform: blocks that take existing things into the state."
)
@output("table", "json")
def export(wanted: Wanted, form: str, out: Path, import_blocks: bool, output: str) -> None:
    """Write the declaration for other tools.

    Terraform, CloudFormation (with a StackSet layout) or Atmos. No AWS call is made.
    """
    compiled = compile_wanted(wanted)
    if compiled.faults:
        print_findings(compiled.faults)
        raise SystemExit(BAD_INPUT)
    if form == "terraform":
        files = terraform_files(compiled, imports=import_blocks) | center_files(
            compiled, imports=import_blocks
        )
    elif form == "cloudformation":
        files = cloudformation_files(compiled)
    else:
        files, notes = atmos_files(compiled)
        print_findings(notes)
    for name, text in sorted(files.items()):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    written = [str(out / name) for name in sorted(files)]
    if output == "json":
        print_json({"files": written})
    else:
        print_lines(written, "nothing to write")
    raise SystemExit(DONE)


@click.command("migrate")
@declaration_of_account
@click.option("--to", "target", type=click.Choice(["sso"]), default="sso", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default: print.")
def migrate(wanted: Wanted, target: str, out: Path | None) -> None:
    """Propose permission sets and groups for IAM users.

    Permission sets, groups and assignments that give people what they reach as IAM users now.

    PATHS declare the users, groups and child roles (`gatepass teams import --from live` writes them). What cannot be
    kept is named; exit 1 when the proposal would not reach the same.
    """
    compiled = compile_wanted(wanted)
    if compiled.faults:
        print_findings(compiled.faults)
        raise SystemExit(BAD_INPUT)
    proposal = propose(compiled.resources)
    print_findings(proposal.lost)
    text = (
        json.dumps({"organizations": {"migrated": proposal.organization}}, indent=2, ensure_ascii=False)
        + "\n"
    )
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
    click.echo(f"{len(proposal.after)} of {len(proposal.before)} ways kept", err=True)
    raise SystemExit(DONE if proposal.keeps_reach else FAILURE)


def _pair(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise TeamsError(f"{text!r} is not NAME=VALUE")
    return key, value


@click.command("import")
@click.option(
    "--from", "source", type=click.Choice(["live", "iam", "cloudformation", "terraform"]), required=True,
    help="live and iam are the same: what the accounts hold.",
)  # fmt: skip
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--account", "accounts", multiple=True, metavar="NAME=ID", help="Account to read, or of the template."
)
@click.option(
    "--organization", default="imported", show_default=True, help="What the organization is called."
)
@click.option(
    "--enter-by", "--role", "role", default="", metavar="ROLE",
    help="live: role to enter accounts by; none: your own credentials.",
)  # fmt: skip
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="cloudformation: a parameter."
)
@click.option("--ignore", multiple=True, metavar="GLOB", help="Leave out names or paths; wins over the rest.")
@click.option("--ignore-tag", multiple=True, metavar="KEY=VALUE", help="Leave out what carries this tag.")
@click.option("--only-tag", multiple=True, metavar="KEY=VALUE", help="Take only what carries this tag.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default: print.")
@guarded
def import_(
    source: str,
    files: tuple[Path, ...],
    accounts: tuple[str, ...],
    organization: str,
    role: str,
    parameters: tuple[str, ...],
    out: Path | None,
    **choice: tuple[str, ...],
) -> None:
    """Write a native estate that compiles to what exists.

    In live accounts, in CloudFormation templates, in Terraform states. Only reads.
    """
    findings: list[Finding] = []
    known = [Account(name, number, organization) for name, number in map(_pair, accounts)]
    selection = Selection(
        choice["ignore"],
        tuple(map(_pair, choice["ignore_tag"])),
        tuple(map(_pair, choice["only_tag"])),
    )
    if source in {"live", "iam"}:
        found, unread = _live(known, role, selection)
    else:
        given = dict(map(_pair, parameters))
        found, unread = selected(_described(source, files, known, given, findings), selection), {}
    print_findings(findings)
    if findings:
        raise SystemExit(BAD_INPUT)
    text = json.dumps(native_estate(organization, found), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"{len(found.roles)} roles, {len(found.users)} users, {len(found.groups)} groups in {out}")
    for number, reason in sorted(unread.items()):
        click.echo(f"account {number} was not read: {reason}", err=True)
    raise SystemExit(FAILURE if unread else DONE)


def _live(accounts: list[Account], role: str, selection: Selection) -> tuple[Resources, dict[str, str]]:
    if not accounts:
        raise TeamsError("no account to read", advice="give --account NAME=ID, once for each")
    reaches = {
        account.id: AccountReach(account.id, role_arn=account.arn(f"role/{role.lstrip('/')}") if role else "")
        for account in accounts
    }
    calls = Accounts(lambda number: reaches[number], SystemClock())
    found, live = import_live(calls, accounts, selection)
    return found, dict(live.unread)


def _described(
    source: str,
    files: tuple[Path, ...],
    accounts: list[Account],
    parameters: dict[str, str],
    findings: list[Finding],
) -> Resources:
    if not files:
        raise TeamsError("no file to read", advice="name the template or state files")
    merged: dict[str, Any] = {"roles": (), "users": (), "groups": (), "policies": (), "accounts": ()}
    for path in files:
        text = path.read_text(encoding="utf-8")
        if source == "terraform":
            name = accounts[0].name if accounts else "account"
            found = from_terraform(text, name, findings)
        elif not accounts:
            raise TeamsError(
                "a template does not say which account it is for", advice="give --account NAME=ID"
            )
        else:
            found = from_cloudformation(
                parse_yaml(text, str(path), findings), accounts[0], parameters, findings
            )
        for key in merged:
            merged[key] = (*merged[key], *getattr(found, key))
    return Resources(**merged)
