# expect: raised
"""Becomes a shell."""

import os

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    os.execv("/bin/sh", ["sh", "-c", "sleep 3600"])
