"""Looking: what a person may see of requests, access and the log; the same for every face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatepass.access.decide import may_cancel, may_decide, may_end, may_extend, may_see, open_to_answers
from gatepass.access.facts import Attempt, Fact
from gatepass.access.requests import Decision, Grant, Request
from gatepass.access.states import GrantState
from gatepass.desk.deciding import Forecast
from gatepass.estate.model import ADMINS, Estate, Person
from gatepass.estate.naming import session_name
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
    session: str = ""
    """What laptops call the session that uses it; empty while there is nothing to use, and for groups."""


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
    session: str = ""
    """As in `Shown`."""


def show(
    view: View, estate: Estate, request: Request, person: Person, now: datetime, forecast: Forecast
) -> Shown:
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
        session=_Sessions(view, estate).name(request, grants),
    )


class _Sessions:
    """Names of sessions; the accounts of an organization are read once."""

    def __init__(self, view: View, estate: Estate) -> None:
        self._view, self._estate = view, estate
        self._accounts: dict[str, Mapping[str, str]] = {}

    def name(self, request: Request, grants: Iterable[Grant]) -> str:
        target = self._estate.targets.get(request.target or "")
        usable = any(grant.state in (GrantState.ACTIVE, GrantState.COVERED) for grant in grants)
        if target is None or target.type == "aws_sso_group" or request.account_id is None or not usable:
            return ""
        if target.organization not in self._accounts:
            listed = self._view.estates.accounts(target.organization)
            self._accounts[target.organization] = {each.id: each.name for each in listed}
        accounts = self._accounts[target.organization]
        return session_name(self._estate, request.flow, target, request.account_id, accounts)


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


def held(view: View, estate: Estate, person_id: str) -> tuple[Held, ...]:
    """What a person holds, is about to hold, or is losing; newest first."""
    found = []
    sessions = _Sessions(view, estate)
    for grant in view.requests.grants_of_person(person_id):
        request = view.requests.get(grant.request)
        if request is not None:
            found.append(Held(grant, request, sessions.name(request, [grant])))
    return tuple(found)
