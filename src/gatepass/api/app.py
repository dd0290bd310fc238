"""The HTTP application: `/v1`, its description, health; other faces are mounted beside it by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse

from gatepass.api import problems, routes
from gatepass.api.guard import Crowd, Guard
from gatepass.clock import Clock


@dataclass(frozen=True, slots=True)
class Health:
    """How the process is, asked afresh each time."""

    problems: Callable[[], list[str]]
    """Why it is not ready; empty: it is."""
    metrics: Callable[[], str]
    """In the text format of Prometheus."""


def build_api(parts: routes.Parts, health: Health, clock: Clock, version: str) -> FastAPI:
    """The application. Bind it to loopback or behind a proxy that speaks TLS."""
    app = FastAPI(
        title="gatepass",
        version=version,
        summary="The self-hosted gate to AWS: ask for access, decide, hold it, see it end.",
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    app.include_router(routes.build(parts))

    @app.get("/healthz", include_in_schema=False)
    def alive() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/readyz", include_in_schema=False)
    def ready() -> JSONResponse:
        wrong = health.problems()
        return JSONResponse({"ready": not wrong, "problems": wrong}, 503 if wrong else 200)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(health.metrics(), media_type="text/plain; version=0.0.4")

    app.add_middleware(Guard, crowd=Crowd(clock))
    return app
