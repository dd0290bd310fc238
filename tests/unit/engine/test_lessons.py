"""Lessons that others paid for, each on the simulator through the whole engine (issue 2, H4)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.conformance.strategy_labs import FOO_ADMIN, FOO_INSTANCE, FOO_STORE
from tests.engine_lab import ACCOUNT, SECOND, Lab

from gatepass.access.facts import FactKey, assignment
from gatepass.access.states import FactState, GrantState, RequestState
from gatepass.access.work import REMOVED_OUTSIDE
from gatepass.sim import Settings
from gatepass.sim.hand import Hand

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def gone_for(lab: Lab, key: FactKey | None = None) -> bool:
    """The fact came once and went once, and nothing is left to do."""
    key = key or lab.key()
    came_and_went = [present for _, present in lab.present_at(key)]
    return came_and_went == [True, False] and lab.fact(key).state is FactState.ABSENT


# -- several grants on one fact


def test_two_overlapping_grants_keep_it_until_the_later_end(lab: Lab) -> None:
    lab.give(lasts=10 * MINUTE)
    lab.pass_time(5 * MINUTE, MINUTE)
    second = lab.give(lasts=10 * MINUTE)
    lab.pass_time(9 * MINUTE, MINUTE)
    assert lab.held()
    assert lab.state(second) is GrantState.ACTIVE
    lab.pass_time(2 * MINUTE, 10 * SECOND)
    assert gone_for(lab)


def test_two_back_to_back_grants_each_get_it(lab: Lab) -> None:
    first = lab.give(lasts=5 * MINUTE)
    lab.pass_time(5 * MINUTE)
    second = lab.give(lasts=5 * MINUTE)
    lab.pass_time(3 * MINUTE)
    assert lab.held()
    assert [lab.state(each) for each in (first, second)] == [GrantState.ENDED, GrantState.ACTIVE]
    lab.pass_time(8 * MINUTE, 10 * SECOND)
    assert not lab.held()
    assert lab.state(second) is GrantState.ENDED


def test_three_nested_grants_end_from_the_inside_out(lab: Lab) -> None:
    lengths = (30, 20, 10)
    grants = []
    for length in lengths:
        grants.append(lab.give(lasts=length * MINUTE))
        lab.pass_time(MINUTE, 10 * SECOND)
    ended = []
    for _ in range(40):
        lab.pass_time(MINUTE, 20 * SECOND)
        ended += [each for each in grants if lab.state(each) is GrantState.ENDED and each not in ended]
        assert lab.held() is (len(ended) < 3)
    assert ended == [grants[2], grants[1], grants[0]]
    assert lab.grant(grants[2]).covered_by is not None
    assert gone_for(lab)


def test_the_first_ended_early_by_hand_leaves_the_second_alone_I2(lab: Lab) -> None:
    first = lab.give()
    lab.pass_time(MINUTE, 10 * SECOND)
    second = lab.give()
    lab.pass_time(MINUTE, 10 * SECOND)
    lab.end(first)
    lab.pass_time(MINUTE, 10 * SECOND)
    assert lab.state(first) is GrantState.ENDED
    assert lab.grant(first).covered_by == second
    assert lab.held()
    lab.end(second)
    lab.pass_time(20 * SECOND)
    assert gone_for(lab)


# -- what AWS says


@pytest.mark.parametrize("operation", ["CreateAccountAssignment", "DeleteAccountAssignment"])
def test_twenty_conflicts_in_a_row_end_in_success(lab: Lab, operation: str) -> None:
    lab.faults({"operation": operation, "do": "conflict", "calls": list(range(1, 21))})
    grant = lab.give(lasts=30 * MINUTE)
    lab.pass_time(25 * MINUTE, 2 * SECOND)
    assert lab.state(grant) is GrantState.ACTIVE
    lab.pass_time(30 * MINUTE, 2 * SECOND)
    assert lab.state(grant) is GrantState.ENDED
    assert gone_for(lab)


def test_failed_is_shown_with_its_reason_and_nothing_is_left(lab: Lab) -> None:
    lab.faults({"operation": "CreateAccountAssignment", "do": "fail", "reason": "role name is taken"})
    grant = lab.give()
    lab.pass_time(10 * SECOND)
    assert lab.state(grant) is GrantState.FAILED
    assert "role name is taken" in lab.grant(grant).why
    assert lab.request(grant).state is RequestState.FAILED
    assert "role name is taken" in lab.request(grant).why
    assert not lab.held()
    assert not lab.fact().ours


def test_a_take_back_that_failed_is_made_again_and_never_called_done_I16(lab: Lab) -> None:
    lab.faults({"operation": "DeleteAccountAssignment", "do": "fail", "times": 3})
    grant = lab.give(lasts=5 * MINUTE)
    lab.pass_time(5 * MINUTE, 10 * SECOND)
    lab.pass_time(40 * SECOND)
    assert lab.state(grant) is GrantState.ENDED
    assert gone_for(lab)
    assert len(lab.calls("DeleteAccountAssignment")) == 4


def test_a_lost_create_answer_neither_doubles_nor_moves_the_end_I11(lab: Lab) -> None:
    lab.faults({"operation": "CreateAccountAssignment", "do": "answer-lost", "times": 2})
    grant = lab.give(lasts=10 * MINUTE)
    lab.pass_time(30 * SECOND)
    kept = lab.grant(grant)
    begun = lab.said("grant.granting")[0]
    assert kept.starts_at is not None
    assert kept.ends_at == kept.starts_at + 10 * MINUTE
    assert begun["ends_at"] == lab.said("grant.active")[0]["ends_at"]
    lab.pass_time(10 * MINUTE, 10 * SECOND)
    assert gone_for(lab)


def test_a_lost_create_that_lists_do_not_show_yet_is_not_taken_for_absent_I1(tmp_path: Path) -> None:
    lab = Lab(tmp_path, list_lag=20.0, lost_after=2.0)
    lab.faults({"operation": "CreateAccountAssignment", "do": "answer-lost", "times": 1})
    grant = lab.give(lasts=SECOND)
    lab.pass_time(3 * MINUTE)
    assert lab.state(grant) is GrantState.ENDED
    assert not lab.held()


def test_a_denied_take_back_stays_open_and_alarmed_until_it_is_allowed_I16(lab: Lab) -> None:
    grant = lab.give(lasts=5 * MINUTE)
    lab.pass_time(MINUTE, 10 * SECOND)
    lab.faults({"operation": "DeleteAccountAssignment", "do": "deny", "until": 35 * 60})
    lab.pass_time(34 * MINUTE, 10 * SECOND)
    assert lab.state(grant) is GrantState.ENDING
    assert "not authorized" in (lab.fact().last_error or "")
    assert [what for what in lab.bells.ringing if what.startswith("take-back")]
    lab.pass_time(3 * MINUTE, 10 * SECOND)
    assert lab.state(grant) is GrantState.ENDED
    assert gone_for(lab)
    assert not lab.bells.ringing


def test_throttled_calls_slow_the_instance_down_and_lose_nothing(lab: Lab) -> None:
    lab.faults({"service": "sso-admin", "do": "throttle", "chance": 0.5, "until": 120})
    grant = lab.give(lasts=5 * MINUTE)
    lab.pass_time(5 * MINUTE + 30 * SECOND)
    assert lab.state(grant) is GrantState.ENDED
    assert gone_for(lab)


# -- who and what the fact is about


def test_a_principal_deleted_mid_grant_leaves_nothing_behind(lab: Lab) -> None:
    key = lab.key()
    grant = lab.give(key, lasts=5 * MINUTE)
    lab.pass_time(MINUTE, 10 * SECOND)
    Hand(lab.sim).delete_user(FOO_STORE, "ana@host.example")
    lab.pass_time(5 * MINUTE, 10 * SECOND)
    assert lab.state(grant) is GrantState.ENDED
    assert gone_for(lab, key)


def test_a_group_member_deleted_mid_grant_is_absent(lab: Lab) -> None:
    key = lab.group_key()
    grant = lab.give(key, lasts=5 * MINUTE)
    lab.pass_time(MINUTE, 10 * SECOND)
    Hand(lab.sim).delete_user(FOO_STORE, "ana@host.example")
    lab.pass_time(12 * MINUTE, 10 * SECOND)
    assert lab.state(grant) is GrantState.ENDED


def test_an_e_mail_changed_mid_grant_changes_nothing(lab: Lab) -> None:
    key = lab.key()
    grant = lab.give(key, lasts=5 * MINUTE)
    lab.pass_time(MINUTE, 10 * SECOND)
    Hand(lab.sim).change_email(FOO_STORE, "ana@host.example", "ana.married@host.example")
    lab.pass_time(5 * MINUTE, 10 * SECOND)
    assert lab.state(grant) is GrantState.ENDED
    assert gone_for(lab, key)


def test_a_permission_set_that_vanished_ends_as_confirmed_absent(lab: Lab) -> None:
    key = lab.key()
    grant = lab.give(key, lasts=5 * MINUTE)
    lab.pass_time(MINUTE, 10 * SECOND)
    Hand(lab.sim).remove_permission_set(FOO_INSTANCE, "AdministratorAccess")
    lab.pass_time(12 * MINUTE, 10 * SECOND)
    assert lab.state(grant) is GrantState.ENDED
    assert lab.fact(key).state is FactState.ABSENT


def test_an_account_that_left_ends_as_confirmed_absent(lab: Lab) -> None:
    grant = lab.give(lasts=5 * MINUTE)
    lab.pass_time(MINUTE, 10 * SECOND)
    Hand(lab.sim).remove_account(ACCOUNT)
    lab.pass_time(12 * MINUTE, 10 * SECOND)
    assert lab.state(grant) is GrantState.ENDED


def test_an_instance_that_is_not_found_is_no_absence(lab: Lab) -> None:
    """A connector that looks in the wrong place sees nothing: that says nothing about what is there."""
    grant = lab.give(lasts=5 * MINUTE)
    lab.pass_time(MINUTE, 10 * SECOND)
    right = lab.reaches.all["tenant_foo"]
    lab.reaches.all["tenant_foo"] = lab.reaches.all["tenant_bar"]
    lab.pass_time(10 * MINUTE, 10 * SECOND)
    assert lab.state(grant) is GrantState.ENDING
    lab.reaches.all["tenant_foo"] = right
    lab.pass_time(2 * MINUTE, 10 * SECOND)
    assert lab.state(grant) is GrantState.ENDED
    assert gone_for(lab)


def test_a_suspended_account_fails_with_its_reason_and_leaves_nothing(lab: Lab) -> None:
    Hand(lab.sim).suspend(ACCOUNT)
    grant = lab.give()
    lab.pass_time(30 * SECOND)
    assert lab.state(grant) is GrantState.FAILED
    assert "suspended" in lab.grant(grant).why
    assert not lab.held()


def test_a_group_the_person_is_in_already_is_covered_and_stays_I3(lab: Lab) -> None:
    key = lab.group_key("dan")
    grant = lab.give(key, lasts=5 * MINUTE, person="dan")
    lab.pass_time(15 * MINUTE, MINUTE)
    assert lab.state(grant) is GrantState.COVERED
    assert lab.held(key)
    assert not lab.calls("CreateGroupMembership", "DeleteGroupMembership")


def test_standing_is_read_anew_for_every_grant_I16(lab: Lab) -> None:
    """Held before once is not held before for ever."""
    key = lab.key("dan")
    first = lab.give(key, person="dan")
    lab.pass_time(MINUTE, 10 * SECOND)
    lab.by_hand(key, False)
    lab.pass_time(10 * MINUTE, MINUTE)
    second = lab.give(key, lasts=5 * MINUTE, person="dan")
    lab.pass_time(MINUTE, 10 * SECOND)
    assert [lab.state(each) for each in (first, second)] == [GrantState.COVERED, GrantState.ACTIVE]
    assert lab.held(key)


def test_what_an_administrator_removes_ends_the_grant_and_is_not_made_again(lab: Lab) -> None:
    grant = lab.give()
    lab.pass_time(5 * MINUTE, 30 * SECOND)
    lab.by_hand(lab.key(), False)
    lab.pass_time(7 * MINUTE, 30 * SECOND)
    assert lab.state(grant) is GrantState.ENDED
    assert lab.grant(grant).why == REMOVED_OUTSIDE
    assert lab.said("fact.drift")
    assert not lab.held()


def test_what_an_administrator_makes_after_our_end_is_reported_and_stays_I3(lab: Lab) -> None:
    lab.give(lasts=5 * MINUTE)
    lab.pass_time(8 * MINUTE, 10 * SECOND)
    assert not lab.held()
    lab.by_hand(lab.key(), True)
    lab.pass_time(15 * MINUTE, 30 * SECOND)
    assert lab.held()
    assert [each["why"] for each in lab.said("fact.drift")] == ["present, made outside gatepass"]


# -- many of them


@pytest.mark.parametrize("page_size", [1, 100])
def test_pages_of_one_and_of_a_hundred_are_all_read_I3(tmp_path: Path, page_size: int) -> None:
    """Who holds it already may be named on the last page."""
    lab = Lab(tmp_path, page_size=page_size)
    keys = {name: lab.key(name) for name in ("ana", "ben", "cleo", "dan")}
    for key in keys.values():
        lab.by_hand(key, True)
    last = max(keys, key=lambda name: keys[name].parts[2])
    grant = lab.give(keys[last], lasts=5 * MINUTE, person=last)
    lab.pass_time(10 * MINUTE, MINUTE)
    assert lab.state(grant) is GrantState.COVERED
    assert all(lab.held(key) for key in keys.values())


def test_thirty_approvals_at_once_on_one_account_stay_within_what_aws_allows(tmp_path: Path) -> None:
    rates = {"sso-admin": 20.0, "identitystore": 20.0}
    lab = Lab(tmp_path, rates=rates, operation_seconds=2.0)
    people = [Hand(lab.sim).add_user(FOO_STORE, f"p{n}", f"p{n}@host.example") for n in range(30)]
    keys = [assignment(FOO_INSTANCE, ACCOUNT, FOO_ADMIN, user) for user in people]
    grants = [lab.give(key, lasts=10 * MINUTE) for key in keys]
    lab.pass_time(90 * SECOND)
    assert {lab.state(each) for each in grants} == {GrantState.ACTIVE}
    assert all(lab.held(key) for key in keys)
    lab.pass_time(10 * MINUTE, 5 * SECOND)
    assert {lab.state(each) for each in grants} == {GrantState.ENDED}
    assert not any(lab.held(key) for key in keys)
    assert not [record for record in lab.sim.calls if "Throttling" in record.outcome]
    assert Settings().outstanding == 10  # the simulator refuses the eleventh, and refused none


def test_stopping_for_ten_minutes_over_fifty_ends_takes_all_back_soon_after(tmp_path: Path) -> None:
    lab = Lab(tmp_path, rates={"sso-admin": 20.0})
    people = [Hand(lab.sim).add_user(FOO_STORE, f"p{n}", f"p{n}@host.example") for n in range(50)]
    keys = [assignment(FOO_INSTANCE, ACCOUNT, FOO_ADMIN, user) for user in people]
    grants = [lab.give(key, lasts=10 * MINUTE) for key in keys]
    lab.pass_time(2 * MINUTE, 2 * SECOND)
    assert all(lab.held(key) for key in keys)
    lab.clock.advance(15 * MINUTE)  # nobody was there
    lab.restart()
    lab.pass_time(MINUTE)
    assert not any(lab.held(key) for key in keys)
    lab.pass_time(MINUTE)
    assert {lab.state(each) for each in grants} == {GrantState.ENDED}


def test_a_take_back_goes_before_grants(tmp_path: Path) -> None:
    """A flood of requests cannot delay a take-back: it is claimed first, and a place is kept free for it."""
    lab = Lab(tmp_path, operation_seconds=2.0)
    grant = lab.give(lasts=MINUTE)
    lab.pass_time(59 * SECOND, 5 * SECOND)
    people = [Hand(lab.sim).add_user(FOO_STORE, f"p{n}", f"p{n}@host.example") for n in range(30)]
    for user in people:
        lab.give(assignment(FOO_INSTANCE, ACCOUNT, FOO_ADMIN, user), lasts=10 * MINUTE)
    lab.pass_time(20 * SECOND)
    ends_at = lab.grant(grant).ends_at
    assert ends_at is not None
    sent = next(record.at for record in lab.sim.calls if record.operation == "DeleteAccountAssignment")
    assert sent - ends_at < 5 * SECOND
