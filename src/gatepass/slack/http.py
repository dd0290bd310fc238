"""Slack over HTTP: one route. Signature over the raw body, five minutes, each signature once; then the listeners."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

from slack_bolt import App, BoltRequest
from starlette.requests import Request
from starlette.responses import Response

from gatepass.clock import Clock, to_ms
from gatepass.errors import Unavailable

WINDOW = 300
"""Seconds by which a delivery may be old or early (security.md 23)."""
MOST = 100_000
"""Signatures remembered at most; more within five minutes than any workspace sends."""


class Signatures:
    """Tells Slack's deliveries from anybody else's, and new ones from replays. Thread-safe."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret.encode()
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, int] = OrderedDict()

    def good(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether this delivery is Slack's, is of now, and has not been seen. Seen once, it is good no more."""
        stamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            return False
        now = to_ms(self._clock.now()) // 1000
        if abs(now - int(stamp)) > WINDOW:
            return False
        own = hmac.new(self._secret, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"v0={own}".encode(), signature.encode()):
            return False
        return self._first(signature, now)

    def _first(self, signature: str, now: int) -> bool:
        with self._lock:
            while self._seen and (
                next(iter(self._seen.values())) < now - 2 * WINDOW or len(self._seen) >= MOST
            ):
                self._seen.popitem(last=False)
            if signature in self._seen:
                return False
            self._seen[signature] = now
            return True


class SlackRoute:
    """The endpoint for commands, interactions and options. Has threads of its own: a busy API delays no answer."""

    def __init__(
        self,
        app: App,
        signing_secret: str,
        clock: Clock,
        first: Callable[[str], bool],
        *,
        threads: int = 32,
        patience: float = 0.4,
    ) -> None:
        """`first`: whether no process has had this signature. Its word is waited for `patience` seconds and no longer:
        Slack waits for the acknowledgement, and what a delivery does has the effect of one by its own key (I9)."""
        self._app = app
        self._signatures = Signatures(signing_secret, clock)
        self._first = first
        self.patience = patience
        """Seconds that another process's word is waited for."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="slack-http")
        self._asking = ThreadPoolExecutor(threads, thread_name_prefix="slack-seen")

    async def serve(self, request: Request) -> Response:
        """One delivery: 401 unless it is Slack's, of now, and new."""
        body = await request.body()
        if not self._signatures.good(body, request.headers):
            return _refused()
        headers = dict(request.headers)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, self._dispatch, body.decode("utf-8", "replace"), headers
        )

    def _dispatch(self, body: str, headers: dict[str, str]) -> Response:
        if self._elsewhere(headers["x-slack-signature"]):
            return _refused()
        answer = self._app.dispatch(BoltRequest(body=body, headers={**headers}))
        kept = {
            name: values[0] for name, values in answer.headers.items() if name.lower() != "content-length"
        }
        return Response(answer.body, answer.status, kept)

    def _elsewhere(self, signature: str) -> bool:
        """Whether another process has had this delivery, as far as is known in time."""
        try:
            return not self._asking.submit(self._first, signature).result(self.patience)
        except (NotYet, Unavailable):
            return False

    def close(self) -> None:
        for pool in (self._threads, self._asking):
            pool.shutdown(wait=True, cancel_futures=True)


def _refused() -> Response:
    return Response("not from Slack, or seen before\n", 401, media_type="text/plain")
