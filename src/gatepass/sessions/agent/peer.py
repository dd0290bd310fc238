"""Who is at the other end of a connection: user, process, program and its parents (S-32).

What the system cannot tell is empty or None, and never taken for a yes: a rule that asks for a program refuses then.
"""

from __future__ import annotations

import _socket
import functools
import os
import struct
import sys
from dataclasses import dataclass
from typing import Protocol

Tree = tuple[int, int]
"""A process and when it began, in the system's own unit: the number alone may be another process tomorrow."""
GENERATIONS = 64
# macOS, <sys/un.h>: level SOL_LOCAL, LOCAL_PEERCRED yields struct xucred of <sys/ucred.h>, LOCAL_PEERPID a pid_t.
SOL_LOCAL, LOCAL_PEERCRED, LOCAL_PEERPID = 0, 1, 2
XUCRED = struct.Struct("=IIh2x16I")  # version, user, count of groups, groups
XUCRED_VERSION = 0

Address = tuple[str, int]
NOBODY = -1


@dataclass(frozen=True)
class Peer:
    """A process as the kernel vouches for it; `pid` 0 where the system does not tell."""

    uid: int
    pid: int = 0


class Processes(Protocol):
    """The system's table of processes."""

    def program(self, pid: int) -> str:
        """The executable of a process, or an empty text."""
        ...

    def origin(self, pid: int) -> Tree:
        """The parent of a process, and when the process began; (0, 0) for one that cannot be seen."""
        ...

    def tree(self, pid: int) -> int:
        """The process that stands for the tree: its session's leader, or what its terminal or desktop started."""
        ...

    def terminal(self, pid: int) -> str | None:
        """The path of the terminal that controls a process, or None."""
        ...


@functools.cache
def processes() -> Processes:
    """This system's table."""
    if sys.platform == "win32":
        from gatepass.sessions.agent.toolhelp import ToolHelp

        return ToolHelp()
    elif sys.platform == "darwin":
        from gatepass.sessions.agent.libproc import LibProc

        return LibProc()
    else:
        return ProcFs()


def me() -> Peer:
    """This process."""
    return Peer(_my_uid(), os.getpid())


def _my_uid() -> int:
    """Windows has no numbers for users: there the key of loopback decides, and every user is 0."""
    if sys.platform == "win32":
        return 0
    else:
        return os.geteuid()


def peer_of(connection: _socket.socket) -> Peer:
    """The process that opened a unix socket's connection. Raises `OSError` where the system cannot say."""
    so_peercred: int | None = getattr(_socket, "SO_PEERCRED", None)
    if so_peercred is not None:
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(_socket.SOL_SOCKET, so_peercred, 12))
        return Peer(uid, pid)
    version, uid, *_ = XUCRED.unpack(connection.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, XUCRED.size))
    if version != XUCRED_VERSION:
        raise OSError(f"the system describes users by version {version} of struct xucred, which is not known")
    try:
        (pid,) = struct.unpack("i", connection.getsockopt(SOL_LOCAL, LOCAL_PEERPID, 4))
    except (OSError, struct.error):
        pid = 0  # the process has ended
    return Peer(uid, pid)


def peer_on_loopback(port: int, own: int) -> Peer:
    """The process that connected from `port` to our port `own` and has proven the agent's key: this user's."""
    if sys.platform == "win32":
        from gatepass.sessions.agent.toolhelp import owner_of_connection

        return Peer(_my_uid(), owner_of_connection(port, own))
    else:
        return Peer(_my_uid())


def program(pid: int) -> str:
    """The executable of a process, or an empty text."""
    return processes().program(pid) if pid > 0 else ""


def ancestors(pid: int) -> tuple[int, ...]:
    """The process and its parents up to, not including, the first process."""
    return lineage(processes(), pid)


def lineage(table: Processes, pid: int) -> tuple[int, ...]:
    """The same in this table. A parent is never the younger one: its number was given away again."""
    found: list[int] = []
    began = sys.maxsize
    while pid > 1 and len(found) < GENERATIONS:
        parent, started = table.origin(pid)
        if started > began:
            break
        found.append(pid)
        pid, began = parent, started or began
    return tuple(found)


def tree_of(pid: int) -> Tree | None:
    """What stands for the process tree, or the process itself; None for a process that cannot be seen (S-32)."""
    if pid <= 0:
        return None
    for each in (processes().tree(pid), pid):
        _, began = processes().origin(each)
        if began:
            return each, began
    return None


class ProcFs:
    """Linux: `/proc`, see proc(5)."""

    def program(self, pid: int) -> str:
        try:
            return os.readlink(f"/proc/{pid}/exe")
        except OSError:
            return ""

    def origin(self, pid: int) -> Tree:
        fields = _stat(pid)
        return (int(fields[1]), int(fields[19])) if fields else (0, 0)

    def tree(self, pid: int) -> int:
        fields = _stat(pid)
        return int(fields[3]) if fields else 0

    def terminal(self, pid: int) -> str | None:
        """Pseudo-terminals only: nobody sits at the others of this machine."""
        fields = _stat(pid)
        number = int(fields[4]) if fields else 0
        major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
        return f"/dev/pts/{(major - 136) * 256 + minor}" if 136 <= major <= 143 else None


def _stat(pid: int) -> list[bytes]:
    """The fields of `/proc/PID/stat` from the third on: the name before them may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return []


def terminal_of(pid: int) -> str | None:
    """The path of the terminal that controls a process, or None."""
    return processes().terminal(pid) if pid > 0 else None


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
    return uid is not None and uid not in (0, _my_uid())


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
