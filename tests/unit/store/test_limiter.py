"""The pace of calls, pure: never more than the limit in any rolling second, and near to it when there is demand."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gatepass.store.limiter import (
    FULL_PACE,
    HALVED_FOR,
    SECOND,
    Pace,
    Slots,
    give_back,
    next_slot,
    slow_down,
    take,
)

START = 1_000_000 * SECOND
IDLE = Slots()


def run(arrivals: list[int], pace: Pace = FULL_PACE, slots: Slots = IDLE) -> list[int]:
    """The slots that calls get which arrive at these moments."""
    given_slots = []
    for now in arrivals:
        at = next_slot(slots, now, pace)
        slots = take(slots, at, now, pace)
        given_slots.append(at)
    return given_slots


@given(st.lists(st.integers(0, 3 * SECOND), max_size=200), st.sampled_from([1, 5, 20, 40]))
def test_no_rolling_second_holds_more_than_the_limit(gaps: list[int], limit: int) -> None:
    moments, now = [], START
    for gap in gaps:
        now += gap // 20
        moments.append(now)
    given_slots = run(moments, Pace(limit))
    assert given_slots == sorted(given_slots)
    assert all(at >= now for at, now in zip(given_slots, moments, strict=True))
    assert all(last - first > SECOND for first, last in zip(given_slots, given_slots[limit:], strict=False))


def test_demand_that_never_ends_is_served_at_98_percent() -> None:
    slots = run([START] * 2000)
    rate = (len(slots) - 1) / ((slots[-1] - slots[0]) / SECOND)
    assert 0.97 * 20 <= rate <= 0.99 * 20


def test_three_go_at_once_after_idleness_and_again_after_the_next() -> None:
    slots = run([START] * 4 + [START + 10 * SECOND] * 4)
    assert [at - START for at in slots[:3]] == [0, 0, 0]
    assert slots[3] > START
    assert slots[4:7] == [START + 10 * SECOND] * 3
    assert slots[7] > slots[6]


def test_a_clock_that_is_behind_gets_no_slot_before_those_already_given() -> None:
    slots = run([START + SECOND, START])
    assert slots == sorted(slots)


def test_a_throttle_halves_the_pace_and_half_a_minute_gives_it_back() -> None:
    slow = slow_down(Slots(), START)
    halved = run([START] * 10, slots=slow)
    assert 1.9 <= (halved[-1] - halved[0]) / (9 * FULL_PACE.interval) <= 2.1
    half_way = run([START + HALVED_FOR // 2] * 10, slots=slow)
    assert halved[-1] - halved[0] > half_way[-1] - half_way[0] > 9 * FULL_PACE.interval * 1.1
    after = START + HALVED_FOR
    assert run([after] * 30, slots=slow) == run([after] * 30)


def test_throttles_in_a_row_slow_down_further_and_one_much_later_starts_anew() -> None:
    slots = Slots()
    for number in range(10):
        slots = slow_down(slots, START + 4 * number * SECOND)
    assert slots.halvings == 4
    assert slow_down(slots, START + 100 * SECOND) == replace(
        slots, slowed_at=START + 100 * SECOND, halvings=1
    )


def test_calls_that_were_on_their_way_at_the_first_throttle_slow_nothing_further() -> None:
    once = slow_down(Slots(), START)
    assert slow_down(slow_down(once, START + SECOND), START + 2 * SECOND) == once


@given(st.lists(st.booleans(), min_size=60, max_size=300))
def test_slots_given_back_are_given_anew_and_no_second_holds_more_than_the_limit(late: list[bool]) -> None:
    """Those who are late call in a slot of later; all who call keep the limit, and nothing of the pace is lost."""
    slots, called, now = IDLE, list[int](), START
    for comes_late in late:
        at = next_slot(slots, now, FULL_PACE)
        slots, now = take(slots, at, now, FULL_PACE), at
        if comes_late:
            now = at + 50_000
            slots = give_back(slots, at, now, FULL_PACE)
        else:
            called.append(at)
    assert all(last - first > SECOND for first, last in zip(called, called[20:], strict=False))


def test_most_of_what_comes_late_is_given_anew() -> None:
    """Every fourth is late; each asks well ahead of its slot, as saturated workers do. Without giving back: 73 %."""
    slots, called = IDLE, list[int]()
    queue: list[int] = []
    now = START
    for number in range(2000):
        while len(queue) < 8:
            at = next_slot(slots, now, FULL_PACE)
            slots = take(slots, at, now, FULL_PACE)
            queue.append(at)
        now = queue.pop(0)
        if number % 4:
            called.append(now)
        else:
            slots = give_back(slots, now, now + 30_000, FULL_PACE)
    assert all(last - first > SECOND for first, last in zip(called, called[20:], strict=False))
    assert (len(called) - 1) / ((called[-1] - called[0]) / SECOND) >= 0.85 * 20


def test_what_was_never_given_cannot_be_given_back() -> None:
    slots = take(IDLE, START, START, FULL_PACE)
    assert give_back(slots, START + 1, START, FULL_PACE) == slots
