"""Who is at the other end of a unix socket: user, process, program and its parents (S-32)."""

from __future__ import annotations

import _socket
import os
import struct
import sys
from dataclasses import dataclass

Address = tuple[str, int]
NOBODY = -1


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


def is_strangers(caller: Address, listener: Address) -> bool:
    """Whether another user of this machine holds the far end of a connection to a loopback `listener`.

    The whole connection is looked up in the kernel's table, in whatever state it is: the far end may have any address
    of this machine, and may have closed its own half. Root is no stranger. Where the system keeps no such table (not
    Linux), and for listeners that are not on loopback, nobody is.
    """
    import ipaddress

    if not ipaddress.ip_address(listener[0]).is_loopback:
        return False
    uid = _uid_of(caller, listener)
    return uid is not None and uid not in (0, os.geteuid())


def _uid_of(caller: Address, listener: Address) -> int | None:
    """Whose socket the caller's end is; `NOBODY` when the table does not have it, None when there is no table."""
    found = None
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:
            continue
        found = NOBODY
        wanted = [_as_listed(caller, table), _as_listed(listener, table)]
        for row in rows:
            if row[1:3] == wanted:
                return int(row[7])
    return found


def _as_listed(address: Address, table: str) -> str:
    """An address as the kernel lists it: words of the machine's own byte order; IPv4 within the table of IPv6 too."""
    import ipaddress

    ip = ipaddress.ip_address(address[0])
    raw = ip.packed if table == "tcp" or ip.version == 6 else b"\0" * 10 + b"\xff\xff" + ip.packed
    step = -1 if sys.byteorder == "little" else 1
    words = (raw[at : at + 4][::step] for at in range(0, len(raw), 4))
    return f"{b''.join(words).hex().upper()}:{address[1]:04X}"


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # the name is in parentheses and may hold anything, so read from the last one
            return int(file.read().rsplit(b")", 1)[1].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
