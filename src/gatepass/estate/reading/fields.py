"""From YAML to the fields of a flow's form (spec/sym.md 1.4 and 3.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gatepass.estate.fields import (
    ELEMENT_TYPES,
    MAX_LENGTH,
    Field,
    FieldType,
    FieldValue,
    check_fields,
    type_words,
)
from gatepass.estate.format.shape import Item, describe
from gatepass.estate.reading.draft import Draft, label_of
from gatepass.estate.reading.yaml import Node

DEFAULT_LENGTHS = (timedelta(seconds=30), timedelta(minutes=10), timedelta(hours=1))
"""What a flow that declares no `duration` offers (spec/sym.md 3.6)."""
RESERVED = ("target", "organization", "flow", "requester", "reviewers", "status", "expires_at")
"""Names that mean something of gatepass's own beside the fields; the form may not use them (I10)."""


@dataclass(frozen=True)
class FlowKind:
    """What the rules of a form depend on."""

    gives: bool
    """Whether the flow has targets; else it is approval only."""
    timed: bool
    """`schedule_deescalation`."""
    has_code: bool


def read_fields(draft: Draft, flow: Item, kind: FlowKind) -> tuple[Field, ...]:
    """The declared fields, and `duration` where it is implied."""
    built = {name: _field(draft, name, item, kind) for name, item in flow.items("fields")}
    declared = flow.item("fields")
    if kind.gives and kind.timed and not (declared and declared.has("duration")):
        built["duration"] = Field("duration", "duration", "Duration", allowed_values=DEFAULT_LENGTHS)
    return tuple(field for field in built.values() if field is not None)


def _field(draft: Draft, name: str, item: Item, kind: FlowKind) -> Field | None:
    if name in RESERVED:
        draft.fault(item, "reserved", f"the name {name} has a meaning of its own", "another name")
    type_: FieldType | None = item.get("type")
    if type_ is None:
        return None
    _refuse_useless(draft, name, item, type_, kind)
    if name == "duration":
        _duration_rules(draft, item, type_, kind)
    allowed = tuple(
        value
        for each in item.elements("allowed_values")
        if (value := _value(draft, each, ELEMENT_TYPES.get(type_, type_))) is not None
    )
    field = Field(
        name=name,
        type=type_,
        label=label_of(item, name),
        required=item.get("required") is not False,
        visible=item.get("visible") is not False,
        allowed_values=allowed,
        prefetch=item.get("prefetch") is True,
        on_change=draft.code(item.item("on_change")),
        pattern=_pattern(draft, item, type_),
        max_length=item.get("max_length") or MAX_LENGTH,
    )
    return _with_default(draft, field, item)


def _refuse_useless(draft: Draft, name: str, item: Item, type_: FieldType, kind: FlowKind) -> None:
    slack = type_.startswith("slack_user")
    many = type_ in ELEMENT_TYPES
    refusals = {
        "allowed_values": slack or name == "target_id",
        "prefetch": slack or name in ("target_id", "duration"),
        "default": slack or many,
        "max_length": type_ not in ("string", "str_list"),
    }
    for key, refused in refusals.items():
        if refused and item.has(key) and item.get(key) is not False:
            word = f"the field {name}" if name in ("target_id", "duration") else f"a field of type {type_}"
            draft.fault(item.item(key) or item, "field", f"{word} cannot have {key}", "", f"take {key} away")
    if item.get("prefetch") and item.has("allowed_values"):
        draft.fault(item, "field", "both prefetch and allowed_values", "one source of options")
    if item.get("prefetch") and not kind.has_code and name != "account_id":
        advice = "name the file with the @prefetch function"
        draft.fault(item, "field", "prefetch without code", "a flow with an implementation", advice)


def _duration_rules(draft: Draft, item: Item, type_: FieldType, kind: FlowKind) -> None:
    if not kind.gives:
        draft.fault(item, "duration_field", "a duration, but the flow gives nothing", "", "take it away")
    elif not kind.timed:
        found = "a duration, but schedule_deescalation is false"
        draft.fault(item, "duration_field", found, "", "take one of them away")
    if type_ != "duration":
        draft.fault(
            item.item("type") or item, "duration_field", f"a duration of type {type_}", "type duration"
        )
    if item.get("required") is False or item.get("visible") is False:
        draft.fault(item, "duration_field", "a duration that need not be given", "required and visible")
    if not item.has("allowed_values"):
        found = "a duration without allowed_values"
        draft.fault(item, "duration_field", found, "a list of lengths", "such as [30m, 1h, 4h]")


def _pattern(draft: Draft, item: Item, type_: FieldType) -> str:
    pattern = str(item.get("pattern") or "")
    place = item.item("pattern")
    if place is None:
        return ""
    if type_ not in ("string", "str_list"):
        draft.fault(place, "field", f"a field of type {type_} cannot have a pattern", "", "take it away")
        return ""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        draft.fault(place, "pattern", f"not a regular expression: {error}")
        return ""
    return pattern


def _with_default(draft: Draft, field: Field, item: Item) -> Field:
    place = item.item("default")
    if place is None or field.type in ELEMENT_TYPES or field.type == "slack_user":
        return field
    default = _value(draft, place, field.type)
    if default is None:
        return field
    # Options that come from code cannot be known here; every other rule of the field holds for its default too.
    plain = Field(
        field.name, field.type, field.label, allowed_values=field.allowed_values, pattern=field.pattern
    )
    for fault in check_fields([plain], {field.name: _raw(place.value)}, {}).faults:
        draft.fault(place, "default", fault.found, fault.allowed)
    return Field(**{**vars(field), "default": default})


def _value(draft: Draft, item: Item, type_: FieldType) -> FieldValue | None:
    raw = _raw(item.value)
    field = Field(item.path, type_, "")
    checked = check_fields([field], {item.path: raw}, {})
    if checked.ok and item.path in checked.values:
        return checked.values[item.path]
    quoted = type_ == "string" and isinstance(raw, int | float | bool)
    advice = f'put it in quotes: "{item.node.text}"' if quoted else ""
    draft.fault(item, "field_value", f"found {describe(item.node)}", type_words(type_), advice)
    return None


def _raw(value: Any) -> Any:
    return (
        [_raw(each.value) for each in value if isinstance(each, Node)] if isinstance(value, list) else value
    )
