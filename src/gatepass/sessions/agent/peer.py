"""Who is at the other end of a unix socket: user, process, program and its parents (S-32)."""

from __future__ import annotations

import _socket
import os
import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """A process as the kernel vouches for it; `pid` 0 where the system does not tell."""

    uid: int
    pid: int = 0


def peer_of(connection: _socket.socket) -> Peer:
    """The process that opened the connection. Raises `OSError` where the system cannot say."""
    so_peercred: int | None = getattr(_socket, "SO_PEERCRED", None)
    if so_peercred is not None:
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(_socket.SOL_SOCKET, so_peercred, 12))
        return Peer(uid, pid)
    # macOS and BSD: LOCAL_PEERCRED gives struct xucred: version, uid, group count, 16 groups.
    raw = connection.getsockopt(0, 1, 76)
    return Peer(struct.unpack_from("Ii", raw)[1])


def is_ours(connection: _socket.socket) -> bool:
    """Whether the other end is this user."""
    return peer_of(connection).uid == os.geteuid()


def program(pid: int) -> str:
    """The executable of a process, or an empty text."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def ancestors(pid: int) -> tuple[int, ...]:
    """The process and its parents up to, not including, the first process."""
    found: list[int] = []
    while pid > 1 and len(found) < 64:
        found.append(pid)
        pid = _parent(pid)
    return tuple(found)


def tree_of(pid: int) -> int:
    """What stands for the process tree: the session leader of the process, or the process itself (S-32)."""
    try:
        return os.getsid(pid)
    except OSError:
        return pid


def terminal_of(pid: int) -> str | None:
    """The terminal that controls a process (Linux: pseudo-terminals), or None."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            number = int(file.read().rsplit(b")", 1)[1].split()[4])
    except (OSError, IndexError, ValueError):
        return None
    major, minor = os.major(number), os.minor(number)
    return f"/dev/pts/{(major - 136) * 256 + minor}" if 136 <= major <= 143 else None


def loopback_uid(port: int) -> int | None:
    """The user whose connection on loopback comes from this port; None where the system does not say (Linux says)."""
    for table, address in (("tcp", "0100007F"), ("tcp6", "00000000000000000000000001000000")):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:
            continue
        wanted = f"{address}:{port:04X}"
        for row in rows:
            if row[1] == wanted and row[3] == "01":  # established
                return int(row[7])
    return None


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # the name is in parentheses and may hold anything, so read from the last one
            return int(file.read().rsplit(b")", 1)[1].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
