"""Flows: how each is configured, under which version, and what its code last did wrong."""

from __future__ import annotations

from starlette.responses import Response

from gatepass.access.decide import Reason, Verdict, require
from gatepass.desk import NotFound
from gatepass.desk.log import Wanted
from gatepass.estate.outline import outline
from gatepass.web.visit import Visit

ERRORS = 20
"""So many of the last errors are shown."""


def listing(visit: Visit) -> Response:
    """Every flow of the estate."""
    _for_admins(visit)
    return visit.page("flows.html", flows=list(visit.parts.desk.estate().flows.values()))


def one(visit: Visit) -> Response:
    """One flow: fields, rules, code, last errors."""
    _for_admins(visit)
    estate = visit.parts.desk.estate()
    flow = estate.flows.get(visit.request.path_params["name"])
    if flow is None:
        raise NotFound("there is no such flow", advice="see the list of flows")
    wanted = Wanted(kind="handler.fault", holding=f'"flow":"{flow.name}"')
    errors = visit.parts.office.log(visit.caller, wanted, ERRORS).entries
    return visit.page(
        "flow.html",
        flow=flow,
        estate=estate,
        lines=[line for line in outline(estate) if line.flow == flow.name],
        errors=[entry.said for entry in errors],
    )


def _for_admins(visit: Visit) -> None:
    if not visit.admin:
        require(Verdict(Reason.NOT_ALLOWED, "this page is for admins of gatepass", "ask one of the admins"))
