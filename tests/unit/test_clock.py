from datetime import UTC, datetime, timedelta

import pytest

from gatepass.clock import SystemClock, from_ms, iso, to_ms
from gatepass.testing.clock import VirtualClock


def test_milliseconds_and_moments_are_inverse() -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)
    assert from_ms(to_ms(moment)) == moment
    assert iso(moment) == "2026-02-03T04:05:06.789Z"


def test_the_system_clock_never_goes_below_what_was_committed() -> None:
    clock = SystemClock()
    ahead = clock.now() + timedelta(minutes=10)
    clock.raise_to(ahead)
    assert clock.now() >= ahead


def test_a_virtual_clock_sleeps_by_advancing() -> None:
    clock = VirtualClock()
    start = clock.now()
    clock.sleep(90)
    assert clock.now() - start == timedelta(seconds=90)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(timedelta(seconds=-1))
