# expect: nothing
"""Fills disks and shared memory."""

import os

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    done = []
    for path in ("/tmp/gatepass-was-here", "/dev/shm/gatepass-was-here", "gatepass-was-here"):
        try:
            with open(path, "w") as file:
                file.write("x")
            done.append(path)
        except OSError:
            continue
    try:
        os.memfd_create("gatepass")
        done.append("memfd")
    except OSError:
        pass
    return " ".join(done) or "nothing"
