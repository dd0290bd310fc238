"""`key=value` from the command line as the value `workspace.toml` holds."""

from __future__ import annotations

import shlex

from gatepass.sessions.errors import BadInput
from gatepass.sessions.workspace.schema import BY_KIND, COMMON

_FLAGS = {"prod", "autostart", "session_token", "wait", "auto_login"}
_LISTS = {"policy_arns", "console_policy_arns", "transitive_tag_keys", "allow", "confirm"}
_COMMANDS = {"command", "token_command", "assertion_command"}
_TABLES = {"tags", "session_tags"}


def assigned(kind: str, words: tuple[str, ...]) -> dict[str, object]:
    """The keys and values of `words`; an empty value is None, which removes the key. Raises `BadInput`."""
    allowed = {**COMMON, **BY_KIND.get(kind, {})}
    found: dict[str, object] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or (kind in BY_KIND and key not in allowed):
            raise BadInput(f"found {word!r}; allowed: KEY=VALUE with {', '.join(sorted(allowed))}")
        found[key] = value_of(key, text) if text else None
    return found


def value_of(key: str, text: str) -> object:
    """One value by the kind of its key."""
    if key in _FLAGS:
        if text not in ("true", "false"):
            raise BadInput(f"{key}: found {text!r}; allowed: true or false")
        return text == "true"
    if key in ("duration", "max_duration"):
        return int(text) if text.isdecimal() else text
    if key in _LISTS:
        return [part.strip() for part in text.split(",")]
    if key in _COMMANDS:
        return shlex.split(text)
    if key in _TABLES:
        return dict(_pair(key, part) for part in text.split(","))
    return text


def _pair(key: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"{key}: found {text!r}; allowed: name=value,name=value")
    return name.strip(), value.strip()
