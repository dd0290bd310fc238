"""Requests, the answers to them and the grants they lead to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, bindparam, exists, func, literal_column, or_, select, update

from gatepass.access.events import Event
from gatepass.access.facts import Attempt
from gatepass.access.requests import Decision, Grant, Request, Terms, terms_from_json
from gatepass.access.states import FINAL_REQUEST, RequestState
from gatepass.clock import to_ms
from gatepass.errors import Conflict, GatepassError
from gatepass.store.facts import OPEN_GRANTS, save_grant, stepped
from gatepass.store.leases import Lease, Leased
from gatepass.store.link import Link, Statement
from gatepass.store.rows import (
    attempt_from,
    decision_from,
    decision_row,
    grant_from,
    grant_row,
    request_from,
    request_row,
)
from gatepass.store.steps import NEW
from gatepass.store.tables import attempts, decisions, grants, requests


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests; what is None does not narrow. Moments are of the asking, `until` not included."""

    flow: str | None = None
    requester: str | None = None
    target: str | None = None
    states: frozenset[RequestState] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    organization: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedRequest:
    """A request that is due (handlers to run, or unanswered for too long), this worker's until the lease ends."""

    request: Request
    lease: Lease


@dataclass(frozen=True, slots=True)
class Question:
    """What of an open request decides who may answer it."""

    requester: str
    asked_by: str | None
    terms: Terms


@dataclass(frozen=True, slots=True)
class RequestPage:
    """Newest first. `next` is the cursor of the page after this one; None: this is the last."""

    requests: tuple[Request, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class OpenAsk:
    """What somebody asked for and still waits for or holds, whatever the account and the length."""

    requester: str
    flow: str
    target: str | None


class RequestReads:
    """Questions about requests, answers and grants. What is bound to organizations takes them as an argument."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def get(self, request_id: str) -> Request | None:
        row = self._link.one(_BY_ID, {"id": request_id})
        return None if row is None else request_from(row)

    def find(
        self,
        organizations: Iterable[str] | None,
        wanted: RequestFilter = RequestFilter(),
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> RequestPage:
        """Requests of these organizations (None: of all, and those of none), newest first, `limit` a page.

        Raises `BadCursor` on a cursor that no page gave.
        """
        query = _narrow(select(requests), wanted)
        if organizations is not None:
            query = query.where(requests.c.organization.in_(list(organizations)))
        if cursor is not None:
            at, request_id = _read_cursor(cursor)
            older = and_(requests.c.asked_at == at, requests.c.id < request_id)
            query = query.where(or_(requests.c.asked_at < at, older))
        query = query.order_by(requests.c.asked_at.desc(), requests.c.id.desc()).limit(limit + 1)
        found = tuple(request_from(row) for row in self._link.all(query))
        page, more = found[:limit], len(found) > limit
        return RequestPage(page, f"{to_ms(page[-1].asked_at)}-{page[-1].id}" if more else None)

    def decisions(self, request_id: str) -> tuple[Decision, ...]:
        """Every answer to the request, of every round, oldest first."""
        return tuple(decision_from(row) for row in self._link.all(_DECISIONS, {"request": request_id}))

    def grant(self, grant_id: str) -> Grant | None:
        row = self._link.one(_GRANT, {"id": grant_id})
        return None if row is None else grant_from(row)

    def grants_of(self, request_id: str) -> tuple[Grant, ...]:
        """Every grant of the request, final ones too, oldest first."""
        return tuple(grant_from(row) for row in self._link.all(_GRANTS_OF, {"request": request_id}))

    def grants_of_person(self, person: str, *, open_only: bool = True) -> tuple[Grant, ...]:
        """What a person holds or is about to hold; with `open_only=False` also what is over. Newest first."""
        query = select(grants).where(grants.c.person == person, *([OPEN_GRANTS] if open_only else []))
        rows = self._link.all(query.order_by(grants.c.made_at.desc(), grants.c.id.desc()))
        return tuple(grant_from(row) for row in rows)

    def open_grants(self, organizations: Iterable[str] | None) -> tuple[Grant, ...]:
        """Every grant that is not final, of these organizations (None: of all), oldest first."""
        query = select(grants).where(OPEN_GRANTS)
        if organizations is not None:
            query = query.where(grants.c.organization.in_(list(organizations)))
        return tuple(grant_from(row) for row in self._link.all(query.order_by(grants.c.made_at, grants.c.id)))

    def open_of_person(self, person: str) -> tuple[Request, ...]:
        """The requests of a person that are not final, oldest first: what a leaver's end must look at."""
        query = select(requests).where(requests.c.requester == person, OPEN_REQUESTS)
        return tuple(request_from(row) for row in self._link.all(query.order_by(requests.c.asked_at)))

    def questions(self, person: str, after: Request | None = None, limit: int = 500) -> tuple[Request, ...]:
        """What people are asked now, extensions too, and this person has not answered: oldest first, `limit` of it,
        from behind `after` on."""
        asked_at, request_id = (to_ms(after.asked_at), after.id) if after is not None else (-1, "")
        params = {"of": person, "at": asked_at, "id": request_id, "room": limit}
        return tuple(request_from(row) for row in self._link.all(_QUESTIONS, params))

    def questions_counted(self, person: str) -> tuple[tuple[Question, int], ...]:
        """The same, counted by what decides who may answer: as short as there are rules, however many wait."""
        rows = self._link.all(_QUESTIONS_COUNTED, {"of": person})
        return tuple(
            (
                Question(row["requester"], row["asked_by"], terms_from_json(json.loads(row["terms"]))),
                row["many"],
            )
            for row in rows
        )

    def open_asks(self) -> frozenset[OpenAsk]:
        """Who waits for or holds what: of all requests that are not final, each kind once."""
        rows = self._link.all(_OPEN_ASKS)
        return frozenset(OpenAsk(row["requester"], row["flow"], row["target"]) for row in rows)

    def attempts_of(self, request_id: str) -> tuple[Attempt, ...]:
        """The attempts on the facts of the request's grants, oldest first."""
        of_request = select(grants.c.fact).where(grants.c.request == request_id)
        query = select(attempts).where(attempts.c.fact.in_(of_request))
        return tuple(attempt_from(row) for row in self._link.all(query.order_by(attempts.c.intent_at)))


class Requests(RequestReads):
    """Changes of requests, answers and grants, inside one transaction."""

    def __init__(self, link: Link, audit: Callable[[Event], None], waited: Callable[[], None]) -> None:
        """`waited` is told after each lock: others may have held it for a while."""
        super().__init__(link)
        self._audit = audit
        self._waited = waited

    def lock(self, request_id: str) -> Request | None:
        """The request, nobody else's to change until this transaction ends. Facts are locked before it, never after."""
        row = self._link.one(_LOCK, {"id": request_id})
        self._waited()
        return None if row is None else request_from(row)

    def add(self, request: Request, *events: Event) -> None:
        """A new request, in the state `asked`."""
        self._link.run(_ADD, {**request_row(request), "prior_state": NEW})
        self._say(events)

    def save(self, request: Request, *events: Event) -> Request:
        """Store the request if its stored version is still `request.version`; it, with its new version.

        Its state says when it is due next, and a lease on it ends: whoever works on it finds the version changed.
        Raises `Conflict` when somebody was faster, `Bug` when the step is not in the table of steps.
        """
        row = {f"new_{name}": value for name, value in request_row(request).items()}
        params = {**row, "at_id": request.id, "at_version": request.version}
        if self._link.run(_SAVE, params) != 1:
            raise Conflict(f"request {request.id} was changed by somebody else")
        self._say(events)
        stored = self.get(request.id)
        assert stored is not None
        return stored

    def decide(self, decision: Decision, *events: Event) -> bool:
        """Keep one person's answer to one round. False: this person has answered it already; nothing is changed."""
        insert = self._link.insert(decisions)
        once = insert.on_conflict_do_nothing(index_elements=["request", "round", "by"])
        first = self._link.run(once, decision_row(decision)) == 1
        if first:
            self._say(events)
        return first

    def add_grant(self, grant: Grant, *events: Event) -> None:
        """A new grant, waiting. Its fact must be locked by this transaction and touched afterwards."""
        self._link.run(self._link.insert(grants), {**grant_row(grant), "prior_state": NEW})
        self._say(events)

    def move_grant(self, grant: Grant, *events: Event) -> None:
        """Store a grant of a locked fact if its version is still `grant.version` (`Conflict`), else as given.

        Raises `Bug` when the step is not in the table of steps.
        """
        save_grant(self._link, grant, grant.version)
        self._say(events)

    def _say(self, events: Sequence[Event]) -> None:
        for event in events:
            self._audit(event)


class BadCursor(GatepassError):
    """The cursor of a page is not one that a page gave."""

    code = "bad_cursor"


def _read_cursor(cursor: str) -> tuple[int, str]:
    at, dash, request_id = cursor.partition("-")
    if not (at.isascii() and at.isdecimal() and dash and request_id):
        raise BadCursor(f"no page gave the cursor {cursor[:80]!r}", advice="start again at the first page")
    return int(at), request_id


def _narrow(query: Select[tuple[object, ...]], wanted: RequestFilter) -> Select[tuple[object, ...]]:
    equal = {
        "flow": wanted.flow,
        "requester": wanted.requester,
        "target": wanted.target,
        "organization": wanted.organization,
    }
    for name, value in equal.items():
        if value is not None:
            query = query.where(requests.c[name] == value)
    if wanted.states:
        query = query.where(requests.c.state.in_(sorted(state.value for state in wanted.states)))
    if wanted.since is not None:
        query = query.where(requests.c.asked_at >= to_ms(wanted.since))
    if wanted.until is not None:
        query = query.where(requests.c.asked_at < to_ms(wanted.until))
    return query


_BY_DEFAULT = ("version", "lease_owner", "lease_until", "fence")
"""Columns of a new request that the table fills."""
_ADD = Statement(
    lambda insert: insert(requests).values(
        {column.name: bindparam(column.name) for column in requests.c if column.name not in _BY_DEFAULT}
    )
)
OPEN_REQUESTS = requests.c.state.in_(
    [literal_column(f"'{state}'") for state in RequestState if state not in FINAL_REQUEST]
)
_OPEN_ASKS = Statement(
    select(requests.c.requester, requests.c.flow, requests.c.target).where(OPEN_REQUESTS).distinct()
)
_by_id = select(requests).where(requests.c.id == bindparam("id"))
_BY_ID = Statement(_by_id)
_LOCK = Statement(_by_id.with_for_update())
_pending = requests.c.state == RequestState.PENDING.value
_extending = and_(requests.c.state == RequestState.APPROVED.value, requests.c.extension.is_not(None))
_unanswered = and_(
    requests.c.due_at > 0,  # what is open is due when it expires: the index of those holds few rows
    or_(_pending, _extending),
    ~exists().where(
        decisions.c.request == requests.c.id,
        decisions.c.round == requests.c.round,
        decisions.c.by == bindparam("of"),
    ),
)
_behind = or_(
    requests.c.asked_at > bindparam("at"),
    and_(requests.c.asked_at == bindparam("at"), requests.c.id > bindparam("id")),
)
_QUESTIONS = Statement(
    select(requests)
    .where(_unanswered, _behind)
    .order_by(requests.c.asked_at + 0, requests.c.id)
    .limit(bindparam("room"))
)
"""`+ 0`: sorted, and not found by the index of all that was ever asked."""
_asked = (
    select((requests.c.requester + "").label("requester"), requests.c.asked_by, requests.c.terms)
    .where(_unanswered)
    .subquery()
)
_QUESTIONS_COUNTED = Statement(select(*_asked.c, func.count().label("many")).group_by(*_asked.c))
_DECISIONS = Statement(
    select(decisions)
    .where(decisions.c.request == bindparam("request"))
    .order_by(decisions.c.at, decisions.c.id)
)
_GRANT = Statement(select(grants).where(grants.c.id == bindparam("id")))
_GRANTS_OF = Statement(
    select(grants).where(grants.c.request == bindparam("request")).order_by(grants.c.made_at, grants.c.id)
)
_KEPT = ("id", "state", "requester", "asked_at", "source", "asked_by")
"""What a request keeps from its asking on; `state` is stored with the step it takes."""
_SAVE = Statement(
    update(requests)
    .where(requests.c.id == bindparam("at_id"), requests.c.version == bindparam("at_version"))
    .values(
        **stepped(requests.c.state, requests.c.prior_state),
        **{
            column.name: bindparam(f"new_{column.name}")
            for column in requests.c
            if column.name not in (*_KEPT, "prior_state", "version", "lease_owner", "lease_until", "fence")
        },
        lease_until=0,
        version=requests.c.version + 1,
    )
)
LEASED_REQUESTS = Leased(
    requests,
    requests.c.id,
    select(requests.c.id)
    .where(requests.c.due_at <= bindparam("now"), requests.c.lease_until <= bindparam("now"))
    .order_by(requests.c.due_at)
    .limit(bindparam("room")),
)
