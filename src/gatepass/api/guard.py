"""What every request passes before its route: size, depth, one spelling of JSON, rates (security.md 20)."""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatepass.api.problems import problem
from gatepass.clock import Clock

MAX_BODY = 1 << 20
"""Bytes."""
MAX_DEPTH = 32
_SESSION = re.compile(rb"(?:^|; )(?:__Host-)?gatepass=([\w-]{20,200})")
MACHINES = "/v1/"
"""Below it every body is JSON and is read strictly, whatever kind it says it is: the framework has its own idea of
which kinds are JSON."""
SIGNED = "/slack/"
"""Below it every delivery is signed, and all of a workspace come from few addresses: no rate per address."""


class BadJson(ValueError):
    """A body that is not JSON of ours: too deep, a key twice, a number that JSON does not have."""


def strict_json(body: bytes) -> Any:
    """Parse JSON; refuse duplicate keys, NaN, depth above 32, unkeepable text. Raises `BadJson` saying which."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise BadJson("a key stands twice in one object")
        return found

    def no_constant(name: str) -> Any:
        raise BadJson(f"{name} is not JSON")

    if _depth(body) > MAX_DEPTH:
        raise BadJson(f"nested deeper than {MAX_DEPTH}")
    try:
        found = json.loads(body, object_pairs_hook=once, parse_constant=no_constant)
    except (ValueError, RecursionError) as wrong:
        raise BadJson(str(wrong) or "not JSON") from wrong
    if not _kept(found):
        raise BadJson("a text holds NUL or half of a surrogate pair")
    return found


def _kept(value: Any) -> bool:
    """Whether every text in it can be written in UTF-8 and kept in a database."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        return all(_kept(key) and _kept(each) for key, each in value.items())
    return all(map(_kept, value)) if isinstance(value, list) else True


def _depth(body: bytes) -> int:
    """The deepest nesting, counted without building anything; brackets inside strings do not count."""
    depth = deepest = 0
    inside = escaped = False
    for byte in body:
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


class Rates:
    """A bucket per caller: so many requests a second on average, a burst of `burst`. Thread-safe, bounded memory."""

    def __init__(
        self, clock: Clock, per_second: float = 50, burst: float = 200, callers: int = 10_000
    ) -> None:
        self._clock = clock
        self._per_second, self._burst, self._callers = per_second, burst, callers
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, caller: str) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            left, at = self._buckets.pop(caller, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._per_second)
            allowed = left >= 1
            self._buckets[caller] = (left - 1 if allowed else left, now)
            while len(self._buckets) > self._callers:
                self._buckets.popitem(last=False)
        return allowed


class Crowd:
    """Who may send now: each person (by token or session) at their own rate, and all of one address together at ten
    times that, so that people behind one proxy do not stop each other and made-up tokens gain nothing."""

    def __init__(self, clock: Clock) -> None:
        self._people = Rates(clock)
        self._addresses = Rates(clock, per_second=500, burst=2000)

    def allow(self, headers: Mapping[bytes, bytes], address: str) -> bool:
        session = _SESSION.search(headers.get(b"cookie", b""))
        who = headers.get(b"authorization") or (session[1] if session else address.encode())
        return self._addresses.allow(address) and self._people.allow(who.decode("latin-1")[-80:])


class Guard:
    """ASGI middleware: bodies are read here, once, bounded and strict, and handed on as they came."""

    def __init__(self, app: ASGIApp, crowd: Crowd) -> None:
        self._app = app
        self._crowd = crowd

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        address = scope["client"][0] if scope["client"] else ""
        signed = scope["path"].startswith(SIGNED)
        if not signed and not self._crowd.allow(headers, address):
            refused = problem(429, "too_many", "too many requests", "wait a second and try again")
            await refused(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            refused = problem(413, "too_large", f"a body has at most {MAX_BODY} bytes")
            await refused(scope, receive, send)
            return
        if body and scope["path"].startswith(MACHINES):
            try:
                strict_json(body)
            except BadJson as wrong:
                await problem(400, "bad_body", f"the body cannot be used: {wrong}")(scope, receive, send)
                return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, _unkept(send) if scope["path"].startswith(MACHINES) else send)


def _unkept(send: Send) -> Send:
    """Answers of the API are a person's own: no cache keeps them, no browser guesses what they are."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault("X-Content-Type-Options", "nosniff")
        await send(message)

    return with_headers


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when it is larger than allowed."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return body
