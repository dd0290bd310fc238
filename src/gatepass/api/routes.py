"""The routes of `/v1`: authenticate, hand the words to the desk, show what comes back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from gatepass.access.decide import Reason, Verdict, require
from gatepass.access.requests import Answer
from gatepass.access.states import RequestState
from gatepass.api import bodies, render
from gatepass.api.offered import AwsTells, sessions_json
from gatepass.desk import Ask, Caller, Desk, Repeat, Said
from gatepass.desk.office import BadToken, Office, Scope
from gatepass.errors import GatepassError
from gatepass.store import RequestFilter, Token

Json = dict[str, Any]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/problem+json": {}}}
    for status, text in {
        400: "The body cannot be read",
        401: "No valid token",
        403: "Not allowed; `reason` says why",
        404: "Nothing of that name that you may know of",
        409: "Somebody was faster, or the state does not allow it; look again",
        422: "Fields that cannot be used; every fault at once",
        429: "Too many requests",
        503: "Not available now; trying again is safe",
    }.items()
}


class Applier(Protocol):
    """Checks and applies an estate; the composition root has it, for it reads files and knows the connectors."""

    def apply(self, caller: Caller, files: dict[str, str], *, end_grants: bool, agreed: bool) -> Json:
        """What was applied, in words. Raises errors that name every fault."""
        ...


class Applies(Protocol):
    """Applies teams to many accounts as a job; the composition root has it."""

    def start(self, caller: Caller, plan: dict[str, Any], files: dict[str, str]) -> Json:
        """Starts a plan or joins it. Raises errors that name every fault, before anything is kept."""
        ...

    def show(self, caller: Caller, job_id: str) -> Json:
        """How far it is, and what came of each account."""
        ...

    def stop(self, caller: Caller, job_id: str) -> Json:
        """Begins nothing more of it."""
        ...


class Drifts(Protocol):
    """Compares AWS with the declared teams; the composition root has it."""

    def start(self, caller: Caller) -> Json:
        """Looks at once, or joins the look that is under way."""
        ...

    def show(self, caller: Caller) -> Json:
        """What the last look found, and whether one is under way."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes hand words to."""

    desk: Desk
    office: Office
    applier: Applier
    applies: Applies
    drifts: Drifts
    aws: AwsTells
    issued_decide: bool = False
    """Whether answers count that come by a token somebody else issued: where nobody can sign in, and in the demo."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who calls, and what their token is good for."""

    caller: Caller
    token: Token

    @property
    def scopes(self) -> frozenset[str]:
        return self.token.scopes

    def need(self, scope: str) -> Caller:
        if scope not in self.scopes:
            words = f"this token is not good for {scope!r}"
            require(
                Verdict(
                    Reason.NOT_ALLOWED,
                    words,
                    f"an admin can issue one with: gatepass token issue PERSON --scope {scope}",
                )
            )
        return self.caller


Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="Repeat safely for 24 h"),
]


def build(parts: Parts) -> APIRouter:
    """Every route under `/v1`."""
    router = APIRouter(prefix="/v1", responses=PROBLEMS)
    bearer = _bearer(parts)
    _asking(router, parts, bearer)
    _requests(router, parts, bearer)
    _answers(router, parts, bearer)
    _tokens(router, parts, bearer)
    _admin(router, parts, bearer)
    _teams(router, parts, bearer)
    return router


def _bearer(parts: Parts) -> Any:
    def authenticate(
        authorization: Annotated[str, Header()] = "", user_agent: Annotated[str, Header()] = ""
    ) -> Bearer:
        kind, _, text = authorization.partition(" ")
        if kind.lower() != "bearer" or not text:
            raise BadToken("a bearer token is needed", advice="send: Authorization: Bearer ...")
        person, token = parts.office.authenticate(text.strip())
        source = "cli" if user_agent.startswith("gatepass-cli") else "api"
        caller = Caller(
            person.id,
            source,
            on_behalf="on_behalf" in token.scopes,
            signed_in=token.own or parts.issued_decide,
        )
        return Bearer(caller, token)

    return Depends(authenticate)


def _repeat(request: Request, key: str | None, body: bodies.Body) -> Repeat | None:
    if key is None:
        return None
    digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    return Repeat(f"{request.method} {request.url.path}", key, digest)


def _asking(router: APIRouter, parts: Parts, bearer: Any) -> None:
    @router.get("/me", tags=["asking"])
    def me(who: Bearer = bearer) -> Json:
        """Who I am here, and what my token is good for."""
        return {**render.person_json(parts.desk.who(who.caller)), "scopes": sorted(who.scopes)}

    @router.get("/offers", tags=["asking"])
    def offers(who: Bearer = bearer) -> Json:
        """Everything I may ask for."""
        return {"offers": [render.offer_json(offer) for offer in parts.desk.offers(who.caller)]}

    @router.post("/forms", tags=["asking"])
    def form(body: bodies.AskBody, who: Bearer = bearer) -> Json:
        """The form for a flow and target, and the accounts to choose from."""
        wanted = Ask(body.flow, body.target, body.organization, body.fields)
        return render.form_json(parts.desk.form(who.caller, wanted))

    @router.post("/forms/{field}", tags=["asking"])
    def changed(field: str, body: bodies.AskBody, who: Bearer = bearer) -> Json:
        """The form after `field` was changed to what the body says: the flow's `on_change` may answer."""
        wanted = Ask(body.flow, body.target, body.organization, body.fields)
        return render.form_json(parts.desk.changed(who.caller, wanted, field))

    @router.get("/sessions", tags=["asking"])
    def sessions(who: Bearer = bearer) -> Json:
        """Logins and sessions for my laptop: all that I may ask for, one per account. No secrets; may run code."""
        return sessions_json(parts.desk, parts.aws, who.caller)

    @router.get("/access", tags=["asking"])
    def access(who: Bearer = bearer) -> Json:
        """What I hold now, with both ends."""
        return {"access": [render.held_json(held) for held in parts.desk.held(who.caller)]}


def _requests(router: APIRouter, parts: Parts, bearer: Any) -> None:
    @router.post("/requests", status_code=202, tags=["requests"])
    def ask(request: Request, body: bodies.AskBody, key: Key = None, who: Bearer = bearer) -> Json:
        """Ask. The answer is the request as committed; watch its state."""
        wanted = Ask(body.flow, body.target, body.organization, body.fields, body.requester, body.context)
        made = parts.desk.ask(who.need("ask"), wanted, _repeat(request, key, body))
        return render.request_json(made)

    @router.get("/requests", tags=["requests"])
    def find(
        flow: str | None = None,
        requester: str | None = None,
        target: str | None = None,
        state: Annotated[list[RequestState] | None, Query()] = None,
        since: datetime | None = None,
        until: datetime | None = None,
        to_decide: bool = False,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        who: Bearer = bearer,
    ) -> Json:
        """Requests I may see, newest first; or, with `to_decide`, the oldest questions that wait for me."""
        if to_decide:
            waiting = parts.desk.to_decide(who.caller, limit)
            return {"requests": [render.request_json(each) for each in waiting], "next": None}
        for at in (since, until):
            if at is not None and at.tzinfo is None:
                raise GatepassError(
                    f"{at.isoformat()} has no time zone", advice="write it like 2026-01-31T09:00:00Z"
                )
        wanted = RequestFilter(flow, requester, target, frozenset(state or ()), since, until)
        page = parts.desk.requests(who.caller, wanted, cursor=cursor, limit=limit)
        return {"requests": [render.request_json(each) for each in page.requests], "next": page.next}

    @router.get("/requests/{request_id}", tags=["requests"])
    def show(request_id: str, who: Bearer = bearer) -> Json:
        """One request with its grants, answers, calls to AWS, errors, and what I may do with it."""
        return render.shown_json(parts.desk.show(who.caller, request_id))


def _answers(router: APIRouter, parts: Parts, bearer: Any) -> None:
    @router.post("/requests/{request_id}/approve", tags=["answers"])
    def approve(
        request: Request, request_id: str, body: bodies.AnswerBody, key: Key = None, who: Bearer = bearer
    ) -> Json:
        """Approve exactly what was shown, or for a shorter time."""
        lasts = bodies.length(body.duration)
        said = Said(request_id, Answer.APPROVE, body.content_hash, body.message, lasts)
        return render.request_json(parts.desk.answer(who.need("decide"), said, _repeat(request, key, body)))

    @router.post("/requests/{request_id}/deny", tags=["answers"])
    def deny(
        request: Request, request_id: str, body: bodies.DenyBody, key: Key = None, who: Bearer = bearer
    ) -> Json:
        """Deny exactly what was shown."""
        said = Said(request_id, Answer.DENY, body.content_hash, body.message)
        return render.request_json(parts.desk.answer(who.need("decide"), said, _repeat(request, key, body)))

    @router.post("/requests/{request_id}/revoke", tags=["answers"])
    def revoke(request: Request, request_id: str, key: Key = None, who: Bearer = bearer) -> Json:
        """Take back now what the request gave: its requester, an approver, or an admin."""
        _need_for_ending(parts, who, request_id)
        repeat = _repeat(request, key, bodies.Body())
        return render.request_json(parts.desk.end(who.caller, request_id, repeat))

    @router.post("/requests/{request_id}/extend", tags=["answers"])
    def extend(
        request: Request, request_id: str, body: bodies.ExtendBody, key: Key = None, who: Bearer = bearer
    ) -> Json:
        """Ask for more time while access is live."""
        by = bodies.length(body.duration)
        assert by is not None
        repeat = _repeat(request, key, body)
        return render.request_json(parts.desk.extend(who.need("ask"), request_id, by, repeat))

    @router.post("/requests/{request_id}/cancel", tags=["answers"])
    def cancel(request: Request, request_id: str, key: Key = None, who: Bearer = bearer) -> Json:
        """Withdraw a request that is not decided yet."""
        _need_for_ending(parts, who, request_id)
        repeat = _repeat(request, key, bodies.Body())
        return render.request_json(parts.desk.cancel(who.caller, request_id, repeat))


def _need_for_ending(parts: Parts, who: Bearer, request_id: str) -> None:
    """Any token ends what is one's own; what is somebody else's needs one that decides, or an admin's."""
    request = parts.desk.show(who.caller, request_id).request
    own = who.caller.person in (request.requester, request.asked_by)
    if not own and "admin" not in who.scopes:
        who.need("decide")


def _tokens(router: APIRouter, parts: Parts, bearer: Any) -> None:
    @router.post("/tokens", status_code=201, tags=["tokens"])
    def issue(body: bodies.TokenBody, response: Response, who: Bearer = bearer) -> Json:
        """Issue a token; its text is in this answer and nowhere else. Somebody else's, or a wider one: as an admin."""
        lasts = bodies.length(body.lasts)
        assert lasts is not None
        wider = set(body.scopes) - who.scopes
        if wider or body.person != who.caller.person:
            who.need("admin")
        token, text = parts.office.issue_token(
            who.caller, body.person, frozenset(body.scopes), lasts, body.label, through=who.token
        )
        response.headers["Cache-Control"] = "no-store"
        return {**render.token_json(token), "token": text}

    @router.get("/tokens", tags=["tokens"])
    def tokens(who: Bearer = bearer) -> Json:
        """My tokens; for an admin everybody's. Never their texts."""
        found = [each for each in parts.office.tokens(who.caller) if _within(who, each.person)]
        return {"tokens": [render.token_json(token) for token in found]}

    @router.delete("/tokens/{token_id}", status_code=204, tags=["tokens"])
    def revoke(token_id: str, who: Bearer = bearer) -> None:
        """End a token at once, and all that were issued through it."""
        known = {each.id: each.person for each in parts.office.tokens(who.caller)}
        if not _within(who, known.get(token_id, who.caller.person)):
            who.need("admin")
        parts.office.revoke_token(who.caller, token_id)


def _within(who: Bearer, person: str) -> bool:
    """Whether this token reaches what is this person's: one's own always, others' as an admin."""
    return person == who.caller.person or "admin" in who.scopes


def _admin(router: APIRouter, parts: Parts, bearer: Any) -> None:
    @router.post("/estate", tags=["admin"])
    def apply(body: bodies.EstateBody, who: Bearer = bearer) -> Json:
        """Apply an estate as one version, or not at all. What people would lose is named, unless it is agreed."""
        caller = who.need("admin")
        return parts.applier.apply(caller, body.files, end_grants=body.end_grants, agreed=body.agreed)

    @router.get("/organizations", tags=["admin"])
    def organizations(who: Bearer = bearer) -> Json:
        """Every organization with what is live and what waits there."""
        states = parts.office.organizations(who.need("admin"))
        return {"organizations": [render.organization_json(state) for state in states]}

    @router.post("/end", tags=["admin"])
    def end(body: bodies.EndBody, who: Bearer = bearer) -> Json:
        """The red button: end everything of a person, an organization or an account."""
        scope = Scope(body.person, body.organization, body.account_id)
        return {"ended": parts.office.end_everything(who.need("admin"), scope)}

    @router.get("/people", tags=["admin"])
    def people(who: Bearer = bearer) -> Json:
        """Everybody the estate knows."""
        return {"people": [render.person_json(each) for each in parts.office.everybody(who.need("admin"))]}

    @router.post("/people/{person_id}/disable", tags=["admin"])
    def disable(person_id: str, body: bodies.DisableBody, who: Bearer = bearer) -> Json:
        """Somebody has left: everything of theirs ends now."""
        return {"ended": parts.office.disable(who.need("admin"), person_id, body.why)}

    @router.post("/people/{person_id}/enable", status_code=204, tags=["admin"])
    def enable(person_id: str, who: Bearer = bearer) -> None:
        """Somebody is back; what was ended stays ended."""
        parts.office.enable(who.need("admin"), person_id)

    @router.put("/people/{person_id}/identities", status_code=204, tags=["admin"])
    def identity(person_id: str, body: bodies.IdentityBody, who: Bearer = bearer) -> None:
        """Say who a person is in a service."""
        caller = who.need("admin")
        parts.office.store_identity(caller, person_id, body.service, body.external_id, body.identity)

    @router.get("/audit/export", tags=["admin"], response_class=StreamingResponse)
    def export(
        organization: Annotated[list[str] | None, Query()] = None, who: Bearer = bearer
    ) -> StreamingResponse:
        """The audit log as JSON lines; verify it with `gatepass audit verify`."""
        caller = who.need("admin")
        wanted: list[str | None] | None = None if organization is None else list(organization)
        lines = parts.office.export(caller, wanted)
        first = next(lines, "")

        def all_lines() -> Iterator[str]:
            yield first
            yield from lines

        return StreamingResponse(all_lines(), media_type="application/x-ndjson")


def _teams(router: APIRouter, parts: Parts, bearer: Any) -> None:
    @router.post("/teams/applies", status_code=202, tags=["teams"])
    def start(body: bodies.TeamsApplyBody, who: Bearer = bearer) -> Json:
        """Apply a plan of `gatepass teams plan --out` to every account it names, as a job. The same plan is one job."""
        return parts.applies.start(who.need("admin"), body.plan, body.files)

    @router.get("/teams/applies/{job_id}", tags=["teams"])
    def progress(job_id: str, who: Bearer = bearer) -> Json:
        """How far an apply is, and what came of each account."""
        return parts.applies.show(who.need("admin"), job_id)

    @router.post("/teams/applies/{job_id}/stop", tags=["teams"])
    def stop_apply(job_id: str, who: Bearer = bearer) -> Json:
        """Begin no further account; those that are being worked on end. Sending the plan again goes on."""
        return parts.applies.stop(who.need("admin"), job_id)

    @router.get("/teams/drift", tags=["teams"])
    def drift(who: Bearer = bearer) -> Json:
        """What the last comparison of AWS with the declared teams found, and whether one is under way."""
        return parts.drifts.show(who.need("admin"))

    @router.post("/teams/drift", status_code=202, tags=["teams"])
    def look(who: Bearer = bearer) -> Json:
        """Compare now: what the estate says to repair is repaired. A comparison that is under way is joined."""
        return parts.drifts.start(who.need("admin"))
