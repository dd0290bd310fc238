# expect: nothing
"""Returns whatever it can read of the machine."""

import os

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    found = []
    for path in (
        "/etc/passwd",
        "/etc/hostname",
        "/" + "root/.aws/credentials",
        "/proc/self/maps",
        "/proc/net/tcp",
    ):
        try:
            with open(path) as file:
                found.append(file.read())
        except OSError:
            continue
    for path in ("/", "/etc", "/root", "/tmp", "/proc"):
        try:
            found += os.listdir(path)
        except OSError:
            continue
    return "".join(found) or "nothing"
