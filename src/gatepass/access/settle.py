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

from dataclasses import replace

from gatepass.access.facts import Attempt, Reading
from gatepass.access.plans import Called, Next, Plan, Polled, Situation
from gatepass.access.states import FactState, GrantState, Outcome, Verb
from gatepass.access.work import NOT_STARTED, Work


def due(s: Situation) -> Plan:
    """What to do with a fact that is due, before AWS is looked at."""
    work = Work(s)
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
    work = Work(s, reading.read_at)
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
    work = Work(s)
    work.pass_time()
    return work.fail_try("read", detail)


def polled(s: Situation, attempt_id: str, status: Polled, detail: str = "") -> Plan:
    """What follows from AWS's word on an operation in flight."""
    work = Work(s)
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
    work = Work(s)
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


def _read_not_ours(work: Work, reading: Reading) -> Plan:
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


def _read_present(work: Work, reading: Reading) -> Plan:
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


def _read_absent(work: Work, reading: Reading) -> Plan:
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


def _absent_but_wanted(work: Work, last: Attempt | None, reading: Reading) -> Plan:
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
