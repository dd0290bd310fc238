"""One open question with all that an approver needs to see, for the list of them and for a request's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gatepass.access.requests import Answer, Request
from gatepass.store import RequestFilter
from gatepass.web.lengths import lengths
from gatepass.web.naming import Names, What
from gatepass.web.visit import Visit

HISTORY = 5
"""So many earlier requests of this person for this target are shown."""


@dataclass(frozen=True, slots=True)
class Question:
    """One open request with all that decides it."""

    request: Request
    what: What
    requester: str
    history: tuple[Request, ...]
    shorter: tuple[timedelta, ...]
    answered: tuple[str, ...]
    """Who approved already."""
    late: timedelta
    """By how much the end would be taken back too late, by the backlog known now (security.md 4)."""

    @property
    def asked_for(self) -> timedelta | None:
        """How long: of an extension, how much longer."""
        return self.request.extension or self.request.duration


def question(visit: Visit, names: Names, request: Request) -> Question:
    """The question with its history, for a person who may see it."""
    desk = visit.parts.desk
    wanted = RequestFilter(flow=request.flow, requester=request.requester, target=request.target)
    earlier = desk.requests(visit.caller, wanted, limit=HISTORY + 1).requests
    asked_for = request.extension or request.duration
    decisions = desk.show(visit.caller, request.id).decisions
    counted = (d for d in decisions if d.content_hash == request.content_hash and d.answer is Answer.APPROVE)
    return Question(
        request=request,
        what=names.what(request),
        requester=names.person(request.requester),
        history=tuple(each for each in earlier if each.id != request.id)[:HISTORY],
        shorter=lengths(names, request, below=asked_for) if asked_for is not None else (),
        late=_late(visit, request),
        answered=tuple(names.person(d.by) for d in counted),
    )


def _late(visit: Visit, request: Request) -> timedelta:
    if request.duration is None:
        return timedelta(0)
    after = request.extension or request.duration
    return max((visit.parts.late(each.fact.scope, after) for each in request.claims), default=timedelta(0))
