"""What a description of a world may say: every word it does not know is a fault, told with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TEXT, _LIST, _MAP, _NUMBER, _ANY = "text", "list", "mapping", "number", "anything"

FORMS: dict[str, dict[str, str]] = {
    "world": {
        "organizations": "organization*",
        "roles": "role*",
        "users": "iam_user*",
        "providers": "provider*",
        "quotas": _MAP,
    },
    "organization": {
        "id": _TEXT,
        "name": _TEXT,
        "root": _TEXT,
        "management": "account",
        "accounts": "account*",
        "units": "unit*",
        "identity_center": "identity_center",
        "delegated_administrators": _MAP,
    },
    "account": {"id": _TEXT, "name": _TEXT, "email": _TEXT, "status": _TEXT, "tags": _MAP},
    "unit": {"id": _TEXT, "name": _TEXT, "tags": _MAP, "accounts": "account*", "units": "unit*"},
    "identity_center": {
        "instance": _TEXT,
        "region": _TEXT,
        "identity_store": _TEXT,
        "start_url": _TEXT,
        "delegated_administrator": _TEXT,
        "permission_sets": "permission_set*",
        "users": "person*",
        "groups": "group*",
        "assignments": "assignment*",
    },
    "permission_set": {
        "id": _TEXT,
        "name": _TEXT,
        "description": _TEXT,
        "session": _TEXT,
        "managed": _LIST,
        "inline": _MAP,
        "tags": _MAP,
    },
    "person": {"id": _TEXT, "user_name": _TEXT, "email": _TEXT, "name": _TEXT, "external_ids": _MAP},
    "group": {"id": _TEXT, "name": _TEXT, "members": _LIST},
    "assignment": {"user": _TEXT, "group": _TEXT, "permission_set": _TEXT, "accounts": _LIST},
    "role": {
        "account": _TEXT,
        "name": _TEXT,
        "path": _TEXT,
        "trust": _MAP,
        "trusted_by": _ANY,
        "external_id": _TEXT,
        "max_session": _NUMBER,
        "tags": _MAP,
        "allow": _LIST,
        "policies": _MAP,
        "managed": _LIST,
    },
    "iam_user": {
        "account": _TEXT,
        "name": _TEXT,
        "path": _TEXT,
        "access_key": _TEXT,
        "secret": _TEXT,
        "mfa": "device",
        "allow": _LIST,
        "policies": _MAP,
        "managed": _LIST,
    },
    "device": {"serial": _TEXT, "seed": _TEXT},
    "provider": {"account": _TEXT, "name": _TEXT, "metadata": _TEXT, "url": _TEXT, "audiences": _LIST},
}
"""Form -> key -> what its value is: a kind of value, another form, or a list of another form (`*`)."""

_KINDS: dict[str, tuple[type, ...]] = {
    _TEXT: (str,),
    _LIST: (list, tuple),
    _MAP: (Mapping,),
    _NUMBER: (int,),
    _ANY: (object,),
}


def faults(described: Any, form: str = "world", path: str = "") -> Iterator[str]:
    """Everything in the description that is not in its form, each with its place."""
    if not isinstance(described, Mapping):
        yield f"{path or 'the description'}: {described!r} is no mapping of {', '.join(FORMS[form])}"
        return
    for key, value in described.items():
        where = f"{path}.{key}" if path else str(key)
        kind = FORMS[form].get(key)
        if kind is None:
            yield f"{where}: not known here; known are {', '.join(FORMS[form])}"
        elif kind in _KINDS:
            if not isinstance(value, _KINDS[kind]):
                yield f"{where}: {value!r} is no {kind}{_advice(kind, value)}"
        elif kind.endswith("*"):
            yield from _each(value, kind.removesuffix("*"), where)
        else:
            yield from faults(value, kind, where)


def _each(value: Any, form: str, where: str) -> Iterator[str]:
    if not isinstance(value, list | tuple):
        yield f"{where}: {value!r} is no list"
        return
    for number, item in enumerate(value):
        yield from faults(item, form, f"{where}[{number}]")


def _advice(kind: str, value: Any) -> str:
    return "; account ids are quoted" if kind == _TEXT and isinstance(value, int) else ""
