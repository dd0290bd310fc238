"""The form of a flow on its way through an `on_change` function and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.handlers import reading
from gatepass.handlers.faults import Fault
from gatepass.handlers.runner import Answer
from gatepass.sdk.forms import PromptField, SymPromptForm

Value = (
    str
    | int
    | bool
    | None
    | list[str]
    | list[int]
    | Mapping[str, str | None]
    | list[Mapping[str, str | None]]
)
"""A field's value as JSON; people picked in Slack are `{"user_id", "username"}`."""
LONGEST_HEADER = 2000


@dataclass(frozen=True, slots=True)
class FieldState:
    """One field as the person sees it now."""

    name: str
    type: str
    label: str | None = None
    required: bool = True
    visible: bool = True
    value: Value = None
    original_allowed: tuple[str | int | bool, ...] = ()
    """As declared; an `on_change` function can offer fewer of them, not others. Empty: any."""
    allowed: tuple[str | int | bool, ...] = ()
    """What is offered now."""


@dataclass(frozen=True, slots=True)
class FormState:
    """The whole form as the person sees it now."""

    fields: tuple[FieldState, ...]
    flow_vars: Mapping[str, str] = field(default_factory=dict)
    header: str | None = None


def form_json(form: FormState) -> dict[str, Any]:
    """What `Runner.call(..., "on_change_<field>", arguments={"username": ..., "form": this})` takes."""
    return {
        "fields": [
            {
                "name": each.name,
                "type": each.type,
                "label": each.label,
                "required": each.required,
                "visible": each.visible,
                "value": each.value,
                "original_allowed_values": list(each.original_allowed),
                "current_allowed_values": list(each.allowed),
            }
            for each in form.fields
        ],
        "flow_vars": dict(form.flow_vars),
        "additional_header_text": form.header,
    }


def changed(answer: Answer, form: FormState) -> FormState | Fault:
    """The form that came back, or the fault it is: fields added, removed or renamed, values never offered."""

    def read(value: Mapping[str, Any]) -> FormState:
        given = SymPromptForm.parse_obj(reading.typed(value, "SymPromptForm"))
        if given.fields.keys() != {each.name for each in form.fields}:
            raise reading.Unfit("a form with other fields")
        header = given.additional_header_text
        if header is not None and len(header) > LONGEST_HEADER:
            raise reading.Unfit(f"a form whose header has {len(header)} characters")
        fields = tuple(_field(each, given.fields[each.name]) for each in form.fields)
        return replace(form, fields=fields, header=header)

    return reading.read(answer, "form", read)


def _field(was: FieldState, given: PromptField) -> FieldState:
    fixed = (given.name, given.type.value, tuple(given.original_allowed_values))
    if fixed != (was.name, was.type, was.original_allowed):
        raise reading.Unfit(f"a form whose field {was.name} has another name, type or declared values")
    allowed = tuple(given.current_allowed_values)
    strangers = [each for each in allowed if was.original_allowed and each not in was.original_allowed]
    if strangers or not all(isinstance(each, str | int | bool) for each in allowed):
        raise reading.Unfit(
            f"a form that offers {strangers or list(allowed)!r} for {was.name}, which is not declared"
        )
    return replace(
        was,
        label=given.label,
        required=given.required,
        visible=given.visible,
        value=given.value,
        allowed=allowed,
    )
