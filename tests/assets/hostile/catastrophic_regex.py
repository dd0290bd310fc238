# expect: hung
"""A pattern that backtracks for longer than the universe has existed, without giving the interpreter a turn."""

import re

from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    return bool(re.match(r"(a+)+$", "a" * 64 + "b"))
