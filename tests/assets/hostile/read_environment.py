# expect: nothing
"""Returns every secret that the environment holds, its own and the server's."""

import os

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    found = [f"{key}={value}" for key, value in os.environ.items()]
    for process in ("self", str(os.getppid()), "1"):
        try:
            with open(f"/proc/{process}/environ") as file:
                found.append(file.read())
        except OSError:
            continue
    return "".join(found) or "nothing"
