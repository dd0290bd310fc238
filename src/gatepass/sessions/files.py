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


# A link is refused; bytes are bytes on Windows too. What `os.open` makes is never inherited.
_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# A fifo in the way must be refused, not waited for.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)
_LOCKED_BYTE = 1 << 30  # Windows keeps others from reading what is locked: far behind the owner line
RENAME_SECONDS = 2.0


def open_plain(path: Path, flags: int) -> int:
    """A descriptor of a plain file, 0600 if it is made now; never through a link. Raises `OSError`."""
    return os.open(path, flags | _PLAIN, 0o600)


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
        fd = open_plain(path, os.O_RDONLY | _AT_ONCE)
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
        _refuse_outside_profile(path)
    elif found.st_uid != os.geteuid():
        raise Unsafe(
            f"{path} belongs to user id {found.st_uid}, not to you ({os.geteuid()})", advice="move it away"
        )
    elif open_to_others(found):
        mode = stat.S_IMODE(found.st_mode)
        raise Unsafe(f"{path} has mode {mode:04o}: others can reach it", advice=f"run: {repair} {path}")


def open_to_others(found: os.stat_result) -> bool:
    """Whether the mode lets others in. Windows' modes say nothing of that: False."""
    return sys.platform != "win32" and bool(found.st_mode & 0o077)


def _refuse_outside_profile(path: Path) -> None:
    """Windows lets the user, the system and its administrators into the profile, and nobody else."""
    profile = os.path.realpath(os.path.expanduser("~"))
    real = os.path.realpath(path)
    if not os.path.normcase(real).startswith(os.path.normcase(os.path.join(profile, ""))):
        raise Unsafe(
            f"{path} is outside your profile {profile}, where others may read it",
            advice="let GATEPASS_HOME, or the file's path, name a place in your profile",
        )


def replace(path: Path, data: bytes, mode: int = 0o600, *, durable: bool = True) -> None:
    """Put `data` at `path`: after a crash at any step the old bytes or the new ones are there, never a mix.

    Without `durable` nothing waits for the disk: for what can be made anew, where a power cut may leave rubbish.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    fd = open_plain(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.chmod(temporary, mode)
            if durable:
                os.fsync(fd)
        rename(temporary, path)
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(path)  # a full disk does not say of which file it speaks
        raise
    if durable:
        sync_directory(path.parent)


def rename(old: Path, new: Path) -> None:
    """Put `old` in the place of `new`, at once. Windows refuses while somebody reads `new`: that is waited for."""
    ends = time.monotonic() + (RENAME_SECONDS if sys.platform == "win32" else 0)
    while True:
        try:
            os.replace(old, new)
        except PermissionError:
            if time.monotonic() >= ends:
                raise
            time.sleep(0.005)
        else:
            return


def sync_directory(path: Path) -> None:
    """Have the names in a directory on the disk; Windows has no such call and keeps a journal instead."""
    if sys.platform != "win32":
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def try_lock(path: Path) -> int | None:
    """An open descriptor that holds the lock, or None when somebody else has it. The kernel frees it at our death."""
    fd = open_plain(path, os.O_RDWR | os.O_CREAT)
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    with suppress(OSError):  # a full disk does not keep the lock from being ours
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, f"{os.getpid()} {int(time.time())}\n".encode())  # owner line, for people (S-82)
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
