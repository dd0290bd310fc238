"""Private files: made 0600 from the start, replaced whole or not at all, never through a link (security.md 29).

Not for the shared AWS config, which may be a link and may be readable by others: `config.writer` has its own rules.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gatepass.sessions.errors import Busy, Unsafe

LOCK_WAIT_SECONDS = 120.0  # S-82
LOCK_TELL_AFTER_SECONDS = 2.0


# A fifo in the way must be refused, not waited for.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def private_dir(path: Path) -> Path:
    """`path` as a directory of ours which nobody else can enter; made 0700 if missing. Raises `Unsafe`."""
    if not path.is_symlink() and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise Unsafe(f"{path} must be a directory and is not", advice="move it away and try again")
    _refuse_foreign(path, found, "chmod 700")
    return path


def read_private(path: Path) -> bytes:
    """The bytes of a file of ours. Raises `FileNotFoundError`, or `Unsafe` for a link, other owner or open mode."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | _NO_LINK)
    except OSError as error:
        if path.is_symlink():
            raise Unsafe(
                f"{path} is a link; gatepass does not follow it", advice="replace it by a file"
            ) from error
        raise
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise Unsafe(f"{path} must be a plain file and is not", advice="move it away and try again")
        _refuse_foreign(path, found, "chmod 600")
        with open(fd, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(fd)


def _refuse_foreign(path: Path, found: os.stat_result, repair: str) -> None:
    if sys.platform == "win32":  # modes and owners are access lists there: the profile directory protects
        return
    if found.st_uid != os.geteuid():
        raise Unsafe(
            f"{path} belongs to user id {found.st_uid}, not to you ({os.geteuid()})", advice="move it away"
        )
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise Unsafe(f"{path} has mode {mode:04o}: others can reach it", advice=f"run: {repair} {path}")


def replace(path: Path, data: bytes, mode: int = 0o600, *, durable: bool = True) -> None:
    """Put `data` at `path`: after a crash at any step the old bytes or the new ones are there, never a mix.

    Without `durable` nothing waits for the disk: for what can be made anew, where a power cut may leave rubbish.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    fd = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.chmod(temporary, mode)
            if durable:
                os.fsync(fd)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if durable:
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def try_lock(path: Path) -> int | None:
    """An open descriptor that holds the lock, or None when somebody else has it. The kernel frees it at our death."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()} {int(time.time())}\n".encode(), 0)  # owner line, for people (S-82)
    return fd


@contextmanager
def locked(
    path: Path, *, tell: Callable[[str], None] | None = None, wait_seconds: float = LOCK_WAIT_SECONDS
) -> Iterator[None]:
    """Hold the lock file at `path`. Waits, says so after 2 s, raises `Busy` with the owner after `wait_seconds`."""
    fd = wait_for_lock(path, tell, wait_seconds)
    try:
        yield
    finally:
        os.close(fd)


def wait_for_lock(
    path: Path, tell: Callable[[str], None] | None = None, wait_seconds: float = LOCK_WAIT_SECONDS
) -> int:
    """A descriptor that holds the lock until it is closed. Raises `Busy`, like `locked`."""
    started, pause, told = time.monotonic(), 0.002, False
    while (fd := try_lock(path)) is None:
        waited = time.monotonic() - started
        if waited > wait_seconds:
            raise Busy(
                f"{path} has been locked for {waited:.0f} s by process {owner(path)}",
                advice="end that process, or wait",
            )
        if waited > LOCK_TELL_AFTER_SECONDS and not told and tell is not None:
            tell(f"waiting for process {owner(path)}, which holds {path}")
            told = True
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return fd


def owner(path: Path) -> str:
    """The process id in the lock's owner line, or a question mark."""
    try:
        words = path.read_text().split()
    except OSError:
        return "?"
    return words[0] if words else "?"
