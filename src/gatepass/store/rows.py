"""Rows to values and values to rows, for requests, decisions, grants, facts and attempts."""

from __future__ import annotations

import json
from datetime import timedelta

from gatepass.access.facts import Attempt, Fact, FactKey
from gatepass.access.requests import (
    Answer,
    Claim,
    Decision,
    Grant,
    Request,
    canonical,
    terms_from_json,
    terms_to_json,
)
from gatepass.access.states import FactState, GrantState, Outcome, RequestState, Verb
from gatepass.clock import from_ms, to_ms
from gatepass.store.link import Row, moment, ms

_MS = timedelta(milliseconds=1)

TAKE_BACK, POLL, GIVE = 0, 1, 2
"""The order of claims: what may be a take-back, then what is on its way, then what waits to begin."""


def json_text(value: object) -> str:
    """Canonical JSON, as every JSON column keeps it."""
    return canonical(value).decode()


def length(value: timedelta | None) -> int | None:
    return None if value is None else value // _MS


def _length(value: int | None) -> timedelta | None:
    return None if value is None else value * _MS


def fact_from(row: Row) -> Fact:
    return Fact(
        key=FactKey.parse(row["key"]),
        organization=row["organization"],
        state=FactState(row["state"]),
        ours=bool(row["ours"]),
        handle=row["handle"],
        due_at=moment(row["due_at"]),
        tries=row["tries"],
        last_error=row["last_error"],
        read_at=moment(row["read_at"]),
        absent_at=moment(row["absent_at"]),
        place=row["place"],
        version=row["version"],
        fence=row["fence"],
    )


def fact_row(fact: Fact) -> dict[str, object]:
    """What a plan may change; key, lease, fence and version are the store's."""
    return {
        "state": fact.state.value,
        "ours": fact.ours,
        "handle": fact.handle,
        "due_at": ms(fact.due_at),
        "priority": priority(fact.state),
        "tries": fact.tries,
        "last_error": fact.last_error,
        "read_at": ms(fact.read_at),
        "absent_at": ms(fact.absent_at),
    }


def priority(state: FactState) -> int:
    """In which order a due fact is claimed: a flood of requests cannot delay a take-back."""
    return {FactState.ABSENT: GIVE, FactState.CREATING: POLL}.get(state, TAKE_BACK)


def grant_from(row: Row) -> Grant:
    return Grant(
        id=row["id"],
        request=row["request"],
        person=row["person"],
        organization=row["organization"],
        fact=FactKey.parse(row["fact"]),
        duration=row["duration"] * _MS,
        made_at=from_ms(row["made_at"]),
        start_by=from_ms(row["start_by"]),
        state=GrantState(row["state"]),
        starts_at=moment(row["starts_at"]),
        ends_at=moment(row["ends_at"]),
        ended_at=moment(row["ended_at"]),
        why=row["why"],
        ended_by=row["ended_by"],
        covered_by=row["covered_by"],
        session=row["session"] * _MS,
        version=row["version"],
    )


def grant_row(grant: Grant) -> dict[str, object]:
    return {
        "id": grant.id,
        "request": grant.request,
        "person": grant.person,
        "organization": grant.organization,
        "fact": grant.fact.text,
        "duration": length(grant.duration),
        "made_at": to_ms(grant.made_at),
        "start_by": to_ms(grant.start_by),
        "state": grant.state.value,
        "starts_at": ms(grant.starts_at),
        "ends_at": ms(grant.ends_at),
        "ended_at": ms(grant.ended_at),
        "why": grant.why,
        "ended_by": grant.ended_by,
        "covered_by": grant.covered_by,
        "session": length(grant.session),
    }


def attempt_from(row: Row) -> Attempt:
    read_before = row["read_before"]
    return Attempt(
        id=row["id"],
        fact=FactKey.parse(row["fact"]),
        verb=Verb(row["verb"]),
        intent_at=from_ms(row["intent_at"]),
        read_before=None if read_before is None else bool(read_before),
        sent_by=row["sent_by"],
        op_ref=row["op_ref"],
        inflight=bool(row["inflight"]),
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        finished_at=moment(row["finished_at"]),
        detail=row["detail"],
        refused=bool(row["refused"]),
    )


def attempt_row(attempt: Attempt) -> dict[str, object]:
    return {
        "id": attempt.id,
        "fact": attempt.fact.text,
        "scope": attempt.fact.scope,
        "verb": attempt.verb.value,
        "intent_at": to_ms(attempt.intent_at),
        "read_before": attempt.read_before,
        "sent_by": attempt.sent_by,
        **outcome_row(attempt),
    }


def outcome_row(attempt: Attempt) -> dict[str, object]:
    """What becomes known of an attempt after it was sent."""
    return {
        "op_ref": attempt.op_ref,
        "inflight": attempt.inflight,
        "outcome": None if attempt.outcome is None else attempt.outcome.value,
        "finished_at": ms(attempt.finished_at),
        "detail": attempt.detail,
        "refused": attempt.refused,
    }


def request_from(row: Row) -> Request:
    return Request(
        id=row["id"],
        flow=row["flow"],
        estate_version=row["estate_version"],
        requester=row["requester"],
        source=row["source"],
        asked_at=from_ms(row["asked_at"]),
        terms=terms_from_json(json.loads(row["terms"])),
        organization=row["organization"],
        target=row["target"],
        account_id=row["account_id"],
        duration=_length(row["duration"]),
        reason=row["reason"],
        values=json.loads(row["values"]),
        state=RequestState(row["state"]),
        why=row["why"],
        expires_at=moment(row["expires_at"]),
        claims=tuple(Claim(FactKey.parse(key), session * _MS) for key, session in json.loads(row["claims"])),
        decided_at=moment(row["decided_at"]),
        extension=_length(row["extension"]),
        round=row["round"],
        asked_by=row["asked_by"],
        context=json.loads(row["context"]),
        notices=None if row["notices"] is None else tuple(json.loads(row["notices"])),
        version=row["version"],
    )


def request_row(request: Request) -> dict[str, object]:
    return {
        "id": request.id,
        "flow": request.flow,
        "estate_version": request.estate_version,
        "requester": request.requester,
        "source": request.source,
        "asked_at": to_ms(request.asked_at),
        "terms": json_text(terms_to_json(request.terms)),
        "organization": request.organization,
        "target": request.target,
        "account_id": request.account_id,
        "duration": length(request.duration),
        "reason": request.reason,
        "values": json_text(dict(request.values)),
        "state": request.state.value,
        "why": request.why,
        "expires_at": ms(request.expires_at),
        "claims": json_text([[claim.fact.text, length(claim.session)] for claim in request.claims]),
        "decided_at": ms(request.decided_at),
        "extension": length(request.extension),
        "round": request.round,
        "asked_by": request.asked_by,
        "context": json_text(dict(request.context)),
        "notices": None if request.notices is None else json_text([dict(each) for each in request.notices]),
        "due_at": _request_due(request),
    }


def _request_due(request: Request) -> int | None:
    """When the engine must look at it: at once while handlers are to run, then when a question goes unanswered."""
    if request.state is RequestState.ASKED:
        return to_ms(request.asked_at)
    open_question = request.state is RequestState.PENDING or (
        request.state is RequestState.APPROVED and request.extension is not None
    )
    return ms(request.expires_at) if open_question else None


def decision_from(row: Row) -> Decision:
    return Decision(
        id=row["id"],
        request=row["request"],
        round=row["round"],
        content_hash=row["content_hash"],
        answer=Answer(row["answer"]),
        by=row["by"],
        at=from_ms(row["at"]),
        message=row["message"],
        duration=_length(row["duration"]),
    )


def decision_row(decision: Decision) -> dict[str, object]:
    return {
        "id": decision.id,
        "request": decision.request,
        "round": decision.round,
        "content_hash": decision.content_hash,
        "answer": decision.answer.value,
        "by": decision.by,
        "at": to_ms(decision.at),
        "message": decision.message,
        "duration": length(decision.duration),
    }
