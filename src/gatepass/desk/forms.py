"""Forms: the fields of one offer with what they offer one person now, and what a change of one field makes of them.

Options come from the flow's code and from the accounts listed last; what code offers is intersected with what the
organization really owns (security.md 28). Each time they are made they are kept as the ones last offered to this
person: only those are accepted (I10).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gatepass.desk import people
from gatepass.desk.asking import ACCOUNT, Form, Option, Options, account_options, choose
from gatepass.desk.book import Book, Version
from gatepass.desk.coding import About, Coding
from gatepass.desk.values import Ask, Caller
from gatepass.estate.fields import Field, PlainValue, plain, read_value, shown
from gatepass.estate.model import Flow, Offer, Person
from gatepass.handlers import Fault, Implementation
from gatepass.handlers.forms import FieldState, FormState, Value, changed, form_json
from gatepass.store import Store, Tx, View

NO_CODE_ANSWER = "the options could not be loaded: "


@dataclass(frozen=True, slots=True)
class Forms:
    """Makes forms. Thread-safe; code runs outside of any transaction."""

    store: Store
    book: Book
    coding: Coding
    now: Callable[[], datetime]

    def form(self, caller: Caller, ask: Ask) -> Form:
        """The form that a (partly filled) ask means. Raises `NotFound` or `Refused`."""
        with self.store.read() as view:
            version = self.book.current(view)
            person = people.need(view, version.estate, caller.person)
            offer = choose(version.estate, person, caller, ask)
            accounts = account_options(view, offer.target) if offer.target is not None else Options(())
        fields = version.estate.form(offer.flow, offer.target, offer.cap)
        about = _about(version, offer, person)
        options = {
            each.name: self._options(about, each, accounts, caller.source)
            for each in fields
            if each.prefetch or each.name == ACCOUNT
        }
        self._keep(person, offer.flow, fields, options)
        values = {each.name: plain(each.default) for each in fields if each.default is not None}
        return Form(
            offer, fields, options, offer.flow.additional_header_text, {**values, **_plain(ask.fields)}
        )

    def change(self, caller: Caller, ask: Ask, name: str) -> Form:
        """The form after the person changed a field: what the flow's `on_change` for it makes of the rest.

        A fault leaves the form as it was, with words at the field.
        """
        form = self.form(caller, ask)
        field = next((each for each in form.fields if each.name == name), None)
        if field is None or field.on_change is None:
            return form
        with self.store.read() as view:
            version = self.book.current(view)
            person = people.need(view, version.estate, caller.person)
        about = _about(version, form.offer, person)
        code = field.on_change
        state = _state(form, about.flow)
        answer = self.coding.runner.call(
            Implementation(about.flow.name, code.path, code.text, about.flow.hosts),
            f"on_change_{name.replace('-', '_')}",
            None,
            self.coding.worlds(about),
            arguments={"username": person.email, "form": form_json(state)},
        )
        made = answer if isinstance(answer, Fault) else changed(answer, state)
        if isinstance(made, Fault):
            at_field = replace(form.options.get(name, Options(())), problem=made.for_requester())
            return replace(form, options={**form.options, name: at_field})
        return _changed(form, made)

    def _options(self, about: About, field: Field, accounts: Options, source: str) -> Options:
        found = self.coding.options(about, field.name, source, self.now()) if field.prefetch else None
        if isinstance(found, Fault):
            return Options((), None, NO_CODE_ANSWER + found.for_requester())
        if found is None:
            if field.name == ACCOUNT:
                return accounts
            return Options((), None, NO_CODE_ANSWER + "no function gives them; tell the owners of the flow")
        options = tuple(Option(str(each.value), each.label) for each in found)
        if field.name != ACCOUNT or about.target is None:
            return Options(options)
        owned = {each.value for each in accounts.options}
        return replace(accounts, options=tuple(each for each in options if each.value in owned))

    def _keep(
        self, person: Person, flow: Flow, fields: tuple[Field, ...], options: Mapping[str, Options]
    ) -> None:
        kept = {each.name: options[each.name] for each in fields if each.prefetch and flow.implementation}
        made = {name: {o.value: o.label for o in each.options} for name, each in kept.items()}
        with self.store.read() as view:
            last = {name: view.estates.offered(person.id, flow.name, name) for name in made}
        fresh = {
            n: values for n, values in made.items() if (known := last[n]) is None or known.values != values
        }
        if not fresh:
            return
        with self.store.write() as tx:
            for name, values in fresh.items():
                tx.estates.offer(person.id, flow.name, name, values)


def prefetching(flow: Flow) -> bool:
    """Whether this flow's code makes options, so that they must be made before a submission is checked."""
    return flow.implementation is not None and any(each.prefetch for each in flow.fields)


def still_offered(view: View | Tx, person: str, flow: Flow, values: Mapping[str, object]) -> str:
    """Why a value of a prefetch field is offered no more; empty: all are (as last made for this person)."""
    for each in flow.fields:
        if not each.prefetch or each.name not in values or flow.implementation is None:
            continue
        last = view.estates.offered(person, flow.name, each.name)
        if last is None or str(values[each.name]) not in last.values:
            return f"{each.label} {values[each.name]} is not offered any more"
    return ""


def _about(version: Version, offer: Offer, person: Person) -> About:
    target = offer.target
    return About(
        version,
        offer.flow,
        target.organization if target is not None else None,
        person,
        target.name if target is not None else None,
    )


def _plain(fields: Mapping[str, object]) -> dict[str, PlainValue]:
    return {name: value for name, value in fields.items() if isinstance(value, str | int | bool | list)}


def _state(form: Form, flow: Flow) -> FormState:
    return FormState(tuple(_field_state(form, each) for each in form.fields), flow.vars, form.header or None)


def _field_state(form: Form, field: Field) -> FieldState:
    raw = form.values.get(field.name)
    value = read_value(field.type, raw) if raw is not None else None
    offered = form.options.get(field.name)
    allowed: tuple[Any, ...] = tuple(plain(each) for each in field.allowed_values)
    if offered is not None and not allowed:
        allowed = tuple(each.value for each in offered.options)
    return FieldState(
        name=field.name,
        type=field.type,
        label=field.label,
        required=field.required,
        visible=field.visible,
        value=plain(value) if value is not None else None,
        original_allowed=allowed,
        allowed=allowed,
    )


def _changed(form: Form, made: FormState) -> Form:
    states = {each.name: each for each in made.fields}
    values = dict(form.values)
    options = dict(form.options)
    fields = []
    for each in form.fields:
        state = states[each.name]
        _put(values, each.name, state.value)
        labels = {option.value: option.label for option in options.get(each.name, Options(())).options}
        allowed = each.allowed_values
        if each.allowed_values:
            allowed = tuple(v for v in each.allowed_values if plain(v) in state.allowed)
        elif each.name in options:
            chosen = tuple(Option(str(v), labels.get(str(v), str(v))) for v in state.allowed)
            options[each.name] = replace(options[each.name], options=chosen)
        label = state.label or each.label
        fields.append(
            replace(each, label=label, required=state.required, visible=state.visible, allowed_values=allowed)
        )
    return replace(form, fields=tuple(fields), options=options, header=made.header or "", values=values)


def _put(values: dict[str, PlainValue], name: str, value: Value) -> None:
    if value is None:
        values.pop(name, None)
    elif isinstance(value, str | int | bool):
        values[name] = value
    elif isinstance(value, list):
        values[name] = [each for each in value if isinstance(each, str)] or [
            each for each in value if isinstance(each, int)
        ]


def words(field: Field, value: PlainValue) -> str:
    """A filled-in value as people read it."""
    read = read_value(field.type, value)
    return shown(read) if read is not None else str(value)
