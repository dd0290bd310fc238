"""The form a person fills in, as `on_change` functions see and change it."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from typing import Any

from pydantic import Field, field_validator

from gatepass.sdk.model import Model

LONGEST = 55
"""Characters of an option's value and label (sym.md 2.8)."""


class FieldType(str, Enum):
    """What a prompt field holds; a duration is in seconds."""

    STRING = "string"
    INT = "int"
    BOOL = "bool"
    DURATION = "duration"
    SLACK_USER = "slack_user"
    SLACK_USER_LIST = "slack_user_list"
    STR_LIST = "str_list"
    INT_LIST = "int_list"


class FieldOption(Model):
    """One choice of a prompt field. The label is what is shown and what typing filters by."""

    value: Any
    label: str

    @field_validator("value")
    @classmethod
    def _value(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("an option needs a value")
        if len(str(value)) > LONGEST:
            raise ValueError(f"the value has {len(str(value))} characters, at most {LONGEST} are allowed")
        return value

    @field_validator("label")
    @classmethod
    def _label(cls, label: str) -> str:
        if len(label) > LONGEST:
            raise ValueError(f"the label has {len(label)} characters, at most {LONGEST} are allowed")
        return label


class _ReadOnly(Model):
    """A model of which some fields cannot be assigned."""

    def __setattr__(self, name: str, value: Any) -> None:
        field = type(self).model_fields.get(name)
        if field is not None and field.frozen:
            raise TypeError(f"{type(self).__name__}.{name} is read-only")
        super().__setattr__(name, value)


class SlackUserSelection(_ReadOnly):
    """A person picked in Slack; `username` is None when gatepass does not know them."""

    user_id: str = Field(frozen=True)
    username: str | None = Field(default=None, frozen=True)


class PromptField(_ReadOnly):
    """One field: its name, type and declared values are fixed, the rest is an `on_change` function's to change."""

    name: str = Field(frozen=True)
    type: FieldType = Field(frozen=True)
    original_allowed_values: list[Any] = Field(default_factory=list, frozen=True)
    value: Any = None
    label: str | None = None
    required: bool = True
    current_allowed_values: list[Any] = Field(default_factory=list)
    visible: bool = True


class SymPromptForm(_ReadOnly):
    """The whole form. Fields can be changed, not added, removed or replaced as a whole."""

    fields: OrderedDict[str, PromptField] = Field(frozen=True)
    flow_vars: dict[str, str] = Field(default_factory=dict, frozen=True)
    additional_header_text: str | None = None
