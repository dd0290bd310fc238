"""What an administrator does by hand, as the truth over time tells it (security.md 7, AWS 6 and 7)."""

from __future__ import annotations

import pytest
from tests.unit.sim.worlds import FOO_ADMIN, FOO_INSTANCE, FOO_STORE, FOO_TARGET, lab

from gatepass.sim.hand import Hand, HandError

ANA = "ana@host.example"


@pytest.fixture
def made():
    return lab()


def last(made):
    change = made.sim.truth().changes[-1]
    return change.fact, change.present, change.by, change.operation


def test_an_assignment_comes_and_goes_once(made):
    hand = Hand(made.sim)
    fact = hand.assign(FOO_INSTANCE, FOO_TARGET, "AdministratorAccess", ANA)
    assert last(made) == (fact, True, "hand", "assign")
    before = len(made.sim.truth().changes)
    assert hand.assign(FOO_INSTANCE, FOO_TARGET, FOO_ADMIN, made.user("ana")) == fact
    assert len(made.sim.truth().changes) == before
    hand.unassign(FOO_INSTANCE, FOO_TARGET, "AdministratorAccess", ANA)
    assert last(made) == (fact, False, "hand", "unassign")


def test_a_vanished_permission_set_takes_its_assignments_along(made):
    Hand(made.sim).remove_permission_set(FOO_INSTANCE, "AdministratorAccess")
    fact, present, _, why = last(made)
    assert (fact.permission_set, present, why) == (FOO_ADMIN, False, "remove-permission-set")
    assert FOO_ADMIN not in made.sim.world.instances[FOO_INSTANCE].permission_sets


def test_a_vanished_account_takes_its_assignments_along(made):
    Hand(made.sim).remove_account(FOO_TARGET)
    assert made.sim.world.account(FOO_TARGET) is None
    assert not made.sim.world.instances[FOO_INSTANCE].assignments.now


def test_accounts_are_suspended_and_reopened(made):
    hand = Hand(made.sim)
    hand.suspend(FOO_TARGET)
    assert made.sim.world.account(FOO_TARGET).status == "SUSPENDED"
    hand.reopen(FOO_TARGET)
    assert made.sim.world.account(FOO_TARGET).status == "ACTIVE"


def test_an_address_changes_and_the_id_stays(made):
    before = made.user("ana")
    Hand(made.sim).change_email(FOO_STORE, ANA, "new@host.example")
    assert made.user("new@") == before


@pytest.mark.parametrize(
    "act",
    [
        lambda hand: hand.assign("ssoins-none", FOO_TARGET, FOO_ADMIN, ANA),
        lambda hand: hand.assign(FOO_INSTANCE, "999999999999", FOO_ADMIN, ANA),
        lambda hand: hand.assign(FOO_INSTANCE, FOO_TARGET, "Nothing", ANA),
        lambda hand: hand.assign(FOO_INSTANCE, FOO_TARGET, FOO_ADMIN, "nobody@host.example"),
        lambda hand: hand.join(FOO_STORE, "Nothing", ANA),
        lambda hand: hand.suspend("000000000000"),
    ],
)
def test_what_does_not_exist_is_named(made, act):
    with pytest.raises(HandError):
        act(Hand(made.sim))
