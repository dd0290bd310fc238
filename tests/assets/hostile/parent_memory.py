# expect: nothing
"""Reads the memory of the processes around it, traces them and signals them."""

import ctypes
import os
import signal

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    done = []
    libc = ctypes.CDLL(None, use_errno=True)
    for process in {os.getppid(), 1, 2}:
        try:
            with open(f"/proc/{process}/mem", "rb") as file:
                file.read(1)
            done.append("mem")
        except OSError:
            pass
        if libc.ptrace(16, process, 0, 0) == 0:
            done.append("ptrace")
        for victim in (process, -1):
            try:
                os.kill(victim, signal.SIGKILL)
                done.append("kill")
            except OSError:
                pass
    return " ".join(done) or "nothing"
