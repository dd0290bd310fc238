# expect: exited
"""Ends the process through the interpreter."""

import sys

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    sys.exit(0)
