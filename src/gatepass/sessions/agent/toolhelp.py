"""The table of processes on Windows, and whose a connection is: `<tlhelp32.h>`, `<processthreadsapi.h>`,
`<iphlpapi.h>` and `<tcpmib.h>`, with the layouts of 64-bit Windows (S-32)."""

from __future__ import annotations

import ctypes
import ntpath
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from gatepass.sessions.agent.peer import lineage

AF_INET = 2
TCP_TABLE_OWNER_PID_CONNECTIONS = 4
ESTABLISHED = 5
ERROR_INSUFFICIENT_BUFFER = 122
TH32CS_SNAPPROCESS = 0x2
PROCESS_QUERY_LIMITED_INFORMATION = 0x1000
INVALID_HANDLE = ctypes.c_void_p(-1).value
LOOPBACK = b"\x7f\x00\x00\x01"
NAME_UNITS = 32768
LOOKS = 4
# What starts programs for the person: below it a tree begins. Whoever is not seen is taken for such, too.
DESKTOP = {
    "explorer.exe",
    "windowsterminal.exe",
    "wt.exe",
    "openconsole.exe",
    "conhost.exe",
    "svchost.exe",
    "sihost.exe",
    "taskhostw.exe",
    "userinit.exe",
    "winlogon.exe",
    "services.exe",
}


class TcpRow(ctypes.Structure):
    """`MIB_TCPROW_OWNER_PID`: addresses and ports in the order of the network, a port in the first two bytes."""

    _fields_ = (
        ("state", ctypes.c_uint32),
        ("local_address", ctypes.c_ubyte * 4),
        ("local_port", ctypes.c_ubyte * 4),
        ("remote_address", ctypes.c_ubyte * 4),
        ("remote_port", ctypes.c_ubyte * 4),
        ("pid", ctypes.c_uint32),
    )


class ProcessEntry(ctypes.Structure):
    """`PROCESSENTRY32W`."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("usage", ctypes.c_uint32),
        ("pid", ctypes.c_uint32),
        ("heap", ctypes.c_uint64),
        ("module", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("parent", ctypes.c_uint32),
        ("priority", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("name", ctypes.c_uint16 * 260),
    )


class FileTime(ctypes.Structure):
    """`FILETIME`: 100 ns since 1601, in two halves."""

    _fields_ = (("low", ctypes.c_uint32), ("high", ctypes.c_uint32))


class Calls(Protocol):
    """What we use of kernel32 and iphlpapi, by their own names; 0 is success for the table, failure for the others."""

    def GetExtendedTcpTable(
        self, table: Any, size: Any, order: int, family: int, kind: int, reserved: int
    ) -> int: ...
    def CreateToolhelp32Snapshot(self, flags: int, pid: int) -> int | None: ...
    def Process32FirstW(self, snapshot: int, entry: Any) -> int: ...
    def Process32NextW(self, snapshot: int, entry: Any) -> int: ...
    def OpenProcess(self, access: int, inherit: int, pid: int) -> int | None: ...
    def QueryFullProcessImageNameW(self, process: int, flags: int, name: Any, size: Any) -> int: ...
    def GetProcessTimes(self, process: int, began: Any, ended: Any, kernel: Any, user: Any) -> int: ...
    def CloseHandle(self, handle: int) -> int: ...


def owner_of_connection(port: int, own: int, calls: Calls | None = None) -> int:
    """The process whose connection on loopback goes from `port` to our `own`; 0 when it is not in the table."""
    for row in _connections(calls or _system_calls()):
        ends = (bytes(row.local_address), bytes(row.remote_address))
        if ends == (LOOPBACK, LOOPBACK) and (_port(row.local_port), _port(row.remote_port)) == (port, own):
            return int(row.pid) if row.state == ESTABLISHED else 0
    return 0


def _port(found: Any) -> int:
    return int.from_bytes(bytes(found)[:2], "big")


def _connections(calls: Calls) -> list[TcpRow]:
    """`MIB_TCPTABLE_OWNER_PID`: a count and the rows. It grows while one looks: asked for again a few times."""
    size = ctypes.c_uint32(0)
    buffer = ctypes.create_string_buffer(0)
    for _ in range(LOOKS):
        said = calls.GetExtendedTcpTable(
            buffer, ctypes.pointer(size), 0, AF_INET, TCP_TABLE_OWNER_PID_CONNECTIONS, 0
        )
        if said == 0:
            count = min(int.from_bytes(buffer.raw[:4], "little"), (size.value - 4) // ctypes.sizeof(TcpRow))
            return list((TcpRow * count).from_buffer_copy(buffer.raw, 4)) if count > 0 else []
        if said != ERROR_INSUFFICIENT_BUFFER:
            break
        buffer = ctypes.create_string_buffer(size.value)
    return []


class ToolHelp:
    """Processes by snapshot; of those of other users only the parent is told."""

    def __init__(self, calls: Calls | None = None) -> None:
        """`calls` default to the system's."""
        self._calls = calls or _system_calls()

    def program(self, pid: int) -> str:
        with self._opened(pid) as process:
            if process is None:
                return ""
            name, size = (ctypes.c_uint16 * NAME_UNITS)(), ctypes.c_uint32(NAME_UNITS)
            if not self._calls.QueryFullProcessImageNameW(process, 0, name, ctypes.pointer(size)):
                return ""
            return bytes(name)[: 2 * size.value].decode("utf-16-le", "replace")

    def origin(self, pid: int) -> tuple[int, int]:
        parent = next((int(e.parent) for e in self._entries() if e.pid == pid), 0)
        return parent, self._began(pid)

    def tree(self, pid: int) -> int:
        """The highest parent below the desktop or a terminal's window."""
        top = pid
        for each in lineage(self, pid):
            name = ntpath.basename(self.program(each)).lower()
            if not name or name in DESKTOP:
                break
            top = each
        return top

    def terminal(self, pid: int) -> str | None:
        """A console of another process cannot be opened by its name."""
        return None

    def _began(self, pid: int) -> int:
        with self._opened(pid) as process:
            times = [FileTime() for _ in range(4)]
            if process is None or not self._calls.GetProcessTimes(process, *map(ctypes.pointer, times)):
                return 0
            return int(times[0].high) << 32 | int(times[0].low)

    def _entries(self) -> Iterator[ProcessEntry]:
        snapshot = self._calls.CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0)
        if snapshot is None or snapshot == INVALID_HANDLE:
            return
        try:
            entry = ProcessEntry(size=ctypes.sizeof(ProcessEntry))
            there = self._calls.Process32FirstW(snapshot, ctypes.pointer(entry))
            while there:
                yield entry
                there = self._calls.Process32NextW(snapshot, ctypes.pointer(entry))
        finally:
            self._calls.CloseHandle(snapshot)

    @contextmanager
    def _opened(self, pid: int) -> Iterator[int | None]:
        process = self._calls.OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) or None
        try:
            yield process
        finally:
            if process is not None:
                self._calls.CloseHandle(process)


class _Libraries:
    """Both libraries as one; handles are as wide as pointers."""

    def __init__(self, *libraries: Any) -> None:
        handle, number = ctypes.c_void_p, ctypes.c_uint32
        table = [handle, handle, ctypes.c_int, number, ctypes.c_int, number]
        shapes: dict[str, tuple[Any, list[Any]]] = {
            "GetExtendedTcpTable": (number, table),
            "CreateToolhelp32Snapshot": (handle, [number, number]),
            "Process32FirstW": (ctypes.c_int, [handle, handle]),
            "Process32NextW": (ctypes.c_int, [handle, handle]),
            "OpenProcess": (handle, [number, ctypes.c_int, number]),
            "QueryFullProcessImageNameW": (ctypes.c_int, [handle, number, handle, handle]),
            "GetProcessTimes": (ctypes.c_int, [handle] * 5),
            "CloseHandle": (ctypes.c_int, [handle]),
        }
        for name, (result, words) in shapes.items():
            call = next(getattr(each, name) for each in libraries if hasattr(each, name))
            call.restype, call.argtypes = result, words
            setattr(self, name, call)


def _system_calls() -> Calls:
    if sys.platform == "win32":
        calls: Any = _Libraries(ctypes.WinDLL("kernel32"), ctypes.WinDLL("iphlpapi"))
        found: Calls = calls
        return found
    else:
        raise OSError("this is not Windows")
