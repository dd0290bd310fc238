"""Sets that lie in the shared credentials file while the agent holds them: written, renewed, removed (S-44)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from gatepass.sessions.agent.world import Entry
from gatepass.sessions.config.credentials import FileEntry, put, remove
from gatepass.sessions.errors import SessionError
from gatepass.sessions.files import read_private, replace


class Handouts:
    """Which sessions are in which file. What a killed agent left is removed by the next one (`clear`)."""

    def __init__(self, record: Path, locks: Path) -> None:
        self._record, self._locks = record, locks
        self._files: dict[str, Path] = {}
        self._written: dict[str, FileEntry] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The sessions that lie in a file."""
        return tuple(sorted(self._files))

    def write(self, entry: Entry, path: Path) -> datetime:
        """Put the session's set into the file; when it expires. Raises `BadInput`, `Unsafe`."""
        session = entry.chain[-1]
        self._note({**self._files, session.name: path})  # before: what is not on record is not removed
        try:
            self._put(session.name, entry, path)
        except SessionError:
            self._note({name: p for name, p in self._files.items() if name != session.name})
            raise
        return entry.expires_at

    def renew(self, entries: Mapping[str, Entry]) -> None:
        """Follow the agent: newer sets are written, dropped ones removed."""
        for name, path in list(self._files.items()):
            entry = entries.get(name)
            with contextlib.suppress(SessionError, OSError):  # somebody made the file unsafe meanwhile
                if entry is None:
                    self.take_back(name)
                elif name not in self._written or self._written[name].credentials != entry.credentials:
                    self._put(name, entry, path)

    def take_back(self, name: str) -> bool:
        """Remove the session's set from its file; whether it was in one. May be repeated."""
        path, entry = self._files.pop(name, None), self._written.pop(name, None)
        if path is None:
            return False
        if entry is not None:
            remove(path, {entry.profile}, self._locks)
        self._note(self._files)
        return True

    def clear(self) -> None:
        """Remove what an agent left that was killed."""
        try:
            found = json.loads(read_private(self._record))
            paths = {Path(p) for p in found.values()}
        except (OSError, ValueError, AttributeError, TypeError, SessionError):
            return
        for path in paths:
            with contextlib.suppress(SessionError, OSError):
                remove(path, None, self._locks)
        self._note({})

    def _put(self, name: str, entry: Entry, path: Path) -> None:
        made = FileEntry(entry.chain[-1].profile, entry.credentials, entry.expires_at)
        put(path, made, self._locks)
        self._written[name] = made

    def _note(self, files: dict[str, Path]) -> None:
        self._files = files
        replace(self._record, json.dumps({name: str(path) for name, path in files.items()}).encode())
