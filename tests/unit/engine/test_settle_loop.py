"""The settle loop before the simulator, one story at a time (issue 2, P4, P6 and H4)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.engine_lab import HOUR, SECOND, Lab

from gatepass.access.states import FactState, GrantState, RequestState

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_the_whole_way(lab: Lab) -> None:
    grant = lab.give()
    lab.pass_time(5 * SECOND)
    assert lab.held()
    assert lab.state(grant) is GrantState.ACTIVE
    lab.pass_time(HOUR - 10 * SECOND, MINUTE)
    assert lab.held()
    lab.pass_time(15 * SECOND)
    assert not lab.held()
    assert lab.state(grant) is GrantState.ENDED
    assert lab.request(grant).state is RequestState.ENDED
    assert lab.fact().state is FactState.ABSENT
    ends_at = lab.grant(grant).ends_at
    assert ends_at is not None
    gone = lab.present_at(lab.key())[-1][0]
    assert gone - (ends_at.timestamp() - lab.sim.world.started.timestamp()) < 5


def test_a_lone_grant_costs_at_most_four_calls_of_sso_admin_P6(lab: Lab) -> None:
    lab.give()
    lab.pass_time(5 * SECOND)
    assert lab.calls() == [
        "ListAccountAssignments",
        "CreateAccountAssignment",
        "DescribeAccountAssignmentCreationStatus",
        "ListAccountAssignments",
    ]
    lab.pass_time(HOUR + 10 * SECOND, MINUTE)
    taken_back = lab.calls(
        "DeleteAccountAssignment", "GetUserId", "ListPermissionSets", "DescribePermissionSet"
    )
    assert taken_back == ["DeleteAccountAssignment"]


def test_a_group_is_given_and_taken_back(lab: Lab) -> None:
    key = lab.group_key()
    grant = lab.give(key)
    lab.pass_time(3 * SECOND)
    assert lab.held(key)
    assert lab.state(grant) is GrantState.ACTIVE
    lab.pass_time(HOUR, MINUTE)
    assert not lab.held(key)
    assert lab.state(grant) is GrantState.ENDED


def test_standing_access_is_covered_and_untouched_I3(lab: Lab) -> None:
    key = lab.key("dan")
    grant = lab.give(key, person="dan")
    lab.pass_time(2 * HOUR, MINUTE)
    assert lab.state(grant) is GrantState.COVERED
    assert lab.held(key)
    assert not lab.calls("CreateAccountAssignment", "DeleteAccountAssignment")
    assert lab.request(grant).state is RequestState.ENDED
