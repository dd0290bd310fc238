# expect: exited
"""Reads address zero."""

import ctypes

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    ctypes.string_at(0)
