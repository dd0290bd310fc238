"""Asking: what a person may ask for, the form for it, and the commit that makes a request of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gatepass.access.decide import Reason, Verdict, may_ask, require, terms
from gatepass.access.events import Event
from gatepass.access.requests import Request
from gatepass.desk.book import Version
from gatepass.desk.people import need
from gatepass.desk.values import MAX_TEXT, Ask, BadAsk, Caller, NotFound
from gatepass.estate.fields import Field, FieldValue, PlainValue, check_fields, plain
from gatepass.estate.model import Accounts, Estate, Offer, Person, Target
from gatepass.store import KnownAccount, Tx, View

LIST = "list what there is with: gatepass request --list"
ACCOUNT, DURATION, REASON = "account_id", "duration", "reason"
"""Fields with a meaning of their own; every other one belongs to the flow."""


@dataclass(frozen=True, slots=True)
class Option:
    """One value that a field offers."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Options:
    """What a field offers this person now, how old the list is, and why it is empty when it should not be."""

    options: tuple[Option, ...]
    as_of: datetime | None = None
    problem: str = ""


def choose(estate: Estate, person: Person, caller: Caller, ask: Ask) -> Offer:
    """The one offer that this ask means. Raises `NotFound` or `Refused`; says what else there is."""
    flow = estate.flows.get(ask.flow)
    offers = tuple(estate.offers(flow, person)) if flow is not None else ()
    if flow is None or not offers:
        raise NotFound(
            f"there is no flow {ask.flow!r} that you may use",
            advice="list them with: gatepass request --list",
        )
    if source(caller) not in flow.allowed_sources:
        words = f"flow {flow.name} cannot be asked from here ({caller.source})"
        require(
            Verdict(Reason.NOT_ALLOWED, words, f"use: {', '.join(sorted(flow.allowed_sources)) or 'nothing'}")
        )
    meant = [offer for offer in offers if _means(offer, ask)]
    if len(meant) == 1:
        return meant[0]
    choices = ", ".join(sorted({_name(offer) for offer in (meant or offers)}))
    if not meant:
        raise NotFound(f"flow {flow.name} offers you no {_words(ask)}", advice=f"it offers: {choices}")
    raise NotFound(f"{_words(ask)} may mean several things", advice=f"name one of: {choices}")


def _means(offer: Offer, ask: Ask) -> bool:
    target = offer.target
    if ask.organization is not None and (target is None or target.organization != ask.organization):
        return False
    return ask.target is None or (target is not None and ask.target in (target.name, target.short))


def _name(offer: Offer) -> str:
    return offer.target.name if offer.target is not None else offer.flow.name


def _words(ask: Ask) -> str:
    target = f"target {ask.target!r}" if ask.target is not None else "target"
    return target + (f" in organization {ask.organization}" if ask.organization is not None else "")


def source(caller: Caller) -> str:
    """The word for where a request comes from, as flows allow or refuse it (spec/sym.md 1.4)."""
    return "slack" if caller.source == "slack" else "api"


@dataclass(frozen=True, slots=True)
class Form:
    """The form for one offer, as one person sees it now."""

    offer: Offer
    fields: tuple[Field, ...]
    options: Mapping[str, Options]
    """By field name: what prefetch fields and the choice of an account offer."""
    header: str = ""
    """Text of the flow's owner, above the fields."""
    values: Mapping[str, PlainValue] = field(default_factory=dict)
    """What is filled in already: by defaults, or by the flow's `on_change`."""


def account_options(view: View | Tx, target: Target) -> Options:
    """The accounts a target covers, as last listed from AWS; suspended ones are not offered (security.md 28)."""
    scope = target.accounts
    if scope is None:
        return Options(())
    listed = view.estates.accounts(target.organization)
    as_of = min((account.seen_at for account in listed if account.seen_at is not None), default=None)
    if scope.known:
        names = {account.id: account.name for account in listed}
        return Options(tuple(Option(i, names.get(i, i)) for i in sorted(scope.ids)), as_of)
    if not listed:
        problem = f"the accounts of {target.organization} have not been listed yet; try again in a minute"
        return Options((), None, problem)
    covered = sorted((a for a in listed if covers(scope, a)), key=lambda a: (a.name.casefold(), a.id))
    return Options(tuple(Option(a.id, a.name) for a in covered), as_of)


def covers(scope: Accounts, account: KnownAccount) -> bool:
    """Whether an account, as AWS listed it, is one of those a target covers."""
    if account.status != "ACTIVE":
        return False
    below = bool(scope.units & set(account.unit_path.split("/")))
    tagged = bool(scope.tags) and all(account.tags.get(key) == value for key, value in scope.tags.items())
    return scope.all or account.id in scope.ids or below or tagged


def make(
    view: View | Tx, version: Version, caller: Caller, ask: Ask, now: datetime, request_id: str
) -> tuple[Request, Event]:
    """The request that this ask becomes, with its audit entry; checked whole, not yet stored.

    Raises `NotFound`, `Refused` or `BadAsk` (all faults at once).
    """
    estate = version.estate
    asker = need(view, estate, caller.person)
    person = _requester(view, estate, caller, ask, asker)
    offer = choose(estate, person, caller, ask)
    checked = _check(view, estate, offer, person, ask)
    duration = checked.pop(DURATION, None) if offer.flow.schedule_deescalation else offer.cap
    assert duration is None or isinstance(duration, timedelta)
    require(may_ask(person, offer, duration))
    target = offer.target
    request = Request(
        id=request_id,
        flow=offer.flow.name,
        estate_version=version.number,
        requester=person.id,
        source=caller.source,
        asked_at=now,
        terms=terms(offer),
        organization=target.organization if target is not None else None,
        target=target.name if target is not None else None,
        account_id=_account(target, checked),
        duration=duration,
        reason=str(checked.pop(REASON, "")),
        values={name: plain(value) for name, value in checked.items()},
        asked_by=asker.id if asker.id != person.id else None,
        context=ask.context,
    )
    return request, _said(request)


def _requester(view: View | Tx, estate: Estate, caller: Caller, ask: Ask, asker: Person) -> Person:
    if ask.requester is None or ask.requester == asker.id:
        return asker
    if not caller.on_behalf:
        words = "only a token issued for it may ask on behalf of somebody else"
        require(Verdict(Reason.NOT_ALLOWED, words, "an admin can issue one with the scope on_behalf"))
    return need(view, estate, ask.requester)


def _check(view: View | Tx, estate: Estate, offer: Offer, person: Person, ask: Ask) -> dict[str, FieldValue]:
    form = estate.form(offer.flow, offer.target, offer.cap)
    if REASON not in {each.name for each in form}:
        form = (*form, Field(REASON, "string", "Reason", required=False, max_length=MAX_TEXT))
    offered: dict[str, Collection[str | int]] = {}
    for each in form:
        last = view.estates.offered(person.id, offer.flow.name, each.name) if each.prefetch else None
        if last is not None:
            offered[each.name] = set(last.values)
    target = offer.target
    if target is not None and target.accounts is not None and not target.accounts.known:
        found = account_options(view, target)
        covered = {option.value for option in found.options}
        by_code = offer.flow.field(ACCOUNT) is not None and offer.flow.implementation is not None
        # What code offers is narrowed to what the organization really owns; it never widens (security.md 28).
        offered[ACCOUNT] = covered & {str(v) for v in offered.get(ACCOUNT, ())} if by_code else covered
    checked = check_fields(form, ask.fields, offered)
    if not checked.ok:
        raise BadAsk(checked.faults)
    return dict(checked.values)


def _account(target: Target | None, checked: dict[str, FieldValue]) -> str | None:
    if target is None:
        return None
    chosen = checked.pop(ACCOUNT, None) if target.accounts is not None else checked.get(ACCOUNT)
    account = chosen if chosen is not None else target.settings.get(ACCOUNT)
    return None if account is None else str(account)


def _said(request: Request) -> Event:
    duration = request.duration
    return Event(
        "request.asked",
        request.organization,
        {
            "request": request.id,
            "flow": request.flow,
            "target": request.target,
            "account_id": request.account_id,
            "requester": request.requester,
            "asked_by": request.asked_by,
            "source": request.source,
            "content_hash": request.content_hash,
            "estate_version": request.estate_version,
            "duration_ms": None if duration is None else duration // timedelta(milliseconds=1),
            "reason": request.reason,
        },
    )
