"""The vault in use: read, put and remove secrets by name, each write locked, whole and sealed (S-26, S-28)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

from gatepass.sessions.errors import BadInput, Locked, SessionError, Tampered
from gatepass.sessions.files import locked, private_dir, read_private, replace
from gatepass.sessions.vault import keys, sealed
from gatepass.sessions.vault.sealed import Sealed


def read_sealed(path: Path) -> Sealed:
    """The vault at `path`, still closed. Raises `Locked` when there is none, `Unsafe`, `Tampered`."""
    try:
        return sealed.parse(read_private(path))
    except FileNotFoundError as error:
        raise Locked(f"there is no vault at {path}", advice="run: gatepass vault init") from error


class Vault:
    """An open vault: path and key. Every call reads the file anew, so several processes may use one vault."""

    def __init__(self, path: Path, key: bytearray) -> None:
        self.path = path
        self._key = key

    @classmethod
    def create(
        cls,
        path: Path,
        make: Callable[[str], tuple[bytearray, keys.Provider]],
        *,
        replace_old: bool = False,
    ) -> Vault:
        """A new, empty vault; `make` is given the install id and yields key and provider. Refuses an old one."""
        private_dir(path.parent)
        with locked(_lock(path)):
            if path.exists() and not replace_old:
                raise BadInput(
                    f"there is a vault at {path} already", advice="keep it, or: gatepass vault init --replace"
                )
            install = os.urandom(8).hex()
            key, provider = make(install)
            document = sealed.sealed_again(key, Sealed(install, provider))
            replace(path, sealed.render(document))
        return cls(path, key)

    @classmethod
    def open(cls, path: Path, ask: keys.Ask, *, person: bool = True) -> Vault:
        """The vault at `path` with the key of its provider. Raises `Locked`, `Tampered`, `BadInput`.

        Without a `person` nothing is done that could make the system ask one.
        """
        document = read_sealed(path)
        return cls.open_with(path, keys.key_for(document.provider, ask, person=person))

    @classmethod
    def open_with(cls, path: Path, key: bytearray) -> Vault:
        """The vault at `path` with this key. Raises `Locked` when the key is not its, `Tampered`."""
        document = read_sealed(path)
        if not sealed.key_fits(key, document):
            wrong = "passphrase" if document.provider.get("kind") == "passphrase" else "key"
            raise Locked(f"this {wrong} does not open the vault at {path}", advice="try again")
        vault = cls(path, key)
        vault._read(key)
        return vault

    def names(self) -> list[str]:
        """The names of all records, sorted."""
        return sorted(self._read(self._own_key()).records)

    def get(self, name: str) -> dict[str, Any] | None:
        """The secret of this name, or None. Raises `Tampered`."""
        key = self._own_key()
        document = self._read(key)
        record = document.records.get(name)
        if record is None:
            return None
        value = json.loads(sealed.decrypt(key, document, name, record))
        assert isinstance(value, dict)
        return value

    def put(self, name: str, value: dict[str, Any]) -> None:
        """Set the secret of this name. May be repeated."""
        if not name or len(name) > 200 or not name.isprintable():
            raise BadInput(f"{name!r} cannot name a secret", advice="use 1 to 200 printable characters")
        body = json.dumps(value).encode()
        self._write(lambda key, d: {**d.records, name: sealed.encrypt(key, d, name, body)})

    def remove(self, names: Iterable[str]) -> list[str]:
        """Remove these secrets; the names that were there. May be repeated."""
        gone = set(names)
        there = sorted(gone & self._read(self._own_key()).records.keys())
        if there:
            self._write(lambda _, d: {k: v for k, v in d.records.items() if k not in gone})
        return there

    def rotate(self, make: Callable[[str], tuple[bytearray, keys.Provider]]) -> Vault:
        """Encrypt everything anew under the key that `make` yields; the vault that uses it."""
        with locked(_lock(self.path)):
            old_key = self._own_key()
            old = self._read(old_key)
            key, provider = make(old.install)
            bare = with_changes(old, provider=provider, records={})
            records = {
                name: sealed.encrypt(key, bare, name, sealed.decrypt(old_key, old, name, record))
                for name, record in old.records.items()
            }
            replace(self.path, sealed.render(sealed.sealed_again(key, with_changes(bare, records=records))))
        return Vault(self.path, key)

    def sibling(self, path: Path) -> Vault:
        """Another file under the same key. Raises `Locked` when it is missing or of another key, `Tampered`."""
        return Vault.open_with(path, self._key)

    def copy_of_key(self) -> bytearray:
        """The key, for a new sibling; it shall not leave the process."""
        return bytearray(self._key)

    def wipe(self) -> None:
        """Overwrite the key in memory, as well as Python can (S-29)."""
        for index in range(len(self._key)):
            self._key[index] = 0

    def _own_key(self) -> bytes:
        """The key as it is now. Each call works with one copy: a lock that wipes the key in the middle of a write
        must not have the rest written under zeros."""
        key = bytes(self._key)
        if not any(key):
            raise Locked("the vault is locked", advice="run: gatepass vault unlock")
        return key

    def _read(self, key: bytes | bytearray) -> Sealed:
        document = read_sealed(self.path)
        if not sealed.seal_fits(key, document):
            raise Tampered(
                f"the vault at {self.path} was changed by something else than gatepass: "
                "a record was added, removed or swapped",
                advice="restore vault.bin from a backup, or: gatepass vault init --replace",
            )
        return document

    def _write(self, change: Callable[[bytes, Sealed], dict[str, bytes]]) -> None:
        with locked(_lock(self.path)):
            key = self._own_key()
            document = self._read(key)
            new = with_changes(document, records=change(key, document))
            replace(self.path, sealed.render(sealed.sealed_again(key, new)))


def export_vault(vault: Vault, target: Path, passphrase: str) -> int:
    """Write a copy of all secrets under a passphrase of its own; how many. Refuses to replace a file."""
    if target.exists() or target.is_symlink():
        raise BadInput(f"{target} exists already", advice="name another file")
    provider = keys.passphrase_provider()
    key = keys.passphrase_key(passphrase, provider)
    bare = Sealed(os.urandom(8).hex(), provider)
    records = {
        name: sealed.encrypt(key, bare, name, json.dumps(vault.get(name)).encode()) for name in vault.names()
    }
    replace(target, sealed.render(sealed.sealed_again(key, with_changes(bare, records=records))))
    return len(records)


def import_vault(vault: Vault, source: Path, passphrase: str) -> list[str]:
    """Put every secret of an exported copy into this vault; their names. May be repeated."""
    copy = Vault.open_with(source, keys.passphrase_key(passphrase, read_sealed(source).provider))
    for name in copy.names():
        value = copy.get(name)
        assert value is not None
        vault.put(name, value)
    return copy.names()


def forget_keyring_item(provider: keys.Provider) -> None:
    """Remove the old key from the system keyring after a rotation to another provider; quiet when it is gone."""
    with suppress(SessionError):
        keys.system_keyring().delete_password("gatepass", str(provider.get("item", "")))


def _lock(path: Path) -> Path:
    return path.with_name(path.name + ".lock")
