"""People: who is known, who is active; and ending everything of somebody who leaves."""

from __future__ import annotations

from starlette.responses import Response

from gatepass.web.visit import Visit


def listing(visit: Visit) -> Response:
    """Everybody the estate knows."""
    return visit.page("people.html", people=visit.parts.office.everybody(visit.caller))


def disable(visit: Visit) -> Response:
    """Somebody has left (I13): sessions and tokens are dead with this, grants are being taken back."""
    why = visit.one("why").strip()[:200] or "left"
    visit.parts.office.disable(visit.caller, visit.request.path_params["id"], why)
    return visit.go("/people?said=disabled")


def enable(visit: Visit) -> Response:
    """Somebody is back."""
    visit.parts.office.enable(visit.caller, visit.request.path_params["id"])
    return visit.go("/people?said=enabled")
