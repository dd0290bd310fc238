# expect: wrong
"""Writes malformed words where the server expects what the file holds, already while it is loaded."""

import json
import os
import struct

for message in ({"present": {"problems": [1], "handlers": 3}}, {"answer": {"type": 1}, "line": "x"}):
    body = json.dumps(message).encode()
    os.write(3, struct.pack("!I", len(body)) + body)
    os._exit(0)
