"""What only Windows is asked for: short names of files, and no memory of ours in a crash report. Through ctypes."""

from __future__ import annotations

import ctypes
import sys

SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX = 0x1, 0x2  # <errhandlingapi.h>
WER_FAULT_REPORTING_FLAG_NOHEAP = 0x1  # <werapi.h>


def short_name(path: str) -> str:
    """The name of 8.3 characters that the disk keeps for an existing file, or the path itself where it keeps none."""
    if sys.platform != "win32":
        return path
    else:
        calls = ctypes.WinDLL("kernel32")
        calls.GetShortPathNameW.argtypes = [ctypes.c_wchar_p, ctypes.c_wchar_p, ctypes.c_uint32]
        buffer = ctypes.create_unicode_buffer(32768)
        return buffer.value if calls.GetShortPathNameW(path, buffer, len(buffer)) else path


def leave_no_dump() -> None:
    """No dialog and no heap in what Windows Error Reporting keeps of a crash (S-37), as far as the system lets us."""
    if sys.platform == "win32":
        try:
            ctypes.WinDLL("kernel32").SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX)
            ctypes.WinDLL("wer").WerSetFlags(WER_FAULT_REPORTING_FLAG_NOHEAP)
        except (OSError, AttributeError):
            return
