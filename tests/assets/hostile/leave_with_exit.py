# expect: exited
"""Ends the process as if all were well."""

import os

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    os._exit(0)
