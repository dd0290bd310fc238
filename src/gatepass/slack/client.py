"""The one door to Slack's Web API: errors in our words, rate limits obeyed, quiet while Slack asks for a pause."""

from __future__ import annotations

import threading
from datetime import timedelta
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from gatepass.clock import Clock
from gatepass.engine.ports import TryLater, Undeliverable
from gatepass.errors import GatepassError, Unavailable

TIMEOUT = 5
"""Seconds of one call."""
LONGEST_PAUSE = 300
SILENCE = 2.0
"""Seconds in which nothing is tried after Slack did not answer."""
_ANY = "*"
NOT_THERE = frozenset(
    {
        "account_inactive",
        "cannot_dm_bot",
        "channel_not_found",
        "is_archived",
        "messages_tab_disabled",
        "no_permission",
        "not_in_channel",
        "restricted_action",
        "user_disabled",
        "user_not_found",
        "user_not_visible",
        "users_not_found",
    }
)
"""Answers that another try would get again."""


class SlackFault(GatepassError):
    """Slack refused a call; `error` is its word for why."""

    code = "slack"

    def __init__(self, method: str, error: str) -> None:
        super().__init__(f"Slack refused {method}: {error}", advice="see: gatepass slack check")
        self.error = error


class SlackClient:
    """Calls Slack, bounded in time. Thread-safe."""

    def __init__(self, web: WebClient, clock: Clock) -> None:
        self._web = web
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    @staticmethod
    def of(token: str, clock: Clock, base_url: str = "") -> SlackClient:
        """A client with this bot token; `base_url` ends with /api/ (empty: Slack's own)."""
        web = WebClient(token, base_url or WebClient.BASE_URL, TIMEOUT, retry_handlers=[])
        return SlackClient(web, clock)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One call, by the name of the SDK's method (`chat_postMessage`).

        Raises `TryLater` (rate limit; also at once while a pause lasts), `Undeliverable` (nobody there),
        `SlackFault` (any other refusal), `Unavailable` (no answer).
        """
        self._pause(method)
        try:
            answer = getattr(self._web, method)(**arguments)
        except SlackApiError as refused:
            raise self._refused(method, refused) from None
        except (SlackClientError, OSError, HTTPException, ValueError) as gone:
            with self._lock:  # whoever calls next need not wait for the same silence
                self._until[_ANY] = self._clock.monotonic() + SILENCE
            raise Unavailable(f"Slack does not answer {method}: {gone}") from gone
        return dict(answer.data) if isinstance(answer.data, dict) else {}

    def _pause(self, method: str) -> None:
        with self._lock:
            until = max(self._until.get(method, 0.0), self._until.get(_ANY, 0.0))
            left = until - self._clock.monotonic()
        if left > 0:
            raise TryLater(f"Slack rests before {method}", timedelta(seconds=left))

    def _refused(self, method: str, refused: SlackApiError) -> GatepassError:
        response = refused.response
        if response.status_code == 429:
            wait = str(response.headers.get("Retry-After") or response.headers.get("retry-after") or "1")
            seconds = min(int(wait) if wait.isdigit() else 1, LONGEST_PAUSE)
            with self._lock:
                self._until[method] = self._clock.monotonic() + seconds
            return TryLater(f"Slack asked for a pause before {method}", timedelta(seconds=seconds))
        if response.status_code >= 500:
            return Unavailable(f"Slack answered {method} with {response.status_code}")
        error = str(response.get("error", "unknown_error"))
        if error in ("internal_error", "fatal_error", "service_unavailable", "request_timeout"):
            return Unavailable(f"Slack answered {method} with {error}")
        if error in NOT_THERE:
            return Undeliverable(
                f"Slack refused {method}: {error}", advice="invite the app, or name another channel"
            )
        return SlackFault(method, error)
