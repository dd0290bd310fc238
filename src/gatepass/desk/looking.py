"""Looking: what a person may see of requests, access and the log; the same for every face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatepass.access.decide import may_cancel, may_decide, may_end, may_extend, may_see, open_to_answers
from gatepass.access.facts import Attempt, Fact
from gatepass.access.requests import Decision, Grant, Request
from gatepass.desk.deciding import Forecast
from gatepass.estate.model import ADMINS, Person
from gatepass.store import RequestFilter, View

_PAGE = 100
"""Questions that are read at once."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One request with all that belongs to it, and what the person looking may do with it now."""

    request: Request
    grants: tuple[Grant, ...]
    decisions: tuple[Decision, ...]
    attempts: tuple[Attempt, ...]
    facts: Mapping[str, Fact]
    """By key text: their state, last error and next try."""
    may: frozenset[str]
    """Of approve, deny, end, extend, cancel."""
    lateness: timedelta = timedelta(0)
    """How late the take-back would be by the backlog known now, were it approved now (security.md 4)."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of requests, newest first, and the cursor of the next one; None at the end."""

    requests: tuple[Request, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """Access that a person holds or is about to hold, with both ends."""

    grant: Grant
    request: Request


def show(view: View, request: Request, person: Person, now: datetime, forecast: Forecast) -> Shown:
    """Everything about one request; the caller has checked that this person may see it."""
    grants = view.requests.grants_of(request.id)
    facts = (view.facts.get(claim.fact) for claim in request.claims)
    ends = max((g.ends_at for g in grants if g.ends_at is not None and not g.final), default=None)
    if ends is None and request.duration is not None and not request.final:
        ends = now + request.duration
    late = [forecast(view, claim, ends, now) for claim in request.claims] if ends is not None else []
    return Shown(
        request=request,
        grants=grants,
        decisions=view.requests.decisions(request.id),
        attempts=view.requests.attempts_of(request.id),
        facts={fact.key.text: fact for fact in facts if fact is not None},
        may=_may(request, grants, person, now),
        lateness=max(late, default=timedelta(0)),
    )


def _may(request: Request, grants: tuple[Grant, ...], person: Person, now: datetime) -> frozenset[str]:
    can = set()
    if open_to_answers(request) and may_decide(request, person).allowed:
        can |= {"approve", "deny"}
    if may_end(request, grants, person).allowed:
        can.add("end")
    longest = request.terms.max_duration
    if longest is not None and may_extend(request, grants, person, longest, now).allowed:
        can.add("extend")
    if may_cancel(request, person).allowed:
        can.add("cancel")
    return frozenset(can)


def page(view: View, person: Person, wanted: RequestFilter, *, cursor: str | None, limit: int) -> Page:
    """Requests this person may see, newest first. Reads on until the page is full or there are no more."""
    found: list[Request] = []
    while True:
        got = view.requests.find(None, wanted, cursor=cursor, limit=limit)
        for request in got.requests:
            if may_see(request, person):
                found.append(request)
        cursor = got.next
        if cursor is None or len(found) >= limit or ADMINS.includes(person):
            return Page(tuple(found), cursor)


def to_decide(view: View, person: Person, limit: int) -> tuple[Request, ...]:
    """Open questions this person is entitled to answer and has not answered yet: the `limit` oldest."""
    found: list[Request] = []
    last: Request | None = None
    while len(found) < limit:
        page = view.requests.questions(person.id, last, _PAGE)
        found += [each for each in page if may_decide(each, person).allowed]
        if len(page) < _PAGE:
            break
        last = page[-1]
    return tuple(found[:limit])


def count_to_decide(view: View, person: Person) -> int:
    """How many those are."""
    asked = view.requests.questions_counted(person.id)
    return sum(many for question, many in asked if may_decide(question, person).allowed)


def held(view: View, person_id: str) -> tuple[Held, ...]:
    """What a person holds, is about to hold, or is losing; newest first."""
    found = []
    for grant in view.requests.grants_of_person(person_id):
        request = view.requests.get(grant.request)
        if request is not None:
            found.append(Held(grant, request))
    return tuple(found)
