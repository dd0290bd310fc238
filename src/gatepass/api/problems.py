"""Errors as problem details (RFC 9457): the status by the error's stable code, never by its message."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gatepass.access.decide import Reason, Refused
from gatepass.desk import BadAsk
from gatepass.errors import GatepassError

log = logging.getLogger(__name__)

STATUS: Mapping[str, int] = {
    "bad_token": 401,
    "refused": 403,
    "not_found": 404,
    "conflict": 409,
    "estate_in_use": 409,
    "estate_ends_access": 409,
    "bad_fields": 422,
    "bad_cursor": 422,
    "idempotency_key_reused": 422,
    "estate": 422,
    "bad_body": 422,
    "teams": 422,
    "stale_plan": 409,
    "too_many": 429,
    "unavailable": 503,
    "no_estate": 503,
    "bug": 500,
}
"""Any other code is a mistake of the caller's that was said in words: 400."""
_LOOK_AGAIN = {Reason.NOT_OPEN, Reason.CHANGED, Reason.ANSWERED, Reason.NOTHING_LIVE}


def problem(status: int, code: str, detail: str, advice: str = "", **more: object) -> JSONResponse:
    """One problem, in one shape everywhere."""
    body = {"type": f"urn:gatepass:problem:{code}", "title": code.replace("_", " "), "status": status}
    body |= {"code": code, "detail": detail, **({"advice": advice} if advice else {}), **more}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


def status_of(error: GatepassError) -> int:
    """The HTTP status of an error of ours."""
    if isinstance(error, Refused) and error.verdict.reason in _LOOK_AGAIN:
        return 409
    return STATUS.get(error.code, 400)


def install(app: FastAPI) -> None:
    """Answer every error of this app as a problem; a traceback goes to the log, never to the caller."""

    @app.exception_handler(GatepassError)
    async def ours(request: Request, error: GatepassError) -> JSONResponse:
        more: dict[str, object] = {}
        if isinstance(error, Refused):
            more["reason"] = str(error.verdict.reason)
        if isinstance(error, BadAsk):
            more["faults"] = [
                {"field": f.field, "found": f.found, "allowed": f.allowed} for f in error.faults
            ]
        return problem(status_of(error), error.code, error.message, error.advice, **more)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            {
                "field": ".".join(str(part) for part in each["loc"][1:]) or "body",
                "found": str(each["msg"]).removeprefix("Value error, "),
            }
            for each in error.errors()
        ]
        words = "; ".join(f"{fault['field']}: {fault['found']}" for fault in faults)
        return problem(422, "bad_body", words, "correct these and send again", faults=faults)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        code = {401: "bad_token", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
        return problem(error.status_code, code.get(error.status_code, "bad_body"), str(error.detail))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "bug", "gatepass could not answer this", "the server's log says more")
