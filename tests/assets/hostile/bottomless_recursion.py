# expect: memory exited raised hung
"""Recurses until something gives."""

import sys

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    sys.setrecursionlimit(10**9)

    def down(n):
        return down(n + 1) + 1

    return down(0)
