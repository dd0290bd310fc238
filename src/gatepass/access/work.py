"""The changes that one settle decision gathers: what it looks at, what it moves, and the plan it ends in. Pure.

The rules are numbered in `gatepass.access.settle`, which decides; this knows how each step is made and written down.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gatepass.access.events import Event, Value
from gatepass.access.facts import Attempt, Reading
from gatepass.access.plans import Next, Plan, Situation
from gatepass.access.requests import Grant
from gatepass.access.states import FactState, GrantState, Outcome, Verb, check_step
from gatepass.clock import iso

REMOVED_OUTSIDE = "removed outside gatepass"
NOT_STARTED = "could not start in time"
TIME = "time"


def known_at(attempt: Attempt) -> datetime:
    """When AWS said how it went; for one it said nothing of, when it was intended."""
    return attempt.finished_at or attempt.intent_at


class Work:
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
        return any(not any(g.intent_at >= known_at(m) for g in gone) for m in made)

    def said_gone(self) -> bool:
        """Whether AWS said a moment ago that it is gone, and nothing of ours may have made it since."""
        gone = self.lately(Verb.REVOKE, Outcome.DONE)
        creates = [a for a in self.attempts.values() if a.verb is Verb.GRANT]
        since = [a for a in creates if a.open or known_at(a) >= gone[-1].intent_at] if gone else []
        return bool(gone) and not since

    def just_deleted(self) -> bool:
        """Whether AWS answered a delete of ours so short a time ago that sending another says nothing new."""
        gone = self.lately(Verb.REVOKE, Outcome.DONE)
        return bool(gone) and not self.passed(gone[-1], self.s.limits.recheck)

    def deleted_lately(self) -> bool:
        """Whether a delete of ours may have been done a moment ago, and AWS has not said since that it is made."""
        made = self.lately(Verb.GRANT, Outcome.DONE)
        sent = self.lately(Verb.REVOKE, Outcome.DONE, Outcome.UNKNOWN, None)
        return any(not any(m.intent_at >= known_at(g) for m in made) for g in sent)

    def perhaps_ours(self) -> bool:
        """Whether a create of ours may have made what is there although the fact was seen absent after its end."""
        since, absent_at = self.s.now - self.s.limits.doubt, self.fact.absent_at
        creates = [a for a in self.attempts.values() if a.verb is Verb.GRANT]
        sendable = any(a.open and a.intent_at > since for a in creates)
        late = absent_at is not None and any(
            a.outcome is Outcome.DONE and known_at(a) >= absent_at for a in creates
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
        return self.seen_at > known_at(attempt) + length

    def late_delete(self) -> bool:
        """Whether a paused process sent a delete of ours late, or still may (security.md rule 10)."""
        since = self.s.now - self.s.limits.doubt
        creates = [a.intent_at for a in self.attempts.values() if a.verb is Verb.GRANT]
        deletes = [a for a in self.attempts.values() if a.verb is Verb.REVOKE]
        sendable = any(a.open and a.intent_at > since for a in deletes)
        late = bool(creates) and any(
            a.outcome is Outcome.DONE and known_at(a) >= max(creates) for a in deletes
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
        return any((a.open and a.intent_at > since) or known_at(a) >= last for a in earlier)

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
