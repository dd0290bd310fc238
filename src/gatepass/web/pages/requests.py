"""Requests: the list with its filters, and the page of one with its time line, calls to AWS, errors and next try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.responses import Response

from gatepass.access.decide import Refused
from gatepass.access.facts import Attempt
from gatepass.access.requests import Answer, Request
from gatepass.access.states import Outcome, RequestState, Verb
from gatepass.desk import NotFound, Shown
from gatepass.errors import GatepassError
from gatepass.estate.durations import format_duration
from gatepass.store import RequestFilter
from gatepass.web.lengths import lengths, read
from gatepass.web.naming import Names
from gatepass.web.pages.questions import question
from gatepass.web.visit import Visit, status_of

PAGE = 50
FILTERS = ("flow", "requester", "organization", "target", "state", "since", "until")


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a request's time line."""

    at: datetime
    words: str
    state: str
    note: str = ""


def listing(visit: Visit) -> Response:
    """Requests this person may see, newest first."""
    desk = visit.parts.desk
    estate = desk.estate()
    chosen = {name: visit.asked(name)[:200] for name in FILTERS}
    page = desk.requests(visit.caller, _filter(chosen), cursor=visit.asked("cursor") or None, limit=PAGE)
    names = visit.names()
    older = {name: each for name, each in chosen.items() if each} | {"cursor": page.next or ""}
    return visit.page(
        "requests.html",
        rows=[(each, names.what(each), names.person(each.requester)) for each in page.requests],
        chosen=chosen,
        older=f"/requests?{urlencode(older)}" if page.next else "",
        flows=[(each.name, each.label) for each in estate.flows.values()],
        people=[(each.id, each.label) for each in estate.people.values()],
        organizations=[(each.name, each.label) for each in estate.organizations.values()],
        targets=sorted(estate.targets),
        states=[each.value for each in RequestState],
    )


def _filter(chosen: dict[str, str]) -> RequestFilter:
    state = chosen["state"]
    if state and state not in set(RequestState):
        raise GatepassError(f"no request is ever {state!r}", advice=f"choose of: {', '.join(RequestState)}")
    until = _day(chosen["until"])
    return RequestFilter(
        flow=chosen["flow"] or None,
        requester=chosen["requester"] or None,
        target=chosen["target"] or None,
        states=frozenset({RequestState(state)} if state else ()),
        since=_day(chosen["since"]),
        until=until + timedelta(days=1) if until is not None else None,
        organization=chosen["organization"] or None,
    )


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise GatepassError(f"{text[:20]!r} is not a day", advice="write it like 2026-01-31") from None


def one(visit: Visit) -> Response:
    """One request with everything that happened to it."""
    return render(visit, visit.request.path_params["id"])


def render(visit: Visit, request_id: str, status: int = 200, problem: str = "", advice: str = "") -> Response:
    """The page of a request; with what went wrong when somebody tried to change it."""
    desk = visit.parts.desk
    names = visit.names()
    shown = desk.show(visit.caller, request_id)
    request = shown.request
    return visit.page(
        "request.html",
        status,
        shown=shown,
        request=request,
        what=names.what(request),
        question=question(visit, names, request),
        requester=names.person(request.requester),
        asked_by=names.person(request.asked_by),
        deciders=names.deciders(
            request.terms.approvers, but_not="" if request.terms.allow_self else request.requester
        ),
        longer=lengths(names, request) if "extend" in shown.may else (),
        moments=sorted(_moments(names, shown), key=lambda each: each.at),
        problem=problem,
        advice=advice,
    )


def _moments(names: Names, shown: Shown) -> Iterator[Moment]:
    """What happened, from the rows; the audit log has the same, entry by entry."""
    request = shown.request
    yield Moment(request.asked_at, f"{names.person(request.requester)} asked", "asked", request.reason)
    for d in shown.decisions:
        short = f", for {format_duration(d.duration)} only" if d.duration is not None else ""
        more = " to more time" if d.round > 1 else ""
        word = ("approved" if d.answer is Answer.APPROVE else "denied") + more + short
        state = "approved" if d.answer is Answer.APPROVE else "denied"
        yield Moment(d.at, f"{names.person(d.by)} {word}", state, d.message)
    for grant in shown.grants:
        if grant.starts_at is not None:
            yield Moment(grant.starts_at, "the end was committed, then AWS was told", "granting")
        if grant.ended_at is not None:
            who = f" by {names.person(grant.ended_by)}" if grant.ended_by else ""
            yield Moment(grant.ended_at, f"{grant.state}{who}", str(grant.state), grant.why)
    for attempt in shown.attempts:
        if attempt.finished_at is not None:
            yield Moment(
                attempt.finished_at, _read(attempt), str(attempt.outcome or "unknown"), attempt.detail or ""
            )


def _read(attempt: Attempt) -> str:
    adding = attempt.verb is Verb.GRANT
    if attempt.outcome is Outcome.DONE:
        return f"AWS was read to {'hold it' if adding else 'be without it'}"
    return f"AWS was told to {'add' if adding else 'remove'} it"


def end(visit: Visit) -> Response:
    """Give back, or take back, now."""
    return _change(visit, "ended", lambda i: visit.parts.desk.end(visit.caller, i, visit.repeat()))


def cancel(visit: Visit) -> Response:
    """Withdraw what is not decided yet."""
    return _change(visit, "withdrawn", lambda i: visit.parts.desk.cancel(visit.caller, i, visit.repeat()))


def extend(visit: Visit) -> Response:
    """Ask for more time."""
    by = read(visit.one("duration"))
    if by is None:
        raise GatepassError("by how much?", advice="choose a length of time")
    return _change(visit, "extended", lambda i: visit.parts.desk.extend(visit.caller, i, by, visit.repeat()))


def _change(visit: Visit, done: str, change: Callable[[str], Request]) -> Response:
    request_id = visit.request.path_params["id"]
    try:
        change(request_id)
    except NotFound:
        raise
    except Refused as no:
        return render(visit, request_id, status_of(no), no.message, no.advice)
    back = "/" if visit.one("from") == "access" else f"/requests/{request_id}"
    return visit.go(f"{back}?said={done}")
