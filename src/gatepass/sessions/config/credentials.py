"""Entries of ours in the shared credentials file, for tools that know nothing else (S-44); every other byte stays.

An entry is one section between two marks, the first of which says when it expires. There is no backup: it would keep
what was removed.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gatepass.sessions.config import text
from gatepass.sessions.config.writer import ConfigPlan, apply
from gatepass.sessions.delivery.formats import rfc3339
from gatepass.sessions.errors import BadInput, Unsafe
from gatepass.sessions.files import open_to_others
from gatepass.sessions.model import Credentials

BEGIN = "# gatepass:managed expires="
END = "# gatepass:end"


@dataclass(frozen=True)
class FileEntry:
    """What a tool finds under a profile's name."""

    profile: str
    credentials: Credentials
    expires_at: datetime

    def lines(self, end: str) -> list[str]:
        """The section between its marks."""
        made = self.credentials
        rows = [
            f"{BEGIN}{rfc3339(self.expires_at)}",
            f"[{self.profile}]",
            f"aws_access_key_id = {made.access_key_id}",
            f"aws_secret_access_key = {made.secret_access_key}",
            f"aws_session_token = {made.session_token or ''}",
            END,
        ]
        return [row + end for row in rows]


def put(path: Path, entry: FileEntry, locks: Path) -> None:
    """Write the entry, in place of an older one of ours. Raises `BadInput` when the section is somebody else's."""
    plan = _planned(path, {entry.profile: entry})
    apply(plan, locks, backup=False)


def remove(path: Path, profiles: set[str] | None, locks: Path) -> list[str]:
    """Remove our entries of these profiles, or all; which were there. May be repeated."""
    _, raw = _read(path)
    there = set(managed(text.decode(raw or b"")))
    gone = there if profiles is None else there & profiles
    if gone:
        apply(_planned(path, dict.fromkeys(gone)), locks, backup=False)
    return sorted(gone)


def rewritten(path: Path, change: Callable[[bytes], bytes], locks: Path) -> None:
    """Change an existing file under the lock, whole or not at all, mode kept, no backup. Raises `BadInput`."""
    real = path.resolve()
    before = real.read_bytes()
    apply(ConfigPlan(real, before, change(before)), locks, backup=False)


def managed(lines: list[str]) -> list[str]:
    """The profiles of our entries."""
    return [found for start, end in _spans(lines) if (found := _profile(lines[start:end]))]


def unmanaged(lines: list[str]) -> list[str]:
    """The lines that are not ours."""
    ours = {n for start, end in _spans(lines) for n in range(start, end)}
    return [line for number, line in enumerate(lines) if number not in ours]


def _planned(path: Path, entries: dict[str, FileEntry | None]) -> ConfigPlan:
    real, raw = _read(path)
    lines = text.decode(raw or b"")
    foreign = {section.header for section in text.sections(unmanaged(lines))}
    taken = sorted(name for name, entry in entries.items() if entry is not None and name in foreign)
    if taken:
        raise BadInput(
            f"{real} has [{taken[0]}] already, and it is not gatepass's",
            advice="give the session another profile, or: gatepass import aws --move-keys",
        )
    kept: list[str] = []
    at = 0
    for start, end in _spans(lines):
        gone = _profile(lines[start:end]) in entries
        kept += lines[at:start] if gone else lines[at:end]
        at = end
    kept += lines[at:]
    newline = text.newline_of(lines)
    for entry in entries.values():
        if entry is not None:
            if kept and not kept[-1].endswith("\n"):
                kept[-1] += newline
            kept += entry.lines(newline)
    return ConfigPlan(real, raw, text.encode(kept))


def _read(path: Path) -> tuple[Path, bytes | None]:
    real = path.resolve()
    try:
        raw = real.read_bytes()
    except FileNotFoundError:
        return real, None
    found = real.stat()
    if open_to_others(found):
        mode = stat.S_IMODE(found.st_mode)
        raise Unsafe(f"{real} has mode {mode:04o}: others could read it", advice=f"run: chmod 600 {real}")
    return real, raw


def _spans(lines: list[str]) -> list[tuple[int, int]]:
    """Each entry's first line and the line after its last; a mark without its end covers its own section only."""
    found = []
    for start, line in enumerate(lines):
        if line.startswith(BEGIN):
            end = start + 1
            while end < len(lines) and lines[end].strip() != END and not _foreign(lines, start, end):
                end += 1
            closed = end < len(lines) and lines[end].strip() == END
            found.append((start, end + 1 if closed else end))
    return found


def _foreign(lines: list[str], start: int, at: int) -> bool:
    return lines[at].startswith(BEGIN) or (lines[at].startswith("[") and at > start + 1)


def _profile(lines: list[str]) -> str:
    return next((line.strip()[1:-1] for line in lines if line.startswith("[")), "")
