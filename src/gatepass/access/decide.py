"""Who may ask, decide, end, extend and cancel: verdicts with named reasons.

This is the one place where it is decided who may approve: `judge` for one answer, `count` for the quorum. Pure: people
are read afresh by the caller, inside the transaction that records the decision (security.md rule 2, I8). Every face
and every hook passes here; there is no second way in (rule 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from gatepass.access.requests import Answer, Decision, Grant, Request, Terms, shorten
from gatepass.access.states import GrantState, RequestState
from gatepass.errors import GatepassError
from gatepass.estate.durations import format_duration
from gatepass.estate.model import ADMINS, Offer, Person

UNANSWERED_AFTER = timedelta(hours=24)
"""When a rule does not say: a question nobody answers in a day is asked no more."""
RULE = "rule"
"""Who decided where the rule itself approves."""
HANDLER = "handler:"
"""Prefix of the actor that an implementation's approval is recorded under: `handler:<flow>@<version>`."""


class Reason(StrEnum):
    """Why something may not be done; stable, for scripts and tests."""

    NOT_ACTIVE = "not_active"
    NOT_OFFERED = "not_offered"
    BAD_DURATION = "bad_duration"
    TOO_LONG = "too_long"
    IS_REQUESTER = "is_requester"
    NOT_AN_APPROVER = "not_an_approver"
    NOT_ALLOWED = "not_allowed"
    NOT_OPEN = "not_open"
    CHANGED = "changed"
    ANSWERED = "answered"
    NOTHING_LIVE = "nothing_live"
    TOO_LATE = "too_late"
    NOT_SIGNED_IN = "not_signed_in"
    CODE = "code"
    """The flow's own code does not take the answer."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something may be done and, if not, why, in a word for scripts and in words for people."""

    reason: Reason | None = None
    words: str = ""
    advice: str = ""

    @property
    def allowed(self) -> bool:
        return self.reason is None


YES = Verdict()


class Refused(GatepassError):
    """A person may not do what they asked for; carries the verdict. Nothing was changed."""

    code = "refused"

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.words, advice=verdict.advice)
        self.verdict = verdict


def require(verdict: Verdict) -> None:
    """Raise `Refused` unless the verdict allows."""
    if not verdict.allowed:
        raise Refused(verdict)


def terms(offer: Offer) -> Terms:
    """The one rule that decides a request for this offer, whole, with the cap of rule, target and organization."""
    flow, rule = offer.flow, offer.rule
    place = flow.decide.rules.index(rule) + 1
    return Terms(
        rule=f"flow {flow.name}, rule {place}" if flow.declarative else f"flow {flow.name}, admins decide",
        approvers=rule.approvers,
        needed=rule.needed,
        allow_self=rule.allow_self,
        automatic=rule.automatic,
        max_duration=offer.cap,
        unanswered_after=rule.unanswered_after or UNANSWERED_AFTER,
        accepted_lateness=rule.accepted_lateness,
        allow_revoke=flow.allow_revoke,
        timed=flow.schedule_deescalation,
    )


def may_ask(person: Person, offer: Offer | None, duration: timedelta | None) -> Verdict:
    """Whether this person may ask for this offer for so long. `offer` None: the flow has none such for them."""
    if not person.active:
        return Verdict(Reason.NOT_ACTIVE, f"{person.label} is not active", "ask an admin of gatepass")
    if offer is None:
        return Verdict(
            Reason.NOT_OFFERED, "this is not offered to you", "see what is with: gatepass request --list"
        )
    return fits(duration, offer.cap)


def fits(duration: timedelta | None, cap: timedelta | None) -> Verdict:
    """Whether a length is positive and not above the cap (I11). No cap: nothing is given, no length is asked."""
    if cap is None:
        return YES if duration is None else Verdict(Reason.BAD_DURATION, "this flow gives nothing for a time")
    if duration is None or duration <= timedelta(0):
        return Verdict(
            Reason.BAD_DURATION, "no length of time was given", f"ask for up to {format_duration(cap)}"
        )
    if duration > cap:
        words = f"{format_duration(duration)} is longer than allowed"
        return Verdict(Reason.TOO_LONG, words, f"ask for up to {format_duration(cap)}")
    return YES


class Question(Protocol):
    """What of a request decides who may answer it."""

    @property
    def requester(self) -> str: ...
    @property
    def asked_by(self) -> str | None: ...
    @property
    def terms(self) -> Terms: ...


def may_decide(request: Question, person: Person) -> Verdict:
    """Whether this person, read afresh, is entitled to answer this request at all (I7, I8)."""
    if not person.active:
        return Verdict(Reason.NOT_ACTIVE, f"{person.label} is not active")
    if person.id in (request.requester, request.asked_by) and not request.terms.allow_self:
        return Verdict(Reason.IS_REQUESTER, "you asked for this yourself; somebody else has to decide")
    also = request.terms.also
    if not request.terms.approvers.includes(person) or (also is not None and not also.includes(person)):
        who = request.terms.approvers.words() + (f", and of {also.words()}" if also is not None else "")
        return Verdict(Reason.NOT_AN_APPROVER, f"you may not decide this request; who may: {who}")
    return YES


def judge(
    request: Request,
    person: Person,
    shown_hash: str,
    decisions: Iterable[Decision],
    duration: timedelta | None = None,
    *,
    signed_in: bool = True,
) -> Verdict:
    """Whether one answer counts: the request is open, unchanged since it was shown, and the person entitled.

    An answer is the person's own: who issues tokens in others' names cannot be several people (I7, I8).
    """
    if not signed_in:
        words = "this token was issued in your name; an answer counts only when you have signed in yourself"
        return Verdict(
            Reason.NOT_SIGNED_IN, words, "sign in with: gatepass login, or answer in the portal or Slack"
        )
    if not open_to_answers(request):
        return Verdict(Reason.NOT_OPEN, _no_longer_open(request, decisions), "nothing is left to decide")
    if shown_hash != request.content_hash:
        return Verdict(Reason.CHANGED, "the request changed after it was shown to you", "look at it again")
    if any(d.by == person.id and d.round == request.round for d in decisions):
        return Verdict(Reason.ANSWERED, "you have answered this request already", "others have to answer now")
    entitled = may_decide(request, person)
    if not entitled.allowed or duration is None:
        return entitled
    asked = request.extension or request.duration
    if asked is None or not timedelta(0) < duration <= asked:
        limit = format_duration(asked) if asked is not None else "no time at all"
        return Verdict(Reason.TOO_LONG, "an approver may only shorten", f"give up to {limit}")
    return YES


def open_to_answers(request: Request) -> bool:
    """Whether people are asked: it is pending, or an extension of what was approved is."""
    extending = request.state is RequestState.APPROVED and request.extension is not None
    return request.state is RequestState.PENDING or extending


def count(
    request: Request, decisions: Iterable[Decision], person: Callable[[str], Person | None]
) -> tuple[str, ...]:
    """The distinct approvers whose approval of exactly this question counts now, each still entitled (I4, I7, I8)."""
    counted: list[str] = []
    for decision in valid(request, decisions):
        who = person(decision.by)
        if decision.by not in counted and who is not None and may_decide(request, who).allowed:
            counted.append(decision.by)
    return tuple(counted)


def valid(request: Request, decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """The approvals bound to exactly what is asked now."""
    bound = (d for d in decisions if d.answer is Answer.APPROVE and d.content_hash == request.content_hash)
    return tuple(bound)


def reached(request: Request, counted: tuple[str, ...]) -> bool:
    """Whether so many distinct approvals are enough. A rule that needs none is never reached by counting."""
    return request.terms.needed >= 1 and len(counted) >= request.terms.needed


def approved(request: Request, decisions: tuple[Decision, ...], now: datetime) -> Request:
    """The request once it is decided for: as short as its shortest counted approval allows."""
    if request.extension is not None:
        return replace(request, extension=None)
    return replace(
        request,
        state=RequestState.APPROVED,
        duration=shorten(request.duration, decisions),
        decided_at=now,
        expires_at=None,
    )


def may_end(request: Request, grants: Iterable[Grant], person: Person) -> Verdict:
    """Whether this person may take the access back now: its requester, who may decide it, or an admin."""
    if not any(not grant.final for grant in grants):
        return Verdict(Reason.NOTHING_LIVE, f"request {request.id} holds no access", "nothing to end")
    if ADMINS.includes(person):
        return YES
    if not request.terms.allow_revoke:
        return Verdict(Reason.NOT_ALLOWED, "this flow lets only admins end access early")
    mine = person.active and person.id == request.requester
    if mine or request.terms.approvers.includes(person):
        return YES
    return Verdict(
        Reason.NOT_ALLOWED, "only the requester, an approver of this request or an admin may end it"
    )


def may_cancel(request: Request, person: Person) -> Verdict:
    """Whether this person may withdraw the request before it is decided."""
    if request.state not in (RequestState.ASKED, RequestState.PENDING):
        return Verdict(
            Reason.NOT_OPEN, f"request {request.id} is {request.state}", "end access with: gatepass revoke"
        )
    if person.id in (request.requester, request.asked_by) or ADMINS.includes(person):
        return YES
    return Verdict(Reason.NOT_ALLOWED, "only the requester or an admin may cancel a request")


def may_extend(
    request: Request, grants: Iterable[Grant], person: Person, by: timedelta, now: datetime
) -> Verdict:
    """Whether this person may ask for more time: the requester, while access is live, under the cap from now on."""
    if person.id != request.requester or not person.active:
        return Verdict(Reason.NOT_ALLOWED, "only the requester may ask for more time")
    if not any(grant.live(now) for grant in grants):
        return Verdict(
            Reason.NOTHING_LIVE, "there is no live access to extend", "ask anew with: gatepass request"
        )
    if request.extension is not None:
        return Verdict(Reason.ANSWERED, "an extension has been asked for already and waits for an answer")
    if not request.terms.timed:
        return Verdict(Reason.NOT_ALLOWED, "this flow gives the longest time there is from the start")
    return fits(by, request.terms.max_duration)


def extended(grant: Grant, by: timedelta, cap: timedelta, now: datetime) -> Grant:
    """The grant with its end moved: later by what was decided, to at most `cap` from now; never earlier (I11)."""
    assert grant.ends_at is not None
    return replace(grant, ends_at=max(grant.ends_at, min(grant.ends_at + by, now + cap)))


def may_see(request: Request, person: Person) -> bool:
    """Whether this person may look at the request: it is theirs, they may decide it, or they are an admin."""
    mine = person.id in (request.requester, request.asked_by)
    theirs = ADMINS.includes(person) or request.terms.view.includes(person)
    return person.active and (mine or theirs or request.terms.approvers.includes(person))


def end(grant: Grant, *, why: str, by: str | None, now: datetime) -> Grant:
    """The grant once somebody ended it: one that has not begun is over, one that has is taken back by the engine."""
    if grant.state is GrantState.WAITING:
        return replace(grant, state=GrantState.ENDED, why=why, ended_by=by, ended_at=now)
    return replace(grant, state=GrantState.ENDING, why=why, ended_by=by)


def _no_longer_open(request: Request, decisions: Iterable[Decision]) -> str:
    deciders = [d.by for d in decisions if d.round == request.round]
    by = f", decided by {deciders[-1]}" if deciders else ""
    return f"request {request.id} is {request.state}{by}"
