"""What a flow looks like in Slack before anybody uses it: its modal and its messages. Pure; asks nobody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gatepass.access.decide import terms
from gatepass.access.facts import FactKey
from gatepass.access.requests import Answer, Decision, Grant, Request
from gatepass.access.states import GrantState, RequestState
from gatepass.desk import Option
from gatepass.estate.fields import Field, FieldValue, plain
from gatepass.estate.model import Estate, Offer, Person
from gatepass.notify import words
from gatepass.notify.notice import CARD, Notice
from gatepass.slack import cards, forms
from gatepass.slack.text import Block
from gatepass.store import Message

_EXAMPLES: dict[str, FieldValue] = {
    "string": "as it was typed",
    "int": 3,
    "bool": True,
    "duration": timedelta(hours=1),
    "slack_user": "U012AB3CD",
    "slack_user_list": ("U012AB3CD",),
    "str_list": ("one", "two"),
    "int_list": (1, 2),
}
_MADE = (Option("example-1", "(made by the flow's code)"), Option("example-2", "(when the form opens)"))


@dataclass(frozen=True, slots=True)
class Preview:
    """A flow's modal, and its messages by what happened."""

    modal: Block
    messages: dict[str, dict[str, Any]]


def preview(estate: Estate, offers: tuple[Offer, ...], person: Person, now: datetime) -> Preview:
    """What this person would see of the first of these offers (all of one flow), and what others would be told."""
    offer = offers[0]
    fields = estate.form(offer.flow, offer.target, offer.cap)
    made = {each.name: _MADE for each in fields if each.prefetch}
    form = forms.Form(offers, offer, fields, made)
    asked = _request(offer, fields, person, now)
    approver = next((p.id for p in estate.people.values() if asked.terms.approvers.includes(p)), "somebody")
    notices = _life(estate, asked, approver, now)
    messages = {
        name: {"text": words.subject(notice), "blocks": cards.card(notice)}
        for name, notice in notices.items()
    }
    own = notices["active"] if "active" in notices else notices["approved"]
    messages["to the requester"] = {"text": words.subject(own), "blocks": cards.own_news(own, (own.event,))}
    return Preview(forms.form_view(form), messages)


def _request(offer: Offer, fields: tuple[Field, ...], person: Person, now: datetime) -> Request:
    values = {
        f.name: plain(_value(f))
        for f in fields
        if f.visible and f.name not in ("duration", "reason", "account_id")
    }
    lengths = [
        v for f in fields if f.name == "duration" for v in f.allowed_values if isinstance(v, timedelta)
    ]
    target = offer.target
    return Request(
        id="rpreview00000",
        flow=offer.flow.name,
        estate_version=1,
        requester=person.id,
        source="slack",
        asked_at=now,
        terms=terms(offer),
        organization=offer.organization.name if offer.organization is not None else None,
        target=target.name if target is not None else None,
        account_id=_account(offer),
        duration=lengths[0] if lengths else offer.cap,
        reason="as it was typed",
        values=values,
        state=RequestState.PENDING,
        expires_at=now + timedelta(hours=4),
        version=1,
    )


def _account(offer: Offer) -> str | None:
    target = offer.target
    if target is None or target.type != "aws_sso_permission_set":
        return None
    known = sorted(target.accounts.ids) if target.accounts is not None else []
    return target.settings.get("account_id") or (known[0] if known else "123456789012")


def _value(field: Field) -> FieldValue:
    if field.default is not None:
        return field.default
    if field.allowed_values:
        first = field.allowed_values[0]
        return (first,) if field.type.endswith("_list") else first  # type: ignore[return-value]  # of the list's kind
    return _EXAMPLES[field.type]


def _life(estate: Estate, asked: Request, approver: str, now: datetime) -> dict[str, Notice]:
    """The request at each stage of its life."""
    yes = Decision("d1", asked.id, 1, asked.content_hash, Answer.APPROVE, approver, now)
    no = replace(yes, answer=Answer.DENY, message="not today")
    approved = replace(asked, state=RequestState.APPROVED, decided_at=now, expires_at=None)

    def notice(event: str, request: Request, decisions: tuple[Decision, ...], *grants: Grant) -> Notice:
        message = Message(asked.id, "slack:#preview", CARD, {"event": event})
        return Notice(message, request, grants, decisions, estate, (message,), now)

    found = {
        "pending": notice("pending", asked, ()),
        "denied": notice("denied", replace(asked, state=RequestState.DENIED), (no,)),
        "approved": notice("approved", approved, (yes,)),
    }
    if asked.target is None or asked.duration is None:
        return found
    live = Grant(
        id="gpreview00000",
        request=asked.id,
        person=asked.requester,
        organization=asked.organization or "",
        fact=FactKey("aws_sso_assignment", "preview", ("preview",)),
        duration=asked.duration,
        made_at=now,
        start_by=now + timedelta(hours=1),
        state=GrantState.ACTIVE,
        starts_at=now,
        ends_at=now + asked.duration,
        session=timedelta(hours=1),
    )
    over = replace(live, state=GrantState.ENDED, ended_at=now + asked.duration, why="time")
    found["active"] = notice("active", approved, (yes,), live)
    found["ended"] = notice("ended", replace(approved, state=RequestState.ENDED), (yes,), over)
    return found
