"""The table of processes on macOS: `<libproc.h>` and `<sys/proc_info.h>` (S-32)."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Protocol

PROC_PIDTBSDINFO = 3
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

    def __init__(self, calls: Calls | None = None) -> None:
        """`calls` default to the system's."""
        self._calls = calls or _system_calls()

    def program(self, pid: int) -> str:
        buffer = ctypes.create_string_buffer(PATH_BYTES)
        length = self._calls.proc_pidpath(pid, buffer, PATH_BYTES)
        return os.fsdecode(buffer.raw[:length]) if length > 0 else ""

    def origin(self, pid: int) -> tuple[int, int]:
        found = BsdInfo()
        size = ctypes.sizeof(found)
        if self._calls.proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, ctypes.pointer(found), size) != size:
            return 0, 0
        return int(found.pbi_ppid), int(found.pbi_start_tvsec) * 1_000_000 + int(found.pbi_start_tvusec)

    def tree(self, pid: int) -> int:
        getsid = getattr(os, "getsid", None)
        try:
            return int(getsid(pid)) if getsid is not None else 0
        except OSError:
            return 0


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
