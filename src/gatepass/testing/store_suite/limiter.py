"""The pace of calls to an AWS instance, shared by all workers."""

from __future__ import annotations

from datetime import timedelta

from gatepass.store import Pace
from gatepass.testing.store_suite.lab import StoreLab, together

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class LimiterCases:
    """Cases of slots."""

    def test_workers_together_never_pass_the_limit_in_any_second(self, lab: StoreLab) -> None:
        now = lab.clock.now()
        slots: list[timedelta] = []

        def work() -> None:
            slots.extend(lab.store.take_slot("i1", now, patience=MINUTE).wait for _ in range(20))

        together(*[work] * 4)
        slots.sort()
        assert all(later - first > SECOND for first, later in zip(slots, slots[20:], strict=False))
        sustained = len(slots) / slots[-1].total_seconds()
        assert sustained >= 0.95 * 20

    def test_a_lone_call_does_not_wait_and_three_may_go_at_once(self, lab: StoreLab) -> None:
        now = lab.clock.now()
        waits = [lab.store.take_slot("i1", now).wait for _ in range(4)]
        assert waits[:3] == [timedelta(0)] * 3
        assert waits[3] > timedelta(0)
        assert lab.store.take_slot("i2", now).wait == timedelta(0)

    def test_a_long_wait_reserves_nothing(self, lab: StoreLab) -> None:
        """It is waited for elsewhere: a row that sleeps burns its lease (engine.md, Limiter)."""
        now = lab.clock.now()
        answers = [lab.store.take_slot("i1", now) for _ in range(60)]
        refused = [slot for slot in answers if not slot.taken]
        assert refused
        assert len({slot.wait for slot in refused}) == 1
        assert all(slot.wait <= 2 * SECOND for slot in answers if slot.taken)

    def test_a_slot_that_came_too_late_is_given_back_for_another(self, lab: StoreLab) -> None:
        """No second holds more calls than the limit, and those that wait already keep their places."""
        now = lab.clock.now()
        slots = [lab.store.take_slot("i1", now) for _ in range(25)]
        late = now + timedelta(milliseconds=100)
        again = lab.store.take_slot("i1", late, unused=slots[3].at)
        assert again.at >= slots[-1].at
        used = sorted(slot.at for slot in (*slots[:3], *slots[4:], again))
        assert all(last - first > SECOND for first, last in zip(used, used[20:], strict=False))
        without = lab.store.take_slot("i1", late)
        assert without.at - slots[-1].at < 2 * (slots[-1].at - slots[-2].at)

    def test_a_throttled_instance_is_slower_for_half_a_minute(self, lab: StoreLab) -> None:
        pace = Pace()
        normal = self._length(lab, "quick", pace)
        lab.store.slow_down("slow", lab.clock.now())
        assert self._length(lab, "slow", pace) >= 1.8 * normal
        lab.clock.advance(timedelta(seconds=31) + MINUTE)
        assert self._length(lab, "slow", pace) == normal

    def _length(self, lab: StoreLab, scope: str, pace: Pace) -> timedelta:
        now = lab.clock.now()
        return [lab.store.take_slot(scope, now, patience=MINUTE, pace=pace).wait for _ in range(15)][-1]
