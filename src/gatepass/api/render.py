"""What is shown, as JSON with stable keys. Only what is listed here leaves; nothing is printed because it is there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from gatepass.access.facts import Attempt, Fact
from gatepass.access.requests import Decision, Grant, Request
from gatepass.clock import iso
from gatepass.desk import Form, Held, Options, Shown
from gatepass.desk.office import OrganizationState
from gatepass.estate.durations import format_duration
from gatepass.estate.fields import Field, plain, shown
from gatepass.estate.model import Offer, Person
from gatepass.store import Token

Json = dict[str, Any]


def moment(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def lasts(length: timedelta | None) -> str | None:
    return None if length is None else format_duration(length)


def request_json(request: Request) -> Json:
    return {
        "id": request.id,
        "flow": request.flow,
        "state": request.state,
        "why": request.why,
        "requester": request.requester,
        "asked_by": request.asked_by,
        "organization": request.organization,
        "target": request.target,
        "account_id": request.account_id,
        "duration": lasts(request.duration),
        "extension": lasts(request.extension),
        "reason": request.reason,
        "fields": dict(request.values),
        "source": request.source,
        "asked_at": iso(request.asked_at),
        "expires_at": moment(request.expires_at),
        "decided_at": moment(request.decided_at),
        "estate_version": request.estate_version,
        "rule": request.terms.rule,
        "approvers": request.terms.approvers.words(),
        "needed": request.terms.needed,
        "facts": [claim.fact.text for claim in request.claims],
        "content_hash": request.content_hash,
        "version": request.version,
    }


def grant_json(grant: Grant) -> Json:
    """Both times, everywhere: nobody begins after `no_new_sessions_after`; what runs is over by the other."""
    return {
        "id": grant.id,
        "request": grant.request,
        "person": grant.person,
        "organization": grant.organization,
        "fact": grant.fact.text,
        "state": grant.state,
        "why": grant.why,
        "duration": lasts(grant.duration),
        "starts_at": moment(grant.starts_at),
        "ended_at": moment(grant.ended_at),
        "ended_by": grant.ended_by,
        "covered_by": grant.covered_by,
        "no_new_sessions_after": moment(grant.ended_at or grant.ends_at),
        "last_session_ends_by": moment(grant.last_session_ends_by),
    }


def decision_json(decision: Decision) -> Json:
    return {
        "by": decision.by,
        "answer": decision.answer,
        "at": iso(decision.at),
        "round": decision.round,
        "message": decision.message,
        "duration": lasts(decision.duration),
    }


def attempt_json(attempt: Attempt) -> Json:
    return {
        "id": attempt.id,
        "verb": attempt.verb,
        "intent_at": iso(attempt.intent_at),
        "outcome": attempt.outcome,
        "finished_at": moment(attempt.finished_at),
        "op_ref": attempt.op_ref,
        "detail": attempt.detail,
    }


def fact_json(fact: Fact) -> Json:
    return {
        "fact": fact.key.text,
        "state": fact.state,
        "ours": fact.ours,
        "last_error": fact.last_error,
        "tries": fact.tries,
        "next_try_at": moment(fact.due_at),
    }


def shown_json(shown_: Shown) -> Json:
    return {
        **request_json(shown_.request),
        "grants": [grant_json(each) for each in shown_.grants],
        "decisions": [decision_json(each) for each in shown_.decisions],
        "attempts": [attempt_json(each) for each in shown_.attempts],
        "fact_states": [fact_json(each) for each in shown_.facts.values()],
        "may": sorted(shown_.may),
        "session": shown_.session,
        "forecast_lateness_s": round(shown_.lateness.total_seconds(), 1),
    }


def held_json(held: Held) -> Json:
    request = held.request
    about = {"flow": request.flow, "target": request.target, "account_id": request.account_id}
    return {**grant_json(held.grant), **about, "reason": request.reason, "session": held.session}


def offer_json(offer: Offer) -> Json:
    target = offer.target
    return {
        "flow": offer.flow.name,
        "flow_label": offer.flow.label,
        "organization": offer.organization.name if offer.organization else None,
        "organization_label": offer.organization.label if offer.organization else None,
        "target": target.name if target else None,
        "target_label": target.label if target else None,
        "longest": lasts(offer.cap),
        "approvers": offer.rule.approvers.words() if offer.rule.needed else "the rule itself",
        "needed": offer.rule.needed,
    }


def field_json(field: Field) -> Json:
    return {
        "name": field.name,
        "type": field.type,
        "label": field.label,
        "required": field.required,
        "visible": field.visible,
        "default": None if field.default is None else plain(field.default),
        "allowed_values": [shown(value) for value in field.allowed_values],
        "prefetch": field.prefetch,
        "pattern": field.pattern,
        "max_length": field.max_length,
    }


def options_json(options: Options) -> Json:
    return {
        "options": [{"value": each.value, "label": each.label} for each in options.options],
        "as_of": moment(options.as_of),
        "problem": options.problem,
    }


def form_json(form: Form) -> Json:
    return {
        "offer": offer_json(form.offer),
        "fields": [field_json(field) for field in form.fields],
        "options": {name: options_json(options) for name, options in form.options.items()},
        "header": form.header,
        "values": dict(form.values),
    }


def person_json(person: Person) -> Json:
    return {
        "id": person.id,
        "label": person.label,
        "email": person.email,
        "role": person.role,
        "groups": sorted(person.groups),
        "active": person.active,
    }


def token_json(token: Token) -> Json:
    return {
        "id": token.id,
        "person": token.person,
        "scopes": sorted(token.scopes),
        "label": token.label,
        "issued_by": token.by,
        "issued_through": token.parent,
        "issued_at": iso(token.made_at),
        "expires_at": iso(token.expires_at),
        "revoked_at": moment(token.revoked_at),
    }


def organization_json(state: OrganizationState) -> Json:
    backlog = state.backlog
    return {
        "name": state.name,
        "label": state.label,
        "instance_arn": state.instance_arn,
        "role_arn": state.role_arn,
        "external_id": state.external_id,
        "live_grants": state.live_grants,
        "ending_grants": state.ending_grants,
        "take_backs_due": backlog.take_backs if backlog else 0,
        "grants_due": backlog.grants if backlog else 0,
        "in_flight": backlog.inflight if backlog else 0,
        "oldest_due_at": moment(backlog.oldest_due_at) if backlog else None,
    }
