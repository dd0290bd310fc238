"""Writing the managed block: planned first, then under a lock, whole or not at all (S-1 to S-3, S-61 to S-63)."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatepass.sessions.config import text
from gatepass.sessions.config.text import Split
from gatepass.sessions.errors import BadInput, Unsafe
from gatepass.sessions.files import locked, open_plain, private_dir, rename, sync_directory
from gatepass.sessions.model import Session, StaticEndpoint
from gatepass.sessions.paths import SAFE_WORD

_PROFILE_SAFE = re.compile(r"[A-Za-z0-9/._-]+")
BACKUP_SUFFIX = ".gatepass.bak"


class Conflict(BadInput):
    """Profiles of ours exist outside the block. Nothing was written."""

    code = "profile_conflict"

    def __init__(self, path: Path, names: list[str]) -> None:
        super().__init__(
            f"{path} already has {', '.join('[profile ' + n + ']' for n in names)} outside gatepass's block",
            advice="give the session another profile, or let gatepass take the section over: "
            "gatepass profiles install --adopt",
        )


@dataclass(frozen=True)
class ConfigPlan:
    """What would be written where."""

    path: Path
    """The real file, links followed."""
    before: bytes | None
    """None: there is no file."""
    after: bytes | None
    """None: remove the file, which was ours alone."""

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self.before != self.after

    def diff(self) -> str:
        """For people."""
        old = (self.before or b"").decode("utf-8", "replace").splitlines(keepends=True)
        new = (self.after or b"").decode("utf-8", "replace").splitlines(keepends=True)
        return "".join(difflib.unified_diff(old, new, str(self.path), str(self.path)))


def plan_install(
    config: Path,
    sessions: Iterable[Session],
    command: Sequence[str],
    *,
    adopt: bool = False,
    default: bool = False,
) -> ConfigPlan:
    """The file with a block for exactly these sessions; the profile's name follows the words of `command`.

    Raises `Conflict`, `BadInput`, `Tampered`.
    """
    path, raw = _read(config)
    parts = text.split(text.decode(raw or b""), path)
    chosen = [s for s in sessions if s.profile != "default" or default]
    names = {s.profile for s in chosen}
    _refuse_unsafe(names, command)
    parts = _adopt(parts, names) if adopt else parts
    taken = sorted({s.profile or "" for s in text.sections(parts.outside())} & names)
    if taken:
        raise Conflict(path, taken)
    if not chosen:
        return _without(path, raw, parts)
    block = _block(chosen, " ".join(command), parts, made=raw is None or _is_ours(parts))
    return ConfigPlan(path, raw, text.encode(_joined(parts, block)))


def plan_uninstall(config: Path) -> ConfigPlan:
    """The file as it was before gatepass, with everything that was changed outside the block since."""
    path, raw = _read(config)
    parts = text.split(text.decode(raw or b""), path)
    return _without(path, raw, parts)


def apply(plan: ConfigPlan, locks: Path, *, backup: bool = True) -> bool:
    """Write what was planned; whether anything changed. Raises `BadInput` when the file changed meanwhile."""
    if not plan.changes:
        return False
    private_dir(locks)
    with locked(locks / "aws-config.lock"):
        _, now = _read(plan.path)
        if now != plan.before:
            raise BadInput(
                f"{plan.path} was changed by another program meanwhile", advice="run the command again"
            )
        if plan.after is None:
            os.unlink(plan.path)
            return True
        _write(plan.path, plan.before, plan.after, backup=backup)
    return True


def _read(config: Path) -> tuple[Path, bytes | None]:
    """The real file and its bytes (S-63: links are followed to their target)."""
    path = config.resolve()
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return path, None
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise Unsafe(f"{path} is not a plain file", advice="move it away")
    return path, raw


def _refuse_unsafe(names: Iterable[str], command: Sequence[str]) -> None:
    """The command must mean the same to every shell and to none (S-39)."""
    bad = sorted(n for n in names if not _PROFILE_SAFE.fullmatch(n))
    if bad:
        raise BadInput(
            f"profiles {', '.join(map(repr, bad))} cannot be installed: a tool's shell could read them differently",
            advice="give these sessions a profile of letters, digits and /._- only",
        )
    for word in command:
        if not SAFE_WORD.fullmatch(word):
            raise BadInput(f"the launcher's path {word} has characters that shells read differently")


def _block(sessions: Iterable[Session], command: str, parts: Split, *, made: bool) -> list[str]:
    lines = [text.BEGIN]
    if made:
        lines.append(text.OURS)
    if _lacks_newline(parts):
        lines.append(text.NO_NEWLINE)
    for session in sorted(sessions, key=lambda s: s.profile):
        lines += _section(session, command)
    end = text.newline_of(parts.outside())
    return [line + end for line in [*lines, text.END]]


def _section(session: Session, command: str) -> list[str]:
    name = session.profile
    lines = ["[default]" if name == "default" else f"[profile {name}]"]
    lines.append(f"credential_process = {command} {name}")
    if session.region is not None:
        lines.append(f"region = {session.region}")
    if isinstance(session.recipe, StaticEndpoint):
        lines.append(f"endpoint_url = {session.recipe.endpoint_url}")
    return lines


def _lacks_newline(parts: Split) -> bool:
    """Whether the line before the block had no end when we came (we add one, and take it back)."""
    if parts.block:
        return any(line.strip() == text.NO_NEWLINE for line in parts.block)
    return bool(parts.before) and not parts.before[-1].endswith("\n")


def _is_ours(parts: Split) -> bool:
    return any(line.strip() == text.OURS for line in parts.block)


def _joined(parts: Split, block: list[str]) -> list[str]:
    before = list(parts.before)
    if before and not before[-1].endswith("\n"):
        before[-1] += text.newline_of(parts.outside())
    return before + block + parts.after


def _without(path: Path, raw: bytes | None, parts: Split) -> ConfigPlan:
    before = list(parts.before)
    if _lacks_newline(parts) and parts.block and before and not parts.after:
        before[-1] = before[-1].rstrip("\r\n")
    lines = [_unadopted(line) for line in before + parts.after]
    if not lines and _is_ours(parts):
        return ConfigPlan(path, raw, None)
    return ConfigPlan(path, raw, None if raw is None else text.encode(lines))


def _adopt(parts: Split, names: set[str]) -> Split:
    """Comment out the sections of these profiles outside the block; uninstalling brings them back."""
    return Split(_commented(parts.before, names), parts.block, _commented(parts.after, names))


def _commented(lines: list[str], names: set[str]) -> list[str]:
    out = list(lines)
    for section in text.sections(lines):
        if section.profile in names:
            for number in range(section.start, section.end):
                out[number] = text.ADOPTED + out[number]
    return out


def _unadopted(line: str) -> str:
    return line.removeprefix(text.ADOPTED)


def _write(path: Path, before: bytes | None, after: bytes, *, backup: bool) -> None:
    """Backup, temporary file beside the target, fsync, rename; the mode stays, new files are 0600."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = stat.S_IMODE(path.stat().st_mode) if before is not None else 0o600
    if before is not None and backup:
        _replace(path.with_name(path.name + BACKUP_SUFFIX), before, mode, path)
    _replace(path, after, mode, path)


def _replace(target: Path, data: bytes, mode: int, like: Path) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    fd = open_plain(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            if sys.platform != "win32":  # there, the directory's access list holds for what is made in it
                os.fchmod(fd, mode)
                with contextlib.suppress(OSError):  # another owner is kept where we may
                    found = like.stat()
                    os.fchown(fd, found.st_uid, found.st_gid)
            os.fsync(fd)
        rename(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_directory(target.parent)
