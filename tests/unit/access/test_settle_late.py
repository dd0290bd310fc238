"""What a process that was paused in the middle of a send does to a fact afterwards (found by the histories, seed 5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.unit.access.test_settle_story import HOUR, KEY, SECOND, Desk

from gatepass.access import settle
from gatepass.access.facts import Attempt, Reading
from gatepass.access.plans import Called, Next
from gatepass.access.states import GrantState, Outcome, Verb


def paused(desk: Desk, verb: Verb) -> Attempt:
    """An attempt intended before all others, of which nothing is known."""
    late = Attempt("a0", KEY, verb, desk.now - SECOND, False, "w0", outcome=Outcome.UNKNOWN)
    desk.attempts = {"a0": late, **desk.attempts}
    return late


def answered(desk: Desk, late: Attempt) -> None:
    """The paused process sent it after all, and AWS says that it is done."""
    desk.attempts["a0"] = replace(late, outcome=Outcome.DONE, finished_at=desk.now, inflight=False)


def test_a_create_sent_after_our_delete_is_not_believed_absent_while_lists_lag_I1() -> None:
    desk = Desk()
    late = paused(desk, Verb.GRANT)
    desk.give("g")
    desk.now += HOUR
    assert desk.due().next is Next.SEND
    sent = list(desk.attempts.values())[-1]
    desk.now += SECOND
    desk.attempts[sent.id] = replace(sent, outcome=Outcome.DONE, finished_at=desk.now, inflight=False)
    desk.now += 50 * SECOND
    answered(desk, late)
    assert desk.due().next is Next.READ
    assert desk.read(False).next is Next.SEND  # the list does not show it yet
    assert list(desk.attempts.values())[-1].verb is Verb.REVOKE


def test_a_create_answered_after_its_absence_was_confirmed_is_ours_and_goes() -> None:
    desk = Desk()
    late = paused(desk, Verb.GRANT)
    desk.give("g")
    desk.now += HOUR
    desk.take()
    assert desk.state("g") is GrantState.ENDED
    desk.now += 60 * SECOND
    answered(desk, late)
    assert desk.due().next is Next.READ
    assert desk.read(True).next is Next.READ
    assert desk.fact.ours
    assert desk.read(True).next is Next.SEND
    assert list(desk.attempts.values())[-1].verb is Verb.REVOKE


def test_a_delete_answered_under_a_live_grant_is_made_good_I2() -> None:
    desk = Desk()
    late = paused(desk, Verb.REVOKE)
    desk.give("g")
    desk.now += timedelta(minutes=10)
    answered(desk, late)
    assert desk.read(False).next is Next.SEND
    assert list(desk.attempts.values())[-1].verb is Verb.GRANT
    assert desk.state("g") is GrantState.ACTIVE


def test_a_look_that_finds_nothing_to_remove_is_no_proof_while_it_may_lag_I1() -> None:
    """Found by the histories, seed 144: a membership made a moment ago, and a look-up that does not show it yet."""
    desk = Desk()
    desk.ask("g", 5 * SECOND)
    desk.due()
    desk.read(False)
    desk.called(Called.DONE)
    desk.now += 6 * SECOND
    assert desk.due().next is Next.READ
    assert desk.read(False).next is Next.SEND
    assert desk.called(Called.NOTHING).next is Next.REST
    assert desk.state("g") is GrantState.ENDING
    assert desk.fact.due_at == desk.now + desk.situation().limits.recheck
    desk.now += 10 * SECOND
    assert desk.due().next is Next.READ
    assert desk.read(True).next is Next.SEND


def test_a_delete_is_not_sent_again_and_again_while_a_list_lags() -> None:
    """Found by the histories, seed 144: with a create of ours open, each read led to one more delete at once."""
    desk = Desk()
    paused(desk, Verb.GRANT)
    desk.give("g")
    desk.now += HOUR
    desk.due()
    desk.called(Called.DONE)
    assert desk.read(True).next is Next.REST
    desk.now += 10 * SECOND + SECOND
    desk.due()
    assert desk.read(True).next is Next.SEND


def test_a_membership_made_again_by_a_late_create_is_ours_under_its_new_name_I1() -> None:
    """Found by the histories, seed 144: its id is another than the one we deleted, and it is ours all the same."""
    desk = Desk()
    late = paused(desk, Verb.GRANT)
    desk.ask("g")
    desk.due()
    desk.read(False)
    desk.called(Called.DONE)
    desk.read(True, "m-1")
    assert desk.fact.handle == "m-1"
    desk.now += HOUR
    desk.due()
    desk.called(Called.DONE)
    desk.now += 50 * SECOND
    answered(desk, late)
    desk.due()
    assert desk.read(True, "m-2").next is Next.SEND
    assert list(desk.attempts.values())[-1].verb is Verb.REVOKE
    assert desk.fact.handle == "m-2"


def test_another_membership_is_not_ours_when_nothing_of_ours_is_open_I3() -> None:
    desk = Desk()
    desk.ask("g")
    desk.due()
    desk.read(False)
    desk.called(Called.DONE)
    desk.read(True, "m-1")
    desk.now += 10 * 60 * SECOND
    desk.read(True, "m-2")
    assert desk.state("g") is GrantState.ENDED
    assert not desk.fact.ours


def test_a_process_that_slept_after_a_stale_read_takes_nothing_for_removed_I1() -> None:
    """Lists lag by the moment of the read: what was read too early is not proof because we looked at it late."""
    for over in (False, True):
        desk = Desk()
        desk.ask("g", 5 * SECOND if over else HOUR)
        desk.due()
        desk.read(False)
        desk.called(Called.DONE)
        early = Reading(False, desk.now + SECOND)  # the list does not show yet what AWS made
        desk.now += timedelta(minutes=10)  # and here the machine was suspended
        plan = desk.keep(settle.read(desk.situation(), early))
        assert desk.fact.ours
        assert not desk.grants["g"].final
        assert plan.fact.due_at is not None
        assert plan.next is (Next.SEND if over else Next.REST)  # taken back, or read anew


def test_an_active_grant_is_over_when_making_it_again_is_refused_I16() -> None:
    """A late delete took it, and AWS does not let us make it again: nobody may be told that it is still there."""
    desk = Desk()
    late = paused(desk, Verb.REVOKE)
    desk.give("g")
    desk.now += timedelta(minutes=10)
    answered(desk, late)
    assert desk.read(False).next is Next.SEND
    desk.called(Called.REFUSED)
    desk.now += timedelta(minutes=5)
    desk.read(False)
    assert desk.state("g") is GrantState.ENDED
    assert not desk.fact.ours


def test_a_refused_create_is_not_sent_again_and_again_while_a_list_lags() -> None:
    desk = Desk()
    desk.give("g")
    desk.now += HOUR
    desk.take()
    desk.ask("next")
    assert desk.due().next is Next.READ
    assert desk.read(True).next is Next.SEND  # what the list shows may be what we deleted
    assert desk.called(Called.REFUSED).next is Next.READ
    assert desk.read(True).next is Next.REST
    assert desk.fact.due_at == desk.now + desk.situation().limits.recheck


def test_calls_that_are_lost_again_and_again_are_sent_ever_more_slowly() -> None:
    """The first is looked into at once; after that a service that only answers 500 is not hammered."""
    desk = Desk()
    desk.ask("g")
    desk.due()
    assert desk.read(False).next is Next.SEND
    assert desk.called(Called.LOST).next is Next.READ
    waits = []
    for _ in range(3):
        assert desk.read(False).next is Next.SEND
        assert desk.called(Called.LOST).next is Next.REST
        assert desk.fact.due_at is not None
        waits.append(desk.fact.due_at - desk.now)
        desk.now = desk.fact.due_at
        assert desk.due().next is Next.READ
    assert waits == sorted(waits)
    assert waits[0] > timedelta(0)
    desk.read(True)
    assert (desk.state("g"), desk.fact.tries) == (GrantState.ACTIVE, 0)
