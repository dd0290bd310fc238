"""The keys of `workspace.toml`: for each table which there are, and what each may hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from typing import Any

from gatepass.sessions.arn import Arn, parse_account_id, parse_arn, parse_role_arn

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}")
PROFILE = re.compile(r"[A-Za-z0-9._@+/-]{1,128}")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_SERIAL = re.compile(r"[\w+=,.@:/-]{9,256}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
# Nothing that a shell, a config file or a terminal reads as more than text.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!&*+,;=%-]+")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")

Check = Callable[[object], Any]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(f"found {value!r}; allowed: text on one line")
    return value


def _matching(pattern: re.Pattern[str], allowed: str) -> Check:
    def check(value: object) -> str:
        text = _text(value)
        if not pattern.fullmatch(text):
            raise ValueError(f"found {text!r}; allowed: {allowed}")
        return text

    return check


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"found {value!r}; allowed: true or false")
    return value


def _one_of(*words: str) -> Check:
    def check(value: object) -> str:
        if value not in words:
            raise ValueError(f"found {value!r}; allowed: {', '.join(words)}")
        return str(value)

    return check


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
        raise ValueError(f'found {value!r}; allowed: a list of words, like ["cmd", "arg"]')
    return tuple(value)


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError(f'found {value!r}; allowed: a table of text, like {{ team = "data" }}')
    return tuple(sorted(value.items()))


def _aws_tags(value: object) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(value)
    if len(pairs) > 50 or any(len(k) > 128 or len(v) > 256 for k, v in pairs):
        raise ValueError("more than STS takes: 50 tags, keys of 128 and values of 256 characters")
    return pairs


def _seconds(least: int, most: int) -> Check:
    def check(value: object) -> timedelta:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"found {value!r}; allowed: {least} to {most} seconds")
        return timedelta(seconds=value)

    return check


def _duration(value: object) -> timedelta | None:
    if value == "auto":
        return None
    try:
        found: timedelta = _seconds(900, 129600)(value)
    except ValueError as error:
        raise ValueError(f"{error}, or auto") from error
    return found


def _mfa_source(value: object) -> tuple[str, ...]:
    if value in ("prompt", "totp"):
        return (str(value),)
    if isinstance(value, str) and value.startswith("command:") and value[8:].split():
        return ("command", *value[8:].split())
    if isinstance(value, list) and value[:1] == ["command"] and len(value) > 1:
        return _words(value)
    raise ValueError(f"found {value!r}; allowed: prompt, totp, or command:<program and arguments>")


def _mfa_serial(value: object) -> str:
    text = _text(value)
    if ":u2f/" in text:
        raise ValueError(
            f"found {text!r}: hardware security keys (FIDO) cannot be used for MFA with STS; "
            "register a virtual or OTP device"
        )
    if not _SERIAL.fullmatch(text):
        raise ValueError(f"found {text!r}; allowed: 9 to 256 of letters, digits and _+=,.@:/-")
    return text


def _policy(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"found {value!r}; allowed: text")
    text = value
    if len(text) > 2048:
        raise ValueError(f"a session policy of {len(text)} characters; allowed: 2048")
    return text


def _policy_arns(value: object) -> tuple[str, ...]:
    words = _words(value)
    if len(words) > 10:
        raise ValueError(f"{len(words)} policy ARNs; allowed: 10")
    for word in words:
        parse_arn(word)
    return words


def _source_identity(value: object) -> str:
    text: str = _matching(_SESSION_NAME, "2 to 64 of letters, digits and _+=,.@-")(value)
    if text.startswith("aws:"):
        raise ValueError(f"found {text!r}; it must not start with aws:")
    return text


def _url(value: object) -> str:
    text = _text(value)
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"found {text!r}; allowed: an address starting with https://")
    return text


def _endpoints(value: object) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(value)
    for _, address in pairs:
        _url(address)
    return pairs


def _arn(parse: Callable[[str], Arn]) -> Check:
    return lambda value: parse(_text(value))


_role_session_name = _matching(_SESSION_NAME, "2 to 64 of letters, digits and _+=,.@-")
_region = _matching(_REGION, "a region like eu-west-1")
_name = _matching(NAME, "a letter or digit, then up to 62 of letters, digits and ._@+-")

COMMON: dict[str, Check] = {
    "profile": _matching(PROFILE, "1 to 128 of letters, digits and ._@+/-"),
    "region": _region,
    "duration": _duration,
    "tags": _pairs,
    "prod": _flag,
    "autostart": _flag,
    "source": _text,
    "allow": _words,
    "confirm": _words,
}
BY_KIND: dict[str, dict[str, Check]] = {
    "iam-user": {
        "mfa_serial": _mfa_serial,
        "mfa_source": _mfa_source,
        "session_token": _flag,
        "console_policy": _policy,
        "console_policy_arns": _policy_arns,
    },
    "role": {
        "role_arn": _arn(parse_role_arn),
        "via": _text,
        "role_session_name": _role_session_name,
        "external_id": _matching(_EXTERNAL_ID, "2 to 1224 of letters, digits and _+=,.@:/-"),
        "mfa_serial": _mfa_serial,
        "policy": _policy,
        "policy_arns": _policy_arns,
        "session_tags": _aws_tags,
        "transitive_tag_keys": _words,
        "source_identity": _source_identity,
        "max_duration": _seconds(3600, 43200),
    },
    "sso-role": {
        "integration": _name,
        "account_id": lambda value: parse_account_id(_text(value)),
        "role_name": _matching(re.compile(r"[\w+=,.@-]{1,64}", re.ASCII), "a permission set name"),
        "account_name": _text,
    },
    "saml-role": {
        "integration": _name,
        "principal_arn": _arn(parse_arn),
        "role_arn": _arn(parse_role_arn),
        "max_duration": _seconds(3600, 43200),
    },
    "web-identity": {
        "role_arn": _arn(parse_role_arn),
        "token_file": _text,
        "token_command": _words,
        "role_session_name": _role_session_name,
        "max_duration": _seconds(3600, 43200),
    },
    "grant": {
        "request": _text,
        "target": _text,
        "flow": _text,
        "integration": _name,
        "via": _text,
        "account_id": lambda value: parse_account_id(_text(value)),
        "role_name": _matching(re.compile(r"[\w+=,.@-]{1,64}", re.ASCII), "a permission set name"),
        "role_arn": _arn(parse_role_arn),
        "wait": _flag,
    },
    "process": {"command": _words},
    "static-endpoint": {"endpoint_url": _url},
}
INTEGRATION: dict[str, Check] = {
    "kind": _one_of("identity-center", "saml"),
    "start_url": _url,
    "region": _region,
    "login_flow": _one_of("auto", "pkce", "device"),
    "auto_login": _flag,
    "share_sso_cache": _one_of("read", "write", "full", "off"),
    "name_template": _text,
    "assertion_command": _words,
    "org": _text,
    "tags": _pairs,
}
SETTINGS: dict[str, Check] = {
    "agent": _flag,
    "cache": _one_of("auto", "kernel", "file"),
    "lock_on_sleep": _flag,
    "prompt": _flag,
    "region": _region,
    "identity": _text,
    "idle_exit": _seconds(1, 7 * 86400),
    "lock_after_idle": _seconds(1, 7 * 86400),
    "confirm_prod": _flag,
    "endpoints": _endpoints,
    "server": _url,
    "registry": _words,
}


def check_table(
    table: dict[str, object], checks: dict[str, Check], required: set[str]
) -> tuple[dict[str, Any], list[str]]:
    """The checked values of `table`, and every fault in it as `key: found; allowed`."""
    values: dict[str, Any] = {}
    faults = [
        f"{key}: unknown key; allowed: {', '.join(sorted(checks))}" for key in table if key not in checks
    ]
    faults += [f"{key}: missing; it is required" for key in sorted(required - table.keys())]
    for key in table.keys() & checks.keys():
        try:
            values[key] = checks[key](table[key])
        except ValueError as error:
            faults.append(f"{key}: {error}")
    return values, sorted(faults)


def required_fields(kind: type[Any]) -> set[str]:
    """The fields of a dataclass which have no default."""
    found: tuple[Field[Any], ...] = fields(kind)
    return {f.name for f in found if f.default is MISSING and f.default_factory is MISSING}
