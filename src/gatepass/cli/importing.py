"""`gatepass import` and `gatepass export`: sessions from other tools, and for other people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from gatepass.cli.laptop import face, places, say
from gatepass.sessions.errors import BadInput, SessionError, plain
from gatepass.sessions.importing.found import Found, drop_broken_chains, new_only, without_programs
from gatepass.sessions.workspace.reading import load_workspace, toml_key, toml_value

SOURCES = ("aws", "granted", "leapp", "aws-sso-cli", "aws-vault")


@click.command("import")
@click.argument("source", type=click.Choice(SOURCES))
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--dry-run", is_flag=True, help="Show what would be added only.")
@click.option("--move-keys", is_flag=True, help="aws: move access keys into the vault and comment them out.")
@click.option("--purge", is_flag=True, help="aws: remove the backup that --move-keys left.")
@click.option("--fd", type=int, metavar="N", help="Read the vault's passphrase from file descriptor N.")
@face
def import_(
    source: str, path: Path | None, dry_run: bool, move_keys: bool, purge: bool, fd: int | None
) -> None:
    """Add sessions from SOURCE.

    What is there already stays as it is.

    \b
    Examples:
      gatepass import aws --dry-run
    """
    from gatepass.sessions.workspace.edit import edit_workspace

    if purge:
        _purge(path)
        return
    workspace = load_workspace(places().workspace)
    found = drop_broken_chains(new_only(_read(source, path), workspace), workspace.sessions)
    for group, name in sorted(found.tables):
        click.echo(plain(f"+ {group} {name} ({found.tables[group, name]['kind']})"))
    for line in found.skipped:
        say(f"skipped {line}")
    if dry_run:
        say("dry run: nothing was changed")
        return
    edit_workspace(places().workspace, found.tables)
    say(f"{len(found.tables)} added")
    if found.keys and (move_keys or source == "aws-vault"):
        _move_keys(found, fd, path, comment=source == "aws")
    elif found.keys:
        say(
            f"access keys lie in a file ({', '.join(found.keys)}); "
            "move them into the vault: gatepass import aws --move-keys"
        )
    for group, name in sorted(found.tables):
        if group == "integration":
            say(f"log in, then make its sessions: gatepass login {name}; gatepass sync {name}")
    for name in found.keys_elsewhere:
        say(f"put the access key of {name} in: gatepass session secret {name}")


def _read(source: str, path: Path | None) -> Found:
    if source == "aws":
        from gatepass.sessions.config.shadow import config_path, credentials_path
        from gatepass.sessions.importing.aws_config import read_aws

        return read_aws(_bytes(path or config_path(os.environ)), _bytes(credentials_path(os.environ)))
    if source == "granted":
        return _granted(path)
    if source == "leapp":
        from gatepass.sessions.importing.leapp import open_leapp, read_leapp

        place = path or Path("~/.Leapp/Leapp-lock.json").expanduser()
        return read_leapp(open_leapp(_there(place, "Leapp"), _machine_id()))
    if source == "aws-sso-cli":
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        from gatepass.sessions.importing.others import read_aws_sso_cli

        place = path or Path("~/.config/aws-sso/config.yaml").expanduser()
        try:
            return read_aws_sso_cli(YAML(typ="safe", pure=True).load(_there(place, "aws-sso-cli")))
        except YAMLError as error:
            raise BadInput(f"{place} is not YAML") from error
    from gatepass.sessions.importing.others import read_aws_vault
    from gatepass.sessions.providers.local import COMMAND_SECONDS, run

    return read_aws_vault(lambda argv: run(argv, "reading from aws-vault", COMMAND_SECONDS))


def _granted(path: Path | None) -> Found:
    from gatepass.sessions.importing.aws_config import read_aws

    root = path or Path("~/.granted/registries").expanduser()
    files = sorted(root.rglob("config")) if root.is_dir() else [root]
    if not files or not files[0].exists():
        raise BadInput(f"there is no registry of granted at {root}", advice="name its directory")
    return without_programs(read_aws(b"\n".join(_bytes(file) for file in files), b""))


def _there(path: Path, whose: str) -> bytes:
    if not path.exists():
        raise BadInput(f"there is nothing of {whose} at {path}", advice="name its file")
    return path.read_bytes()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _machine_id() -> str:
    for place in ("/var/lib/dbus/machine-id", "/etc/machine-id"):
        text = _bytes(Path(place)).decode("ascii", "replace").strip().lower()
        if text:
            return text
    raise BadInput("this machine has no machine-id", advice="import on the machine where Leapp ran")


def _move_keys(found: Found, fd: int | None, path: Path | None, *, comment: bool) -> None:
    """Into the vault, proved by asking AWS who they are, and only then commented out (S-56)."""
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation
    from gatepass.sessions.config.shadow import config_path

    moved: set[str] = set()
    with conversation(places(), Terminal(fd=fd)) as talk:
        for name, (key_id, secret) in found.keys.items():
            value = {"access_key_id": key_id, "secret_access_key": secret}
            talk.call("put_secret", name=f"iam-user/{name}", value=value)
            try:
                talk.call("caller", name=name)
            except SessionError as error:
                say(f"{name}: in the vault, but AWS does not accept it; left in the file ({error.line()})")
                continue
            moved.add(name)
            say(f"{name}: its access key is in the vault")
    if comment and moved:
        _comment_out(moved, path or config_path(os.environ))


def _comment_out(names: set[str], config: Path) -> None:
    """In the credentials file and the config, wherever the keys are; whole or not at all (S-3)."""
    from gatepass.sessions.config.credentials import rewritten
    from gatepass.sessions.config.shadow import credentials_path
    from gatepass.sessions.files import replace
    from gatepass.sessions.importing.aws_config import comment_out_keys

    for path in sorted({credentials_path(os.environ).resolve(), config.resolve()}):
        before = _bytes(path)
        if comment_out_keys(before, names) == before:
            continue
        replace(_backup(path), before)
        rewritten(path, lambda raw: comment_out_keys(raw, names), places().locks)
        say(f"the old lines are in {_backup(path)} until: gatepass import aws --purge")


def _backup(path: Path) -> Path:
    """Not the config writer's own, which every `profiles install` writes anew."""
    return path.with_name(path.name + ".gatepass-keys.bak")


def _purge(path: Path | None) -> None:
    from gatepass.sessions.config.shadow import config_path, credentials_path

    for each in (credentials_path(os.environ), path or config_path(os.environ)):
        _backup(each.resolve()).unlink(missing_ok=True)
    say("the backup is gone")


@click.command("export")
@click.option("--to", type=click.Path(path_type=Path), help="Write to this file instead of the terminal.")
@click.option("--filter", "globs", multiple=True, metavar="GLOB", help="Only sessions whose name matches.")
@face
def export_(to: Path | None, globs: tuple[str, ...]) -> None:
    """Write the sessions and logins for others, without secrets.

    Settings of your own are left out too.
    """
    import fnmatch

    from gatepass.sessions.files import replace
    from gatepass.sessions.workspace.registry import shareable

    workspace = load_workspace(places().workspace)
    names = [n for n in workspace.sessions if not globs or any(fnmatch.fnmatchcase(n, g) for g in globs)]
    wanted = {hop.name for name in names for hop in workspace.chain(name)}
    used = {workspace.sessions[name].integration for name in wanted}
    lines = ["version = 1"]
    for group, chosen in (
        ("integration", [n for n in workspace.integrations if not globs or n in used]),
        ("session", sorted(wanted)),
    ):
        for name in chosen:
            table = shareable(_table_of(name, group))
            above = workspace.chain(name) if group == "session" else ()
            if table is None or any(shareable(_table_of(hop.name)) is None for hop in above):
                say(f"left out {name}: what runs a program or leads elsewhere is not taken from shared files")
                continue
            lines += [
                "",
                f'[{group}."{name}"]',
                *(f"{toml_key(k)} = {toml_value(v)}" for k, v in table.items()),
            ]
    text = "\n".join(lines) + "\n"
    if to is None:
        click.echo(text, nl=False)
    else:
        replace(to, text.encode())
        say(f"{len(wanted)} sessions written to {to}")


def _table_of(name: str, group: str = "session") -> dict[str, Any]:
    """As it is written; empty for what is of a registry."""
    from gatepass.sessions.workspace.edit import table_at

    return table_at(places().workspace, (group, name)) or {}
