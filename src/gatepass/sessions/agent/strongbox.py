"""The vault inside the agent: opened on first need where no person is needed, locked on demand (S-27, S-29)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatepass.sessions.errors import Locked

if TYPE_CHECKING:
    from gatepass.sessions.vault.store import Vault


class Strongbox:
    """Thread-safe; blocking. Raises `Locked` whenever the vault cannot be used now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._vault: Vault | None = None
        self._kept_shut = False
        self._holders = 0
        self._to_wipe: list[Vault] = []

    @property
    def is_open(self) -> bool:
        """Whether the key is in memory."""
        return self._vault is not None

    @property
    def is_kept_shut(self) -> bool:
        """Whether somebody locked it: only `unlock` opens it again."""
        return self._kept_shut

    def get(self, name: str) -> dict[str, Any] | None:
        """A secret by name, or None."""
        return self._opened().get(name)

    def put(self, name: str, value: dict[str, Any]) -> None:
        """Set a secret."""
        self._opened().put(name, value)

    def remove(self, names: list[str]) -> list[str]:
        """Remove secrets; the names that were there."""
        return self._opened().remove(names)

    @contextmanager
    def held(self) -> Iterator[Vault]:
        """The open vault, until the context ends: a lock meanwhile shuts it for all others, and wipes its key then."""
        vault = self._opened()
        with self._lock:
            if vault is not self._vault:
                raise Locked("the vault is locked", advice="run: gatepass vault unlock")
            self._holders += 1
        try:
            yield vault
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders:
                    self._wipe_all()

    def vault(self) -> Vault:
        """The open vault, for encrypting the agentless cache."""
        return self._opened()

    def wants_passphrase(self) -> bool:
        """Whether only a person can open it."""
        from gatepass.sessions.vault.store import read_sealed

        return self._vault is None and read_sealed(self._path).provider.get("kind") == "passphrase"

    def unlock(self, passphrase: str | None, *, person: bool = True) -> None:
        """Open it, with the passphrase where its provider is one; `person`: somebody is there to be asked."""
        self._open(passphrase, person=person)

    def _open(self, passphrase: str | None, *, person: bool) -> Vault:
        from gatepass.sessions.vault.store import Vault

        def ask(prompt: str) -> str:
            if passphrase is None:
                raise Locked(
                    f"the vault is locked: its {prompt} is needed", advice="run: gatepass vault unlock"
                )
            return passphrase

        with self._lock:
            if self._kept_shut and not person:  # locked by hand since it was looked at
                raise Locked("the vault is locked", advice="run: gatepass vault unlock")
            vault = self._vault = Vault.open(self._path, ask, person=person)
            self._kept_shut = False
        return vault

    def lock(self, *, keep_shut: bool = True) -> None:
        """Forget the key. With `keep_shut` only `unlock` opens it again; without, the next need does."""
        with self._lock:
            if self._vault is not None:
                self._to_wipe.append(self._vault)
            self._vault = None
            self._kept_shut = keep_shut
            if not self._holders:
                self._wipe_all()

    def _wipe_all(self) -> None:
        while self._to_wipe:
            self._to_wipe.pop().wipe()

    def _opened(self) -> Vault:
        vault = self._vault  # a lock may come at any moment: its key is wiped then, and the vault says so
        if vault is not None:
            return vault
        if self._kept_shut:
            raise Locked("the vault is locked", advice="run: gatepass vault unlock")
        return self._open(None, person=False)
