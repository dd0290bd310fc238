# expect: kept
"""Tries to remember something from one call to the next."""

import builtins

from sym.sdk import RequestPermission
from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    if hasattr(builtins, "left_here_by_an_earlier_call"):
        raise RuntimeError("a call saw what an earlier one left")
    builtins.left_here_by_an_earlier_call = True
    return RequestPermission(webapp_view="admin", approve_deny="admin")
