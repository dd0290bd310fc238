# expect: raised
"""Leaves a process behind in a session of its own."""

import os
import time

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
    return "left one behind"
