"""Signing in and out: by the organization's issuer of identities, or, in the demo, by picking a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gatepass.errors import GatepassError
from gatepass.web.parts import Parts
from gatepass.web.visit import Visit, local_path
from gatepass.web.words import draw

Sent = Mapping[str, list[str]]
Public = Callable[[Parts, Callable[[Request, Sent], Response]], Any]


def routes(parts: Parts, public: Public) -> list[Route]:
    """The pages for people who are not signed in yet."""

    def page(request: Request, sent: Sent) -> Response:
        back_to = local_path(request.query_params.get("next", "/"))
        return _page(parts, back_to)

    def pick(request: Request, sent: Sent) -> Response:
        person = parts.desk.estate().people.get((sent.get("person") or [""])[0])
        if not parts.pick_a_person or person is None or not person.active:
            raise GatepassError("nobody can be picked here", advice="sign in as your organization does")
        return _enter(parts, request, person.id, "demo", local_path((sent.get("next") or ["/"])[0]))

    def begin(request: Request, sent: Sent) -> Response:
        if parts.sign_in is None:
            raise GatepassError("no issuer of identities is configured", advice="set GATEPASS_OIDC_ISSUER")
        return parts.sign_in.begin(request, local_path((sent.get("next") or ["/"])[0]))

    def finish(request: Request, sent: Sent) -> Response:
        if parts.sign_in is None:
            raise GatepassError("no issuer of identities is configured", advice="set GATEPASS_OIDC_ISSUER")
        person, back_to = parts.sign_in.finish(request)
        response = _enter(parts, request, person, "oidc", local_path(back_to))
        parts.sign_in.forget(response)
        return response

    found = [
        Route("/login", public(parts, page), methods=["GET"]),
        Route("/login/begin", public(parts, begin), methods=["POST"]),
        Route("/login/callback", public(parts, finish), methods=["GET"]),
    ]
    return (
        [*found, Route("/login/as", public(parts, pick), methods=["POST"])] if parts.pick_a_person else found
    )


def _page(parts: Parts, back_to: str) -> Response:
    people = sorted(parts.desk.estate().people.values(), key=lambda p: p.id) if parts.pick_a_person else []
    return draw("login.html", people=people, sign_in=parts.sign_in, back_to=back_to)


def _enter(parts: Parts, request: Request, person: str, method: str, back_to: str) -> Response:
    """A session under a new id, whatever cookie came along."""
    name = parts.address.cookie("gatepass")
    value = parts.sessions.open(person, method, old_cookie=request.cookies.get(name, "")[:200])
    response = RedirectResponse(back_to, 303)
    response.set_cookie(
        name,
        value,
        path="/",
        secure=parts.address.secure,
        httponly=True,
        samesite="lax",
        max_age=int(parts.sessions.lasts.total_seconds()),
    )
    return response


def sign_out(visit: Visit) -> Response:
    """End this session."""
    visit.parts.sessions.close(visit.session)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(
        visit.parts.address.cookie("gatepass"),
        secure=visit.parts.address.secure,
        httponly=True,
        samesite="lax",
    )
    return response
