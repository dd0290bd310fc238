"""The pace of calls to one AWS instance, pure: when the next one may go.

A slot is never earlier than the slot twenty before it plus 1.02 s, so no rolling second holds more than the
documented limit; sustained pace is 98 % of it; after idleness up to three calls go at once (engine.md, Limiter).
A slot is used within `LATE` of its moment or given back: a thread that wakes later would call in another's second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

SECOND = 1_000_000
HALVED_FOR = 30 * SECOND
_ONE_CAUSE = 3 * SECOND
"""Calls that were on their way when AWS first said that we are too fast say nothing new when they come back."""
LATE = timedelta(milliseconds=10)
"""How long after its moment a slot may be used. The other 10 of the 20 ms by which slots twenty apart are further
apart than a second are for the way to AWS."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What AWS documents for an instance, and how near to it we go."""

    limit: int = 20
    """Calls in any rolling second."""
    share: float = 0.98
    burst: int = 3

    @property
    def interval(self) -> int:
        """Microseconds between two calls at full pace."""
        return round(SECOND / (self.limit * self.share))


FULL_PACE = Pace()
"""What AWS documents for an Identity Center instance and an identity store."""


@dataclass(frozen=True, slots=True)
class Slots:
    """What one instance was given lately, in microseconds since the epoch."""

    given: tuple[int, ...] = ()
    """The last slots, oldest first; twice as many as the limit, so that some may be given back."""
    tat: int = 0
    """The moment from which the instance counts as idle (theoretical arrival time of the next call)."""
    slowed_at: int = 0
    """When AWS last said that we are too fast."""
    halvings: int = 0
    """How many times in a row the pace was halved."""


def next_slot(slots: Slots, now: int, pace: Pace) -> int:
    """The earliest moment, not before now and not before a slot already given, at which one more call may go."""
    interval = _interval(slots, now, pace)
    burst = pace.burst if interval == pace.interval else 1
    moments = [now, slots.tat - (burst - 1) * interval, *slots.given[-1:]]
    if len(slots.given) >= pace.limit:
        moments.append(slots.given[-pace.limit] + round(1.02 * SECOND))
    return max(moments)


def take(slots: Slots, at: int, now: int, pace: Pace) -> Slots:
    """The slot at that moment given away."""
    tat = max(slots.tat, at) + _interval(slots, now, pace)
    return replace(slots, given=(*slots.given, at)[-2 * pace.limit :], tat=tat)


def give_back(slots: Slots, at: int, now: int, pace: Pace) -> Slots:
    """The slot at that moment was not used: its share of the pace goes to the next. Unknown moments change nothing."""
    if at not in slots.given:
        return slots
    place = slots.given.index(at)
    rest = slots.given[:place] + slots.given[place + 1 :]
    return replace(slots, given=rest, tat=slots.tat - _interval(slots, now, pace))


def slow_down(slots: Slots, now: int) -> Slots:
    """AWS said that we are too fast: half the pace, and half again for each time it says so anew within 30 s."""
    if slots.halvings and now - slots.slowed_at < _ONE_CAUSE:
        return slots
    again = slots.halvings > 0 and now - slots.slowed_at < HALVED_FOR
    return replace(slots, slowed_at=now, halvings=min(slots.halvings + 1, 4) if again else 1)


def _interval(slots: Slots, now: int, pace: Pace) -> int:
    """The pace is halved after a throttle and given back in equal steps over half a minute."""
    if not slots.halvings:
        return pace.interval
    back = min(max(now - slots.slowed_at, 0), HALVED_FOR) / HALVED_FOR
    lowest = 0.5**slots.halvings
    return round(pace.interval / (lowest + (1 - lowest) * back))
