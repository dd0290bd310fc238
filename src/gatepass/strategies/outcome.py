"""What an error of the door means for a call that adds or removes a fact."""

from __future__ import annotations

from gatepass.access.plans import Called
from gatepass.access.strategy import CallResult
from gatepass.aws.errors import AwsError, Denied, Invalid, Later, LeaseShort, Missing, Throttled


def failed(error: AwsError, *, reading: bool = False) -> CallResult:
    """The error of a call as a result. `reading`: it was a look before the call, so nothing was changed.

    A lost answer is `LOST` whatever the reason; no AWS error is ever taken for success here.
    """
    if error.possibly_applied and not reading:
        return CallResult(Called.LOST, detail=error.message)
    if isinstance(error, (Later, LeaseShort)):
        return CallResult(Called.UNSENT, detail=error.message)
    if isinstance(error, Throttled):
        return CallResult(Called.THROTTLED, detail=error.message)
    if isinstance(error, (Denied, Missing, Invalid)):
        return CallResult(Called.REFUSED, detail=error.message)
    return CallResult(Called.BUSY, detail=error.message)
