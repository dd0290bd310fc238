"""To decide: everything an approver needs in ten seconds, and the answer, bound to exactly what was shown."""

from __future__ import annotations

from starlette.responses import Response

from gatepass.access.decide import Refused
from gatepass.access.requests import Answer
from gatepass.desk import NotFound, Said
from gatepass.errors import GatepassError
from gatepass.web.lengths import read
from gatepass.web.pages.questions import question
from gatepass.web.pages.requests import render
from gatepass.web.visit import Visit, status_of

AT_ONCE = 25
"""Questions on one page: those answered make room for the next."""


def waiting(visit: Visit) -> Response:
    """The open questions this person may answer, oldest first."""
    names = visit.names()
    open_ = visit.parts.desk.to_decide(visit.caller, AT_ONCE)
    return visit.page("decide.html", questions=[question(visit, names, each) for each in open_])


def answer(visit: Visit) -> Response:
    """Approve or deny. Whoever was too late is told what became of it."""
    request_id = visit.request.path_params["id"]
    said = visit.one("answer")
    if said not in ("approve", "deny"):
        raise GatepassError("neither approved nor denied", advice="open the request and choose one")
    shorter = read(visit.one("duration")) if said == "approve" else None
    words = Said(request_id, Answer(said), visit.one("shown"), visit.one("message")[:2000], shorter)
    try:
        visit.parts.desk.answer(visit.caller, words, visit.repeat())
    except NotFound:
        raise
    except Refused as no:
        return render(visit, request_id, status_of(no), no.message, no.advice)
    done = "approved" if said == "approve" else "denied"
    back = "/decide" if visit.one("from") == "decide" else f"/requests/{request_id}"
    return visit.go(f"{back}?said={done}")
