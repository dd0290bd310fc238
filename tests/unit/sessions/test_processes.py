"""S-32 on macOS and Windows: the system's tables, through fakes of the C functions that fill its real structures.

Sources: <sys/un.h>, <sys/ucred.h>, <libproc.h>, <sys/proc_info.h> of macOS; <tlhelp32.h>, <processthreadsapi.h>,
<iphlpapi.h>, <tcpmib.h> of Windows.
"""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.sessions.conftest import GATEWAY, run
from tests.unit.sessions.test_rules import Write, Yes

from gatepass.sessions.agent import peer as peers
from gatepass.sessions.agent import toolhelp
from gatepass.sessions.agent.libproc import BsdInfo, LibProc
from gatepass.sessions.agent.peer import Peer, ProcFs, ancestors, lineage, peer_of, program, tree_of
from gatepass.sessions.agent.service import Service
from gatepass.sessions.agent.toolhelp import ProcessEntry, TcpRow, ToolHelp, owner_of_connection
from gatepass.sessions.errors import Denied, NeedsHuman


@dataclass
class Process:
    """One process of a made-up system; `began` in the system's unit."""

    parent: int
    program: str
    began: int
    session: int = 0


@dataclass
class Table:
    """A made-up table of processes."""

    all: dict[int, Process] = field(default_factory=dict)

    def program(self, pid: int) -> str:
        return self.all[pid].program if pid in self.all else ""

    def origin(self, pid: int) -> tuple[int, int]:
        found = self.all.get(pid)
        return (found.parent, found.began) if found else (0, 0)

    def tree(self, pid: int) -> int:
        return self.all[pid].session if pid in self.all else 0

    def terminal(self, pid: int) -> str | None:
        return None


# --- rules, whatever the system -------------------------------------------------------------------------------------


def test_s32_a_parent_that_is_younger_is_another_process() -> None:
    """Its number was given away again: what it may do is not inherited."""
    table = Table({9: Process(5, "launcher", 40), 5: Process(3, "terraform", 30), 3: Process(1, "shell", 35)})
    assert lineage(table, 9) == (9, 5)
    table.all[3].began = 10
    assert lineage(table, 9) == (9, 5, 3)
    table.all[3].parent = 9  # a ring, as it may look between two readings
    assert len(lineage(table, 9)) <= 64


def test_s32_a_reused_number_is_another_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table({7: Process(1, "shell", 100, 7), 8: Process(7, "aws", 200, 7)})
    monkeypatch.setattr(peers, "processes", lambda: table)
    before = tree_of(8)
    assert before == tree_of(7) == (7, 100)
    table.all = {7: Process(1, "other", 900, 7), 9: Process(7, "aws", 950, 7)}
    assert tree_of(9) not in (before, None)
    del table.all[7]  # the leader has ended: the process stands for itself
    assert tree_of(9) == (9, 950)
    assert tree_of(0) is tree_of(8) is None


def test_s32_a_confirmation_ends_with_the_process_that_began(
    service: Service, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of the same number asks anew, and so does, each time, one that the system does not name."""
    write({("session", "gateway"): {**GATEWAY, "confirm": ["*"]}})
    table = Table({7: Process(1, "shell", 100, 7)})
    monkeypatch.setattr(peers, "processes", lambda: table)
    person = Yes()
    service.present.append(person)
    for pid, asked in ((7, 1), (7, 1), (0, 2), (0, 3), (8, 4), (8, 5)):
        run(service.payload("gateway", Peer(0, pid)))
        assert len(person.asked) == asked
    table.all[7].began = 101
    run(service.payload("gateway", Peer(0, 7)))
    assert len(person.asked) == 6
    assert len(service._confirming) <= 2  # what was for one call only is forgotten


def test_s32_what_the_system_does_not_name_is_refused_or_confirmed(
    service: Service, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never fail open: neither a rule for programs nor one that spares some is passed without a name."""
    monkeypatch.setattr(peers, "processes", lambda: Table())
    write({("session", "gateway"): {**GATEWAY, "allow": ["*"]}})
    with pytest.raises(Denied, match="unknown program"):
        run(service.payload("gateway", Peer(0, 12)))
    write({("session", "gateway"): {**GATEWAY, "confirm": ["/opt/terraform"]}})
    with pytest.raises(NeedsHuman):
        run(service.payload("gateway", Peer(0, 12)))


def test_s32_linux_tells_of_this_process() -> None:
    table = ProcFs()
    parent, began = table.origin(os.getpid())
    assert parent == os.getppid()
    assert began >= table.origin(parent)[1] > 0
    assert ancestors(os.getpid())[:2] == (os.getpid(), parent)
    assert table.tree(os.getpid()) == os.getsid(0)
    assert program(os.getpid()) == os.path.realpath(f"/proc/{os.getpid()}/exe")
    assert table.origin(0) == (0, 0)


# --- macOS ----------------------------------------------------------------------------------------------------------


class FakeSocket:
    """getsockopt of a connected unix socket on macOS."""

    def __init__(self, version: int = 0, pid: int | None = 4321) -> None:
        self._version, self._pid = version, pid

    def getsockopt(self, level: int, name: int, size: int) -> bytes:
        assert level == 0  # SOL_LOCAL
        if name == 1:  # LOCAL_PEERCRED: struct xucred
            assert size == 76
            return struct.pack("=IIhxx16I", self._version, 501, 2, 20, 12, *[0] * 14)
        assert (name, size) == (2, 4)  # LOCAL_PEERPID
        if self._pid is None:
            raise OSError(57, "not connected")
        return struct.pack("i", self._pid)


def test_s32_macos_names_user_and_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(peers._socket, "SO_PEERCRED")
    assert peer_of(FakeSocket()) == Peer(501, 4321)  # type: ignore[arg-type]
    assert peer_of(FakeSocket(pid=None)) == Peer(501, 0)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="version 9"):
        peer_of(FakeSocket(version=9))  # type: ignore[arg-type]


class FakeLibProc:
    """libproc over a made-up table: fills `struct proc_bsdinfo` byte by byte."""

    def __init__(self, table: dict[int, tuple[int, str, int]]) -> None:
        self._table = table

    def proc_pidpath(self, pid: int, buffer: Any, size: int) -> int:
        assert size == 4096
        if pid not in self._table:
            return 0
        path = os.fsencode(self._table[pid][1])
        ctypes.memmove(buffer, path, len(path))
        return len(path)

    def proc_pidinfo(self, pid: int, flavor: int, arg: int, buffer: Any, size: int) -> int:
        assert (flavor, arg, size) == (3, 0, 136)  # PROC_PIDTBSDINFO, PROC_PIDTBSDINFO_SIZE
        if pid not in self._table:
            return 0
        parent, _, micros = self._table[pid]
        head = struct.pack("=12I", 0, 2, 0, pid, parent, 501, 20, 501, 20, 501, 20, 0)
        names = struct.pack("=16s32s", b"aws", b"aws")
        tail = struct.pack("=5Ii2Q", 3, pid, 1, 0x10000001, pid, 0, *divmod(micros, 1_000_000))
        ctypes.memmove(buffer, head + names + tail, 136)
        return 136


def test_s32_macos_tells_program_parent_and_beginning() -> None:
    assert ctypes.sizeof(BsdInfo) == 136
    known = FakeLibProc({50: (40, "/opt/homebrew/bin/aws", 1_700_000_000_000_002), 40: (1, "/bin/zsh", 5)})
    table = LibProc(known, lambda device, kind: {(0x10000001, 0o020000): b"ttys001"}[device, kind])
    assert table.terminal(50) == "/dev/ttys001"
    assert table.terminal(99) is None
    assert LibProc(known, lambda device, kind: b"??").terminal(50) is None
    assert table.program(50) == "/opt/homebrew/bin/aws"
    assert table.origin(50) == (40, 1_700_000_000_000_002)
    assert lineage(table, 50) == (50, 40)
    assert (table.program(99), table.origin(99), table.tree(2**22 + 1)) == ("", (0, 0), 0)


# --- Windows --------------------------------------------------------------------------------------------------------


class FakeWindows:
    """kernel32 and iphlpapi over made-up tables; handles are 1000 + pid, and every one must be closed."""

    def __init__(self, table: dict[int, Process], rows: list[tuple[int, str, int, str, int, int]]) -> None:
        self.table, self.rows = table, rows
        self.open: set[int] = set()
        self.hidden: set[int] = set()
        self.grows = True
        self._left: list[int] = []

    def GetExtendedTcpTable(
        self, table: Any, size: Any, order: int, family: int, kind: int, reserved: int
    ) -> int:
        assert (order, family, kind, reserved) == (0, 2, 4, 0)  # AF_INET, TCP_TABLE_OWNER_PID_CONNECTIONS
        text = struct.pack("<I", len(self.rows))
        for state, local, lport, remote, rport, pid in self.rows:
            ends = [
                struct.pack("!4BHH", *map(int, a.split(".")), p, 0)
                for a, p in ((local, lport), (remote, rport))
            ]
            text += struct.pack("<I", state) + ends[0] + ends[1] + struct.pack("<I", pid)
        if size[0] < len(text):
            size[0] = len(text)
            return 122  # ERROR_INSUFFICIENT_BUFFER
        if self.grows and self.rows:  # a connection came while the caller made room
            self.grows, self.rows = False, [*self.rows, self.rows[0]]
            size[0] = len(text) + 24
            return 122
        size[0] = len(text)
        ctypes.memmove(table, text, len(text))
        return 0

    def CreateToolhelp32Snapshot(self, flags: int, pid: int) -> int | None:
        assert (flags, pid) == (2, 0)  # TH32CS_SNAPPROCESS
        self.open.add(7)
        self._left = sorted(self.table)
        return 7

    def Process32FirstW(self, snapshot: int, entry: Any) -> int:
        return self.Process32NextW(snapshot, entry)

    def Process32NextW(self, snapshot: int, entry: Any) -> int:
        assert snapshot == 7
        assert entry[0].size == 568  # Windows refuses another
        if not self._left:
            return 0
        pid = self._left.pop(0)
        name = self.table[pid].program.rsplit("\\", 1)[-1].encode("utf-16-le").ljust(520, b"\0")
        text = (
            struct.pack("<III4xQIIIiI", 568, 0, pid, 0, 0, 1, self.table[pid].parent, 8, 0) + name + b"\0" * 4
        )
        ctypes.memmove(entry, text, 568)
        return 1

    def OpenProcess(self, access: int, inherit: int, pid: int) -> int | None:
        assert (access, inherit) == (0x1000, 0)  # PROCESS_QUERY_LIMITED_INFORMATION
        if pid not in self.table or pid in self.hidden:
            return None
        self.open.add(1000 + pid)
        return 1000 + pid

    def QueryFullProcessImageNameW(self, process: int, flags: int, name: Any, size: Any) -> int:
        text = self.table[process - 1000].program.encode("utf-16-le")
        assert (flags, process in self.open) == (0, True)
        assert size[0] * 2 > len(text)
        ctypes.memmove(name, text, len(text))
        size[0] = len(text) // 2
        return 1

    def GetProcessTimes(self, process: int, began: Any, ended: Any, kernel: Any, user: Any) -> int:
        began[0].high, began[0].low = divmod(self.table[process - 1000].began, 2**32)
        return 1

    def CloseHandle(self, handle: int) -> int:
        self.open.remove(handle)
        return 1


def windows() -> FakeWindows:
    table = {
        4: Process(0, "", 1),
        900: Process(4, r"C:\Windows\explorer.exe", 10),
        1000: Process(900, r"C:\Program Files\PowerShell\7\pwsh.exe", 20),
        1010: Process(1000, r"C:\tools\terraform.exe", 30 + (5 << 32)),
        1020: Process(1010, r"C:\Python\python.exe", 40 + (5 << 32)),
    }
    rows = [
        (5, "127.0.0.1", 49152, "127.0.0.1", 5000, 4711),
        (5, "127.0.0.1", 50001, "127.0.0.1", 6000, 1020),
        (11, "127.0.0.1", 50002, "127.0.0.1", 6000, 0),
        (5, "10.0.0.7", 50003, "127.0.0.1", 6000, 4712),
    ]
    return FakeWindows(table, rows)


def test_s32_windows_layouts_are_those_of_its_headers() -> None:
    assert (ctypes.sizeof(TcpRow), ctypes.sizeof(ProcessEntry)) == (24, 568)
    assert ProcessEntry.parent.offset == 32
    assert ProcessEntry.name.offset == 44


def test_s32_windows_tells_whose_a_connection_is() -> None:
    """The table may grow while room is made for it; a connection that is ending or of another address is nobody's."""
    assert owner_of_connection(50001, 6000, windows()) == 1020
    assert owner_of_connection(50002, 6000, windows()) == 0
    assert owner_of_connection(50003, 6000, windows()) == 0
    assert owner_of_connection(50001, 6001, windows()) == 0
    empty = FakeWindows({}, [])
    assert owner_of_connection(50001, 6000, empty) == 0


def test_s32_windows_tells_program_parents_and_tree() -> None:
    calls = windows()
    table = ToolHelp(calls)
    assert table.program(1010) == r"C:\tools\terraform.exe"
    assert table.origin(1010) == (1000, 30 + (5 << 32))
    assert lineage(table, 1020) == (1020, 1010, 1000, 900, 4)
    assert table.tree(1020) == 1000  # the shell below the desktop
    calls.table[1010].began = 99 + (5 << 32)  # not the parent any more: the number was given away
    assert lineage(table, 1020) == (1020,)
    assert table.tree(1020) == 1020
    calls.hidden = {1020}
    assert (table.program(1020), table.origin(1020)[1], table.program(5)) == ("", 0, "")
    assert not calls.open


def test_s32_windows_without_a_snapshot_knows_no_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = windows()
    monkeypatch.setattr(calls, "CreateToolhelp32Snapshot", lambda flags, pid: toolhelp.INVALID_HANDLE)
    assert ToolHelp(calls).origin(1010)[0] == 0
