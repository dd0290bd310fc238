"""Deciding: from what was asked, through people's answers, to the grants that the engine then carries out.

Every function works inside one transaction of the caller's. Locks are taken in one order: facts by key, then the
request's row, then the audit heads at the commit (architecture.md 2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gatepass.access.decide import (
    RULE,
    Reason,
    Verdict,
    approved,
    count,
    extended,
    judge,
    may_extend,
    may_see,
    reached,
    require,
    valid,
)
from gatepass.access.events import Event, Value
from gatepass.access.facts import FactKey
from gatepass.access.requests import Answer, Claim, Decision, Grant, Request
from gatepass.access.states import GrantState, RequestState
from gatepass.clock import iso
from gatepass.desk import coding
from gatepass.desk.book import Book
from gatepass.desk.coding import UNCODED, CodedAnswer
from gatepass.desk.people import finder, need
from gatepass.desk.values import Caller, NotFound
from gatepass.engine.concluding import grant_event
from gatepass.engine.ports import Announcer
from gatepass.errors import Bug, Conflict
from gatepass.estate.model import Flow
from gatepass.store import Tx, View


def _nobody(tx: Tx, request: Request, step: str) -> None:
    """Where no code follows."""


MILLISECOND = timedelta(milliseconds=1)
Fields = dict[str, Value]
Forecast = Callable[[View | Tx, Claim, datetime, datetime], timedelta]
"""How late the take-back of a claim would be that ends at a moment, as seen now."""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer as a face hands it over; `shown` is the hash of what the person was looking at."""

    request: str
    answer: Answer
    shown: str
    message: str = ""
    duration: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Deciding:
    """What deciding needs beside its transaction."""

    book: Book
    new_id: Callable[[str], str]
    """A fresh id that begins with a given letter."""
    start_within: timedelta
    forecast: Forecast
    """How late the end of a claim would be taken back, by the backlog known now (security.md 4)."""
    announcer: Announcer
    """Hears of every change of a request, within its transaction."""
    follow: Callable[[Tx, Request, str], None] = _nobody
    """Hears of every step that is done, for the flow's `after_` code; within its transaction."""

    def seen(self, view: View | Tx, caller: Caller, request_id: str) -> Request:
        """The request, if this caller may look at it; otherwise there is none for them (I12)."""
        request = view.requests.get(request_id)
        person = need(view, self.book.current(view).estate, caller.person)
        if request is None or not may_see(request, person):
            raise NotFound(f"there is no request {request_id}", advice="list yours with: gatepass requests")
        return request

    def prepared(self, tx: Tx, request: Request, claims: tuple[Claim, ...], by: str | None = None) -> Request:
        """What was asked is checked and found in AWS: people are asked now, or the rule (or code, `by`) decides."""
        tx.facts.lock(_keys(request, claims))
        request = replace(request, claims=claims)
        self.follow(tx, request, "request")
        if by is not None:
            return self.approve_by(tx, request, by)
        if request.terms.needed > 0:
            asking = replace(
                request, state=RequestState.PENDING, expires_at=tx.now + request.terms.unanswered_after
            )
            fields: Fields = {
                "request": request.id,
                "needed": request.terms.needed,
                "rule": request.terms.rule,
            }
            return self._told(
                tx, tx.requests.save(asking, Event("request.pending", request.organization, fields))
            )
        if not request.terms.automatic:
            raise Bug(f"request {request.id}: {request.terms.rule} asks nobody and is not automatic")
        return self.approve_by(tx, request, RULE)

    def _told(self, tx: Tx, request: Request) -> Request:
        self.announcer.changed(tx, request, ())
        return request

    def approve_by(self, tx: Tx, request: Request, actor: str) -> Request:
        """Approve in the name of the rule or of a handler; recorded like everybody else's answer."""
        decision = Decision(
            self.new_id("d"), request.id, request.round, request.content_hash, Answer.APPROVE, actor, tx.now
        )
        tx.requests.decide(decision, _decided(request, decision, counted=1))
        return self._approve(tx, request, (decision,), (actor,))

    def fail(self, tx: Tx, request: Request, why: str) -> Request:
        """A check after the asking refused it; the reason is kept for the requester."""
        failed = replace(request, state=RequestState.FAILED, why=why, expires_at=None)
        fields = {"request": request.id, "why": why}
        return self._told(tx, tx.requests.save(failed, Event("request.failed", request.organization, fields)))

    def drop(self, tx: Tx, request: Request, why: str, by: str) -> Request:
        """The flow's code does not take the request: withdrawn before anybody was asked."""
        fields: Fields = {"request": request.id, "by": by, "why": why}
        dropped = replace(request, state=RequestState.CANCELLED, why=why, expires_at=None)
        event = Event("request.cancelled", request.organization, fields)
        return self._told(tx, tx.requests.save(dropped, event))

    def deny_by(self, tx: Tx, request: Request, actor: str, why: str) -> Request:
        """The flow's code denies; recorded like everybody else's answer."""
        decision = Decision(
            self.new_id("d"), request.id, request.round, request.content_hash, Answer.DENY, actor, tx.now, why
        )
        tx.requests.decide(decision, _decided(request, decision, counted=0))
        return self._deny(tx, request, actor, why)

    def answer(
        self, tx: Tx, caller: Caller, said: Said, coded: CodedAnswer = UNCODED
    ) -> tuple[Request, Verdict]:
        """One person's answer. A refusal is a verdict, so that its audit entry commits; nothing else changes then.

        `coded`: what the flow's code said about it. Raises `Conflict` when the request changed since the code ran.
        """
        request = self.seen(tx, caller, said.request)
        tx.facts.lock(_keys(request, request.claims))
        locked = tx.requests.lock(said.request)
        assert locked is not None
        request = locked
        estate = self.book.current(tx).estate
        person = need(tx, estate, caller.person)
        earlier = tx.requests.decisions(request.id)
        verdict = judge(request, person, said.shown, earlier, said.duration, signed_in=caller.signed_in)
        if verdict.allowed and said.answer is Answer.APPROVE:
            verdict = self._in_time(tx, request)
        flow = self.book.at(tx, request.estate_version).estate.flows[request.flow]
        if verdict.allowed and flow.implementation is not None:
            verdict = self._by_code(tx, request, flow, coded)
        if not verdict.allowed:
            tx.audit(_refused(request, person.id, said.answer.value, verdict))
            return request, verdict
        decision = Decision(
            self.new_id("d"),
            request.id,
            request.round,
            request.content_hash,
            said.answer,
            person.id,
            tx.now,
            said.message,
            said.duration,
        )
        decisions = (*earlier, decision)
        counted = count(request, decisions, finder(tx, estate))
        if not tx.requests.decide(decision, _decided(request, decision, counted=len(counted))):
            return request, Verdict(Reason.ANSWERED, "you have answered this request already")
        if said.answer is Answer.DENY:
            return self._deny(tx, request, person.id, said.message), verdict
        if coded.denies:
            actor = coding.actor(flow, request.estate_version)
            return self.deny_by(tx, request, actor, "denied by the flow's rules"), verdict
        if not reached(request, counted):
            return self._told(tx, tx.requests.save(request)), verdict
        if coded.stops_granting:
            return self.fail(tx, request, coded.stops_granting), verdict
        return self._approve(tx, request, decisions, counted), verdict

    def _by_code(self, tx: Tx, request: Request, flow: Flow, coded: CodedAnswer) -> Verdict:
        """Whether the flow's code takes the answer; what it said is kept in the log either way."""
        if coded.version != request.version:
            raise Conflict(f"request {request.id} was changed meanwhile", advice="look at it again")
        for event in coding.events(flow, request, coded.ran, coded.faults):
            tx.audit(event)
        return Verdict(Reason.CODE, coded.refusal) if coded.refusal else Verdict()

    def _in_time(self, tx: Tx, request: Request) -> Verdict:
        accepted = request.terms.accepted_lateness
        if accepted is None or request.duration is None:
            return Verdict()
        ends = tx.now + (request.extension or request.duration)
        late = max((self.forecast(tx, claim, ends, tx.now) for claim in request.claims), default=timedelta(0))
        if late <= accepted:
            return Verdict()
        words = f"access could be taken back only {late} after its end, and this rule accepts {accepted}"
        return Verdict(Reason.TOO_LATE, words, "choose a shorter time, or wait until the backlog is smaller")

    def _deny(self, tx: Tx, request: Request, by: str, message: str) -> Request:
        event = Event("request.denied", request.organization, {"request": request.id, "by": by})
        if request.extension is not None:  # the question was for more time; what was approved before stands
            return self._told(tx, tx.requests.save(replace(request, extension=None, why=message), event))
        self.follow(tx, request, "deny")
        denied = replace(request, state=RequestState.DENIED, why=message, expires_at=None)
        return self._told(tx, tx.requests.save(denied, event))

    def _approve(
        self,
        tx: Tx,
        request: Request,
        decisions: tuple[Decision, ...],
        counted: tuple[str, ...],
    ) -> Request:
        """Enough people (or the rule) decided for exactly this content: extend what is live, or make the grants."""
        bound = tuple(d for d in valid(request, decisions) if d.by in counted)
        lengths = [d.duration for d in bound if d.duration is not None]
        done = approved(request, bound, tx.now)
        fields: Fields = {
            "request": request.id,
            "round": request.round,
            "content_hash": request.content_hash,
            "approvals": ",".join(counted),
            "needed": request.terms.needed,
            "duration_ms": None if done.duration is None else done.duration // MILLISECOND,
        }
        event = Event("request.approved", request.organization, fields)
        if request.extension is not None:
            self._extend_grants(tx, request, min([request.extension, *lengths]))
            return self._told(tx, tx.requests.save(done, event))
        self.follow(tx, request, "approve")
        stored = tx.requests.save(done, event)
        if not request.claims:
            over = Event("request.ended", request.organization, {"request": request.id})
            return self._told(tx, tx.requests.save(replace(stored, state=RequestState.ENDED), over))
        for claim in request.claims:
            self._make_grant(tx, stored, claim)
        tx.facts.touch([claim.fact for claim in request.claims], tx.now)
        return self._told(tx, stored)

    def _make_grant(self, tx: Tx, request: Request, claim: Claim) -> None:
        assert request.duration is not None
        assert request.organization is not None
        grant = Grant(
            id=self.new_id("g"),
            request=request.id,
            person=request.requester,
            organization=request.organization,
            fact=claim.fact,
            duration=request.duration,
            made_at=tx.now,
            start_by=tx.now + self.start_within,
            session=claim.session,
        )
        length = grant.duration // MILLISECOND
        made = grant_event("grant.made", grant, duration_ms=length, content_hash=request.content_hash)
        tx.requests.add_grant(grant, made)

    def _extend_grants(self, tx: Tx, request: Request, by: timedelta) -> None:
        cap = request.terms.max_duration
        assert cap is not None
        for grant in tx.requests.grants_of(request.id):
            if grant.state is GrantState.ACTIVE and grant.live(tx.now):
                longer = extended(grant, by, cap, tx.now)
                tx.requests.move_grant(longer, grant_event("grant.extended", longer, ends_at=_iso(longer)))
        tx.facts.touch([claim.fact for claim in request.claims], tx.now)

    def ask_more(self, tx: Tx, caller: Caller, request_id: str, by: timedelta) -> Request:
        """Ask for more time: a new question for the same approvers, or at once where the rule decides by itself."""
        request = self.seen(tx, caller, request_id)
        tx.facts.lock(_keys(request, request.claims))
        locked = tx.requests.lock(request_id)
        assert locked is not None
        person = need(tx, self.book.current(tx).estate, caller.person)
        require(may_extend(locked, tx.requests.grants_of(request_id), person, by, tx.now))
        question = replace(
            locked, extension=by, round=locked.round + 1, expires_at=tx.now + locked.terms.unanswered_after
        )
        fields: Fields = {
            "request": request_id,
            "round": question.round,
            "content_hash": question.content_hash,
            "by": person.id,
            "extension_ms": by // MILLISECOND,
        }
        stored = tx.requests.save(question, Event("request.extension_asked", question.organization, fields))
        if stored.terms.needed == 0 and stored.terms.automatic:
            return self.approve_by(tx, stored, RULE)
        return self._told(tx, stored)


def _keys(request: Request, claims: tuple[Claim, ...]) -> dict[FactKey, str]:
    return {claim.fact: request.organization or "" for claim in claims}


def _iso(grant: Grant) -> str:
    assert grant.ends_at is not None
    return iso(grant.ends_at)


def _decided(request: Request, decision: Decision, *, counted: int) -> Event:
    fields: Fields = {
        "request": request.id,
        "round": decision.round,
        "content_hash": decision.content_hash,
        "by": decision.by,
        "needed": request.terms.needed,
        "message": decision.message,
        "answer": decision.answer.value,
        "duration_ms": None if decision.duration is None else decision.duration // MILLISECOND,
        "counted": counted,
        "fact": ",".join(claim.fact.text for claim in request.claims),
    }
    return Event("request.decision", request.organization, fields)


def _refused(request: Request, by: str, action: str, verdict: Verdict) -> Event:
    fields = {"request": request.id, "by": by, "action": action, "why": str(verdict.reason)}
    return Event("request.refused", request.organization, fields)
