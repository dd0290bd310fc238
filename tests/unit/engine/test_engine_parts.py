"""What else the engine does when it is due: clocks, brake, leavers, questions, messages, chores, sharing, threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.engine_lab import HOUR, SECOND, Bells, Lab
from tests.waiting import LONG, until

from gatepass.access.facts import Attempt
from gatepass.access.plans import Next, Plan, Situation
from gatepass.access.requests import Grant, Request, Terms
from gatepass.access.states import GrantState, RequestState, Verb
from gatepass.engine import points
from gatepass.engine.brake import Brake
from gatepass.engine.chores import Chore, Chores
from gatepass.engine.forecast import lateness
from gatepass.engine.looking import Together
from gatepass.engine.step import check
from gatepass.errors import Bug, GatepassError
from gatepass.store import ClaimedFact, OpenAsk, Pace, Tx, View
from gatepass.store.outbox import Message
from gatepass.testing.clock import VirtualClock

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


# -- time and brake (architecture.md 8)


def skewed(lab: Lab, by: timedelta) -> None:
    """AWS says another time than ours."""
    now = lab.clock.now()
    lab.engine.core.timekeeper.aws_says((now + by).replace(microsecond=0), now, now)


@pytest.mark.parametrize("by", [timedelta(seconds=45), timedelta(seconds=-45)])
def test_a_skew_stops_granting_and_never_taking_back(lab: Lab, by: timedelta) -> None:
    given = lab.give(lasts=MINUTE)
    lab.pass_time(10 * SECOND)
    skewed(lab, by)
    waiting = lab.give(lab.key("ben"), person="ben")
    lab.engine.settle_due()
    assert lab.state(waiting) is GrantState.WAITING
    assert "clock: AWS" in lab.bells.rang
    lab.clock.advance(MINUTE)
    lab.engine.settle_due()
    assert "DeleteAccountAssignment" in lab.calls()
    assert lab.state(given) is GrantState.ENDING


def test_a_skew_that_is_gone_lets_granting_go_on_although_nothing_else_calls_aws(lab: Lab) -> None:
    skewed(lab, timedelta(seconds=45))
    waiting = lab.give()
    lab.pass_time(30 * SECOND)  # the clocks chore asks AWS for the time
    assert lab.state(waiting) is GrantState.ACTIVE
    assert not lab.bells.ringing
    assert lab.said("clock.skew")[0]["what"] == "AWS"


def test_a_difference_within_what_a_whole_second_hides_is_none(lab: Lab) -> None:
    skewed(lab, timedelta(seconds=29))
    assert lab.engine.core.brake.free


def test_the_brake_tells_of_each_reason_once() -> None:
    bells = Bells()
    brake = Brake(bells)
    assert brake.pull("bug", "a")
    assert not brake.pull("bug", "b")
    brake.pull("clock", "c")
    brake.ease("bug")
    assert not brake.free
    brake.ease("clock")
    assert brake.free
    assert bells.rang == ["bug", "clock"]


# -- invariants that stay on in production (security.md 8)


def test_a_broken_invariant_is_not_sent_and_stops_granting(lab: Lab) -> None:
    grant = lab.give()
    lab.pass_time(10 * SECOND)
    with lab.store.read() as view:
        fact, held = view.facts.get(lab.key()), view.facts.grants_on(lab.key())
    assert fact is not None
    now = lab.clock.now()
    situation = Situation(fact, held, (), now, "w1", "a1")
    attempt = Attempt("a1", fact.key, Verb.REVOKE, now, None, "w1")
    with pytest.raises(Bug, match=f"I2.*{grant}"):
        check(Plan(Next.SEND, fact, attempts=(attempt,), attempt=attempt), situation)
    stranger = replace(fact, ours=False)
    with pytest.raises(Bug, match="I3"):
        check(Plan(Next.SEND, stranger, attempt=attempt), replace(situation, fact=stranger, grants=()))
    create = replace(attempt, verb=Verb.GRANT)
    with pytest.raises(Bug, match="I4"):
        check(Plan(Next.SEND, fact, attempt=create), replace(situation, grants=()))


# -- leases


def test_a_fact_touched_under_a_step_is_settled_at_once_and_not_after_the_lease(tmp_path: Path) -> None:
    """Its version moved, its lease did not: nobody else can take it until it is given back."""
    touched: list[str] = []

    def point(name: str) -> None:
        if name == points.DECIDING and not touched:
            touched.append(name)
            with lab.store.write() as tx:
                tx.facts.hold(lab.key())
                tx.facts.touch([lab.key()], tx.now)

    lab = Lab(tmp_path, point=point)
    grant = lab.give()
    lab.engine.settle_due()
    assert touched
    assert lab.state(grant) is GrantState.GRANTING
    assert lab.clock.now() < lab.grant(grant).made_at + 5 * SECOND  # of 15 that the lease lasts


@pytest.mark.parametrize("where", [points.DECIDING, "after ListAccountAssignments"])
def test_what_was_read_before_a_pause_longer_than_the_lease_is_read_again(tmp_path: Path, where: str) -> None:
    """Nobody else came meanwhile, so the fence would let it pass; what AWS held then may be long over (I3)."""
    slept: list[str] = []

    def point(name: str) -> None:
        if name == where and not slept:
            slept.append(name)
            lab.clock.advance(16 * SECOND)
            lab.by_hand(lab.key(), present=True)  # an administrator, while the process sleeps

    lab = Lab(tmp_path, point=point, list_lag=0)
    grant = lab.give()
    lab.engine.settle_due()
    assert slept
    assert lab.state(grant) is GrantState.COVERED
    assert "CreateAccountAssignment" not in lab.calls()


def test_held_before_is_not_said_of_what_was_removed_while_the_process_slept_I16(tmp_path: Path) -> None:
    """The process sleeps in the last lines of the call that read it, and goes on as if it had read it just now."""
    slept: list[str] = []

    def point(name: str) -> None:
        if name == "after ListAccountAssignments" and not slept:
            slept.append(name)
            lab.by_hand(lab.key(), present=False)
            lab.clock.advance(16 * SECOND)

    lab = Lab(tmp_path, point=point, list_lag=0)
    lab.by_hand(lab.key(), present=True)
    grant = lab.give()
    lab.pass_time(MINUTE)
    assert slept
    assert lab.state(grant) is GrantState.ACTIVE
    assert lab.held()


def test_a_process_that_slept_between_two_pages_begins_the_list_anew_I16(tmp_path: Path) -> None:
    """One half of the list would be older than the other by as long as it slept."""
    pages: list[str] = []

    def point(name: str) -> None:
        if name == "after ListAccountAssignments":
            pages.append(name)
            if len(pages) == 3:
                lab.by_hand(lab.key("ana"), present=False)
                lab.clock.advance(16 * SECOND)

    lab = Lab(tmp_path, point=point, list_lag=0, page_size=1)
    for name in ("ana", "ben", "cleo", "dan"):
        lab.by_hand(lab.key(name), present=True)
    grant = lab.give()
    lab.pass_time(MINUTE)
    assert lab.state(grant) is GrantState.ACTIVE
    assert lab.held()


def test_a_list_that_takes_longer_than_a_lease_is_decided_on(tmp_path: Path) -> None:
    """Its reader was awake all the while: the lease was renewed between pages."""
    lab = Lab(tmp_path, list_lag=0, page_size=1)
    for name in ("ben", "cleo", "dan"):
        lab.by_hand(lab.key(name), present=True)
    lab.faults({"do": "slow", "seconds": 7, "operation": "ListAccountAssignments"})
    grant = lab.give()
    lab.pass_time(MINUTE)
    assert lab.state(grant) is GrantState.ACTIVE
    assert not lab.said("fact.error")


def test_the_sweep_decides_nothing_on_what_it_read_before_it_slept_I3(tmp_path: Path) -> None:
    """What it saw removed is there again when it wakes: its grant goes on."""
    slept: list[str] = []
    lab = Lab(tmp_path, list_lag=0)
    grant = lab.give()
    lab.pass_time(10 * MINUTE, 10 * SECOND)

    def point(name: str) -> None:
        if name == "after ListAccountAssignments" and not slept:
            slept.append(name)
            lab.by_hand(lab.key(), present=True)
            lab.clock.advance(16 * SECOND)

    lab.by_hand(lab.key(), present=False)
    lab.restart(point)
    lab.pass_time(10 * MINUTE, 10 * SECOND)
    assert slept
    assert lab.state(grant) is GrantState.ACTIVE


# -- people


class Gone:
    """A roster in which some are gone."""

    def __init__(self) -> None:
        self.who: dict[str, str] = {}

    def why_gone(self, rows: View | Tx, person: str) -> str | None:
        return self.who.get(person)

    def why_lost(self, rows: View | Tx, ask: OpenAsk) -> str | None:
        return None


class Heard:
    """An announcer that keeps what it hears."""

    def __init__(self) -> None:
        self.moves: list[tuple[str, str]] = []

    def changed(self, tx: Tx, request: Request, moves: Sequence[Grant]) -> None:
        self.moves += [(grant.id, str(grant.state)) for grant in moves]


def ask(lab: Lab, name: str, state: RequestState = RequestState.ASKED) -> Request:
    now = lab.clock.now()
    request = Request(name, "test", 1, "ana", "api", now, Terms("rule"), organization="tenant_foo")
    with lab.store.write() as tx:
        tx.requests.add(request)
        if state is not RequestState.ASKED:
            tx.requests.save(replace(request, state=state, expires_at=now + HOUR))
    return request


def stands(lab: Lab, name: str) -> RequestState:
    with lab.store.read() as view:
        found = view.requests.get(name)
    assert found is not None
    return found.state


def test_a_leaver_has_nothing_within_minutes_I13(tmp_path: Path) -> None:
    roster, heard = Gone(), Heard()
    lab = Lab(tmp_path, ports={"roster": roster, "announcer": heard})
    active = lab.give()
    lab.pass_time(10 * SECOND)
    waiting = lab.give(lab.group_key())
    ask(lab, "r-open", RequestState.PENDING)
    with lab.store.write() as tx:  # it does not begin meanwhile
        tx.facts.lock({lab.group_key(): "tenant_foo"})
        tx.facts.touch([lab.group_key()], lab.clock.now() + HOUR)
    roster.who["ana"] = "left the company"
    lab.pass_time(2 * MINUTE, 10 * SECOND)
    assert not lab.held()
    assert {lab.state(active), lab.state(waiting)} == {GrantState.ENDED}
    assert {lab.request(active).state, lab.request(waiting).state} == {RequestState.ENDED}
    assert stands(lab, "r-open") is RequestState.CANCELLED
    assert (waiting, "ended") in heard.moves  # whoever follows the requests is told
    assert (active, "ending") in heard.moves


# -- requests and messages that are due


class Slow:
    """A decider that fails at first."""

    def __init__(self, lab_errors: int) -> None:
        self.errors = lab_errors
        self.asked_for: list[str] = []

    def asked(self, request: Request) -> None:
        self.asked_for.append(request.id)
        if len(self.asked_for) <= self.errors:
            raise GatepassError("AWS does not answer")


def test_a_request_that_could_not_be_taken_on_comes_again(tmp_path: Path) -> None:
    decider = Slow(2)
    lab = Lab(tmp_path, ports={"decider": decider})
    ask(lab, "r-1")
    lab.engine.tick()
    assert decider.asked_for == ["r-1"]
    lab.pass_time(11 * SECOND)
    assert decider.asked_for[:3] == ["r-1"] * 3


class Broken:
    """A decider with a fault nobody thought of."""

    def __init__(self) -> None:
        self.times = 0

    def asked(self, request: Request) -> None:
        self.times += 1
        raise ZeroDivisionError("a secret of somebody else")


def test_a_request_that_an_unforeseen_fault_stops_is_tried_less_and_less_and_fails_aloud(
    tmp_path: Path,
) -> None:
    decider = Broken()
    lab = Lab(tmp_path, ports={"decider": decider})
    ask(lab, "r-1")
    lab.pass_time(59 * MINUTE, 5 * SECOND)
    assert stands(lab, "r-1") is RequestState.ASKED
    assert 10 < decider.times < 80
    lab.pass_time(3 * MINUTE, 5 * SECOND)
    assert stands(lab, "r-1") is RequestState.FAILED
    assert "r-1" in lab.bells.ringing["questions"]
    (said,) = lab.said("request.failed")
    assert "secret" not in said["why"]


def test_what_nobody_answered_expires(lab: Lab) -> None:
    ask(lab, "r-1", RequestState.PENDING)
    lab.pass_time(59 * MINUTE, 10 * MINUTE)
    assert stands(lab, "r-1") is RequestState.PENDING
    lab.pass_time(2 * MINUTE, MINUTE)
    assert stands(lab, "r-1") is RequestState.EXPIRED


class Post:
    """A notifier that fails as often as it is told to."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.failures = 0

    def send(self, message: Message) -> str | None:
        if self.failures:
            self.failures -= 1
            raise GatepassError("Slack does not answer")
        self.sent.append(f"{message.channel}:{message.kind}")
        return "ts-1"


def test_messages_go_out_in_order_for_each_channel_although_one_fails(tmp_path: Path) -> None:
    post = Post()
    lab = Lab(tmp_path, ports={"notifier": post})
    ask(lab, "r-1", RequestState.PENDING)
    post.failures = 1
    with lab.store.write() as tx:
        for channel, kind in (("slack", "asked"), ("slack", "decided"), ("mail", "asked")):
            tx.outbox.add(Message("r-1", channel, kind), tx.now)
    lab.engine.tick()
    assert "slack:decided" not in post.sent
    lab.pass_time(10 * SECOND)
    assert sorted(post.sent) == ["mail:asked", "slack:asked", "slack:decided"]
    assert post.sent.index("slack:asked") < post.sent.index("slack:decided")


# -- chores, forecast


def test_a_chore_that_fails_is_an_alarm_and_is_done_again() -> None:
    clock, bells, done = VirtualClock(), Bells(), list[int]()

    def do() -> None:
        done.append(1)
        if len(done) == 1:
            raise GatepassError("no")

    chores = Chores(clock, bells, [Chore("accounts", MINUTE, do)])
    assert (chores.once(), chores.once()) == (1, 0)
    assert "accounts" in bells.ringing
    clock.advance(MINUTE)
    chores.once()
    assert not bells.ringing


def test_a_crowd_of_ends_is_forecast(lab: Lab) -> None:
    now, pace = lab.clock.now(), Pace()
    with lab.store.read() as view:
        assert lateness(view, lab.key().scope, now + HOUR, now, pace) == timedelta(0)
    keys = [lab.key(name) for name in ("ana", "ben", "cleo")]
    for key in keys * 10:
        lab.give(key)
    with lab.store.read() as view:
        due_now = lateness(view, lab.key().scope, now, now, pace)
        assert timedelta(0) < due_now < MINUTE
        assert lateness(view, "another instance", now, now, pace) == timedelta(0)


# -- looks that are shared


def test_who_asks_while_a_read_runs_gets_the_next_one_together_with_all_who_wait() -> None:
    together: Together[str, None, int] = Together()
    runs: list[set[str]] = []
    running, go_on = threading.Event(), threading.Event()

    def run(wanted: Mapping[str, None]) -> Mapping[str, int]:
        runs.append(set(wanted))
        running.set()
        assert go_on.wait(LONG)
        return dict.fromkeys(wanted, len(runs))

    answers: dict[str, int] = {}

    def ask_for(key: str) -> None:
        answers[key] = together.ask("list", key, None, run)

    first = threading.Thread(target=ask_for, args=("a",))
    first.start()
    assert running.wait(LONG)
    others = [threading.Thread(target=ask_for, args=(key,)) for key in "bcd"]
    for thread in others:
        thread.start()
    until(lambda: len(together._queues["list"].next.wanted) == 3)
    go_on.set()
    for thread in (first, *others):
        thread.join(LONG)
    assert runs == [{"a"}, {"b", "c", "d"}]
    assert answers == {"a": 1, "b": 2, "c": 2, "d": 2}


def test_an_error_is_everybody_s_who_waited_and_nobody_s_after() -> None:
    together: Together[str, None, int] = Together()

    def fail(wanted: Mapping[str, None]) -> Mapping[str, int]:
        raise GatepassError("no answer")

    with pytest.raises(GatepassError):
        together.ask("list", "a", None, fail)
    assert together.ask("list", "a", None, lambda wanted: dict.fromkeys(wanted, 1)) == 1
    assert not together._queues


# -- threads


def test_it_runs_in_threads_wakes_at_once_and_stops(tmp_path: Path) -> None:
    """Woken by the commit: its own looking round comes too late for this test."""
    lab = Lab(tmp_path, settings={"threads": 2, "poll": timedelta(hours=1)})
    stop = threading.Event()
    thread = threading.Thread(target=lab.engine.run, args=(stop,))
    thread.start()
    try:
        grants = [lab.give(), lab.give(lab.group_key())]
        until(lambda: lab.state(grants[1]) is GrantState.ACTIVE)
        assert lab.calls("CreateAccountAssignment")
    finally:
        stop.set()
        lab.store.wake()
        thread.join(LONG)
    assert not thread.is_alive()
    assert lab.engine.health().settled >= 2


def test_no_error_of_the_store_ends_the_loop_that_takes_back(tmp_path: Path) -> None:
    """Taking back never stops: also not for an error that nobody thought of."""
    lab = Lab(tmp_path, settings={"threads": 1, "poll": timedelta(milliseconds=50)})
    grant, claim, wait = lab.give(lab.group_key()), lab.store.claim_due, lab.store.wait
    faults = [RuntimeError("claim"), GatepassError("claim"), RuntimeError("wait")]

    def faulty_claim(*args: Any, **named: Any) -> Sequence[ClaimedFact]:
        if faults and str(faults[0]) == "claim":
            raise faults.pop(0)
        return claim(*args, **named)

    def faulty_wait(timeout: float) -> bool:
        if faults and str(faults[0]) == "wait":
            raise faults.pop(0)
        return wait(timeout)

    lab.store.claim_due, lab.store.wait = faulty_claim, faulty_wait  # type: ignore[method-assign,assignment]
    stop = threading.Event()
    thread = threading.Thread(target=lab.engine.run, args=(stop,))
    thread.start()
    try:
        until(lambda: not faults and lab.state(grant) is GrantState.ACTIVE)
    finally:
        stop.set()
        lab.store.wake()
        thread.join(LONG)


def test_standing_access_seen_under_an_organization_s_old_name_is_reached_by_the_new_one_I18(
    lab: Lab,
) -> None:
    """What is not ours belongs to nobody's connector: else a renamed organization could not be asked for it again."""
    key = lab.key("dan")
    lab.give(key, person="dan")
    lab.pass_time(3 * SECOND)
    with lab.store.write() as tx:
        assert tx.facts.lock({key: "tenant_renamed"})[key].organization == "tenant_renamed"
    mine = lab.key()
    lab.give(mine)
    lab.pass_time(5 * SECOND)
    with lab.store.write() as tx:
        assert tx.facts.lock({mine: "tenant_renamed"})[mine].organization == "tenant_foo"
