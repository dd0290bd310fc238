"""Asking in Slack, after the acknowledgement: from the flow to the form, its changes, and the request."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gatepass.desk import Ask, BadAsk, Desk, NotFound, Repeat
from gatepass.desk import asking as desk_form
from gatepass.desk.asking import ACCOUNT
from gatepass.estate.fields import Field
from gatepass.estate.model import Offer
from gatepass.slack import forms
from gatepass.slack.filled import read_state, submitted
from gatepass.slack.forms import TARGET, Form
from gatepass.slack.modals import sent_view
from gatepass.slack.text import Block
from gatepass.slack.visitors import TurnedAway, Visitor

log = logging.getLogger(__name__)

KEPT = 500
"""Forms remembered between opening and sending, so that type-ahead asks nobody."""


class Asking:
    """Forms of one workspace. Thread-safe; what it remembers may be lost, then it is read again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._forms: OrderedDict[str, Form] = OrderedDict()

    def begin(self, visitor: Visitor, words: str) -> Block | Form:
        """What to show who wants to ask: the flow that was named, the only one there is, or the choice."""
        _no_guests(visitor)
        offers = self._desk.offers(visitor.caller)
        names = {o.flow.name for o in offers}
        wanted = {o.flow.name for o in offers if words.casefold() in (o.flow.name, o.flow.label.casefold())}
        only = wanted or (names if len(names) == 1 else set())
        return self.form(visitor, only.pop()) if only else forms.chooser(offers)

    def form(
        self,
        visitor: Visitor,
        flow: str,
        target: str | None = None,
        values: Mapping[str, object] | None = None,
    ) -> Form:
        """The form of a flow for one target (the first, when none is chosen). May run the flow's code."""
        _no_guests(visitor)
        offers = tuple(o for o in self._desk.offers(visitor.caller) if o.flow.name == flow)
        if not offers:
            raise NotFound(f"there is no flow {flow!r} that you may use")
        named = (o for o in offers if o.target is not None and o.target.name == target)
        offer = next(named, offers[0])
        chosen = offer.target.name if offer.target is not None else None
        return self._load(visitor, offers, Ask(flow, chosen, _organization(offer)), values or {})

    def _load(
        self, visitor: Visitor, offers: tuple[Offer, ...], ask: Ask, values: Mapping[str, object]
    ) -> Form:
        return _formed(offers, self._desk.form(visitor.caller, replace(ask, fields=dict(values))))

    def remember(self, view_id: str, form: Form) -> None:
        """Keep what stands in a modal."""
        with self._lock:
            self._forms[view_id] = form
            self._forms.move_to_end(view_id)
            while len(self._forms) > KEPT:
                self._forms.popitem(last=False)

    def remembered(self, view_id: str) -> Form | None:
        with self._lock:
            return self._forms.get(view_id)

    def again(self, visitor: Visitor, view: Mapping[str, Any]) -> Form:
        """The form of a modal that came back: remembered, or read again from what its metadata names."""
        found = self.remembered(str(view["id"]))
        if found is not None:
            return found
        meta = _meta(view)
        return replace(self.form(visitor, str(meta["f"]), meta.get("t")), revisions=dict(meta.get("r") or {}))

    def changed(self, visitor: Visitor, view: Mapping[str, Any], name: str) -> Form:
        """The form after a field changed that reshapes it: another target, or the flow's `on_change`."""
        before, state = self.again(visitor, view), read_state(view)
        flow = before.offer.flow.name
        if name == TARGET:
            target = str(state.pop(TARGET, before.target or ""))
            kept = {key: value for key, value in state.items() if key != ACCOUNT}
            after = self.form(visitor, flow, target, kept)
            bump = {f.name for f in after.fields if f.prefetch or f.allowed_values} | set(kept)
            return replace(after, revisions=_bumped(before.revisions, bump))
        state.pop(TARGET, None)
        return self._reshaped(visitor, before, state, name)

    def _reshaped(self, visitor: Visitor, before: Form, state: dict[str, object], name: str) -> Form:
        given = submitted(before.fields, state, before)
        ask = Ask(before.offer.flow.name, before.target, _organization(before.offer), given)
        after = _formed(before.offers, self._desk.changed(visitor.caller, ask, name))
        moved = {n for n in {*given, *after.values} if after.values.get(n) != given.get(n)}
        return replace(after, revisions=_bumped(before.revisions, moved))

    def send(self, visitor: Visitor, view: Mapping[str, Any]) -> Block:
        """Make the request. Raises `BadAsk` with every fault; the same modal sent twice makes one request (I9)."""
        _no_guests(visitor)
        meta, state = _meta(view), read_state(view)
        target = state.pop(TARGET, meta.get("t"))
        known = self.remembered(str(view["id"]))
        fields = submitted(known.fields if known is not None else self._fields(visitor, meta), state, known)
        ask = Ask(str(meta["f"]), str(target) if target else None, None if target else meta.get("o"), fields)
        body = hashlib.sha256(json.dumps([ask.flow, ask.target, fields], sort_keys=True).encode()).hexdigest()
        request = self._desk.ask(visitor.caller, ask, Repeat("slack.ask", f"{view['id']}:{body[:16]}", body))
        offer = known.offer if known is not None else self.form(visitor, ask.flow, ask.target).offer
        return sent_view(request.id, offer)

    def _fields(self, visitor: Visitor, meta: Mapping[str, Any]) -> tuple[Field, ...]:
        return self.form(visitor, str(meta["f"]), meta.get("t")).fields

    def with_faults(self, visitor: Visitor, view: Mapping[str, Any], bad: BadAsk) -> Form:
        """The form again, with what was wrong beside the fields."""
        form, state = self.again(visitor, view), read_state(view)
        faults = {each.field: f"{each.found}; allowed: {each.allowed}" for each in bad.faults}
        return replace(form, values=state, faults=faults, revisions=_bumped(form.revisions, set(faults)))


def _formed(offers: tuple[Offer, ...], made: desk_form.Form) -> Form:
    return Form(
        offers,
        made.offer,
        made.fields,
        {name: each.options for name, each in made.options.items()},
        {name: each.problem for name, each in made.options.items() if each.problem},
        dict(made.values),
        made.header,
    )


def errors(form_view: Mapping[str, Any], bad: BadAsk) -> dict[str, str]:
    """The faults by block of the modal, as Slack shows them; what has no block of its own stands at the first."""
    blocks = {
        str(b["block_id"]).partition("/")[0]: b["block_id"]
        for b in form_view["blocks"]
        if b["type"] == "input"
    }
    found: dict[str, str] = {}
    for fault in bad.faults:
        block = blocks.get(fault.field) or next(iter(blocks.values()), "")
        words = f"{fault.found}; allowed: {fault.allowed}"
        words = words if fault.field in blocks else f"{fault.field}: {words}"
        found[block] = f"{found[block]}; {words}" if block in found else words
    return {block: words[:1000] for block, words in found.items()}


def _no_guests(visitor: Visitor) -> None:
    if visitor.guest:
        raise TurnedAway("guests of the workspace cannot ask for access", advice="ask somebody of the team")


def _organization(offer: Offer) -> str | None:
    return offer.organization.name if offer.organization is not None else None


def _meta(view: Mapping[str, Any]) -> dict[str, Any]:
    meta = json.loads(view.get("private_metadata") or "{}")
    if not isinstance(meta, dict) or "f" not in meta:
        raise NotFound("this form is not one of gatepass", advice="begin again")
    return meta


def _bumped(revisions: Mapping[str, int], names: set[str]) -> dict[str, int]:
    return {**revisions, **{name: revisions.get(name, 0) + 1 for name in names}}
