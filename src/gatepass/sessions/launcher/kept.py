"""The agentless launcher's quick half (part 7): serves what waits in the kernel's keyring, else runs the whole program.

Its text is copied into the launcher behind that of `kernelkeys`; it must import nothing that costs time.
"""

import os
import sys
import time

from gatepass.sessions.launcher.kernelkeys import KernelKeys


def serve_kept(name: str, workspace: str, audit: str, profile: str) -> bool:
    """Print the kept credentials of `profile` when they need no second look; whether they were printed.

    They do when the workspace was changed since, when their time to be replaced has come, or when there are none.
    """
    try:
        found = KernelKeys().read(name)
        place = os.stat(workspace)
    except OSError:
        return False
    head, _, rest = (found or b"").partition(b"\n")
    mark, _, until = head.decode("ascii", "replace").partition(" ")
    payload = rest.partition(b"\n")[2]
    if mark != f"{place.st_mtime_ns}.{place.st_ino}" or time.time() >= int(until or 0) or not payload:
        return False
    sys.stdout.buffer.write(payload)
    sys.stdout.flush()
    note(audit, profile)
    return True


def note(audit: str, profile: str) -> None:
    """A line in the local audit log: who took credentials (S-16). The profile's characters need no escaping."""
    try:
        program = os.readlink(f"/proc/{os.getppid()}/exe")
    except OSError:
        program = ""
    if '"' in program or "\\" in program or not program.isprintable():
        program = "?"
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = (
        f'{{"ts": "{moment}", "event": "issued", "session": "{profile}", "how": "kernel keyring", '
        f'"pid": {os.getpid()}, "exe": "{program}"}}\n'
    )
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        fd = os.open(audit, flags, 0o600)
    except OSError:
        return
    os.write(fd, line.encode())
    os.close(fd)
