# expect: wrong
"""Sends JSON nested deep enough to break a careless reader."""

import os
import struct

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    body = b"[" * 500_000
    os.write(3, struct.pack("!I", len(body)) + body)
    while True:
        pass
