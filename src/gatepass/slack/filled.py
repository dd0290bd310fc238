"""What stands in a modal that came back, as the desk takes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatepass.desk import Option
from gatepass.estate.fields import ELEMENT_TYPES, Field
from gatepass.slack.elements import option_value
from gatepass.slack.forms import Form


def read_state(view: Mapping[str, Any]) -> dict[str, object]:
    """What stands in a modal, by field, plain; what is empty is left out."""
    found: dict[str, object] = {}
    for name, actions in (view.get("state") or {}).get("values", {}).items():
        for held in actions.values():
            value = _held(held)
            if value not in (None, "", []):
                found[str(name).partition("/")[0]] = value
    return found


def _held(held: Mapping[str, Any]) -> object:
    if "selected_option" in held:
        chosen = held["selected_option"]
        return chosen["value"] if chosen else None
    if "selected_options" in held:
        return [each["value"] for each in held["selected_options"] or []]
    if "selected_user" in held:
        return held["selected_user"]
    return held["selected_users"] if "selected_users" in held else held.get("value")


def submitted(
    form_fields: Sequence[Field], state: Mapping[str, object], form: Form | None
) -> dict[str, object]:
    """The state of a modal as the desk takes it: lists from commas, long values from their digests."""
    fields = {each.name: each for each in form_fields}
    found: dict[str, object] = {}
    for name, value in state.items():
        each = fields.get(name)
        if each is not None and each.type in ELEMENT_TYPES and isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if each is not None and form is not None:
            value = _undigested(value, form.choices(each) or ())
        if each is not None and each.type == "duration" and isinstance(value, str) and value.isdigit():
            value = int(value)  # seconds, as options carry them
        found[name] = value
    return found


def _undigested(value: object, choices: Sequence[Option]) -> object:
    if isinstance(value, list):
        return [_undigested(each, choices) for each in value]
    if isinstance(value, str) and value.startswith("#sha256:"):
        return next((c.value for c in choices if option_value(c.value) == value), value)
    return value
