"""A create is read for only where there is room to send it, and nobody waits for another's instance."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.conformance.strategy_labs import FOO_ADMIN, FOO_INSTANCE, FOO_STORE
from tests.engine_lab import ACCOUNT, SECOND, Lab
from tests.histories.office import FOO_READ

from gatepass.access.facts import FactKey, assignment
from gatepass.access.states import GrantState
from gatepass.clock import from_ms
from gatepass.engine import points
from gatepass.engine.room import NoPlace, Room
from gatepass.sim import Hand

MINUTE = timedelta(minutes=1)
NOW = from_ms(0)
PLACES = 8
OPERATION = 4.0


def people(lab: Lab, count: int) -> list[FactKey]:
    """So many facts on one account."""
    users = [Hand(lab.sim).add_user(FOO_STORE, f"p{n}", f"p{n}@host.example") for n in range(count)]
    return [assignment(FOO_INSTANCE, ACCOUNT, FOO_ADMIN, user) for user in users]


def crowded(folder: Path, waiting: int) -> tuple[Lab, list[str]]:
    """Every place for creates is taken by a long operation; so many more wait for one."""
    lab = Lab(folder, operation_seconds=OPERATION, list_lag=0)
    keys = people(lab, PLACES + waiting)
    for key in keys[:PLACES]:
        lab.give(key)
    lab.engine.tick()
    assert len(lab.calls("CreateAccountAssignment")) == PLACES
    return lab, [lab.give(key) for key in keys[PLACES:]]


def reads(lab: Lab) -> int:
    return len(lab.calls("ListAccountAssignments"))


def test_without_a_place_nothing_is_read_and_with_one_everybody_comes_at_last(tmp_path: Path) -> None:
    lab, waiting = crowded(tmp_path, 2)
    before = reads(lab)
    lab.pass_time(3 * SECOND, SECOND / 4)
    assert reads(lab) == before
    assert {lab.state(each) for each in waiting} == {GrantState.WAITING}
    lab.pass_time(12 * SECOND)
    assert {lab.state(each) for each in waiting} == {GrantState.ACTIVE}
    assert len(lab.calls("CreateAccountAssignment")) == PLACES + len(waiting)


def test_who_waits_at_a_full_instance_holds_up_nobody_at_another_one(tmp_path: Path) -> None:
    """Twenty are due before the one; it is not looked for behind them."""
    lab, _ = crowded(tmp_path, 20)
    other = lab.give(lab.group_key())
    lab.engine.settle_due()
    assert lab.state(other) is GrantState.ACTIVE


def test_a_take_back_needs_no_place_of_those_that_creates_have(tmp_path: Path) -> None:
    lab = Lab(tmp_path, operation_seconds=OPERATION, list_lag=0)
    held = lab.give()
    lab.pass_time(8 * SECOND, 2 * SECOND)
    assert lab.state(held) is GrantState.ACTIVE
    for key in people(lab, PLACES + 3):
        lab.give(key)
    lab.engine.tick()
    lab.end(held)
    lab.engine.tick()
    assert len(lab.calls("DeleteAccountAssignment")) == 1


def test_a_step_that_read_ahead_waits_for_its_place_and_does_not_read_again(tmp_path: Path) -> None:
    """Another process ends the operations meanwhile; where threads share the work that is another thread."""
    lab, _ = crowded(tmp_path, 0)
    other, _ = lab.start()
    tries: list[str] = []

    def point(name: str) -> None:
        if name == points.DECIDING:
            tries.append(name)
            if len(tries) == 3:
                lab.clock.advance(OPERATION * SECOND)
                other.settle_due()

    lab.restart(point)
    lab.engine._room.share(8, 2 * SECOND)
    waiting = lab.give(lab.key(permission_set=FOO_READ))
    lab.engine.settle_due()
    assert lab.state(waiting) is GrantState.GRANTING
    about = [each.operation for each in lab.sim.calls if each.params.get("PermissionSetArn") == FOO_READ]
    assert about == ["ListAccountAssignments", "CreateAccountAssignment"]


# -- by itself


def test_as_many_may_come_as_there_are_places_and_one_ahead_where_others_go_on() -> None:
    room = Room(3, SECOND / 4)
    with room.coming("a", 1, NOW), room.coming("a", 1, NOW):
        with pytest.raises(NoPlace) as full, room.coming("a", 1, NOW):
            pass
        assert full.value.until == NOW + SECOND / 4
        with room.coming("b", 2, NOW):
            pass
    with pytest.raises(NoPlace), room.coming("a", 3, NOW):
        pass
    room.share(8, SECOND)
    with room.coming("a", 3, NOW), pytest.raises(NoPlace), room.coming("a", 3, NOW):
        pass


def test_a_full_instance_is_left_alone_until_something_ends_there_or_a_moment_passes() -> None:
    room = Room(1, SECOND / 4)
    for reopen in (lambda: room.freed("a"), lambda: None):
        with pytest.raises(NoPlace), room.coming("a", 1, NOW):
            pass
        assert room.full(NOW) == {"a"}
        reopen()
        assert room.full(NOW + SECOND / 4) == frozenset()
    with pytest.raises(NoPlace), room.coming("a", 1, NOW):
        pass
    room.freed("b")
    assert room.full(NOW) == {"a"}


def test_at_most_half_of_the_threads_wait_for_places() -> None:
    """The others are there for take-backs."""
    room = Room(8, SECOND / 4)
    with room.waiting() as alone:
        assert alone == timedelta(0)
    room.share(4, 2 * SECOND)
    with room.waiting() as first, room.waiting() as second, room.waiting() as third:
        assert (first, second, third) == (2 * SECOND, 2 * SECOND, timedelta(0))
    with room.waiting() as again:
        assert again == 2 * SECOND
