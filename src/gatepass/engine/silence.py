"""Whose beat has stopped, by what this process saw itself: other machines' clocks are not asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from gatepass.store import Worker


class _Heard(NamedTuple):
    beat_at: datetime | None
    since: float


class Silence:
    """Watches the beats of the other workers. One thread uses it.

    A worker is silent when its beat has been the same, or away, for `after` seconds here. One that was never heard
    of is not silent: its leases simply end.
    """

    def __init__(self, me: str, after: float, forgotten: float) -> None:
        """`forgotten`: how many seconds after its last sign a worker that is gone needs no watching any more."""
        self._me = me
        self._after = after
        self._forgotten = forgotten
        self._heard: dict[str, _Heard] = {}

    def look(self, workers: Iterable[Worker], at: float) -> frozenset[str]:
        """The silent ones. `at`: this machine's monotonic seconds, read before `workers` were."""
        beats = {worker.id: worker.beat_at for worker in workers if worker.id != self._me}
        for name in {*beats, *self._heard}:
            beat, known = beats.get(name), self._heard.get(name)
            if known is None or (beat is not None and beat != known.beat_at):
                self._heard[name] = _Heard(beat, at)
        for name, known in list(self._heard.items()):
            if name not in beats and at - known.since > self._forgotten:
                del self._heard[name]
        return frozenset(name for name, known in self._heard.items() if at - known.since >= self._after)
