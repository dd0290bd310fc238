# expect: output
"""Prints a GiB."""

import os

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    part = b"x" * (1 << 20)
    for _ in range(1024):
        os.write(1, part)
    return "printed"
