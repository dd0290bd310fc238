"""Names and tags as the label module of Cloud Posse makes them (null-label 0.25.0; specification of teams, 3)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from gatepass.teams.model import Finding
from gatepass.teams.nodes import Mapping as Node
from gatepass.teams.reading import Reader, is_null

STRINGS = ("namespace", "tenant", "environment", "stage", "name")
LABELS = (*STRINGS, "attributes")
DEFAULT_ORDER = ("namespace", "environment", "stage", "name", "attributes")
"""The tenant is not part of it (T-18)."""
_HASH_LENGTH = 5
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}\Z", re.ASCII)
ROLE_NAME_LENGTH = 64
_ITEM = r"(?:\\[^A-Za-z0-9]|\\[wdsWDS]|\[\^?\]?(?:\\.|[^\]\\\[])*\]|[^\\\[\](){}|*+?^$])"
_BRANCH = rf"\^?{_ITEM}{{0,20}}?(?:{_ITEM}[*+?])?{_ITEM}{{0,20}}\$?"
_LINEAR = re.compile(rf"{_BRANCH}(?:\|{_BRANCH})*\Z")
"""Patterns that Terraform's RE2 and Python read alike and that cannot take long: characters and classes, of which one
in each branch may repeat. Others could take for ever on a hostile label (Python tries all ways, RE2 does not)."""
LONGEST_PATTERN, LONGEST_LABEL = 200, 1000
_CASES = frozenset({"lower", "title", "upper", "none"})


@lru_cache(maxsize=1 << 14)
def title(text: str) -> str:
    """Each letter that follows something other than a letter, digit or underscore becomes a capital (T-20)."""
    out = []
    inside = False
    for character in text:
        out.append(character if inside else character.upper())
        if character.isascii():
            inside = character.isalnum() or character == "_"
        else:
            inside = character.isalnum() or not character.isspace()
    return "".join(out)


_CASE: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "title": lambda text: title(text.lower()),
    "none": lambda text: text,
}


@dataclass(frozen=True, slots=True)
class LabelInputs:
    """What goes into a label; None means not said."""

    namespace: str | None = None
    tenant: str | None = None
    environment: str | None = None
    stage: str | None = None
    name: str | None = None
    attributes: tuple[str, ...] = ()
    delimiter: str | None = None
    label_order: tuple[str, ...] = ()
    regex_replace_chars: str | None = None
    id_length_limit: int | None = None
    label_value_case: str | None = None
    label_key_case: str | None = None
    labels_as_tags: tuple[str, ...] = ("default",)
    tags: Mapping[str, str] = field(default_factory=dict)
    account_format: str = ""
    account_labels: tuple[str, ...] = ()
    enabled: bool = True

    @property
    def is_empty(self) -> bool:
        """No label was given at all: a catalog snippet without its stack."""
        return not self.attributes and not any(getattr(self, name) for name in STRINGS)


@dataclass(frozen=True, slots=True)
class Label:
    """A computed label: the id every name begins with, and the tags."""

    id: str
    delimiter: str
    tags: Mapping[str, str]
    parts: Mapping[str, str]
    """Every label, normalized; empty ones included."""

    def role_name(self, short: str) -> str:
        """The short name goes in verbatim and does not count in the length limit (T-19)."""
        return f"{self.id}{self.delimiter}{short}"

    def role_tags(self, role_name: str) -> dict[str, str]:
        """Roles carry their own name under the literal key `Name`, whatever the case of keys (3.3)."""
        return dict(sorted({**self.tags, "Name": role_name}.items()))


def make_label(inputs: LabelInputs) -> Label:
    """The label of these inputs; pure. Inputs are valid (`read_label` says what is not)."""
    case = _CASE[inputs.label_value_case or "lower"]
    remove = _remover(inputs.regex_replace_chars or "/[^-a-zA-Z0-9]/")
    delimiter = "-" if inputs.delimiter is None else inputs.delimiter
    parts = {name: case(remove(getattr(inputs, name) or "")) for name in STRINGS}
    parts["attributes"] = delimiter.join(_attributes(inputs.attributes, remove, case))
    full = delimiter.join(parts[name] for name in inputs.label_order or DEFAULT_ORDER if parts[name])
    shortened = _shorten(
        full, inputs.id_length_limit or 0, delimiter, lambda text: remove(_hash_case(inputs)(text))
    )
    return Label(shortened, delimiter, _tags(inputs, parts, shortened), parts)


def _hash_case(inputs: LabelInputs) -> Callable[[str], str]:
    case = inputs.label_value_case or "lower"
    return title if case == "title" else _CASE[case]


def _attributes(
    given: tuple[str, ...], remove: Callable[[str], str], case: Callable[[str], str]
) -> list[str]:
    filtered = dict.fromkeys(remove(attribute) for attribute in given)
    return list(dict.fromkeys(case(attribute) for attribute in filtered if attribute))


def _remover(pattern: str) -> Callable[[str], str]:
    """Terraform's `replace`: a regular expression between slashes, else a plain substring."""
    if len(pattern) > 1 and pattern[0] == pattern[-1] == "/":
        compiled = re.compile(pattern[1:-1], re.ASCII)
        return lambda text: compiled.sub("", text)
    return lambda text: text.replace(pattern, "")


def _shorten(full: str, limit: int, delimiter: str, normalize: Callable[[str], str]) -> str:
    if not limit or len(full) <= limit:
        return full
    kept = limit - _HASH_LENGTH - len(delimiter)
    head = full[:kept].removesuffix(delimiter) + delimiter if kept > 0 else ""
    digest = hashlib.md5(full.encode(), usedforsecurity=False).hexdigest()
    return (head + normalize(digest + "qrstuvwxyz"))[:limit]


def _tags(inputs: LabelInputs, parts: Mapping[str, str], label_id: str) -> dict[str, str]:
    wanted = LABELS if "default" in inputs.labels_as_tags else inputs.labels_as_tags
    key_case = _CASE[inputs.label_key_case or "title"]
    values = {**parts, "name": label_id}
    generated = {key_case(name): values[name] for name in wanted if values.get(name)}
    return dict(sorted({**generated, **inputs.tags}.items()))


def account_name(inputs: LabelInputs, label: Label) -> str | None:
    """The name of the account a deployment goes to (3.4), or None when the format is not understood."""
    if not inputs.account_format:
        return label.parts["stage"]
    values = iter(label.parts.get(name, "") for name in inputs.account_labels)
    pieces = re.split(r"%[vs]", inputs.account_format)
    text = pieces[0]
    for piece in pieces[1:]:
        text += next(values, "") + piece
    return None if "%" in text.replace("%%", "") else text.replace("%%", "%")


def for_account(inputs: LabelInputs, name: str) -> LabelInputs | None:
    """The same naming, for another account: its labels are read back out of its name; None when they cannot be."""
    if not inputs.account_format:
        return replace(inputs, stage=name)
    pattern = "".join(
        "(.*?)" if piece in {"%v", "%s"} else re.escape(piece)
        for piece in re.split(r"(%[vs])", inputs.account_format)
    )
    found = re.fullmatch(pattern, name)
    if found is None or len(found.groups()) != len(inputs.account_labels):
        return None
    values = dict(zip(inputs.account_labels, found.groups(), strict=True))
    known: dict[str, Any] = {key: value for key, value in values.items() if key in STRINGS}
    return replace(inputs, **known)


def role_name_fault(name: str) -> tuple[str, str] | None:
    """Which fault a role name has and why, or None (T-20)."""
    if len(name) > ROLE_NAME_LENGTH:
        more = len(name) - ROLE_NAME_LENGTH
        return "role-name-too-long", f"role name {name} has {len(name)} characters, {more} too many"
    if not _ROLE_NAME.match(name):
        return (
            "role-name-invalid",
            f"role name {name!r} has characters other than letters, digits and _+=,.@-",
        )
    return None


def read_label(variables: Node | None, path: str, findings: list[Finding]) -> LabelInputs:
    """Label inputs of a component's variables; its `context` object comes first, variables beat it (3.2)."""
    reader = Reader(findings, variables)
    inputs = LabelInputs()
    if variables is None:
        return inputs
    context = reader.mapping(variables.get("context"), f"{path}.context")
    if context is not None:
        inputs = _read_onto(inputs, context, f"{path}.context", reader)
    return _read_onto(inputs, variables, path, reader)


def _read_onto(base: LabelInputs, node: Node, path: str, reader: Reader) -> LabelInputs:
    said: dict[str, Any] = {}
    for name in (*STRINGS, "delimiter", "regex_replace_chars", "label_value_case", "label_key_case"):
        if not is_null(node.get(name)):
            said[name] = reader.text(node.get(name), f"{path}.{name}")
    if not is_null(node.get("id_length_limit")):
        said["id_length_limit"] = reader.whole(node.get("id_length_limit"), f"{path}.id_length_limit")
    if not is_null(node.get("enabled")):
        said["enabled"] = reader.flag(node.get("enabled"), f"{path}.enabled") is not False
    lists = {name: reader.texts(node.get(name), f"{path}.{name}") for name in _lists_in(node)}
    if lists.get("attributes"):
        said["attributes"] = (*base.attributes, *(lists["attributes"] or ()))
    if lists.get("label_order"):
        said["label_order"] = lists["label_order"]
    as_tags = lists.get("labels_as_tags")
    if as_tags is not None and "unset" not in as_tags and base.labels_as_tags == ("default",):
        said["labels_as_tags"] = as_tags
    tags = reader.mapping(node.get("tags"), f"{path}.tags")
    if tags is not None:
        read = {key: reader.text(value, f"{path}.tags.{key}") or "" for key, value in tags.entries.items()}
        said["tags"] = {**base.tags, **read}
    said.update(_account_format(node, path, reader))
    inputs = replace(base, **_given(said))
    return _checked(inputs, node, path, reader)


def _lists_in(node: Node) -> list[str]:
    return [name for name in ("attributes", "label_order", "labels_as_tags") if not is_null(node.get(name))]


def _given(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}


def _account_format(node: Node, path: str, reader: Reader) -> dict[str, Any]:
    formats = reader.mapping(node.get("descriptor_formats"), f"{path}.descriptor_formats")
    place = f"{path}.descriptor_formats.account_name"
    described = reader.mapping(formats.get("account_name"), place) if formats else None
    if described is None:
        return {}
    labels = reader.texts(described.get("labels"), f"{place}.labels") or ()
    return {
        "account_format": reader.text(described.get("format"), f"{place}.format"),
        "account_labels": labels,
    }


def _pattern_fault(pattern: str) -> str:
    """Why a pattern between slashes is not used; empty when it is, and for plain text."""
    if not (len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/")):
        return ""
    if len(pattern) > LONGEST_PATTERN:
        return f"has more than {LONGEST_PATTERN} characters"
    try:
        re.compile(pattern[1:-1], re.ASCII)
    except re.error as error:
        return f"is {pattern!r}, not a regular expression: {error}"
    if not _LINEAR.match(pattern[1:-1]):
        return f"is {pattern!r}, which could take very long"
    return ""


def _checked(inputs: LabelInputs, node: Node, path: str, reader: Reader) -> LabelInputs:
    """Falls back to the default where a setting is not allowed, after saying so (T-18)."""

    def refuse(name: str, message: str, advice: str) -> None:
        reader.refuse(
            "label-invalid", f"{path}.{name}: {message}", node.get(name) or node, f"{path}.{name}", advice
        )

    changes: dict[str, Any] = {}
    if (inputs.label_value_case or "lower") not in _CASES:
        refuse("label_value_case", f"is {inputs.label_value_case!r}", "allowed: lower, title, upper, none")
        changes["label_value_case"] = None
    if (inputs.label_key_case or "title") not in _CASES - {"none"}:
        refuse("label_key_case", f"is {inputs.label_key_case!r}", "allowed: lower, title, upper")
        changes["label_key_case"] = None
    limit = inputs.id_length_limit or 0
    if limit < 0 or 0 < limit < 6:
        refuse("id_length_limit", f"is {limit}", "allowed: 0 (no limit), or at least 6")
        changes["id_length_limit"] = None
    wrong = _pattern_fault(inputs.regex_replace_chars or "")
    if wrong:
        refuse(
            "regex_replace_chars",
            wrong,
            "as /[^-a-zA-Z0-9]/: characters, classes, one repetition in each branch",
        )
        changes["regex_replace_chars"] = None
    for name in STRINGS:
        if len(getattr(inputs, name) or "") > LONGEST_LABEL:
            refuse(name, f"has more than {LONGEST_LABEL} characters", "shorten it")
            changes[name] = None
    if any(len(attribute) > LONGEST_LABEL for attribute in inputs.attributes):
        refuse("attributes", f"has one of more than {LONGEST_LABEL} characters", "shorten it")
        changes["attributes"] = ()
    unknown = [name for name in inputs.label_order if name not in LABELS]
    if unknown:
        refuse("label_order", f"{', '.join(unknown)} is no label", f"allowed: {', '.join(LABELS)}")
        return replace(inputs, label_order=(), **changes)
    return replace(inputs, **changes) if changes else inputs
