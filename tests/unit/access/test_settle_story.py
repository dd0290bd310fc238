"""The settle decisions, one story at a time, against a tiny AWS that the test plays by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gatepass.access import settle
from gatepass.access.facts import Attempt, Fact, Reading, assignment
from gatepass.access.plans import Called, Next, Plan, Polled, Situation
from gatepass.access.requests import Grant
from gatepass.access.states import FactState, GrantState, Outcome, Verb
from gatepass.access.work import REMOVED_OUTSIDE

KEY = assignment(
    "arn:aws:sso:::instance/ssoins-1", "333333333333", "arn:aws:sso:::permissionSet/ssoins-1/ps-1", "u-1"
)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class Desk:
    """Rows of one fact, and the loop around the pure decisions."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.fact = Fact(KEY, "tenant_foo")
        self.grants: dict[str, Grant] = {}
        self.attempts: dict[str, Attempt] = {}
        self.count = 0

    def situation(self) -> Situation:
        self.count += 1
        grants = tuple(g for g in self.grants.values() if not g.final)
        return Situation(self.fact, grants, tuple(self.attempts.values()), self.now, "w1", f"a{self.count}")

    def keep(self, plan: Plan) -> Plan:
        self.fact = plan.fact
        self.grants |= {g.id: g for g in plan.moves}
        self.attempts |= {a.id: a for a in plan.attempts}
        return plan

    def ask(self, name: str, duration: timedelta = HOUR) -> None:
        self.grants[name] = Grant(
            name, f"r-{name}", "ana", "tenant_foo", KEY, duration, self.now, self.now + HOUR
        )

    def due(self) -> Plan:
        return self.keep(settle.due(self.situation()))

    def read(self, present: bool, handle: str | None = None) -> Plan:
        return self.keep(settle.read(self.situation(), Reading(present, self.now, handle)))

    def called(self, result: Called, op_ref: str | None = None) -> Plan:
        sent = list(self.attempts.values())[-1]
        return self.keep(settle.called(self.situation(), sent.id, result, op_ref=op_ref, detail="said so"))

    def polled(self, status: Polled) -> Plan:
        sent = list(self.attempts.values())[-1]
        return self.keep(settle.polled(self.situation(), sent.id, status, "said so"))

    def state(self, name: str) -> GrantState:
        return self.grants[name].state

    def give(self, name: str, duration: timedelta = HOUR) -> None:
        self.ask(name, duration)
        assert self.due().next is Next.READ
        assert self.read(False).next is Next.SEND
        self.called(Called.ACCEPTED, "op-1")
        assert self.due().next is Next.POLL
        self.polled(Polled.SUCCEEDED)
        assert self.due().next is Next.READ
        self.read(True)
        assert self.state(name) is GrantState.ACTIVE

    def take(self) -> None:
        assert self.due().next is Next.SEND
        self.called(Called.ACCEPTED, "op-2")
        self.polled(Polled.SUCCEEDED)
        assert self.due().next is Next.READ
        self.read(False)


def test_the_whole_way_and_the_end_is_counted_from_the_first_intent() -> None:
    desk = Desk()
    begun = desk.now
    desk.give("g")
    assert desk.grants["g"].ends_at == begun + HOUR
    assert desk.fact.due_at == begun + HOUR
    desk.now += HOUR
    desk.take()
    assert desk.state("g") is GrantState.ENDED
    assert (desk.fact.state, desk.fact.ours) == (FactState.ABSENT, False)


def test_standing_access_is_covered_and_never_deleted_I3() -> None:
    desk = Desk()
    desk.ask("g")
    desk.due()
    plan = desk.read(True)
    assert plan.next is Next.REST
    assert desk.state("g") is GrantState.COVERED
    desk.now += 2 * HOUR
    assert desk.due().next is Next.REST
    assert not desk.attempts


def test_standing_is_not_remembered_from_an_earlier_grant() -> None:
    desk = Desk()
    desk.ask("g1")
    desk.due()
    desk.read(True)
    desk.ask("g2")
    assert desk.due().next is Next.READ
    assert desk.read(False).next is Next.SEND
    assert desk.fact.ours


def test_an_overlapping_grant_keeps_the_fact_until_its_own_end_I2() -> None:
    desk = Desk()
    desk.give("short")
    desk.ask("long", 2 * HOUR)
    assert desk.due().next is Next.READ
    desk.read(True)
    desk.now += HOUR
    assert desk.due().next is Next.REST
    assert desk.grants["short"].covered_by == "long"
    desk.now += HOUR
    desk.take()
    assert desk.state("long") is GrantState.ENDED


def test_a_lost_answer_is_unknown_and_the_create_is_sent_again_without_moving_the_end_I11() -> None:
    desk = Desk()
    desk.ask("g")
    desk.due()
    desk.read(False)
    ends = desk.grants["g"].ends_at
    desk.called(Called.LOST)
    assert desk.fact.state is FactState.UNKNOWN
    desk.now += 30 * SECOND
    desk.due()
    assert desk.read(False).next is Next.SEND
    assert desk.grants["g"].ends_at == ends


def test_absence_is_not_believed_while_a_lost_create_may_still_land() -> None:
    desk = Desk()
    desk.ask("g", timedelta(seconds=30))
    desk.due()
    desk.read(False)
    desk.called(Called.LOST)
    desk.now += 31 * SECOND
    desk.due()
    desk.read(False)
    assert desk.state("g") is GrantState.ENDING
    desk.now += 60 * SECOND
    desk.due()
    assert desk.read(True).next is Next.SEND  # it landed after all: taken back
    assert list(desk.attempts.values())[-1].verb is Verb.REVOKE


def test_failed_is_not_done_and_nothing_is_left() -> None:
    desk = Desk()
    desk.ask("g")
    desk.due()
    desk.read(False)
    desk.called(Called.ACCEPTED, "op-1")
    desk.polled(Polled.FAILED)
    desk.due()
    desk.read(False)
    assert desk.state("g") is GrantState.FAILED
    assert desk.grants["g"].why == "said so"
    assert not desk.fact.ours


def test_twenty_conflicts_in_a_row_delay_a_take_back_and_never_end_it() -> None:
    desk = Desk()
    desk.give("g")
    desk.now += HOUR
    for _ in range(20):
        plan = desk.due()
        plan = plan if plan.next is Next.SEND else desk.read(True)
        assert plan.next is Next.SEND
        desk.called(Called.BUSY)
        assert desk.fact.due_at is not None
        assert desk.fact.due_at <= desk.now + timedelta(seconds=60)
        desk.now = desk.fact.due_at
    assert desk.fact.tries == 20
    assert desk.state("g") is GrantState.ENDING


def test_what_was_removed_outside_ends_the_grant_and_is_not_made_again() -> None:
    desk = Desk()
    desk.give("g")
    desk.now += timedelta(minutes=10)
    desk.read(False)
    assert desk.state("g") is GrantState.ENDED
    assert desk.grants["g"].why == REMOVED_OUTSIDE


def test_a_delete_sent_late_by_a_paused_process_is_found_and_the_fact_made_again() -> None:
    desk = Desk()
    desk.give("g")
    late = Attempt("late", KEY, Verb.REVOKE, desk.now, None, "w0", outcome=Outcome.UNKNOWN)
    desk.attempts = {"late": late, **desk.attempts}
    desk.now += timedelta(minutes=10)
    assert desk.read(False).next is Next.SEND
    assert desk.state("g") is GrantState.ACTIVE


def test_what_appears_after_its_end_is_deleted_only_with_an_open_attempt_of_ours() -> None:
    desk = Desk()
    desk.give("g")
    desk.now += HOUR
    desk.take()
    desk.now += timedelta(minutes=5)
    plan = desk.read(True)
    assert [e.kind for e in plan.events] == ["fact.drift"]
    assert not desk.fact.ours
    desk.attempts["late"] = replace(
        Attempt("late", KEY, Verb.GRANT, desk.now, False, "w0"), outcome=Outcome.UNKNOWN, inflight=False
    )
    assert desk.read(True).next is Next.READ
    assert desk.fact.ours
    assert desk.read(True).next is Next.SEND


def test_a_leaver_s_waiting_grant_does_not_start_I13() -> None:
    desk = Desk()
    desk.ask("g")
    desk.due()
    situation = replace(desk.situation(), refused={"g": "ana has left"})
    plan = desk.keep(settle.read(situation, Reading(False, desk.now)))
    assert plan.next is Next.REST
    assert desk.state("g") is GrantState.FAILED
    assert not desk.attempts


def test_granting_stops_and_taking_back_goes_on() -> None:
    desk = Desk()
    desk.give("g")
    desk.now += HOUR
    stopped = replace(desk.situation(), may_start=False)
    assert settle.due(stopped).next is Next.SEND
    other = Desk()
    other.ask("g")
    assert settle.due(replace(other.situation(), may_start=False)).next is Next.REST
