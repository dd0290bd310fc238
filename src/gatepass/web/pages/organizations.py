"""Organizations: how gatepass reaches them, what is live, what waits, how late it would be; and the red button."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from gatepass.access.requests import Grant
from gatepass.desk.office import OrganizationState, Scope
from gatepass.errors import GatepassError
from gatepass.estate.model import Organization
from gatepass.store import Worker
from gatepass.web.naming import Names
from gatepass.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Standing:
    """One organization, as declared and as it stands."""

    state: OrganizationState
    declared: Organization
    late: timedelta
    accounts: int


def listing(visit: Visit) -> Response:
    """Every organization."""
    states = visit.parts.office.organizations(visit.caller)
    declared = visit.parts.desk.estate().organizations
    standings = []
    with visit.parts.store.read() as view:
        workers: tuple[Worker, ...] = view.fleet.workers()
        accounts = {state.name: len(view.estates.accounts(state.name)) for state in states}
    for state in states:
        late = visit.parts.late(state.instance_arn, timedelta(0))
        standings.append(Standing(state, declared[state.name], late, accounts[state.name]))
    return visit.page(
        "organizations.html",
        standings=standings,
        problems=visit.parts.problems(),
        workers=workers,
        calls_per_second=visit.parts.calls_per_second,
        outstanding=visit.parts.outstanding,
        people=sorted(visit.parts.desk.estate().people),
    )


def _scope(person: str, organization: str, account: str) -> Scope:
    if not (person or organization or account):
        raise GatepassError("end everything of what?", advice="name a person, an organization or an account")
    return Scope(person or None, organization or None, account or None)


def confirm(visit: Visit) -> Response:
    """What the red button would end, before it is pressed."""
    scope = _scope(visit.asked("person"), visit.asked("organization"), visit.asked("account"))
    names = visit.names()
    grants = visit.parts.office.covered(visit.caller, scope)
    rows = [(grant, _about(visit, names, grant)) for grant in grants]
    return visit.page("end.html", scope=scope, rows=rows)


def _about(visit: Visit, names: Names, grant: Grant) -> tuple[str, object]:
    request = visit.parts.desk.show(visit.caller, grant.request).request
    return names.person(grant.person), names.what(request)


def end(visit: Visit) -> Response:
    """The red button."""
    scope = _scope(visit.one("person"), visit.one("organization"), visit.one("account"))
    visit.parts.office.end_everything(visit.caller, scope)
    return visit.go("/organizations?said=all-ended")
