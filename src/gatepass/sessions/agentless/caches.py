"""Where role credentials wait between processes without an agent (S-36, part 7): kernel keyring or sealed file."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gatepass.clock import from_ms, to_ms
from gatepass.sessions.agent.strongbox import Strongbox
from gatepass.sessions.agent.world import Cache
from gatepass.sessions.errors import BadInput, Locked, Tampered
from gatepass.sessions.files import private_dir, try_lock, wait_for_lock
from gatepass.sessions.freshness import window
from gatepass.sessions.launcher.kernelkeys import LIMIT, KernelKeys
from gatepass.sessions.model import Credentials, Session, Settings
from gatepass.sessions.paths import Paths, kernel_name
from gatepass.sessions.vault.store import Vault, read_sealed

Now = Callable[[], datetime]


def cache_for(settings: Settings, paths: Paths, strongbox: Strongbox, now: Now) -> Cache:
    """What the settings choose. Raises `BadInput` when they insist on a kernel keyring and there is none."""
    file = FileCache(paths.data / "cache.bin", paths.locks, strongbox)
    if settings.cache == "file":
        return file
    try:
        keys = KernelKeys()
        keys.read(kernel_name(paths, "?"))  # sandboxes forbid the call as a whole
    except OSError as error:
        if settings.cache == "kernel":
            raise BadInput(
                f"the kernel's keyring cannot be used ({error.strerror})",
                advice='set cache = "file" in [settings] of workspace.toml',
            ) from error
        return file
    plain = not settings.registry  # the launcher watches one file for changes
    return KernelCache(keys, paths, now, file, launcher_may_serve=plain)


class _Locks:
    """One lock file per session, freed by the kernel when its holder dies."""

    def __init__(self, locks: Path) -> None:
        self._locks = locks

    async def guard(self, session: Session, *, wait: bool) -> Callable[[], None] | None:
        """Hold the session's lock; the result lets go. None when somebody else has it and `wait` is False."""
        private_dir(self._locks)
        path = self._locks / f"{hashlib.sha256(session.name.encode()).hexdigest()}.lock"
        fd = await asyncio.to_thread(wait_for_lock, path) if wait else try_lock(path)
        return None if fd is None else lambda: os.close(fd)


class FileCache(_Locks):
    """`cache.bin`, AES-GCM under the vault's key: every reader opens the vault. A damaged file is an empty one."""

    def __init__(self, path: Path, locks: Path, strongbox: Strongbox) -> None:
        super().__init__(locks)
        self._path, self._strongbox = path, strongbox

    def load(self, session: Session, recipe: str) -> Credentials | None:
        """The set another process made of the same recipe, if any."""
        if not self._path.exists():
            return None
        try:
            value = self._file().get(session.name)
        except (Tampered, Locked):
            return None
        return None if value is None else _credentials(value, recipe)

    def save(self, session: Session, recipe: str, made: Credentials, payload: bytes | None) -> None:
        """Keep a set for other processes."""
        self._file().put(session.name, _value(recipe, made))

    def forget(self, session: Session) -> None:
        """Remove a set. May be repeated; with the vault locked the whole file goes."""
        if not self._path.exists():
            return
        try:
            self._file().remove([session.name])
        except (Tampered, Locked):
            self._path.unlink(missing_ok=True)

    def _file(self) -> Vault:
        vault = self._strongbox.vault()
        try:
            return vault.sibling(self._path)
        except (Tampered, Locked):
            provider = read_sealed(vault.path).provider
            key = vault.copy_of_key()
            return Vault.create(self._path, lambda _: (key, provider), replace_old=True)


class KernelCache(_Locks):
    """One kernel key per profile. What does not fit the user's quota goes to the file."""

    def __init__(
        self, keys: KernelKeys, paths: Paths, now: Now, overflow: FileCache, *, launcher_may_serve: bool
    ) -> None:
        super().__init__(paths.locks)
        self._keys, self._paths, self._now = keys, paths, now
        self._overflow, self._plain = overflow, launcher_may_serve
        self._stamp = stamp(paths.workspace)

    def load(self, session: Session, recipe: str) -> Credentials | None:
        """The set another process made of the same recipe, if any."""
        self._stamp = stamp(self._paths.workspace)  # of the workspace that the recipe is from
        name = kernel_name(self._paths, session.profile)
        found = self._keys.read(name)
        if found is None:
            return self._overflow.load(session, recipe) if self._overflow_used() else None
        try:
            head, value, payload = found.split(b"\n", 2)
            made = _credentials(json.loads(value), recipe)
        except (ValueError, KeyError, TypeError):
            return None
        if made is not None and head.split(b" ")[0] != self._stamp.encode():  # another session was changed
            self._write(session, made, b"%s %s" % (self._stamp.encode(), head.split(b" ")[1]), value, payload)
        return made

    def save(self, session: Session, recipe: str, made: Credentials, payload: bytes | None) -> None:
        """Keep a set until it expires; before it must be replaced the launcher may serve `payload` by itself."""
        assert made.expires_at is not None
        serve = made.expires_at - self._now() - window(made.lasts)
        quick = payload is not None and self._plain and serve > timedelta(0)
        until = int(time.time() + serve.total_seconds()) if quick else 0
        value = json.dumps(_value(recipe, made)).encode()
        if not self._write(session, made, f"{self._stamp} {until}".encode(), value, payload or b""):
            self._overflow.save(session, recipe, made, None)

    def _write(self, session: Session, made: Credentials, head: bytes, value: bytes, payload: bytes) -> bool:
        """Whether it fitted this user's quota of keys."""
        assert made.expires_at is not None
        left = int((made.expires_at - self._now()).total_seconds())
        body = b"\n".join((head, value, payload))
        try:
            if len(body) > LIMIT:
                return False
            self._keys.write(kernel_name(self._paths, session.profile), body, left)
        except OSError:
            return False
        return True

    def forget(self, session: Session) -> None:
        """Remove a set at once. May be repeated."""
        with contextlib.suppress(OSError):
            self._keys.remove(kernel_name(self._paths, session.profile))
        if self._overflow_used():
            self._overflow.forget(session)

    def _overflow_used(self) -> bool:
        return (self._paths.data / "cache.bin").exists()


def stamp(workspace: Path) -> str:
    """Changes whenever the workspace file does; the launcher reckons it in the same way."""
    try:
        found = os.stat(workspace)
    except OSError:
        return "0"
    return f"{found.st_mtime_ns}.{found.st_ino}"


def _mark(recipe: str) -> str:
    return hashlib.sha256(recipe.encode()).hexdigest()


def _value(recipe: str, made: Credentials) -> dict[str, Any]:
    assert made.expires_at is not None
    return {
        "recipe": _mark(recipe),
        "access_key_id": made.access_key_id,
        "secret_access_key": made.secret_access_key,
        "session_token": made.session_token,
        "expires_at": to_ms(made.expires_at),
        "issued_at": to_ms(made.issued_at or made.expires_at),
        "account_id": made.account_id,
    }


def _credentials(value: dict[str, Any], recipe: str) -> Credentials | None:
    if value.get("recipe") != _mark(recipe):
        return None
    return Credentials(
        value["access_key_id"],
        value["secret_access_key"],
        value["session_token"],
        from_ms(value["expires_at"]),
        from_ms(value["issued_at"]),
        value["account_id"],
    )
