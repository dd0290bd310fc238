"""Puts the portal together from an installation's parts, and beside the API under one address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from starlette.routing import Match, Mount
from starlette.types import Scope

from gatepass.app.build import Installation
from gatepass.engine import forecast
from gatepass.store import Pace
from gatepass.web import Parts, build_portal
from gatepass.web.address import Address
from gatepass.web.forms import Recent
from gatepass.web.sessions import Sessions

FOR_MACHINES = ("/v1", "/openapi.json", "/healthz", "/readyz", "/metrics")
"""Addresses whose errors are problem details, not pages."""


class Pages(Mount):
    """Every address that is not for machines. Stands last: what another face answers never comes here."""

    def __init__(self, installation: Installation, pick_a_person: bool) -> None:
        super().__init__("/", app=build_portal(_parts(installation, pick_a_person)), name="portal")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = str(scope.get("path", ""))
        if any(path == each or path.startswith(f"{each}/") for each in FOR_MACHINES):
            return Match.NONE, {}
        return super().matches(scope)


def _parts(installation: Installation, pick_a_person: bool) -> Parts:
    settings = installation.settings
    return Parts(
        desk=installation.desk,
        office=installation.office,
        store=installation.store,
        clock=installation.clock,
        address=Address(settings.public_url.rstrip("/")),
        sessions=Sessions(
            installation.store, installation.clock, settings.session_idle, settings.session_lasts
        ),
        recent=Recent(installation.clock),
        pick_a_person=pick_a_person,
        problems=installation.health.wrong,
        late=_lateness(installation),
        calls_per_second=settings.calls_per_second,
        outstanding=settings.outstanding,
    )


def _lateness(installation: Installation) -> Callable[[str], timedelta]:
    pace = Pace(limit=installation.settings.calls_per_second)

    def late(scope: str) -> timedelta:
        now = installation.clock.now()
        with installation.store.read() as view:
            return forecast.lateness(view, scope, now, now, pace)

    return late
