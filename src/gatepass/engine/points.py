"""Named points of the engine's work: a function called with a name, which does nothing unless a test makes it.

Besides these the door has two for every call: `before CreateAccountAssignment`, `after CreateAccountAssignment`. The
crash test kills the process at each of them, the histories drop the engine there or hold it.
"""

from __future__ import annotations

from collections.abc import Callable

Point = Callable[[str], None]

CLAIMED = "claimed"
DECIDING = "before commit"
DECIDED = "after commit"
"""Followed by what was decided: `after commit of send`."""
RESULT = "before outcome"
"""The call was answered and its outcome is not yet committed."""


def nothing(name: str) -> None:
    """What points do in production."""
