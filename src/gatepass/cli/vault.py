"""`gatepass vault`: make, open, fill and move the encrypted store of long-term secrets."""

from __future__ import annotations

from pathlib import Path

import click

from gatepass.cli import completing
from gatepass.cli.laptop import face, places, read_secret, say
from gatepass.cli.listing import listing_options, show_list
from gatepass.sessions.errors import BadInput
from gatepass.sessions.vault import keys
from gatepass.sessions.vault.store import (
    Vault,
    export_vault,
    forget_keyring_item,
    import_vault,
    read_sealed,
)

PROVIDERS = click.Choice(["keyring", "passphrase", "command", "keyfile"])
NO_AGENT = "each command opens the vault for itself"
_fd = click.option("--fd", type=int, metavar="N", help="Read the secret from file descriptor N.")


@click.group()
def vault() -> None:
    """Long-term secrets, sealed under one key."""


@vault.command()
@click.option("--provider", type=PROVIDERS, help="Where the key is kept; default: the system keyring.")
@click.option("--key-file", type=click.Path(path_type=Path), help="For the provider keyfile.")
@click.option("--replace", "replace_old", is_flag=True, help="Throw the old vault away.")
@_fd
@click.argument("command", nargs=-1)
@face
def init(
    provider: str | None, key_file: Path | None, replace_old: bool, fd: int | None, command: tuple[str, ...]
) -> None:
    """Make the vault. COMMAND prints the key, for the provider command.

    \b
    Examples:
      gatepass vault init
      gatepass vault init --provider passphrase
    """
    make = KeyMaker(provider or "keyring", key_file, fd, command)
    made = Vault.create(places().vault, make, replace_old=replace_old)
    from gatepass.sessions.client import vault_was_replaced

    vault_was_replaced(places())
    say(f"vault made at {made.path}, key from provider {provider or 'keyring'}")


class KeyMaker:
    """Makes a new key the way the person chose; given to the vault, which knows the install id."""

    def __init__(
        self, provider: str, key_file: Path | None, fd: int | None, command: tuple[str, ...]
    ) -> None:
        if (provider == "command") != bool(command):
            raise BadInput(
                "a command prints the key, for the provider command only",
                advice="run: gatepass vault init --provider command -- pass show gatepass",
            )
        if (provider == "keyfile") != (key_file is not None):
            given = "--key-file says where the key is, for the provider keyfile only"
            raise BadInput(given, advice="run: gatepass vault init --provider keyfile --key-file PATH")
        self._provider, self._key_file, self._fd, self._command = provider, key_file, fd, command

    def __call__(self, install: str) -> tuple[bytearray, keys.Provider]:
        if self._provider == "passphrase":
            provider = keys.passphrase_provider()
            return keys.passphrase_key(
                read_secret("new vault passphrase", self._fd, confirm=True), provider
            ), provider
        if self._provider == "command":
            return keys.command_key(self._command), {"kind": "command", "argv": list(self._command)}
        key = keys.new_key()
        if self._provider == "keyfile":
            assert self._key_file is not None
            return key, keys.write_keyfile(self._key_file, key)
        return key, keys.keyring_store(install, key, keys.system_keyring())


def open_vault(fd: int | None = None) -> Vault:
    """The person's vault, asking for the passphrase when it needs one."""
    return Vault.open(places().vault, lambda prompt: read_secret(prompt, fd))


@vault.command()
@click.argument("session", shell_complete=completing.users)
@click.option("--totp", is_flag=True, help="The TOTP seed of its MFA device instead of the access key.")
@_fd
@click.pass_context
def add(context: click.Context, session: str, totp: bool, fd: int | None) -> None:
    """Put the access key or TOTP seed of SESSION into the vault.

    Like `gatepass session secret`.
    """
    from gatepass.cli.session import secret

    context.invoke(secret, name=session, totp=totp, fd=fd)


@vault.command("list")
@listing_options
@face
def list_(output: str, columns: str | None, filters: tuple[str, ...]) -> None:
    """The names of the secrets; needs no key."""
    rows = [{"name": name} for name in sorted(read_sealed(places().vault).records)]
    show_list(rows, ["name"], output, columns, filters)


@vault.command()
@click.argument("names", nargs=-1, required=True, shell_complete=completing.secrets)
@_fd
@face
def rm(names: tuple[str, ...], fd: int | None) -> None:
    """Remove secrets by name."""
    gone = open_vault(fd).remove(names)
    for name in names:
        say(f"{name}: {'removed' if name in gone else 'was not there'}")


@vault.command()
@face
def status() -> None:
    """Where the vault and its key are, and what it holds."""
    sealed = read_sealed(places().vault)
    click.echo(f"vault     {places().vault}")
    click.echo(f"provider  {sealed.provider.get('kind')}")
    click.echo(f"secrets   {len(sealed.records)}")


@vault.command("rotate-key")
@click.option("--provider", type=PROVIDERS, help="Move to another provider; default: keep the kind.")
@click.option("--key-file", type=click.Path(path_type=Path), help="For the provider keyfile.")
@click.option("--new-fd", type=int, metavar="N", help="Read the new passphrase from file descriptor N.")
@_fd
@click.argument("command", nargs=-1)
@face
def rotate_key(
    provider: str | None,
    key_file: Path | None,
    new_fd: int | None,
    fd: int | None,
    command: tuple[str, ...],
) -> None:
    """Encrypt every secret anew under a new key."""
    old = read_sealed(places().vault).provider
    make = KeyMaker(provider or str(old["kind"]), key_file, new_fd, command)
    open_vault(fd).rotate(make)
    if old["kind"] == "keyring" and provider not in (None, "keyring"):
        forget_keyring_item(old)
    from gatepass.sessions.client import vault_was_replaced

    vault_was_replaced(places())
    say("vault encrypted anew; the old key no longer opens it")


@vault.command("export")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--export-fd", type=int, metavar="N", help="Read the copy's passphrase from file descriptor N.")
@_fd
@face
def export_(target: Path, export_fd: int | None, fd: int | None) -> None:
    """Write all secrets to TARGET under a passphrase of its own."""
    opened = open_vault(fd)
    count = export_vault(opened, target, read_secret("passphrase for the copy", export_fd, confirm=True))
    say(f"{count} secrets written to {target}")


@vault.command("import")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--export-fd", type=int, metavar="N", help="Read the copy's passphrase from file descriptor N.")
@_fd
@face
def import_(source: Path, export_fd: int | None, fd: int | None) -> None:
    """Put the secrets of an exported copy into the vault."""
    names = import_vault(open_vault(fd), source, read_secret("passphrase of the copy", export_fd))
    say(f"{len(names)} secrets imported")


@vault.command()
@_fd
@face
def unlock(fd: int | None) -> None:
    """Give the agent the vault's key, until it is locked."""
    from gatepass.sessions.client import unlock_agent, uses_agent

    if not uses_agent(places()):
        raise BadInput("there is no agent that could keep the key (agent = false)", advice=NO_AGENT)
    unlock_agent(places(), lambda prompt: read_secret(prompt, fd))
    say("unlocked")


@vault.command()
@face
def lock() -> None:
    """Make the agent forget the key and every credential."""
    from gatepass.sessions.client import forget_everything

    if forget_everything(places()):
        say("locked")
    else:
        say("nothing is open: the agent is not running; it opens the vault when it is needed")


@vault.command("rotate-iam-key")
@click.argument("session", shell_complete=completing.users)
@_fd
@face
def rotate_iam_key(session: str, fd: int | None) -> None:
    """Give the IAM user of SESSION a new access key.

    The old one is deleted once the new one works.
    """
    from gatepass.cli.person import Terminal
    from gatepass.sessions.client import conversation

    with conversation(places(), Terminal(fd=fd)) as talk:
        talk.call("rotate_iam_key", name=session)
    say(f"{session} has a new access key; the old one is deleted")
