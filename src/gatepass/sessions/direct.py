"""The same guarantees without an agent (S-36, T-2): locks in the kernel, an encrypted file between processes.

Role credentials lie in `cache.bin`, AES-GCM under the vault's key: the only place where they are ever on disk, and
only where `agent = false` was chosen.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gatepass.clock import SystemClock, from_ms, to_ms
from gatepass.errors import GatepassError
from gatepass.sessions.agent.asker import NOBODY, Asker
from gatepass.sessions.agent.process import assemble
from gatepass.sessions.agent.start import harden
from gatepass.sessions.agent.strongbox import Strongbox
from gatepass.sessions.errors import Locked, SessionError, Tampered, scrub
from gatepass.sessions.files import private_dir, wait_for_lock
from gatepass.sessions.model import Credentials
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault.store import Vault, read_sealed


class FileCache:
    """Sets that other processes may use. A damaged file is an empty one."""

    def __init__(self, path: Path, locks: Path, strongbox: Strongbox) -> None:
        self._path, self._locks, self._strongbox = path, locks, strongbox

    def load(self, session: str, recipe: str) -> Credentials | None:
        """The set another process made of the same recipe, if any."""
        try:
            value = self._file().get(session)
        except (Tampered, Locked):
            return None
        if value is None or value.get("recipe") != recipe:
            return None
        return Credentials(
            value["access_key_id"],
            value["secret_access_key"],
            value["session_token"],
            from_ms(value["expires_at"]),
            from_ms(value["issued_at"]),
            value["account_id"],
        )

    def save(self, session: str, recipe: str, made: Credentials) -> None:
        """Keep a set for other processes."""
        assert made.expires_at is not None
        value: dict[str, Any] = {
            "recipe": recipe,
            "access_key_id": made.access_key_id,
            "secret_access_key": made.secret_access_key,
            "session_token": made.session_token,
            "expires_at": to_ms(made.expires_at),
            "issued_at": to_ms(made.issued_at or made.expires_at),
            "account_id": made.account_id,
        }
        self._file().put(session, value)

    async def guard(self, session: str) -> Callable[[], None]:
        """Wait for the lock of this session; call the result to let go."""
        private_dir(self._locks)
        path = self._locks / f"{hashlib.sha256(session.encode()).hexdigest()}.lock"
        fd = await asyncio.to_thread(wait_for_lock, path)
        return lambda: os.close(fd)

    def _file(self) -> Vault:
        vault = self._strongbox.vault()
        try:
            return vault.sibling(self._path)
        except (Tampered, Locked):
            provider = read_sealed(vault.path).provider
            key = vault.copy_of_key()
            return Vault.create(self._path, lambda _: (key, provider), replace_old=True)


async def payload(paths: Paths, name: str, asker: Asker) -> bytes:
    """credential_process JSON, minted under locks. Raises a `SessionError`."""
    service = assemble(paths, SystemClock())
    cache = FileCache(paths.data / "cache.bin", paths.locks, service.strongbox)
    service.keeper.use_cache(cache)
    if asker.present:
        await service.unlocked(asker)
    return (await service.keeper.get(name, asker)).payload


def main(words: list[str]) -> None:
    """`CONFIG DATA STATE RUN PROFILE`: what the launcher runs where there is no agent."""
    harden()
    paths = Paths.from_words(words[:4])
    try:
        private_dir(paths.state)
        sys.stdout.buffer.write(asyncio.run(payload(paths, words[4], NOBODY)))
        sys.stdout.flush()
    except (GatepassError, OSError) as error:
        text = error.line() if isinstance(error, SessionError) else scrub(str(error))
        sys.stderr.write(f"gatepass: {text[:900]}\n")
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
