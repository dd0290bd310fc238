# expect: wrong
"""Answers itself, and then lets the SDK answer too."""

import json
import os
import struct

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    body = json.dumps({"answer": {"type": "None"}}).encode()
    os.write(3, struct.pack("!I", len(body)) + body)
