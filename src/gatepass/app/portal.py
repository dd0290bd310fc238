"""Puts the portal together from an installation's parts, and beside the API under one address."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from starlette.routing import Match, Mount
from starlette.types import Scope

from gatepass.app.aws_names import AwsNames
from gatepass.app.build import Installation
from gatepass.app.settings import Settings, SettingsError
from gatepass.engine import forecast
from gatepass.store import Pace
from gatepass.web import Parts, build_portal
from gatepass.web.address import Address
from gatepass.web.command_line import CommandLine
from gatepass.web.forms import Recent
from gatepass.web.heads import Heads
from gatepass.web.oidc import ALGORITHMS, Client, OpenIdSignIn, check_url
from gatepass.web.sessions import Sessions

FOR_MACHINES = ("/v1", "/openapi.json", "/healthz", "/readyz", "/metrics")
"""Addresses whose errors are problem details, not pages."""


class Pages(Mount):
    """Every address that is not for machines. Stands last: what another face answers never comes here."""

    def __init__(self, installation: Installation, pick_a_person: bool, closing: threading.Event) -> None:
        parts = portal_parts(installation, pick_a_person, closing)
        super().__init__("/", app=build_portal(parts), name="portal")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = str(scope.get("path", ""))
        if any(path == each or path.startswith(f"{each}/") for each in FOR_MACHINES):
            return Match.NONE, {}
        return super().matches(scope)


def portal_parts(
    installation: Installation, pick_a_person: bool = False, closing: threading.Event | None = None
) -> Parts:
    """What the portal of this installation is built from. Raises `SettingsError`."""
    settings = installation.settings
    address = Address(settings.public_url.rstrip("/"))
    return Parts(
        desk=installation.desk,
        office=installation.office,
        store=installation.store,
        clock=installation.clock,
        address=address,
        sessions=Sessions(
            installation.store, installation.clock, settings.session_idle, _session_lasts(settings)
        ),
        command_line=CommandLine(installation.store, installation.office, installation.keys.login),
        heads=Heads(installation.store, installation.clock),
        recent=Recent(installation.clock),
        aws=AwsNames(installation.door, installation.clock),
        sign_in=_sign_in(installation, address),
        closing=closing or threading.Event(),
        pick_a_person=pick_a_person,
        problems=installation.health.wrong,
        late=_lateness(installation),
        calls_per_second=settings.calls_per_second,
        outstanding=settings.outstanding,
    )


def _session_lasts(settings: Settings) -> timedelta:
    """No longer than the issuer's word about groups is believed, where sign-in hangs on it (I8)."""
    gated = settings.oidc_issuer and settings.oidc_groups
    return min(settings.session_lasts, settings.oidc_groups_every) if gated else settings.session_lasts


def _sign_in(installation: Installation, address: Address) -> OpenIdSignIn | None:
    """The issuer that is configured. Raises `SettingsError` for one that is configured by half (security.md 17)."""
    settings = installation.settings
    if not settings.oidc_issuer:
        return None
    client = _client(settings)
    check_url("GATEPASS_OIDC_ISSUER", client.issuer)
    key = installation.keys.login
    return OpenIdSignIn(client, installation.store, installation.book, installation.clock, address, key)


def _client(settings: Settings) -> Client:
    algorithms = tuple(settings.oidc_algorithms.split())
    weak = sorted(set(algorithms) - set(ALGORITHMS))
    faults = []
    if not settings.oidc_client_id:
        faults.append("GATEPASS_OIDC_CLIENT_ID is missing")
    if weak or not algorithms:
        faults.append(f"GATEPASS_OIDC_ALGORITHMS: found {weak}; allowed: {' '.join(ALGORITHMS)}")
    if "openid" not in settings.oidc_scopes.split():
        faults.append("GATEPASS_OIDC_SCOPES does not ask for openid")
    if faults:
        raise SettingsError(
            "nobody could sign in: " + "; ".join(faults), advice="correct them and start again"
        )
    file = settings.oidc_client_secret_file
    secret = file.read_text(encoding="utf-8").strip() if file is not None else settings.oidc_client_secret
    return Client(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=secret,
        scopes=settings.oidc_scopes,
        algorithms=algorithms,
        groups_claim=settings.oidc_groups_claim,
        groups=frozenset(each.strip() for each in settings.oidc_groups.split(",") if each.strip()),
    )


def _lateness(installation: Installation) -> Callable[[str, timedelta], timedelta]:
    pace = Pace(limit=installation.settings.calls_per_second)

    def late(scope: str, after: timedelta) -> timedelta:
        now = installation.clock.now()
        with installation.store.read() as view:
            return forecast.lateness(view, scope, now + after, now, pace)

    return late
