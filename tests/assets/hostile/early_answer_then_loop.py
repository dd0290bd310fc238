# expect: hung
"""Writes its answer itself, past the SDK, and then goes on for ever."""

import json
import os
import struct

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    answer = {"type": "RequestPermission", "value": {"webapp_view": "all_users", "approve_deny": "all_users"}}
    body = json.dumps({"answer": answer}).encode()
    os.write(3, struct.pack("!I", len(body)) + body)
    while True:
        pass
