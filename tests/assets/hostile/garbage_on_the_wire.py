# expect: wrong
"""Announces a frame of four GiB."""

import os

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    os.write(3, b"\xff" * 64)
    while True:
        pass
