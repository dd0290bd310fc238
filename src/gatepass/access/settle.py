"""What the settle loop does with one fact: pure decisions from rows, time and what AWS was read to hold.

The loop calls `due` when a fact is due, and then, by the plan it gets, reads AWS and calls `read`, polls and calls
`polled`, or sends and calls `called`. Each call is made under the fact's lock with rows read afresh, and the plan is
committed whole before anything is sent. Nothing here reads a clock, a store or AWS (architecture.md 2).

The rules, in the order the code applies them:

1. Time ends grants; a waiting grant that could not start in time fails.
2. An ending grant whose fact another live grant covers ends at once, naming that grant.
3. What is not ours is never deleted. Standing access is what was read present before the first attempt, with no
   attempt of ours open and no delete of ours in the last `list_lag`.
4. The end of a grant is committed with the first intent (or on joining), before the call.
5. Lists lag: absence is believed only from a read later than the last open attempt's intent plus `list_lag`, and
   than our last create, unless AWS said that a later delete is done; presence likewise not soon after a delete.
6. A delete is decided under the lock, from grants read there, and tried again without limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gatepass.access.events import Event, Value
from gatepass.access.facts import Attempt, Fact, Reading
from gatepass.access.requests import Grant
from gatepass.access.states import FactState, GrantState, Outcome, Verb, check_step
from gatepass.clock import iso

REMOVED_OUTSIDE = "removed outside gatepass"
NOT_STARTED = "could not start in time"
TIME = "time"


@dataclass(frozen=True, slots=True)
class Limits:
    """Lengths the decisions depend on; settings, so that crash tests run in seconds (architecture.md 8)."""

    list_lag: timedelta = timedelta(seconds=120)
    """How long a list may lag behind a write, and a sent call behind its intent."""
    doubt: timedelta = timedelta(hours=24)
    """How long an attempt without an outcome may still explain what is found."""
    poll: timedelta = timedelta(seconds=1)
    """Between two looks at an operation in flight."""
    recheck: timedelta = timedelta(seconds=10)
    """Between two reads while an answer is not yet believed."""
    operation: timedelta = timedelta(minutes=10)
    """An operation that AWS still calls in progress after so long is no longer waited for."""
    backoff: timedelta = timedelta(seconds=1)
    backoff_cap: timedelta = timedelta(seconds=60)
    """Below the 120 s in which access must go once AWS answers again (security.md 4)."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a decision on one fact depends on, read under its lock."""

    fact: Fact
    grants: tuple[Grant, ...]
    """Every grant on the fact that is not final."""
    attempts: tuple[Attempt, ...]
    """Of this fact, oldest first: every open one and all of the last `doubt`."""
    now: datetime
    worker: str
    attempt_id: str
    """The id a new attempt takes, should one be made."""
    jitter: float = 1.0
    """0 to 1, random: spreads retries."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Waiting grants that may not start any more, and why (leaver, value no longer offered, ...)."""
    may_start: bool = True
    """False while granting is stopped (clock skew, broken invariant); taking back goes on."""
    limits: Limits = Limits()


class Next(StrEnum):
    """What the loop does after the plan is committed."""

    REST = "rest"
    READ = "read"
    POLL = "poll"
    SEND = "send"


class Called(StrEnum):
    """How a call that adds or removes a fact went, in the strategy's words."""

    ACCEPTED = "accepted"
    """AWS works on it; `op_ref` names the operation."""
    DONE = "done"
    """Done, or it was so already."""
    BUSY = "busy"
    """Another change of the same thing runs; nothing was done."""
    THROTTLED = "throttled"
    REFUSED = "refused"
    """AWS said no: denied, missing, invalid. Nothing was done."""
    NOTHING = "nothing"
    """Nothing was sent: a look found nothing to remove. The look may lag, so it proves nothing."""
    UNSENT = "unsent"
    """We did not send it: too little lease, no room. Nothing was done."""
    LOST = "lost"
    """No answer: it may or may not be done."""


class Polled(StrEnum):
    """What AWS says of an operation in flight."""

    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    GONE = "gone"
    """AWS does not know it (any more)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to commit, all in one transaction, and what to do then."""

    next: Next
    fact: Fact
    """As it shall be stored, `due_at` included."""
    moves: tuple[Grant, ...] = ()
    """Every step a grant took, in order, each as it shall be stored: one grant may take several."""
    attempts: tuple[Attempt, ...] = ()
    """Those that changed or are new."""
    attempt: Attempt | None = None
    """The one to send or to poll."""
    events: tuple[Event, ...] = ()


def due(s: Situation) -> Plan:
    """What to do with a fact that is due, before AWS is looked at."""
    work = _Work(s)
    work.pass_time()
    work.doubt_unanswered()
    fact = work.fact
    if not fact.ours:
        work.end_all_ending()
        look = (work.waiting() and s.may_start) or work.perhaps_ours()
        return work.plan(Next.READ if look else Next.REST)
    if fact.state in (FactState.CREATING, FactState.PRESENT):
        work.join()
    if work.running():
        return work.plan(Next.POLL, attempt=work.running()[-1])
    if fact.state is not FactState.PRESENT or work.in_state(GrantState.GRANTING):
        return work.plan(Next.READ)
    if work.live():
        return work.plan(Next.REST)
    return work.send(Verb.REVOKE, read_before=None)


def read(s: Situation, reading: Reading) -> Plan:
    """What follows from a complete read of AWS; also the sweep's, of a fact that is not due.

    However long the process slept since, lists lag by the moment of the reading and not by the moment of the decision.
    """
    work = _Work(s, reading.read_at)
    work.pass_time()
    work.doubt_unanswered()
    work.change_fact(read_at=reading.read_at)
    if not work.fact.ours:
        return _read_not_ours(work, reading)
    if reading.present and work.fact.handle not in (None, reading.handle):
        # Another membership of the same person: ours is gone, this one is not ours to take (architecture.md 2).
        work.say("fact.doubt", why=f"found {reading.handle}, ours was {work.fact.handle}")
        reading = replace(reading, present=False, handle=None)
    if work.running():
        return work.plan(Next.POLL, attempt=work.running()[-1])
    return _read_present(work, reading) if reading.present else _read_absent(work, reading)


def unread(s: Situation, detail: str) -> Plan:
    """What follows when AWS could not be read: nothing is known, so it is tried again; never given up."""
    work = _Work(s)
    work.pass_time()
    return work.fail_try("read", detail)


def polled(s: Situation, attempt_id: str, status: Polled, detail: str = "") -> Plan:
    """What follows from AWS's word on an operation in flight."""
    work = _Work(s)
    work.pass_time()
    attempt = work.attempts[attempt_id]
    match status:
        case Polled.IN_PROGRESS if not work.passed(attempt, s.limits.operation):
            return work.plan(Next.REST, due_in=s.limits.poll)
        case Polled.IN_PROGRESS:
            work.close(attempt, Outcome.UNKNOWN, detail="AWS has been at it for too long")
        case Polled.SUCCEEDED:
            work.close(attempt, Outcome.DONE)
        case Polled.FAILED:
            work.close(attempt, Outcome.NOT_DONE, detail=detail, refused=attempt.verb is Verb.GRANT)
            if attempt.verb is Verb.REVOKE:
                return work.fail_try(attempt.verb, detail)
        case Polled.GONE:
            work.close(attempt, Outcome.UNKNOWN, detail=detail)
    return work.plan(Next.READ)


def called(
    s: Situation,
    attempt_id: str,
    result: Called,
    *,
    op_ref: str | None = None,
    detail: str = "",
    handle: str | None = None,
) -> Plan:
    """What follows from the answer to a call that adds or removes a fact.

    `handle` is what AWS called the fact it just made, where it said so: from then on only that one is ours.
    """
    work = _Work(s)
    work.pass_time()
    attempt = work.attempts[attempt_id]
    match result:
        case Called.ACCEPTED:
            work.put(replace(attempt, op_ref=op_ref))
            return work.plan(Next.REST, due_in=s.limits.poll)
        case Called.DONE:
            work.close(attempt, Outcome.DONE, detail=detail)
            if handle is not None:
                work.change_fact(handle=handle)
            return work.plan(Next.READ)
        case Called.LOST:
            work.close(attempt, Outcome.UNKNOWN, detail=detail)
            work.set_state(FactState.UNKNOWN)
            if work.fact.tries:  # lost again: AWS is not well, and a read would only lead to the next call
                return work.fail_try(attempt.verb, detail)
            work.change_fact(tries=1, last_error=detail)
            return work.plan(Next.READ)
        case Called.NOTHING:
            work.close(attempt, Outcome.NOT_DONE, detail=detail)
            return work.plan(Next.REST, due_in=s.limits.recheck)
        case Called.UNSENT:
            work.close(attempt, Outcome.NOT_DONE, detail=detail)
            return work.plan(Next.REST, due_in=s.limits.poll)
        case Called.REFUSED if attempt.verb is Verb.GRANT:
            work.close(attempt, Outcome.NOT_DONE, detail=detail, refused=True)
            work.change_fact(last_error=detail)
            return work.plan(Next.READ)
    work.close(attempt, Outcome.NOT_DONE, detail=detail)
    return work.fail_try(attempt.verb, detail)


def _read_not_ours(work: _Work, reading: Reading) -> Plan:
    """Rule 3: what is there is standing, unless something of ours may have made it."""
    s = work.s
    recent = s.now - s.limits.doubt
    ours_perhaps = work.perhaps_ours() or any(a.open and a.intent_at > recent for a in work.attempts.values())
    deleted_lately = bool(work.lately(Verb.REVOKE, *Outcome, None))
    work.end_all_ending()
    work.refuse_waiting()
    if work.waiting():
        if not s.may_start:
            return work.plan(Next.REST, due_in=s.limits.recheck)
        if reading.present and not (ours_perhaps or deleted_lately):
            return work.cover()
        if reading.present:
            why = "an attempt of ours is open" if ours_perhaps else "we deleted it a moment ago"
            work.say("fact.doubt", why=f"found present before the first attempt, but {why}")
        return work.begin(reading)
    if not reading.present:
        work.set_state(FactState.ABSENT)
        shown_late = work.fact.absent_at is not None and work.made_lately()
        return work.plan(Next.REST, due_in=s.limits.recheck if shown_late else None)
    if work.perhaps_ours() and work.fact.absent_at is not None:
        work.say("fact.doubt", why="found present after its end, with an attempt of ours open: ours")
        work.change_fact(ours=True, handle=reading.handle)
        work.set_state(FactState.UNKNOWN)
        return work.plan(Next.READ)
    if work.fact.state is FactState.ABSENT:
        work.say("fact.drift", why="present, made outside gatepass")
        work.set_state(FactState.PRESENT)
    return work.plan(Next.REST)


def _read_present(work: _Work, reading: Reading) -> Plan:
    """Ours, and AWS holds it."""
    s = work.s
    work.settle_inflight(Verb.GRANT)
    if work.live() and work.deleted_lately():
        if not s.may_start or list(work.attempts.values())[-1].refused:
            return work.plan(Next.REST, due_in=s.limits.recheck)
        return work.send(Verb.GRANT, read_before=True)  # what the list shows may be what we deleted
    if work.live():
        if work.fact.state is not FactState.PRESENT:
            work.say("fact.present", ours=True)
        work.set_state(FactState.PRESENT)
        work.change_fact(handle=reading.handle, tries=0, last_error=None)
        work.activate()
        return work.plan(Next.REST)
    if work.said_gone() or work.just_deleted():
        return work.plan(Next.REST, due_in=s.limits.recheck)  # the list still shows what AWS said is gone
    work.change_fact(handle=reading.handle)
    return work.send(Verb.REVOKE, read_before=True)


def _read_absent(work: _Work, reading: Reading) -> Plan:
    """Ours, and AWS does not show it: gone, not yet there, or not yet shown."""
    work.settle_inflight(Verb.REVOKE)
    attempts = list(work.attempts.values())
    last = attempts[-1] if attempts else None
    if work.live():
        return _absent_but_wanted(work, last, reading)
    if work.made_lately():
        return work.send(
            Verb.REVOKE, read_before=False
        )  # AWS said it is there; do not wait until it is shown
    if not work.believed(reading):
        return work.wait_for_belief()
    return work.confirm_absent()


def _absent_but_wanted(work: _Work, last: Attempt | None, reading: Reading) -> Plan:
    """A live grant wants it: shown late, refused, taken by somebody else, or to be sent (again)."""
    s = work.s
    created = last is not None and last.verb is Verb.GRANT
    done = created and last is not None and last.outcome is Outcome.DONE
    if done and last is not None and not work.passed(last, s.limits.list_lag):
        return work.plan(Next.REST, due_in=s.limits.recheck)  # not yet shown, or a stale list
    was_there = done or work.fact.state is FactState.PRESENT
    if was_there and not work.late_delete():
        if not work.believed(reading):
            return work.plan(Next.REST, due_in=s.limits.recheck)
        return work.removed_outside()
    if was_there:
        work.say("fact.doubt", why="found absent under a live grant, with a delete of ours open: made again")
    elif (last is not None and created and last.refused) or work.too_late():
        if not work.believed(reading):
            return work.wait_for_belief()
        return work.fail_granting((last.detail if last is not None else None) or NOT_STARTED)
    if not s.may_start:
        return work.plan(Next.REST, due_in=s.limits.recheck)
    return work.send(Verb.GRANT, read_before=False)


def _known_at(attempt: Attempt) -> datetime:
    """When AWS said how it went; for one it said nothing of, when it was intended."""
    return attempt.finished_at or attempt.intent_at


class _Work:
    """The changes one decision gathers. Lives for one call; what leaves it is the frozen `Plan`."""

    def __init__(self, s: Situation, seen_at: datetime | None = None) -> None:
        """`seen_at`: when AWS was read for this decision; None: it was not."""
        self.s = s
        self.seen_at = s.now if seen_at is None else min(seen_at, s.now)
        self.fact = s.fact
        self.grants = {g.id: g for g in s.grants}
        self.moves: list[Grant] = []
        self.attempts = {a.id: a for a in s.attempts}
        self.events: list[Event] = []

    # -- looking

    def running(self) -> list[Attempt]:
        """Operations that AWS accepted and has not been seen to finish."""
        return [a for a in self.attempts.values() if a.open and a.op_ref is not None]

    def believed(self, reading: Reading) -> bool:
        """Rule 5: whether a reading of absence is late enough to be believed, as far as open attempts go."""
        opened = [a.intent_at for a in self.attempts.values() if a.open]
        return not opened or reading.read_at > max(opened) + self.s.limits.list_lag

    def lately(self, verb: Verb, *outcomes: Outcome | None) -> list[Attempt]:
        """Attempts that lists may not show yet, oldest first."""
        lag = self.s.limits.list_lag
        found = (a for a in self.attempts.values() if a.verb is verb and a.outcome in outcomes)
        return [a for a in found if not self.passed(a, lag)]

    def made_lately(self) -> bool:
        """Whether AWS said a moment ago that it is made, and we asked for nothing since that would undo it.

        What counts is when AWS said it, not when it was intended: a paused process may send late.
        """
        gone = self.lately(Verb.REVOKE, Outcome.DONE)
        made = self.lately(Verb.GRANT, Outcome.DONE)
        return any(not any(g.intent_at >= _known_at(m) for g in gone) for m in made)

    def said_gone(self) -> bool:
        """Whether AWS said a moment ago that it is gone, and nothing of ours may have made it since."""
        gone = self.lately(Verb.REVOKE, Outcome.DONE)
        creates = [a for a in self.attempts.values() if a.verb is Verb.GRANT]
        since = [a for a in creates if a.open or _known_at(a) >= gone[-1].intent_at] if gone else []
        return bool(gone) and not since

    def just_deleted(self) -> bool:
        """Whether AWS answered a delete of ours so short a time ago that sending another says nothing new."""
        gone = self.lately(Verb.REVOKE, Outcome.DONE)
        return bool(gone) and not self.passed(gone[-1], self.s.limits.recheck)

    def deleted_lately(self) -> bool:
        """Whether a delete of ours may have been done a moment ago, and AWS has not said since that it is made."""
        made = self.lately(Verb.GRANT, Outcome.DONE)
        sent = self.lately(Verb.REVOKE, Outcome.DONE, Outcome.UNKNOWN, None)
        return any(not any(m.intent_at >= _known_at(g) for m in made) for g in sent)

    def perhaps_ours(self) -> bool:
        """Whether a create of ours may have made what is there although the fact was seen absent after its end."""
        since, absent_at = self.s.now - self.s.limits.doubt, self.fact.absent_at
        creates = [a for a in self.attempts.values() if a.verb is Verb.GRANT]
        sendable = any(a.open and a.intent_at > since for a in creates)
        late = absent_at is not None and any(
            a.outcome is Outcome.DONE and _known_at(a) >= absent_at for a in creates
        )
        return sendable or late

    def in_state(self, state: GrantState) -> list[Grant]:
        return [g for g in self.grants.values() if g.state is state]

    def waiting(self) -> list[Grant]:
        return self.in_state(GrantState.WAITING)

    def live(self) -> list[Grant]:
        return [g for g in self.grants.values() if g.live(self.s.now)]

    def passed(self, attempt: Attempt, length: timedelta) -> bool:
        """Whether what was seen was seen so much later than the attempt's outcome (or intent) was known."""
        return self.seen_at > _known_at(attempt) + length

    def late_delete(self) -> bool:
        """Whether a paused process sent a delete of ours late, or still may (security.md rule 10)."""
        since = self.s.now - self.s.limits.doubt
        creates = [a.intent_at for a in self.attempts.values() if a.verb is Verb.GRANT]
        deletes = [a for a in self.attempts.values() if a.verb is Verb.REVOKE]
        sendable = any(a.open and a.intent_at > since for a in deletes)
        late = bool(creates) and any(
            a.outcome is Outcome.DONE and _known_at(a) >= max(creates) for a in deletes
        )
        return sendable or late

    def too_late(self) -> bool:
        """Whether AWS kept refusing beyond the time in which every live grant had to start."""
        return all(g.state is GrantState.GRANTING and self.s.now > g.start_by for g in self.live())

    def made_another(self) -> bool:
        """Whether a create sent late may have made it anew after our last delete, under a name we do not know."""
        deletes = [a for a in self.attempts.values() if a.verb is Verb.REVOKE and a.outcome is Outcome.DONE]
        if not deletes:
            return False
        last, since = deletes[-1].intent_at, self.s.now - self.s.limits.doubt
        earlier = [a for a in self.attempts.values() if a.verb is Verb.GRANT and a.intent_at < last]
        return any((a.open and a.intent_at > since) or _known_at(a) >= last for a in earlier)

    # -- time

    def pass_time(self) -> None:
        """Rules 1 and 2."""
        now = self.s.now
        for grant in list(self.grants.values()):
            begun = grant.state in (GrantState.GRANTING, GrantState.ACTIVE)
            if begun and not grant.live(now):
                self.move(grant, GrantState.ENDING, why=TIME)
            elif grant.state is GrantState.WAITING and now > grant.start_by:
                self.move(grant, GrantState.FAILED, why=self.fact.last_error or NOT_STARTED, ended_at=now)
        cover = self.live()
        for grant in self.in_state(GrantState.ENDING) if cover else ():
            self.move(grant, GrantState.ENDED, why=grant.why, ended_at=now, covered_by=cover[0].id)

    def doubt_unanswered(self) -> None:
        """An intent without an outcome, found by another step than the one that sent it, is unknown."""
        for attempt in list(self.attempts.values()):
            if attempt.outcome is None and attempt.op_ref is None:
                self.put(replace(attempt, outcome=Outcome.UNKNOWN, detail="no answer was recorded"))
                self.say_outcome(self.attempts[attempt.id])
                if self.fact.ours:
                    self.set_state(FactState.UNKNOWN)
        if self.fact.handle is not None and self.made_another():
            self.change_fact(handle=None)

    # -- grants

    def move(self, grant: Grant, state: GrantState, **changes: object) -> None:
        check_step(grant.state, state)
        moved = replace(grant, state=state, **changes)  # type: ignore[arg-type]
        self.grants[grant.id] = moved
        self.moves.append(moved)
        fields: dict[str, Value] = {"request": moved.request, "grant": moved.id, "person": moved.person}
        match state:
            case GrantState.GRANTING:
                assert moved.starts_at is not None
                assert moved.ends_at is not None
                fields |= {"starts_at": iso(moved.starts_at), "ends_at": iso(moved.ends_at)}
                fields["joined"] = self.fact.ours
            case GrantState.ACTIVE:
                assert moved.ends_at is not None
                fields["ends_at"] = iso(moved.ends_at)
            case GrantState.ENDING:
                fields |= {"why": moved.why, "by": moved.ended_by}
            case GrantState.ENDED:
                sessions = moved.last_session_ends_by
                fields |= {"why": moved.why, "covered_by": moved.covered_by}
                fields["last_session_ends_by"] = iso(sessions) if sessions else None
            case GrantState.FAILED:
                fields["why"] = moved.why
        self.say(f"grant.{state}", **fields)

    def refuse_waiting(self) -> None:
        for grant in self.waiting():
            why = self.s.refused.get(grant.id)
            if why is not None:
                self.move(grant, GrantState.FAILED, why=why, ended_at=self.s.now)

    def start(self, grant: Grant) -> None:
        """Rule 4: the end is committed before the access is given."""
        now = self.s.now
        self.move(grant, GrantState.GRANTING, starts_at=now, ends_at=now + grant.duration)

    def join(self) -> None:
        """Waiting grants on a fact that is ours and there, or on its way, begin now; active after the next read."""
        self.refuse_waiting()
        last = list(self.attempts.values())[-1:]
        refused = self.fact.state is FactState.CREATING and bool(last) and last[0].refused
        if self.s.may_start and not refused:
            for grant in self.waiting():
                self.start(grant)

    def activate(self) -> None:
        for grant in self.in_state(GrantState.GRANTING):
            self.move(grant, GrantState.ACTIVE)

    def end_all_ending(self) -> None:
        for grant in self.in_state(GrantState.ENDING):
            self.move(grant, GrantState.ENDED, why=grant.why, ended_at=self.s.now)

    # -- attempts

    def put(self, attempt: Attempt) -> None:
        self.attempts[attempt.id] = attempt

    def close(self, attempt: Attempt, outcome: Outcome, *, detail: str = "", refused: bool = False) -> None:
        known = outcome is not Outcome.UNKNOWN
        self.put(
            replace(
                attempt,
                outcome=outcome,
                detail=detail or None,
                refused=refused,
                inflight=attempt.inflight and not known,
                finished_at=self.s.now,
                op_ref=attempt.op_ref if known else None,
            )
        )
        self.say_outcome(self.attempts[attempt.id])

    def say_outcome(self, attempt: Attempt) -> None:
        self.say(
            "attempt.outcome",
            attempt=attempt.id,
            verb=attempt.verb,
            outcome=attempt.outcome,
            op_ref=attempt.op_ref,
            detail=attempt.detail,
        )

    def settle_inflight(self, verb: Verb) -> None:
        """What was read settles which lost calls still run at AWS: those it fulfils, and those too old to run."""
        for attempt in list(self.attempts.values()):
            if attempt.inflight and attempt.outcome is Outcome.UNKNOWN:
                fulfilled = attempt.verb is verb
                if fulfilled or self.passed(attempt, self.s.limits.list_lag):
                    self.put(replace(attempt, inflight=False))

    # -- the fact

    def change_fact(self, **changes: object) -> None:
        self.fact = replace(self.fact, **changes)  # type: ignore[arg-type]

    def set_state(self, state: FactState) -> None:
        check_step(self.fact.state, state)
        self.change_fact(state=state)

    # -- ends of a decision

    def begin(self, reading: Reading) -> Plan:
        """The first create attempt: from here on the fact is ours."""
        for grant in self.waiting():
            self.start(grant)
        self.change_fact(ours=True, handle=None, absent_at=None, tries=0, last_error=None)
        return self.send(Verb.GRANT, read_before=reading.present)

    def cover(self) -> Plan:
        """The person held exactly this before us: no write at either end."""
        self.say("fact.standing")
        for grant in self.waiting():
            self.move(grant, GrantState.COVERED, why="held before, outside gatepass", ended_at=self.s.now)
        self.set_state(FactState.PRESENT)
        return self.plan(Next.REST)

    def send(self, verb: Verb, *, read_before: bool | None) -> Plan:
        """A new attempt takes the place of the lost ones it repeats, so they count no longer as outstanding."""
        for old in list(self.attempts.values()):
            if old.inflight and old.outcome is Outcome.UNKNOWN:
                self.put(replace(old, inflight=False))
        attempt = Attempt(
            id=self.s.attempt_id,
            fact=self.fact.key,
            verb=verb,
            intent_at=self.s.now,
            read_before=read_before,
            sent_by=self.s.worker,
        )
        self.put(attempt)
        self.set_state(FactState.CREATING if verb is Verb.GRANT else FactState.DELETING)
        self.say(
            "attempt.intent", attempt=attempt.id, verb=verb, read_before=read_before, worker=self.s.worker
        )
        return self.plan(Next.SEND, attempt=attempt)

    def wait_for_belief(self) -> Plan:
        self.set_state(FactState.UNKNOWN)
        return self.plan(Next.REST, due_in=self.s.limits.recheck)

    def fail_try(self, verb: str, detail: str) -> Plan:
        """Rule 6: back off and try again, without limit for a take-back; the error and the next try are visible."""
        tries = self.fact.tries + 1
        wait = min(self.s.limits.backoff * 2 ** min(tries - 1, 16), self.s.limits.backoff_cap)
        wait *= 0.5 + 0.5 * self.s.jitter
        self.change_fact(tries=tries, last_error=detail)
        self.say("fact.error", verb=verb, tries=tries, detail=detail, next_try_at=iso(self.s.now + wait))
        return self.plan(Next.REST, due_in=wait)

    def fail_granting(self, why: str) -> Plan:
        """Grants in granting share the fate of the create; active ones are over with it; waiting ones try anew."""
        for grant in self.in_state(GrantState.GRANTING):
            self.move(grant, GrantState.FAILED, why=why, ended_at=self.s.now)
        for grant in self.live():  # it was being made again after a late delete
            self.move(grant, GrantState.ENDING, why=why)
        self.change_fact(last_error=why)
        return self.confirm_absent()

    def removed_outside(self) -> Plan:
        """Somebody else took what was ours: recorded, and not made again."""
        for grant in self.live():
            self.move(grant, GrantState.ENDING, why=REMOVED_OUTSIDE)
        self.say("fact.drift", why=REMOVED_OUTSIDE)
        return self.confirm_absent()

    def confirm_absent(self) -> Plan:
        self.say("fact.absent")
        self.set_state(FactState.ABSENT)
        self.change_fact(ours=False, handle=None, absent_at=self.s.now, tries=0)
        self.end_all_ending()
        return self.plan(Next.REST)

    # -- out

    def say(self, kind: str, **fields: Value) -> None:
        self.events.append(Event(kind, self.fact.organization, {"fact": self.fact.key.text, **fields}))

    def plan(self, then: Next, *, attempt: Attempt | None = None, due_in: timedelta | None = None) -> Plan:
        self.change_fact(due_at=self.next_due(then, due_in))
        before_attempts = {a.id: a for a in self.s.attempts}
        return Plan(
            next=then,
            fact=self.fact,
            moves=tuple(self.moves),
            attempts=tuple(a for a in self.attempts.values() if before_attempts.get(a.id) != a),
            attempt=attempt,
            events=tuple(self.events),
        )

    def next_due(self, then: Next, due_in: timedelta | None) -> datetime | None:
        """Anything but rest is due at once, so that whoever comes next goes on should this process die."""
        now = self.s.now
        if then is not Next.REST:
            return now
        moments = [g.ends_at for g in self.live() if g.ends_at is not None]
        moments += [g.start_by for g in self.waiting()]
        if due_in is not None:
            return min([now + due_in, *moments])
        if self.in_state(GrantState.ENDING) or (self.waiting() and self.s.may_start):
            return now
        if self.waiting():
            return now + self.s.limits.recheck
        return min(moments, default=None)
