"""The portal as one ASGI application: which page stands at which address."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gatepass.web import command_line
from gatepass.web.headers import Headers
from gatepass.web.live import events
from gatepass.web.pages import access, ask, audit, decide, flows, login, organizations, people, requests
from gatepass.web.parts import Parts
from gatepass.web.static import asset
from gatepass.web.visit import View, for_programs, public, trouble, visited


def build_portal(parts: Parts) -> Starlette:
    """Every page. Behind a proxy that speaks TLS, or on loopback."""

    def get(path: str, view: View, *, counts: bool = True) -> Route:
        return Route(path, visited(parts, view, counts=counts), methods=["GET"])

    def post(path: str, view: View) -> Route:
        return Route(path, visited(parts, view), methods=["POST"])

    def take_code(request: Request, sent: Mapping[str, list[str]]) -> Response:
        return command_line.token(parts.command_line, request, sent)

    routes = [
        Route("/static/{digest}/{name}", asset, methods=["GET"]),
        *login.routes(parts, public),
        get("/", access.mine),
        post("/logout", login.sign_out),
        get("/login/cli", command_line.ask),
        post("/login/cli", command_line.allow),
        Route("/login/cli/token", for_programs(parts, take_code), methods=["POST"]),
        get("/ask", ask.choose),
        get("/ask/form", ask.form),
        post("/ask/form", ask.send),
        get("/ask/options", ask.options),
        post("/ask/changed", ask.changed),
        get("/decide", decide.waiting),
        get("/requests", requests.listing),
        get("/requests/{id}", requests.one),
        post("/requests/{id}/answer", decide.answer),
        post("/requests/{id}/end", requests.end),
        post("/requests/{id}/extend", requests.extend),
        post("/requests/{id}/cancel", requests.cancel),
        get("/organizations", organizations.listing),
        get("/organizations/end", organizations.confirm),
        post("/organizations/end", organizations.end),
        get("/flows", flows.listing),
        get("/flows/{name}", flows.one),
        get("/audit", audit.log),
        get("/audit/export", audit.export),
        get("/people", people.listing),
        post("/people/{id}/disable", people.disable),
        post("/people/{id}/enable", people.enable),
        Route("/events", events(parts), methods=["GET"]),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Headers, secure=parts.address.secure)],
        exception_handlers={HTTPException: _plain},
    )


def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "There is no such page.", 405: "This page does not take that."}
    return trouble(error.status_code, words.get(error.status_code, error.detail))
