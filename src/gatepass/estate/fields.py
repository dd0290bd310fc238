"""Prompt fields and the one function that decides whether what was submitted is what was offered (I10).

The eight types are those of spec/sym.md 1.4. Pure: options that come from code or from AWS are passed in as `offered`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeAlias

from gatepass.estate.durations import ALLOWED as DURATION_ALLOWED
from gatepass.estate.durations import format_duration, parse_duration

FieldType = Literal[
    "string", "int", "bool", "duration", "slack_user", "slack_user_list", "str_list", "int_list"
]
FIELD_TYPES: tuple[FieldType, ...] = (
    "string",
    "int",
    "bool",
    "duration",
    "slack_user",
    "slack_user_list",
    "str_list",
    "int_list",
)
FieldValue: TypeAlias = str | int | bool | timedelta | tuple[str, ...] | tuple[int, ...]
PlainValue: TypeAlias = str | int | bool | list[str] | list[int]

MAX_LENGTH = 2000
"""Characters of one text value when the field does not say (security.md rule 16: free text is length-limited)."""
MAXELEMENT_TYPESS = 100
"""Values in one list."""
_INT_LIMIT = 2**53 - 1  # what JSON carries exactly
ELEMENT_TYPES: Mapping[FieldType, FieldType] = {
    "str_list": "string",
    "int_list": "int",
    "slack_user_list": "slack_user",
}
"""List types, and the type of one element."""
_SLACK_USER = re.compile(r"[UW][A-Z0-9]{2,30}")


@dataclass(frozen=True)
class Code:
    """Python written by an implementer: where it stands in the estate, its text, and the text's SHA-256 in hex."""

    path: str
    text: str = field(repr=False)
    sha256: str


@dataclass(frozen=True)
class Field:
    """One question of a flow's form."""

    name: str
    type: FieldType
    label: str
    required: bool = True
    """Enforced only while the field is visible."""
    default: FieldValue | None = None
    visible: bool = True
    allowed_values: tuple[FieldValue, ...] = ()
    """Empty: anything of the type. For list types: what each element may be."""
    prefetch: bool = False
    """The options come from the flow's code (or, for an implied account, from AWS) when the form is opened."""
    on_change: Code | None = None
    pattern: str = ""
    """A regular expression that the whole of a text value must match; empty: any."""
    max_length: int = MAX_LENGTH


@dataclass(frozen=True)
class FieldFault:
    """One reason why a submission is refused, in words for the person who filled in the form."""

    field: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.field}: {self.found}; allowed: {self.allowed}"


@dataclass(frozen=True)
class CheckedFields:
    """What `check_fields` found: values by field name, or every fault at once. Never both."""

    values: Mapping[str, FieldValue]
    faults: tuple[FieldFault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the submission may be used."""
        return not self.faults


def check_fields(
    fields: Sequence[Field], submitted: Mapping[str, object], offered: Mapping[str, Collection[str | int]]
) -> CheckedFields:
    """Check and coerce a submission: JSON values, or text as a command line gives it. Pure; may be repeated.

    `offered` holds the options last offered to this person for each prefetch field, in their plain form; a prefetch
    field without an entry is refused, because what was not offered cannot be checked (I10). Unknown fields are
    refused. A missing optional field takes its default, or stays out of the values.
    """
    known = {each.name for each in fields}
    faults = [
        FieldFault(name[:100], "this flow has no such field", ", ".join(sorted(known)) or "no field at all")
        for name in submitted
        if name not in known
    ]
    values: dict[str, FieldValue] = {}
    for each in fields:
        value = _checked(each, submitted.get(each.name), offered.get(each.name))
        if isinstance(value, FieldFault):
            faults.append(value)
        elif value is not None:
            values[each.name] = value
    return CheckedFields({}, tuple(faults)) if faults else CheckedFields(values)


def plain(value: FieldValue) -> PlainValue:
    """The JSON form of a value, the one in rows, hashes, audit and handlers: durations are whole seconds (3.6)."""
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, tuple):
        return list(value)  # type: ignore[return-value]  # a tuple of one kind gives a list of that kind
    return value


def shown(value: FieldValue) -> str:
    """The value in words, for screens and messages."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(item) for item in value) if isinstance(value, tuple) else str(value)


def read_value(kind: FieldType, raw: object) -> FieldValue | None:
    """`raw` (JSON or text) as a value of this type, or None when it is not one."""
    if kind in ELEMENT_TYPES:
        items = raw if isinstance(raw, list | tuple) else [raw]
        read = tuple(_read_one(ELEMENT_TYPES[kind], item) for item in items)
        if len(read) > MAXELEMENT_TYPESS or None in read or len(set(read)) != len(read):
            return None
        return read  # type: ignore[return-value]  # None was excluded above
    return _read_one(kind, raw)


def type_words(kind: FieldType) -> str:
    """What a value of this type is, for messages."""
    return _ALLOWED[kind]


def _read_one(kind: FieldType, raw: object) -> str | int | bool | timedelta | None:
    match kind:
        case "bool":
            return raw if isinstance(raw, bool) else {"true": True, "false": False}.get(str(raw).lower())
        case "int":
            return _read_int(raw)
        case "duration":
            if isinstance(raw, timedelta):
                return raw
            seconds = raw if isinstance(raw, int) and not isinstance(raw, bool) else None
            return parse_duration(f"{seconds}s" if seconds is not None else str(raw))
        case "slack_user":
            return raw if isinstance(raw, str) and _SLACK_USER.fullmatch(raw) else None
        case _:
            return raw if isinstance(raw, str) else None


def _read_int(raw: object) -> int | None:
    if isinstance(raw, str) and re.fullmatch(r"-?[0-9]{1,16}", raw):
        raw = int(raw)
    whole = isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) <= _INT_LIMIT
    return raw if whole and isinstance(raw, int) else None


_ALLOWED: dict[FieldType, str] = {
    "string": "text",
    "int": "a whole number",
    "bool": "true or false",
    "duration": DURATION_ALLOWED,
    "slack_user": "a Slack user id such as U012AB3CD",
    "slack_user_list": "a list of different Slack user ids",
    "str_list": f"a list of at most {MAXELEMENT_TYPESS} different texts",
    "int_list": f"a list of at most {MAXELEMENT_TYPESS} different whole numbers",
}


def _checked(
    each: Field, raw: object, offered: Collection[str | int] | None
) -> FieldValue | FieldFault | None:
    if raw is None or raw in ("", []):
        if each.default is not None:
            return each.default
        missing = each.required and each.visible
        return FieldFault(each.name, "nothing was given", _allowed(each, offered)) if missing else None
    value = read_value(each.type, raw)
    if value is None:
        return FieldFault(each.name, f"{_quoted(raw)} is not {_ALLOWED[each.type]}", _allowed(each, offered))
    if wrong := _not_permitted(each, value, offered):
        return FieldFault(each.name, wrong, _allowed(each, offered))
    return value


def _not_permitted(each: Field, value: FieldValue, offered: Collection[str | int] | None) -> str:
    items = value if isinstance(value, tuple) else (value,)
    for item in items:
        if isinstance(item, str) and len(item) > each.max_length:
            return f"{len(item)} characters are too many"
        if isinstance(item, str) and each.pattern and not re.fullmatch(each.pattern, item):
            return f"{_quoted(item)} does not have the right form"
        if each.allowed_values and item not in each.allowed_values:
            return f"{_quoted(item)} is not one of the values"
        if each.prefetch and offered is None:
            return "its options could not be loaded, so no value can be accepted"
        if each.prefetch and offered is not None and plain(item) not in offered:
            return f"{_quoted(item)} is not among the options offered"
    return ""


def _allowed(each: Field, offered: Collection[str | int] | None) -> str:
    if each.allowed_values:
        return ", ".join(shown(value) for value in each.allowed_values)
    if each.prefetch:
        some = sorted(str(option) for option in offered or ())[:10]
        return ", ".join(some) + (" ..." if len(offered or ()) > len(some) else "") or "what the form offers"
    if each.pattern:
        return f"text of the form {each.pattern}"
    return _ALLOWED[each.type] + (f", at most {each.max_length} characters" if each.type == "string" else "")


def _quoted(raw: object) -> str:
    text = shown(raw) if isinstance(raw, timedelta | bool) else str(raw)
    return repr(text if len(text) <= 60 else text[:57] + "...")
