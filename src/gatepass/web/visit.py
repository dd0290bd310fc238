"""One visit of one person: what every page passes before it runs, and what every answer carries.

Order: address, origin, session, anti-CSRF token, then the page. A page is a plain function of a `Visit`, run in a
thread; what it raises becomes an escaped page with the right status (security.md 17-20).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from gatepass.access.decide import Reason, Refused
from gatepass.desk import Caller, Repeat
from gatepass.errors import GatepassError
from gatepass.estate.model import ADMINS, Person
from gatepass.store import WebSession
from gatepass.web.heads import write_cursor
from gatepass.web.naming import Names
from gatepass.web.parts import Parts
from gatepass.web.words import draw

log = logging.getLogger(__name__)

MAX_FIELDS = 500
_LOOK_AGAIN = {Reason.NOT_OPEN, Reason.CHANGED, Reason.ANSWERED, Reason.NOTHING_LIVE}
_STATUS = {
    "refused": 403,
    "not_found": 404,
    "conflict": 409,
    "wrong_address": 421,
    "bad_fields": 422,
    "idempotency_key_reused": 422,
    "unavailable": 503,
    "no_estate": 503,
    "bug": 500,
}


class Forged(GatepassError):
    """A change that did not come from a page of ours."""

    code = "refused"


@dataclass(frozen=True)
class Visit:
    """A person at a page, with what they sent."""

    parts: Parts
    request: Request
    person: Person
    session: WebSession
    cursor: str
    """Where the log stood before anything was read for the page: live updates go on from there."""
    sent: Mapping[str, list[str]] = field(default_factory=dict)
    """The form that was posted; empty for a GET."""

    @property
    def caller(self) -> Caller:
        return Caller(self.person.id, "web")

    @property
    def admin(self) -> bool:
        """What to show, not what to allow: the desk decides again."""
        return ADMINS.includes(self.person)

    def one(self, name: str) -> str:
        """One value of the posted form; empty when it was not sent."""
        return (self.sent.get(name) or [""])[0]

    def asked(self, name: str) -> str:
        """One value of the address."""
        return str(self.request.query_params.get(name, ""))

    def repeat(self) -> Repeat | None:
        """What makes a second delivery of this form known as such (I9)."""
        key = self.one("key")
        if not 10 <= len(key) <= 100:
            return None
        said = sorted((name, values) for name, values in self.sent.items() if name != "csrf")
        return Repeat(f"POST {self.request.url.path}", key, hashlib.sha256(repr(said).encode()).hexdigest())

    def page(self, template: str, status: int = 200, **shown: object) -> Response:
        """Draw a page for this person."""
        waiting = self.parts.desk.count_to_decide(self.caller)
        common = {
            "me": self.person,
            "is_admin": self.admin,
            "csrf": self.session.csrf,
            "key": secrets.token_urlsafe(16),
            "here": self.request.url.path,
            "waiting": waiting,
            "now": self.parts.clock.now(),
            "said": self.asked("said"),
            "demo": self.parts.pick_a_person,
            "cursor": self.cursor,
        }
        return draw(template, status, **{**common, **shown})

    def names(self) -> Names:
        """Names for everything that this page shows."""
        return Names(self.parts.desk.estate(), self.parts.store, self.parts.aws)

    def go(self, path: str) -> Response:
        """After a change: look at the result, so that reloading repeats nothing."""
        return RedirectResponse(path, 303)


View = Callable[[Visit], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def visited(parts: Parts, view: View, *, counts: bool = True) -> Endpoint:
    """An endpoint for people who are signed in. `counts`: whether it keeps the session from idling out."""

    async def answer(request: Request) -> Response:
        body = await request.body() if request.method == "POST" else b""
        return await run_in_threadpool(_answer, parts, view, request, body, counts)

    return answer


def public(parts: Parts, view: Callable[[Request, Mapping[str, list[str]]], Response]) -> Endpoint:
    """An endpoint for anybody: signing in. A POST must come from a page of ours."""

    async def answer(request: Request) -> Response:
        body = await request.body() if request.method == "POST" else b""
        return await run_in_threadpool(_guarded, request, lambda: _public(parts, view, request, body))

    return answer


def for_programs(parts: Parts, view: Callable[[Request, Mapping[str, list[str]]], Response]) -> Endpoint:
    """An endpoint for programs: no cookie counts here, so it needs no Origin; errors are JSON in words."""

    def told(request: Request, body: bytes) -> Response:
        try:
            parts.address.origin(request)
            return view(request, _form(request, body))
        except GatepassError as error:
            return JSONResponse({"detail": error.message, "advice": error.advice}, status_of(error))

    async def answer(request: Request) -> Response:
        return await run_in_threadpool(told, request, await request.body())

    return answer


def _answer(parts: Parts, view: View, request: Request, body: bytes, counts: bool) -> Response:
    return _guarded(request, lambda: _visit(parts, view, request, body, counts))


def _public(
    parts: Parts, view: Callable[[Request, Mapping[str, list[str]]], Response], request: Request, body: bytes
) -> Response:
    origin = parts.address.origin(request)
    if request.method == "POST" and not _from_here(request, origin):
        raise Forged("this form did not come from a page of gatepass", advice="open the page and try again")
    return view(request, _form(request, body))


def _visit(parts: Parts, view: View, request: Request, body: bytes, counts: bool) -> Response:
    origin = parts.address.origin(request)
    known = who(parts, request)
    if known is None:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        back = f"?next={quote(here, safe='')}" if request.method == "GET" and here != "/" else ""
        return RedirectResponse(f"/login{back}", 303)
    session, person = known
    sent = _form(request, body)
    if request.method == "POST":
        _check_ours(parts, request, session, sent, origin)
    if counts:
        parts.sessions.seen(session)
    cursor = write_cursor(parts.heads.now())
    return view(Visit(parts, request, person, session, cursor, sent))


def who(parts: Parts, request: Request) -> tuple[WebSession, Person] | None:
    """Whose session the browser carries; None: nobody's, or of somebody who has left (I13)."""
    session = parts.sessions.find(request.cookies.get(parts.address.cookie("gatepass"), ""))
    if session is None:
        return None
    try:
        return session, parts.desk.who(Caller(session.person, "web"))
    except Refused:
        return None


def _check_ours(
    parts: Parts, request: Request, session: WebSession, sent: Mapping[str, list[str]], origin: str
) -> None:
    """A change comes from a page of ours, in this session (security.md 18); anything else is told to the log."""
    token = (sent.get("csrf") or [""])[0]
    if _from_here(request, origin) and hmac.compare_digest(token.encode(), session.csrf.encode()):
        return
    found = request.headers.get("origin", "no origin")
    parts.sessions.alarm(session, "forged form", request.url.path, found)
    raise Forged(
        "this form did not come from a page of gatepass, or is from an older sign-in",
        advice="open the page again and repeat what you did",
    )


def _from_here(request: Request, origin: str) -> bool:
    found = request.headers.get("origin")
    if found is not None:
        return found.lower() == origin
    return request.headers.get("sec-fetch-site") == "same-origin"


def _form(request: Request, body: bytes) -> Mapping[str, list[str]]:
    if not body:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise GatepassError("this is not a form of gatepass", advice="open the page and try again")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as wrong:
        raise GatepassError("this form cannot be read", advice="open the page and try again") from wrong


def _guarded(request: Request, answer: Callable[[], Response]) -> Response:
    """Whatever goes wrong becomes a page in words; a traceback goes to the log only."""
    try:
        response = answer()
    except GatepassError as error:
        response = trouble(status_of(error), error.message, error.advice)
    except Exception:
        log.exception("%s %s failed", request.method, request.url.path)
        response = trouble(500, "gatepass could not answer this", "the server's log says more")
    return response


def status_of(error: GatepassError) -> int:
    """The HTTP status of an error of ours; what is not listed is a mistake that was said in words."""
    if isinstance(error, Refused) and error.verdict.reason in _LOOK_AGAIN:
        return 409
    return _STATUS.get(error.code, 400)


def trouble(status: int, message: str, advice: str = "") -> Response:
    """A page for what cannot be shown."""
    return draw("trouble.html", status, code=status, message=message, advice=advice)


def local_path(text: str) -> str:
    """A path of ours to go to after signing in; anything else is the first page. Never another host."""
    parts = urlsplit(text)
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.netloc
    return text if plain and "\\" not in text and text.isprintable() and len(text) < 1000 else "/"
