"""The webhook sink: each event as JSON, signed so that the receiver can tell it from anybody else's.

Header `Gatepass-Signature: t=<unix seconds>,v1=<hex>` with HMAC-SHA256 over `<t>.<body>`; `Gatepass-Delivery` is the
same when a message comes twice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from gatepass.clock import iso, to_ms
from gatepass.engine.ports import TryLater, Undeliverable
from gatepass.errors import Unavailable
from gatepass.notify import words
from gatepass.notify.notice import Notice
from gatepass.notify.upto import ref

TIMEOUT = 5.0
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WebhookSink:
    """Posts notices to the addresses that flows name under `notify.tell`."""

    secret: Callable[[str], str]
    """A reference's key."""
    client: httpx.Client

    def send(self, notice: Notice) -> str | None:
        """Post one event. Any 2xx is taken as received; 410 as never again."""
        flow = notice.flow
        number = int(notice.recipient)
        hook = (
            flow.notify.tell[number].webhook if flow is not None and number < len(flow.notify.tell) else None
        )
        if hook is None:
            raise Undeliverable(f"flow {notice.request.flow} has no webhook {number}")
        body = json.dumps(payload(notice), sort_keys=True, separators=(",", ":")).encode()
        delivery = f"{notice.request.id}.{notice.message.n}"
        post(self.client, hook.url, self.secret(hook.secret), delivery, notice.now, body)
        return ref(notice)


def post(client: httpx.Client, url: str, secret: str, delivery: str, now: datetime, body: bytes) -> None:
    """Post one signed body. Raises `TryLater`, `Undeliverable` (gone) or `Unavailable`."""
    headers = {
        "content-type": "application/json",
        "gatepass-delivery": delivery,
        "gatepass-signature": sign(secret, to_ms(now) // 1000, body),
    }
    try:
        answer = client.post(url, content=body, headers=headers, timeout=TIMEOUT)
    except httpx.HTTPError as problem:
        raise Unavailable(f"webhook {url}: {problem}") from problem
    _judge(answer, url)


def _judge(answer: httpx.Response, url: str) -> None:
    if answer.is_success:
        return
    if answer.status_code == 410:
        raise Undeliverable(f"webhook {url} is gone")
    pause = answer.headers.get("retry-after", "")
    if answer.status_code in (429, 503) and pause.isdigit():
        raise TryLater(f"webhook {url} asks for a pause", min(timedelta(seconds=int(pause)), LONGEST_PAUSE))
    raise Unavailable(f"webhook {url} answered {answer.status_code}")


def sign(secret: str, at: int, body: bytes) -> str:
    """The signature header of a body sent at a time in seconds since the epoch."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def payload(notice: Notice) -> dict[str, Any]:
    """The event as JSON; keys are stable, `text` is the message in words."""
    request = notice.request
    return {
        "event": notice.event,
        "delivery": f"{request.id}.{notice.message.n}",
        "at": iso(notice.message.made_at or notice.now),
        "request": {
            "id": request.id,
            "version": request.version,
            "flow": request.flow,
            "state": str(request.state),
            "requester": request.requester,
            "organization": request.organization,
            "target": request.target,
            "account_id": request.account_id,
            "reason": words.plain(request.reason),
            "asked_at": iso(request.asked_at),
        },
        "grants": [
            {
                "id": grant.id,
                "state": str(grant.state),
                "ends_at": iso(grant.ends_at) if grant.ends_at is not None else None,
                "ended_at": iso(grant.ended_at) if grant.ended_at is not None else None,
                "why": grant.why,
            }
            for grant in notice.grants
        ],
        "decisions": [{"by": d.by, "answer": str(d.answer), "at": iso(d.at)} for d in notice.decisions],
        "url": notice.url or None,
        "text": words.text(notice),
    }
