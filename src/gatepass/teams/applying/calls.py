"""How the teams part calls AWS: one account at a time, by id. A small promise the door and fakes keep.

Errors are `gatepass.aws.errors.AwsError`, which say whether the call may have been applied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from gatepass.aws.errors import Throttled
from gatepass.clock import Clock

Answer = Mapping[str, Any]


class Calls(Protocol):
    """Calls in the accounts of the estate. Thread-safe."""

    def call(self, account_id: str, service: str, operation: str, /, **params: Any) -> Answer:
        """One call in one account, sent at most once; or an `AwsError`."""
        ...

    def identity(self) -> str:
        """ARN of whoever makes the calls: a user, or the role behind a session."""
        ...


class NotYet(Exception):
    """Something just made does not show yet; look again later (T-84)."""


@dataclass(frozen=True, slots=True)
class Op:
    """One write, as it will be sent."""

    service: str
    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)


class Patient:
    """Calls that wait when AWS says there are too many at once: nothing was done, sending again is safe (T-85)."""

    def __init__(self, calls: Calls, clock: Clock, longest: float = 60.0) -> None:
        self._calls = calls
        self._clock = clock
        self._longest = longest
        """Seconds to go on trying one call."""

    def identity(self) -> str:
        return self._calls.identity()

    def call(self, account_id: str, service: str, operation: str, /, **params: Any) -> Answer:
        wait, waited = 0.2, 0.0
        while True:
            try:
                return self._calls.call(account_id, service, operation, **params)
            except Throttled:
                if waited >= self._longest:
                    raise
            self._clock.sleep(wait)
            waited += wait
            wait = min(wait * 2, 5.0)


def iam(operation: str, **params: Any) -> Op:
    """A call of IAM."""
    return Op("iam", operation, params)


def pages(calls: Calls, account_id: str, operation: str, key: str, **params: Any) -> Iterator[Any]:
    """All items of one list of IAM."""
    for answer in markers(calls, account_id, operation, **params):
        yield from answer.get(key, ())


def markers(calls: Calls, account_id: str, operation: str, **params: Any) -> Iterator[Answer]:
    """All pages of one list of IAM."""
    more: dict[str, Any] = {}
    while True:
        answer = calls.call(account_id, "iam", operation, **params, **more)
        yield answer
        if not answer.get("IsTruncated"):
            return
        more = {"Marker": answer["Marker"]}


def tokens(
    calls: Calls,
    account_id: str,
    service: str,
    operation: str,
    key: str,
    *,
    word: str = "NextToken",
    **params: Any,
) -> Iterator[Any]:
    """All items of a list of sso-admin or identitystore; `word` is how other services write what leads on."""
    more: dict[str, Any] = {}
    while True:
        answer = calls.call(account_id, service, operation, **params, **more)
        yield from answer.get(key, ())
        token = answer.get(word)
        if not token:
            return
        more = {word: token}


def document(value: Any) -> dict[str, Any]:
    """A policy document as AWS gives it: URL-encoded text, or what the SDK already decoded (T-74)."""
    if isinstance(value, str):
        text = value if value.lstrip().startswith("{") else unquote(value)
        parsed: dict[str, Any] = json.loads(text)
        return parsed
    return dict(value)


def text(value: Mapping[str, Any]) -> str:
    """A document as it is sent: minified, because size counts (T-54)."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def tags_of(listed: Any) -> dict[str, str]:
    """Tags as AWS gives them; its own (`aws:...`) are left out."""
    return {
        str(tag["Key"]): str(tag["Value"]) for tag in listed or () if not str(tag["Key"]).startswith("aws:")
    }
