"""My access: what I hold now, until when, and how to use it. No credential passes through the server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from gatepass.access.requests import Request
from gatepass.access.states import GrantState, RequestState
from gatepass.desk import Held
from gatepass.store import RequestFilter
from gatepass.web.lengths import lengths
from gatepass.web.naming import Names, What
from gatepass.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Holding:
    """One piece of access with what can be done about it."""

    held: Held
    what: What
    may: frozenset[str]
    longer: tuple[timedelta, ...]
    """By how much it may be extended."""

    @property
    def usable(self) -> bool:
        return self.held.grant.state is GrantState.ACTIVE


def mine(visit: Visit) -> Response:
    """The first page: everything held, nearest end first; and what was asked and is not decided yet."""
    desk = visit.parts.desk
    names = visit.names()
    found = []
    for held in desk.held(visit.caller):
        shown = desk.show(visit.caller, held.request.id)
        offered = lengths(names, shown.request) if "extend" in shown.may else ()
        found.append(Holding(held, names.what(held.request), shown.may, offered))
    far = visit.parts.clock.now() + timedelta(days=36_500)
    found.sort(key=lambda each: each.held.grant.ends_at or far)
    return visit.page("access.html", holdings=found, waiting_for=_undecided(visit, names))


def _undecided(visit: Visit, names: Names) -> list[tuple[Request, What]]:
    open_states = frozenset({RequestState.ASKED, RequestState.PENDING})
    wanted = RequestFilter(requester=visit.person.id, states=open_states)
    page = visit.parts.desk.requests(visit.caller, wanted, limit=20)
    return [(each, names.what(each)) for each in page.requests]
