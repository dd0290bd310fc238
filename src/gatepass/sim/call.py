"""One call as an operation sees it, the table of operations, and paging. What every service module builds on."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from gatepass.sim.answers import ApiError, error
from gatepass.sim.faults import Rule
from gatepass.sim.settings import Settings
from gatepass.sim.world import Principal, World

Params = Mapping[str, Any]
Answer = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """Who calls what, when, and what is to go wrong with it."""

    world: World
    settings: Settings
    service: str
    operation: str
    caller: Principal
    region: str
    now: datetime
    fault: Rule | None = None

    def refuse(self, kind: str, message: str, **members: Any) -> ApiError:
        """The error answer in this service's words; the operation raises it."""
        return error(kind, self.service, message, **members)

    def faulty(self, kind: str) -> bool:
        return self.fault is not None and self.fault.do == kind

    def seen_at(self) -> datetime:
        """The moment whose state lists show to this caller."""
        if self.fault is not None and self.fault.do == "stale":
            return self.now - timedelta(seconds=self.fault.seconds)
        lags = self.settings.list_lag_by_caller
        fitting = [prefix for prefix in lags if self.caller.arn.startswith(prefix)]
        lag = lags[max(fitting, key=len)] if fitting else self.settings.list_lag
        return self.now - timedelta(seconds=lag)


Run = Callable[[Call, Params], Answer]


@dataclass(frozen=True)
class Operation:
    """A row of the table: what runs, and what a caller has to be allowed."""

    run: Run
    action: str
    """The IAM action; empty: everybody may call it."""
    resources: Callable[[Call, Params], list[str]]


OPERATIONS: dict[tuple[str, str], Operation] = {}
"""(service, operation) -> what it does. Filled by the service modules when they are imported, never changed later."""

_PREFIX = {"sso-admin": "sso", "accessanalyzer": "access-analyzer"}


def _anything(call: Call, params: Params) -> list[str]:
    return ["*"]


def operation(
    service: str,
    name: str,
    *,
    open_to_all: bool = False,
    resources: Callable[[Call, Params], list[str]] = _anything,
) -> Callable[[Run], Run]:
    """Enter a function into the table as `service`'s operation `name`."""

    def enter(run: Run) -> Run:
        action = "" if open_to_all else f"{_PREFIX.get(service, service)}:{name}"
        OPERATIONS[service, name] = Operation(run, action, resources)
        return run

    return enter


def _fingerprint(call: Call, params: Params) -> str:
    rest = {
        k: v for k, v in params.items() if k.lower() not in {"nexttoken", "maxresults", "marker", "maxitems"}
    }
    text = json.dumps([call.operation, rest], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _resume_after(call: Call, params: Params, token: str) -> str:
    if call.faulty("token-error"):
        raise call.refuse("invalid", "The token provided is not valid")
    try:
        fingerprint, _, key = base64.urlsafe_b64decode(token.encode()).decode().partition("|")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        fingerprint, key = "", ""
    if fingerprint != _fingerprint(call, params):
        raise call.refuse("invalid", "The token provided is not valid")
    return key


def page(
    call: Call,
    params: Params,
    items: Iterable[tuple[str, T]],
    *,
    most: int = 100,
    default: int = 100,
    names: str = "",
) -> tuple[list[T], str]:
    """One page of `items` (sorted by key) and the token of the next one, empty on the last page.

    Tokens hold the last key given out, so that a change between two pages neither repeats nor hides an item. A
    token belongs to one operation with one set of parameters. `names` is the prefix rule of the token's parameter:
    empty for NextToken and MaxResults, `lower` for nextToken and maxResults, `iam` for Marker and MaxItems.
    """
    token_name, size_name = {
        "": ("NextToken", "MaxResults"),
        "lower": ("nextToken", "maxResults"),
        "iam": ("Marker", "MaxItems"),
    }[names]
    ordered = sorted(items, key=lambda item: item[0])
    start = 0
    if token := params.get(token_name):
        start = bisect_right(ordered, _resume_after(call, params, token), key=lambda item: item[0])
    size = min(int(params.get(size_name) or default), most)
    if call.settings.page_size:
        size = min(size, call.settings.page_size)
    shown, more = _cut(call, ordered[start:], size)
    if not more:
        return [item for _, item in shown], ""
    last = shown[-1][0] if shown else (ordered[start - 1][0] if start else "")
    raw = f"{_fingerprint(call, params)}|{last}"
    return [item for _, item in shown], base64.urlsafe_b64encode(raw.encode()).decode()


def _cut(call: Call, rest: list[tuple[str, T]], size: int) -> tuple[list[tuple[str, T]], bool]:
    if call.faulty("empty-page") and rest:
        return [], True
    if call.faulty("short-page") and len(rest) > 1:
        size = min(size, (len(rest) + 1) // 2)
    return rest[:size], len(rest) > size


def listed(name: str, items: list[Any], token: str) -> Answer:
    """The answer of a list operation; the token only where there is more."""
    return {name: items, **({"NextToken": token} if token else {})}
