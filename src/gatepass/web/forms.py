"""The form of a flow: its questions with their options, what was typed, and what goes to the desk.

Options are filtered here, on the server, so that a list of
thousands costs a browser nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatepass.clock import Clock
from gatepass.desk import Ask, Caller, Desk, Option, Options
from gatepass.desk.asking import Form
from gatepass.estate.fields import ELEMENT_TYPES, Field, plain, shown
from gatepass.estate.model import Offer

PREFIX = "f."
"""Names of a flow's fields in our forms begin so; they cannot be taken for ours."""
LISTED = 40
"""Up to so many options stand in the page; more are looked up while typing."""
FOUND = 50
"""At most so many options are sent for what was typed."""
FRESH = timedelta(minutes=5)
"""For so long typing looks in the options that the form was opened with."""


@dataclass(frozen=True, slots=True)
class Input:
    """One question of the form as it is drawn."""

    field: Field
    options: tuple[Option, ...]
    as_of: datetime | None
    problem: str
    given: tuple[str, ...]
    fault: str = ""

    @property
    def name(self) -> str:
        return PREFIX + self.field.name

    @property
    def many(self) -> bool:
        return self.field.type in ELEMENT_TYPES

    @property
    def closed(self) -> bool:
        """Whether the value is one of the options."""
        return bool(self.options) or self.field.prefetch

    @property
    def long(self) -> bool:
        """Whether there are too many options to list."""
        return len(self.options) > LISTED

    @property
    def kind(self) -> str:
        """How it is drawn."""
        if self.field.type == "bool":
            return "yes_no"
        if self.closed and self.problem and not self.options:
            return "nothing"
        if self.closed and self.long:
            return "look_up"
        if self.closed:
            return "check" if self.many else "pick" if self._short else "select"
        if self.many:
            return "lines"
        return "text" if self.field.name != "reason" else "paragraph"

    @property
    def _short(self) -> bool:
        return len(self.options) <= 5 and sum(len(each.label) for each in self.options) <= 48

    @property
    def chosen(self) -> tuple[Option, ...]:
        """What is chosen now, with its label where it is one of the options."""
        labels = {each.value: each.label for each in self.options}
        return tuple(Option(each, labels.get(each, each)) for each in self.given)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The form of one offer for one person, ready to be drawn."""

    offer: Offer
    header: str
    inputs: tuple[Input, ...]


def opened(desk: Desk, caller: Caller, ask: Ask, faults: Mapping[str, str] | None = None) -> Sheet:
    """The form that a (partly filled) ask means. Raises what the desk raises."""
    return _sheet(desk.form(caller, ask), faults or {})


def changed(desk: Desk, caller: Caller, ask: Ask, field: str) -> Sheet:
    """The form as the flow's code would have it after this field was changed."""
    return _sheet(desk.changed(caller, ask, field), {})


def _sheet(form: Form, faults: Mapping[str, str]) -> Sheet:
    inputs = []
    for each in form.fields:
        offered = form.options.get(each.name, Options(()))
        options = offered.options or _listed(each)
        given = _texts(form.values.get(each.name, _only(each)), each)
        fault = faults.get(each.name, "")
        inputs.append(Input(each, options, offered.as_of, offered.problem, given, fault))
    return Sheet(form.offer, form.header, tuple(inputs))


def _listed(field: Field) -> tuple[Option, ...]:
    return tuple(Option(_text(plain(each), field), shown(each)) for each in field.allowed_values)


def _text(value: object, field: Field) -> str:
    seconds = field.type == "duration" and isinstance(value, int)
    return f"{value}s" if seconds else str(value)


def _only(field: Field) -> object:
    """What a field that must be answered can only be."""
    only = field.allowed_values
    return plain(only[0]) if len(only) == 1 and field.required else ""


def _texts(value: object, field: Field) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, list):
        return tuple(str(each) for each in value)
    return (_text(value, field),) if value != "" else ()


def submitted(sent: Mapping[str, list[str]], fields: Mapping[str, Field]) -> dict[str, object]:
    """The fields of a posted form as the desk takes them: a list for list types, text for everything else.

    Fields the flow does not have are handed on too: it is for the desk to refuse them.
    """
    found: dict[str, object] = {}
    for name, values in sent.items():
        if not name.startswith(PREFIX):
            continue
        field = fields.get(name.removeprefix(PREFIX))
        typed = [line.strip() for each in values for line in _lines(each, field) if line.strip()]
        many = field is not None and field.type in ELEMENT_TYPES
        found[name.removeprefix(PREFIX)] = typed if many else (typed[-1] if typed else "")
    return found


def _lines(text: str, field: Field | None) -> list[str]:
    return text.splitlines() if field is not None and field.type in ELEMENT_TYPES else [text]


def look_up(options: tuple[Option, ...], typed: str, most: int = FOUND) -> tuple[Option, ...]:
    """The options that hold every word that was typed, in label or value; those that begin with it come first."""
    words = typed.casefold().split()
    begins: list[Option] = []
    holds: list[Option] = []
    for each in options:
        text = f"{each.label} {each.value}".casefold()
        if all(word in text for word in words):
            front = text.startswith(typed.casefold()) or each.value.startswith(typed)
            (begins if front else holds).append(each)
            if len(begins) >= most:
                break
    return tuple((begins + holds)[:most])


class Recent:
    """The options that forms were opened with, so that typing runs no code and asks AWS nothing. Bounded; a cache."""

    def __init__(self, clock: Clock, most: int = 200) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], tuple[datetime, tuple[Option, ...]]] = OrderedDict()

    def keep(self, person: str, ask: Ask, sheet: Sheet) -> None:
        with self._lock:
            for each in sheet.inputs:
                if each.long:
                    key = _key(person, ask, each.field.name)
                    self._kept.pop(key, None)
                    self._kept[key] = (self._clock.now(), each.options)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def find(self, person: str, ask: Ask, field: str) -> tuple[Option, ...] | None:
        with self._lock:
            at, options = self._kept.get(_key(person, ask, field), (None, ()))
        return options if at is not None and self._clock.now() - at < FRESH else None


def _key(person: str, ask: Ask, field: str) -> tuple[str, ...]:
    return person, ask.flow, ask.target or "", ask.organization or "", field
