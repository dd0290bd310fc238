"""The table of processes on macOS: `<libproc.h>` and `<sys/proc_info.h>` (S-32)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any, Protocol

PROC_PIDTBSDINFO = 3
NODEV = 0xFFFFFFFF
S_IFCHR = 0o020000
PATH_BYTES = 4096  # PROC_PIDPATHINFO_MAXSIZE: 4 times MAXPATHLEN


class BsdInfo(ctypes.Structure):
    """`struct proc_bsdinfo`, 136 bytes."""

    _fields_ = (
        *((f"pbi_{name}", ctypes.c_uint32) for name in ("flags", "status", "xstatus", "pid", "ppid")),
        *((f"pbi_{name}", ctypes.c_uint32) for name in ("uid", "gid", "ruid", "rgid", "svuid", "svgid")),
        ("rfu_1", ctypes.c_uint32),
        ("pbi_comm", ctypes.c_char * 16),
        ("pbi_name", ctypes.c_char * 32),
        *((name, ctypes.c_uint32) for name in ("pbi_nfiles", "pbi_pgid", "pbi_pjobc", "e_tdev", "e_tpgid")),
        ("pbi_nice", ctypes.c_int32),
        ("pbi_start_tvsec", ctypes.c_uint64),
        ("pbi_start_tvusec", ctypes.c_uint64),
    )


class Calls(Protocol):
    """What we use of the library; each yields the bytes it wrote, 0 or less when it cannot."""

    def proc_pidpath(self, pid: int, buffer: Any, size: int) -> int: ...
    def proc_pidinfo(self, pid: int, flavor: int, arg: int, buffer: Any, size: int) -> int: ...


class LibProc:
    """Processes of this user; of others the system tells nothing."""

    def __init__(
        self, calls: Calls | None = None, devname: Callable[[int, int], bytes | None] | None = None
    ) -> None:
        """`calls` and `devname`, of <stdlib.h>, default to the system's."""
        self._calls = calls or _system_calls()
        self._devname = devname or _system_devname()

    def program(self, pid: int) -> str:
        buffer = ctypes.create_string_buffer(PATH_BYTES)
        length = self._calls.proc_pidpath(pid, buffer, PATH_BYTES)
        return os.fsdecode(buffer.raw[:length]) if length > 0 else ""

    def origin(self, pid: int) -> tuple[int, int]:
        found = self._info(pid)
        if found is None:
            return 0, 0
        return int(found.pbi_ppid), int(found.pbi_start_tvsec) * 1_000_000 + int(found.pbi_start_tvusec)

    def tree(self, pid: int) -> int:
        getsid = getattr(os, "getsid", None)
        try:
            return int(getsid(pid)) if getsid is not None else 0
        except OSError:
            return 0

    def terminal(self, pid: int) -> str | None:
        found = self._info(pid)
        if found is None or found.e_tdev in (0, NODEV):
            return None
        name = self._devname(found.e_tdev, S_IFCHR)
        return f"/dev/{os.fsdecode(name)}" if name and name != b"??" else None

    def _info(self, pid: int) -> BsdInfo | None:
        found = BsdInfo()
        size = ctypes.sizeof(found)
        said = self._calls.proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, ctypes.pointer(found), size)
        return found if said == size else None


def _system_devname() -> Callable[[int, int], bytes | None]:
    call = ctypes.CDLL(None).devname
    call.argtypes, call.restype = [ctypes.c_int32, ctypes.c_uint16], ctypes.c_char_p
    found: Callable[[int, int], bytes | None] = call
    return found


def _system_calls() -> Calls:
    library: Any = ctypes.CDLL("/usr/lib/libproc.dylib")
    library.proc_pidpath.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32]
    library.proc_pidinfo.argtypes = [
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_int,
    ]
    calls: Calls = library
    return calls
