"""Mail and webhooks: what they say, that nobody can put anything into them, and what is tried again (N1)."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.smtp import mail_server

from gatepass.access.decide import terms
from gatepass.access.requests import Answer, Decision, Request
from gatepass.access.states import RequestState
from gatepass.engine.ports import TryLater, Undeliverable
from gatepass.errors import Unavailable
from gatepass.estate.notify import Notify, Reach, Webhook
from gatepass.estate.reading.sources import load_directory
from gatepass.notify import EVENT, MailServer, MailSink, Notice, WebhookSink, words
from gatepass.notify.mail import compose
from gatepass.notify.upto import ref
from gatepass.store import Message

NOW = datetime(2026, 1, 1, 9, 5, tzinfo=UTC)
ESTATE = load_directory(Path(__file__).parents[3] / "examples" / "multi-organization")
HOSTILE = "x\r\nBcc: all@host.example\n\x1b[31m<script>\u202e"


def _notice(channel: str, event: str = "pending", **more: Any) -> Notice:
    offer = next(iter(ESTATE.offers(ESTATE.flows["aws-access"], ESTATE.people["ana"])))
    request = Request(
        id="r23456789abcd",
        flow="aws-access",
        estate_version=1,
        requester="ana",
        source="slack",
        asked_at=NOW,
        terms=terms(offer),
        organization="tenant_foo",
        target="tenant_foo-main",
        account_id="333333333333",
        duration=timedelta(minutes=30),
        reason=HOSTILE,
        state=RequestState.PENDING,
    )
    message = Message(request.id, channel, EVENT, {"event": event}, n=7, made_at=NOW)
    return replace(
        Notice(
            message, request, (), (), ESTATE, (message,), NOW, "https://gate.example/requests/r23456789abcd"
        ),
        **more,
    )


def test_n1_a_mail_is_plain_text_with_everything_in_it() -> None:
    mail = compose(_notice("mail:ben@host.example"), "gatepass@host.example")
    text = mail.get_content()
    assert mail.get_content_type() == "text/plain"
    for word in ("Ana", "Tenant Foo", "333333333333", "30m", "https://gate.example/requests/r23456789abcd"):
        assert word in text
    assert mail["Message-ID"] == "<r23456789abcd.7@host.example>"


def test_security_16_nobody_puts_a_header_or_a_control_character_into_a_mail() -> None:
    mail = compose(_notice("mail:ben@host.example"), "gatepass@host.example")
    assert mail["Bcc"] is None
    assert "\x1b" not in mail.as_string()
    assert "\u202e" not in mail.get_content()
    assert sum(line.startswith("Reason: ") for line in mail.get_content().splitlines()) == 1


def test_what_waited_is_said_at_once_and_not_again() -> None:
    first, second = (
        Message("r23456789abcd", "mail:a@b.c", EVENT, {"event": e}, n=n)
        for n, e in ((7, "pending"), (8, "denied"))
    )
    denied = Decision("d1", "r23456789abcd", 1, "", Answer.DENY, "ben", NOW, "no")
    late = _notice("mail:a@b.c", decisions=(denied,), message=first, history=(first, second))
    text = compose(late, "g@host.example").get_content()
    assert "Since the last message" in text
    assert "Denied by Ben" in text
    said = replace(first, sent_at=NOW, sent_ref=ref(late))
    again = replace(late, message=second, history=(said, second))
    assert MailSink(MailServer("127.0.0.1", "g@host.example", 1)).send(again) is None


@pytest.fixture
def server() -> Iterator[Any]:
    with mail_server() as made:
        yield made


def _sink(server: Any) -> MailSink:
    return MailSink(MailServer("127.0.0.1", "gatepass@host.example", server.server_address[1], "none"))


def test_n1_mail_is_handed_over(server: Any) -> None:
    kept = json.loads(_sink(server).send(_notice("mail:ben@host.example")) or "")
    assert kept["upto"] == 7
    assert any(line.startswith(b"Subject: [gatepass] Ana asks for") for line in server.lines)


@pytest.mark.parametrize(
    ("answer", "raised"),
    [(b"550 nobody", Undeliverable), (b"451 later", Unavailable), (b"421 bye", Unavailable)],
)
def test_n1_what_is_refused_for_good_is_not_tried_again(
    server: Any, answer: bytes, raised: type[Exception]
) -> None:
    server.rcpt = answer
    with pytest.raises(raised):
        _sink(server).send(_notice("mail:ben@host.example"))


def test_n1_a_server_that_is_away_is_tried_again() -> None:
    with pytest.raises(Unavailable):
        MailSink(MailServer("127.0.0.1", "g@host.example", 1, "none")).send(_notice("mail:ben@host.example"))
    assert issubclass(smtplib.SMTPException, OSError)


def _hooked(event: str = "denied") -> Notice:
    hook = Reach(webhook=Webhook("https://siem.example/gatepass", "env:HOOK"))
    flow = replace(ESTATE.flows["aws-access"], notify=Notify(tell=(hook,)))
    return _notice("webhook:0", event, estate=replace(ESTATE, flows={**ESTATE.flows, "aws-access": flow}))


def _posting(status: int, **headers: str) -> tuple[list[httpx.Request], WebhookSink]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, headers=headers)

    return seen, WebhookSink(
        {"env:HOOK": "key"}.__getitem__, httpx.Client(transport=httpx.MockTransport(answer))
    )


def test_n1_a_webhook_is_signed_over_time_and_body() -> None:
    seen, sink = _posting(204)
    assert sink.send(_hooked()) is not None
    stamp, _, signature = seen[0].headers["gatepass-signature"].partition(",")
    own = hmac.new(b"key", f"{stamp[2:]}.".encode() + seen[0].content, hashlib.sha256).hexdigest()
    assert signature == f"v1={own}"
    body = json.loads(seen[0].content)
    assert body["event"] == "denied"
    assert body["request"]["id"] == "r23456789abcd"
    assert body["text"]
    assert seen[0].headers["gatepass-delivery"] == "r23456789abcd.7"
    assert "key" not in seen[0].content.decode()


@pytest.mark.parametrize(
    ("status", "raised"),
    [(500, Unavailable), (404, Unavailable), (302, Unavailable), (410, Undeliverable), (429, TryLater)],
)
def test_n1_what_a_webhook_answers(status: int, raised: type[Exception]) -> None:
    with pytest.raises(raised) as caught:
        _posting(status, **{"retry-after": "90"})[1].send(_hooked())
    if isinstance(caught.value, TryLater):
        assert caught.value.after == timedelta(seconds=90)


@pytest.mark.parametrize("state", list(RequestState))
def test_every_state_and_event_has_words(state: RequestState) -> None:
    request = replace(_notice("mail:a@b.c").request, state=state)
    for event in words._NEWS:
        notice = _notice("mail:a@b.c", event, request=request)
        assert words.subject(notice).strip()
        assert "{" not in words.text(notice)
