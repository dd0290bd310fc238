"""Ask: what I may ask for, the form for it, who will decide and what exactly will be given, before it is sent."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from gatepass.access.decide import Refused
from gatepass.desk import Ask, BadAsk, NotFound
from gatepass.errors import GatepassError
from gatepass.estate.model import Offer
from gatepass.web import forms
from gatepass.web.naming import Names, What
from gatepass.web.visit import Visit, status_of
from gatepass.web.words import text


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that may be asked for."""

    offer: Offer
    what: What | None
    deciders: str

    @property
    def words(self) -> str:
        """What typing looks in."""
        what = self.what
        told = (what.organization, what.access, what.label, what.account, what.account_id) if what else ()
        return " ".join((self.offer.flow.label, self.offer.flow.name, *told)).casefold()


def choose(visit: Visit) -> Response:
    """Everything this person may ask for, narrowed by what was typed."""
    desk = visit.parts.desk
    names = visit.names()
    typed = visit.asked("q")[:100]
    choices = [_choice(visit, names, offer) for offer in desk.offers(visit.caller)]
    fitting = [each for each in choices if all(word in each.words for word in typed.casefold().split())]
    flows: dict[str, list[Choice]] = {}
    for each in fitting:
        flows.setdefault(each.offer.flow.label, []).append(each)
    return visit.page("ask.html", flows=flows, typed=typed, total=len(choices))


def _choice(visit: Visit, names: Names, offer: Offer) -> Choice:
    what = names.target(offer.target, offer.flow.label) if offer.target is not None else None
    return Choice(offer, what, _deciders(visit, names, offer))


def _deciders(visit: Visit, names: Names, offer: Offer) -> str:
    if offer.rule.needed == 0:
        return "approved at once by the rule"
    who = names.deciders(offer.rule.approvers, but_not="" if offer.rule.allow_self else visit.person.id)
    count = "both of two" if len(who) == 2 == offer.rule.needed else f"{offer.rule.needed} of"
    people = " or ".join(who) if offer.rule.needed == 1 else f"{count} {', '.join(who)}"
    return people or "nobody can decide this now"


def form(visit: Visit) -> Response:
    """The empty form, or one that a link has begun to fill in (`f.name=value`)."""
    ask = _ask(visit, {name: visit.request.query_params.getlist(name) for name in visit.request.query_params})
    return _form(visit, ask)


def _ask(visit: Visit, sent: dict[str, list[str]]) -> Ask:
    def one(name: str) -> str | None:
        return (sent.get(name) or [""])[0][:200] or None

    flow = one("flow") or ""
    declared = visit.parts.desk.estate().flows.get(flow)
    known = {each.name: each for each in declared.fields} if declared is not None else {}
    fields = forms.submitted(sent, known)
    return Ask(flow, one("target"), one("organization"), fields)


def _form(
    visit: Visit,
    ask: Ask,
    status: int = 200,
    faults: dict[str, str] | None = None,
    problem: str = "",
    advice: str = "",
    finding: str = "",
    sheet: forms.Sheet | None = None,
) -> Response:
    desk = visit.parts.desk
    names = visit.names()
    sheet = sheet or forms.opened(desk, visit.caller, ask, faults)
    visit.parts.recent.keep(visit.person.id, ask, sheet)
    offer = sheet.offer
    drawn = {each.field.name for each in sheet.inputs}
    unplaced = {name: words for name, words in (faults or {}).items() if name not in drawn}
    return visit.page(
        "form.html",
        status,
        sheet=sheet,
        ask=ask,
        offer=offer,
        what=names.target(offer.target, offer.flow.label) if offer.target is not None else None,
        deciders=_deciders(visit, names, offer),
        faults=faults or {},
        unplaced=unplaced,
        problem=problem,
        advice=advice,
        finding=finding,
        found=_found(sheet, finding),
    )


def _found(sheet: forms.Sheet, finding: str) -> dict[str, tuple[object, ...]]:
    """Without scripts: what `Find` found for what was typed into a long list."""
    return {
        each.name: forms.look_up(each.options, " ".join(each.given))
        for each in sheet.inputs
        if each.field.name == finding
    }


def send(visit: Visit) -> Response:
    """Send it; or, without scripts, look up a value or let the form follow a change."""
    ask = _ask(visit, dict(visit.sent))
    if finding := visit.one("find"):
        return _form(visit, ask, finding=finding)
    if visit.one("changed"):
        sheet = forms.changed(visit.parts.desk, visit.caller, ask, visit.one("changed"))
        return _form(visit, ask, sheet=sheet)
    try:
        made = visit.parts.desk.ask(visit.caller, ask, visit.repeat())
    except BadAsk as bad:
        faults = {each.field: f"{each.found}. Allowed: {each.allowed}." for each in bad.faults}
        return _form(visit, ask, 422, faults)
    except NotFound:
        raise
    except Refused as no:
        return _form(visit, ask, status_of(no), None, no.message, no.advice)
    return visit.go(f"/requests/{made.id}?said=asked")


def options(visit: Visit) -> Response:
    """What a long list offers for what was typed."""
    field = visit.asked("field")[:100]
    ask = Ask(visit.asked("flow")[:200], visit.asked("target") or None, visit.asked("organization") or None)
    kept = visit.parts.recent.find(visit.person.id, ask, field)
    if kept is None:
        sheet = forms.opened(visit.parts.desk, visit.caller, ask)
        visit.parts.recent.keep(visit.person.id, ask, sheet)
        kept = next((each.options for each in sheet.inputs if each.field.name == field), None)
    if kept is None:
        raise GatepassError(f"this form has no field {field!r}", advice="open the form again")
    found = forms.look_up(kept, visit.asked("q")[:100])
    return JSONResponse({"options": [{"value": each.value, "label": each.label} for each in found]})


def changed(visit: Visit) -> Response:
    """The fields as they are after one of them was changed: for the script, which puts them in place."""
    ask = _ask(visit, dict(visit.sent))
    sheet = forms.changed(visit.parts.desk, visit.caller, ask, visit.one("changed"))
    visit.parts.recent.keep(visit.person.id, ask, sheet)
    html = text("fields.html", sheet=sheet, ask=ask, finding="", found={}, now=visit.parts.clock.now())
    return JSONResponse({"fields": html})
