"""One step with one fact: look at the rows, look at AWS, commit the intent, call, commit the outcome.

Every decision is `access.settle`'s, taken under the fact's lock from rows read there. This module holds the only two
lines that give or take access in AWS: `strategy.grant` and `strategy.revoke` in `_call`.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import TypeVar

from gatepass.access import settle
from gatepass.access.events import Event
from gatepass.access.facts import Attempt, Fact
from gatepass.access.plans import Called, Next, Plan, Situation
from gatepass.access.states import FactState, GrantState, Outcome, Verb
from gatepass.access.strategy import CallResult
from gatepass.aws import lease
from gatepass.aws.errors import Later
from gatepass.clock import Clock, to_ms
from gatepass.engine.brake import Brake
from gatepass.engine.concluding import conclude
from gatepass.engine.looking import Look, Looking
from gatepass.engine.pacing import StorePacer
from gatepass.engine.points import CLAIMED, DECIDED, DECIDING, RESULT, Point
from gatepass.engine.ports import Alarms, Announcer, Gate
from gatepass.engine.room import NoPlace, NoRoom, Room
from gatepass.engine.settings import EngineSettings
from gatepass.errors import Bug, Conflict, GatepassError, Unavailable
from gatepass.store import ClaimedFact, LeaseLost, Store, Tx

log = logging.getLogger(__name__)

A = TypeVar("A")

Decide = Callable[[Situation], Plan]

_LOOK_FOR_A_PLACE = 0.1
"""Seconds between two looks of a step that waits for a place."""
_NUMBERS = itertools.count()
"""Attempts of one millisecond are told apart, and stay in their order, by this."""


@dataclass(frozen=True, slots=True)
class StepParts:
    """What a step is made of; the loop builds it once."""

    store: Store
    clock: Clock
    looking: Looking
    pacer: StorePacer
    room: Room
    brake: Brake
    gate: Gate
    announcer: Announcer
    alarms: Alarms
    settings: EngineSettings
    point: Point
    dice: Random


class Step:
    """A claimed fact in one worker's hands."""

    def __init__(self, parts: StepParts, claimed: ClaimedFact) -> None:
        self._parts = parts
        self._claimed = claimed
        self._fact = claimed.fact
        self._slot_at: datetime | None = None

    def settle(self) -> None:
        """Do what is due, until the fact rests. Never raises but for what kills the process; see `_guarded`."""
        self._guarded(lambda: self._follow(self._begin()))

    def found(self, look: Look) -> None:
        """Settle what the sweep read, although nothing was due."""
        self._guarded(lambda: self._follow(self._decide_on(look)))

    @property
    def due_at(self) -> datetime | None:
        """When the fact is due again, as far as this step knows."""
        return self._fact.due_at

    # -- the steps

    def _begin(self) -> Plan:
        """Where a grant waits for what is not there, nothing need be written before AWS is read: a commit saved."""
        fact = self._fact
        if self._parts.brake.free and fact.state is FactState.ABSENT and not fact.ours:
            now = self._parts.clock.now()
            with self._parts.store.read() as view:
                grants = view.facts.grants_on(fact.key)
                running = view.facts.outstanding(fact.key.scope)
            if grants and all(g.state is GrantState.WAITING and now <= g.start_by for g in grants):
                with self._parts.room.coming(fact.key.scope, running, now):
                    return self._looked(self._look, self._decide_when_there_is_room)
        return self._decide(settle.due)

    def _follow(self, plan: Plan) -> None:
        while plan.next is not Next.REST:
            match plan.next:
                case Next.READ:
                    plan = self._read()
                case Next.POLL:
                    plan = self._poll(plan)
                case Next.SEND:
                    plan = self._send(plan)

    def _read(self) -> Plan:
        return self._looked(self._look, self._decide_on)

    def _look(self) -> Look:
        return self._parts.looking.read(self._fact)

    def _decide_when_there_is_room(self, look: Look) -> Plan:
        """A step that was let read ahead of its place waits a little for it, and so need not read again."""
        clock = self._parts.clock
        with self._parts.room.waiting() as patience:
            until = min(look.until, clock.now() + patience)
            while clock.now() < until:
                try:
                    return self._decide_on(look)
                except NoPlace:
                    clock.sleep(_LOOK_FOR_A_PLACE)
            return self._decide_on(look)

    def _decide_on(self, look: Look) -> Plan:
        """What a reading leads to, unless the process slept over it: what was true then may be long over."""

        def decide(s: Situation) -> Plan:
            if s.now > look.until:
                raise LeaseLost(f"what was read of {s.fact.key.text} is older than its lease")
            return settle.read(s, look.reading)

        return self._decide(decide)

    def _poll(self, plan: Plan) -> Plan:
        attempt = plan.attempt
        assert attempt is not None
        op_ref, verb = attempt.op_ref, attempt.verb
        assert op_ref is not None
        return self._looked(
            lambda: self._parts.looking.poll(self._fact, op_ref, verb),
            lambda status: self._decide(lambda s: settle.polled(s, attempt.id, status.polled, status.detail)),
        )

    def _looked(self, look: Callable[[], A], then: Callable[[A], Plan]) -> Plan:
        """Look at AWS under the lease, then decide; for a look that the rate leaves no room for, come again."""
        try:
            with lease.hold(self._claimed.lease.until, self._renew):
                answer = look()
        except Later as later:
            raise NoRoom(later.at_the_earliest) from later
        except GatepassError as error:
            if isinstance(error, Unavailable | Bug):
                raise
            detail = str(error)
            return self._decide(lambda s: settle.unread(s, detail))
        return then(answer)

    def _send(self, plan: Plan) -> Plan:
        """The intent is committed; send the call once; its outcome is committed whatever became of the lease."""
        attempt = plan.attempt
        assert attempt is not None
        result = self._call(plan.fact, attempt.verb)
        self._parts.point(RESULT)
        try:
            return self._decide(
                lambda s: settle.called(
                    s,
                    attempt.id,
                    result.called,
                    op_ref=result.op_ref,
                    detail=result.detail,
                    handle=result.handle,
                )
            )
        except (LeaseLost, Conflict):
            self._record(attempt, result)
            raise

    def _call(self, fact: Fact, verb: Verb) -> CallResult:
        """The call itself, in the slot that was reserved with its intent, and not under a lease that runs out."""
        strategy = self._parts.looking.strategy(fact.key)
        slot_at = self._slot_at or self._parts.clock.now()
        with lease.hold(self._claimed.lease.until), self._parts.pacer.holding(fact.key.scope, slot_at):
            if verb is Verb.GRANT:
                return strategy.grant(fact.through, fact.key)
            return strategy.revoke(fact.through, fact.key, fact.handle)

    # -- one decision, one transaction

    def _decide(self, decide: Decide) -> Plan:
        parts = self._parts
        parts.point(DECIDING)
        with parts.store.write() as tx:
            situation = self._situation(tx)
            plan = decide(situation)
            check(plan, situation)
            kept = replace(self._claimed.lease, until=situation.now + parts.settings.lease)
            tx.facts.apply(plan, kept)
            self._tell_requests(tx, plan)
            if plan.next is Next.SEND:
                self._slot_at = self._make_room(tx, plan, situation.now)
        self._watch(plan)
        self._fact, self._claimed = plan.fact, replace(self._claimed, lease=kept)
        parts.point(f"{DECIDED} of {plan.next}")
        freed = any(not attempt.inflight for attempt in plan.attempts)
        if freed:
            parts.room.freed(plan.fact.key.scope)
        if plan.moves or freed:
            parts.store.wake()
        return plan

    def _situation(self, tx: Tx) -> Situation:
        parts, key = self._parts, self._fact.key
        held = tx.facts.hold_all(key, parts.clock.now() - parts.settings.limits.doubt)
        now = parts.clock.now()
        waiting = [grant for grant in held.grants if grant.state == "waiting"]
        return Situation(
            fact=held.fact,
            grants=held.grants,
            attempts=held.attempts,
            now=now,
            worker=parts.settings.worker,
            attempt_id=f"{to_ms(now):013d}-{next(_NUMBERS):08d}-{parts.settings.worker}",
            jitter=parts.dice.random(),
            refused=parts.gate.refused(tx, waiting) if waiting else {},
            may_start=parts.brake.free,
            limits=parts.settings.limits,
        )

    def _make_room(self, tx: Tx, plan: Plan, now: datetime) -> datetime:
        """A place among the outstanding operations and a slot, both committed with the intent; or nothing is."""
        settings, attempt = self._parts.settings, plan.attempt
        assert attempt is not None
        scope = plan.fact.key.scope
        cap = settings.outstanding if attempt.verb is Verb.REVOKE else settings.outstanding - settings.spare
        if not tx.facts.reserve_outstanding(scope, attempt.id, cap):
            raise NoPlace(now + settings.limits.poll)
        slot = tx.take_slot(scope, now, settings.slot_patience, settings.pace)
        if not slot.taken:
            raise NoRoom(slot.at)
        return slot.at

    def _tell_requests(self, tx: Tx, plan: Plan) -> None:
        """A request follows its grants, in the transaction that moves them."""
        for request_id in sorted({grant.request for grant in plan.moves}):
            request = conclude(tx, request_id) or tx.requests.get(request_id)
            if request is None:
                raise Bug(f"grant of a request {request_id} that does not exist")
            moves = [grant for grant in plan.moves if grant.request == request_id]
            self._parts.announcer.changed(tx, request, moves)

    # -- when things go wrong

    def _guarded(self, work: Callable[[], None]) -> None:
        """The step's outer edge: whatever goes wrong, the fact is due again, and no thread dies of it."""
        parts, key = self._parts, self._fact.key
        parts.point(CLAIMED)
        try:
            work()
        except NoRoom as full:
            parts.store.release(self._claimed, full.until)
        except (LeaseLost, Conflict) as lost:
            log.info("step on %s is void: %s", key.text, lost)
            self._give_back()
        except Bug as bug:
            parts.brake.pull("bug", f"an invariant does not hold on {key.text}: {bug}")
            self._back_off(str(bug))
        except Unavailable as gone:
            log.warning("step on %s broke off: %s", key.text, gone)  # the lease ends by itself
        except Exception as error:
            log.exception("step on %s failed", key.text)
            self._back_off(f"{type(error).__name__}: {error}")

    def _give_back(self) -> None:
        """The lease may be ours still: a touched fact has another version, not another owner. Nobody waits it out."""
        try:
            self._parts.store.release(self._claimed)
        except Unavailable as gone:
            log.warning("the lease on %s ends by itself: %s", self._fact.key.text, gone)

    def _back_off(self, detail: str) -> None:
        try:
            self._decide(lambda s: settle.unread(s, detail))
        except (GatepassError, NoRoom):
            log.exception("%s is due again when its lease ends", self._fact.key.text)

    def _renew(self) -> datetime | None:
        until = self._parts.clock.now() + self._parts.settings.lease
        if not self._parts.store.renew(self._claimed, until):
            return None
        self._claimed = replace(self._claimed, lease=replace(self._claimed.lease, until=until))
        return until

    def _record(self, attempt: Attempt, result: CallResult) -> None:
        """Somebody else holds the fact now; what became of our call is kept all the same, by the attempt's id."""
        known = told(attempt, result, self._parts.clock.now())
        with self._parts.store.write() as tx:
            tx.facts.hold(attempt.fact)
            if not tx.facts.record_outcome(known):
                return
            tx.facts.touch([attempt.fact], tx.now)  # what was sent late is looked at now, not by the sweep
            if known.outcome is not None:
                fields = {
                    "fact": attempt.fact.text,
                    "attempt": attempt.id,
                    "verb": attempt.verb,
                    "outcome": known.outcome,
                    "op_ref": known.op_ref,
                    "detail": known.detail,
                }
                tx.audit(Event("attempt.outcome", self._fact.organization, fields))

    def _watch(self, plan: Plan) -> None:
        """A take-back that fails is never given up, and never quiet."""
        what = f"take-back: {plan.fact.key.text}"
        failing = plan.fact.ours and plan.fact.tries >= self._parts.settings.alarm_after
        if failing:
            self._parts.alarms.raised(what, f"{plan.fact.tries} tries failed: {plan.fact.last_error}")
        elif not plan.fact.tries and self._fact.tries:
            self._parts.alarms.cleared(what)


def told(attempt: Attempt, result: CallResult, now: datetime) -> Attempt:
    """The attempt with what its call's answer says of it, as `settle.called` would put it."""
    if result.called is Called.ACCEPTED:
        return replace(attempt, op_ref=result.op_ref)
    outcome = {Called.DONE: Outcome.DONE, Called.LOST: Outcome.UNKNOWN}.get(result.called, Outcome.NOT_DONE)
    refused = result.called is Called.REFUSED and attempt.verb is Verb.GRANT
    known = outcome is not Outcome.UNKNOWN
    return replace(
        attempt,
        outcome=outcome,
        detail=result.detail or None,
        refused=refused,
        finished_at=now,
        inflight=attempt.inflight and not known,
    )


def check(plan: Plan, s: Situation) -> None:
    """The invariants that stay on in production (security.md 8), of what is about to be sent.

    Raises `Bug`: nothing is committed, granting stops; the take-back is tried again.
    """
    if plan.next is not Next.SEND:
        return
    assert plan.attempt is not None
    now_held = {grant.id: grant for grant in (*s.grants, *plan.moves)}
    live = [grant for grant in now_held.values() if grant.live(s.now)]
    if plan.attempt.verb is Verb.REVOKE:
        if not s.fact.ours and not plan.fact.ours:
            raise Bug("I3: about to delete what is not ours")
        if live:
            raise Bug(f"I2: about to delete under live grant {live[0].id}")
    elif not live:
        raise Bug("I4: about to create without a live grant")
