"""A worker whose beat stops: the others go on with its facts as soon as it can send nothing any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.engine_lab import SECOND, Lab

from gatepass.access.states import GrantState
from gatepass.engine.silence import Silence
from gatepass.store import Worker

START = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=15)


def workers(**beats: int) -> list[Worker]:
    """Workers by the second of their own clocks in which they last beat."""
    return [Worker(name, "1", START, START + timedelta(seconds=at)) for name, at in beats.items()]


def test_the_same_beat_for_three_seconds_is_silence_whatever_the_clock_of_the_other_says() -> None:
    silence = Silence("me", after=3, forgotten=30)
    assert silence.look(workers(me=0, near=0, far=-5000), 100) == frozenset()
    assert silence.look(workers(me=0, near=2, far=-5000), 102.9) == frozenset()
    assert silence.look(workers(me=0, near=3, far=-5000), 103) == {"far"}
    assert silence.look(workers(me=0, near=4, far=-4000), 104) == frozenset()


def test_who_left_is_silent_once_its_time_is_over_and_who_never_came_is_not() -> None:
    silence = Silence("me", after=3, forgotten=30)
    silence.look(workers(gone=1), 100)
    assert silence.look([], 102) == frozenset()
    assert silence.look([], 103) == {"gone"}
    assert silence.look([], 131) == frozenset()


def test_a_process_that_slept_itself_takes_nobody_for_dead_who_beat_meanwhile() -> None:
    silence = Silence("me", after=3, forgotten=30)
    silence.look(workers(other=1), 100)
    assert silence.look(workers(other=900), 1000) == frozenset()


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("point", ["before CreateAccountAssignment", "after CreateAccountAssignment"])
def test_a_killed_workers_grant_is_active_before_its_lease_would_have_ended(
    tmp_path: Path, point: str
) -> None:
    dead: list[str] = []

    def kill(name: str) -> None:
        if name == point and not dead:
            dead.append(name)
            raise Killed

    lab = Lab(tmp_path)
    first, _ = lab.start(kill)
    lab.engine.tick()
    first.tick()
    lab.pass_time(SECOND)
    given, began = lab.give(), lab.clock.now()
    with pytest.raises(Killed):
        first.tick()
    while lab.state(given) is not GrantState.ACTIVE:
        lab.pass_time(SECOND)
    assert timedelta(seconds=3) <= lab.clock.now() - began < timedelta(seconds=10)
    assert lab.held()


def test_a_worker_that_beats_keeps_its_lease_to_the_end(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    given, began = lab.give(), lab.clock.now()
    lab.store.claim_due("slow", began, 1, LEASE)
    while lab.state(given) is GrantState.WAITING:
        lab.store.beat("slow", "1", lab.clock.now())
        lab.pass_time(SECOND)
    assert LEASE <= lab.clock.now() - began < LEASE + 5 * SECOND


def test_the_step_of_a_worker_that_lives_after_all_is_void(tmp_path: Path) -> None:
    """It was cut off, not dead: its lease is lost, as after any other pause."""
    lab = Lab(tmp_path)
    given = lab.give()
    lab.store.beat("cut off", "1", lab.clock.now())
    (claimed,) = lab.store.claim_due("cut off", lab.clock.now(), 1, LEASE)
    lab.pass_time(8 * SECOND)
    assert lab.state(given) is GrantState.ACTIVE
    assert not lab.store.renew(claimed, lab.clock.now() + LEASE)
