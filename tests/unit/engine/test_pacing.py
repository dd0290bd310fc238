"""The limiter as the door sees it: a slot is used in its moment, or another is taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gatepass.engine.pacing import StorePacer
from gatepass.store import Store, open_store
from gatepass.store.limiter import FULL_PACE
from gatepass.testing.clock import VirtualClock

SECOND = timedelta(seconds=1)
MS = timedelta(milliseconds=1)


class Sleepy(VirtualClock):
    """Wakes late, each time by so much."""

    late = timedelta(0)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds + self.late.total_seconds())


@pytest.fixture
def clock() -> Sleepy:
    return Sleepy()


@pytest.fixture
def store(tmp_path: Path, clock: Sleepy) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/gatepass.db", clock, audit_key=b"k" * 32)
    yield opened
    opened.close()


@pytest.fixture
def pacer(store: Store, clock: Sleepy) -> StorePacer:
    return StorePacer(store, clock, FULL_PACE, 2 * SECOND)


def test_whoever_wakes_late_calls_in_a_slot_of_later_and_nobodys_second_overflows(
    store: Store, pacer: StorePacer, clock: Sleepy
) -> None:
    """AWS sees at most twenty calls in any rolling second, by the moments at which they are really made."""
    called = []
    for number in range(120):
        clock.late = timedelta(0) if number % 3 else 4 * MS * (number % 12)
        assert pacer.wait("i1") is None
        called.append(clock.now())
    assert all(last - first > SECOND for first, last in zip(called, called[20:], strict=False))


def test_a_machine_that_is_late_each_time_calls_all_the_same(pacer: StorePacer, clock: Sleepy) -> None:
    """Taking back never stops."""
    clock.late = SECOND
    for _ in range(30):
        assert pacer.wait("i1") is None


def test_a_slot_that_came_with_the_intent_is_used_once_and_not_when_it_is_over(
    store: Store, pacer: StorePacer, clock: Sleepy
) -> None:
    began = clock.now()
    reserved = store.take_slot("i1", began + SECOND)
    with pacer.holding("i1", reserved.at):
        assert pacer.wait("i1") is None
        assert clock.now() == reserved.at == began + SECOND
        clock.advance(5 * SECOND)
    late = store.take_slot("i1", clock.now())
    clock.advance(SECOND)
    with pacer.holding("i1", late.at):
        assert pacer.wait("i1") is None
    given = [store.take_slot("i1", clock.now()).wait for _ in range(3)]
    assert given[:2] == [timedelta(0)] * 2, "the one that was missed counts no more"


def test_a_long_wait_is_the_callers(store: Store, pacer: StorePacer, clock: Sleepy) -> None:
    while (slot := store.take_slot("i1", clock.now())).taken:
        pass
    assert pacer.wait("i1") == slot.at
