"""Messages in bad weather: Slack away, pauses, destinations that cannot be reached or do not answer (S2, S3, I15)."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from tests.unit.slack.slack_estate import everything
from tests.unit.slack.slack_lab import SlackLab

from gatepass.access.requests import Answer
from gatepass.desk import Ask, Caller, Said
from gatepass.estate.notify import Notify, Reach
from gatepass.notify import Notice, Routing
from gatepass.notify.webhook import sign

ASK = {"target_id": "tenant_foo-main", "duration": "1800", "reason": "disk full"}


def _ask_elsewhere(office: SlackLab) -> str:
    fields = {"duration": "30m", "reason": "disk full"}
    asked = office.whole.parts.desk.ask(
        Caller("ana", "cli"), Ask("aws-access", "tenant_foo-main", fields=fields)
    )
    office.whole.settle(2)
    return asked.id


def _approve_elsewhere(office: SlackLab, request_id: str) -> None:
    desk, ben = office.whole.parts.desk, Caller("ben", "web")
    shown = desk.show(ben, request_id).request.content_hash
    desk.answer(ben, Said(request_id, Answer.APPROVE, shown))
    office.whole.settle(3)


def test_s3_i15_slack_away_access_is_given_and_taken_back_and_the_news_waits(office: SlackLab) -> None:
    office.slack.fail("*", 503, times=10_000)
    request_id = _ask_elsewhere(office)
    _approve_elsewhere(office, request_id)
    assert office.whole.holds("ana")
    office.whole.settle(1900, step=100)
    assert not office.whole.holds("ana")
    assert office.slack.posted == []
    office.slack.heal()
    office.whole.settle(900, step=300)
    (line,) = office.slack.in_channel("C0ACCESS")
    assert line.buttons() == {}
    (own,) = office.slack.in_channel("U0ANA")
    for word in ("asks for", "Access has begun", "Access has ended"):
        assert word in own.words(), own.words()


def test_s3_a_pause_that_slack_asks_for_is_kept(office: SlackLab) -> None:
    office.slack.fail("chat.postMessage", 429, times=1, retry_after=30)
    _ask_elsewhere(office)
    calls = [name for name, _ in office.slack.calls].count("chat.postMessage")
    assert calls == 1
    office.whole.settle(25, step=5)
    assert [name for name, _ in office.slack.calls].count("chat.postMessage") == calls
    office.whole.settle(10, step=5)
    assert len(office.slack.in_channel("C0ACCESS")) == 1


def test_s2_a_card_that_somebody_deleted_is_posted_anew(office: SlackLab) -> None:
    request_id = _ask_elsewhere(office)
    office.slack.posted.remove(office.card())
    _approve_elsewhere(office, request_id)
    assert "Active" in office.card().words()


def test_s2_reminders_come_ever_more_seldom_and_stop_with_the_answer(office: SlackLab) -> None:
    request_id = _ask_elsewhere(office)

    def reminders() -> int:
        replies = office.slack.in_channel("C0ACCESS", thread=True)
        return sum("Still waiting" in m.text for m in replies)

    office.whole.settle(3600 + 600, step=600)
    assert reminders() == 1
    office.whole.settle(3000, step=600)
    assert reminders() == 1
    office.whole.settle(3600 + 600, step=600)
    assert reminders() == 2
    _approve_elsewhere(office, request_id)
    office.whole.settle(3 * 3600, step=1800)
    assert reminders() == 2


@pytest.fixture
def handed_on(office: SlackLab) -> SlackLab:
    office.whole.parts.applying.apply("test", everything())
    office.whole.parts.desk.ask(Caller("ana", "cli"), Ask("handed-on", fields={"change": "x"}))
    office.whole.settle(3)
    return office


GROUP = "G0BEN0CLEO"


def test_s2_the_next_is_asked_when_one_cannot_be_reached_and_when_nobody_answers(handed_on: SlackLab) -> None:
    """#nowhere does not exist; ben and cleo get a group message; after ten minutes #access is asked."""
    assert len(handed_on.slack.in_channel(GROUP)) == 1
    assert handed_on.slack.in_channel("C0ACCESS") == []
    handed_on.whole.settle(660, step=30)
    assert len(handed_on.slack.in_channel("C0ACCESS")) == 1
    replies = handed_on.slack.in_channel(GROUP, thread=True)
    assert any("somebody else is asked now" in m.text for m in replies)
    assert handed_on.newest().state == "pending"  # the last has no time-out of its own


def test_s2_after_the_last_time_out_the_request_expires(office: SlackLab) -> None:
    estate = office.whole.estate
    ask = (Reach(slack=("#access",), timeout=timedelta(minutes=5)),)
    flow = replace(estate.flows["aws-access"], notify=Notify(ask=ask))
    office.whole.parts.applying.apply("test", replace(estate, flows={**estate.flows, "aws-access": flow}))
    request_id = _ask_elsewhere(office)
    office.whole.settle(240, step=60)
    assert office.request(request_id).state == "pending"
    office.whole.settle(120, step=60)
    assert office.request(request_id).state == "expired"
    assert office.card().buttons() == {}
    assert "Nobody answered in time" in office.slack.in_channel("U0ANA")[-1].text


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        server.got.append(
            (self.headers["gatepass-signature"], self.rfile.read(int(self.headers["content-length"])))
        )
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return None


def test_n1_a_webhook_hears_of_the_events_it_was_named_for(
    office: SlackLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its key can be found nothing is sent; then it is, signed, and of denials only."""
    with HTTPServer(("127.0.0.1", 0), _Hook) as server:
        server.got = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/hook"
        office.whole.parts.applying.apply("test", everything(url))
        desk = office.whole.parts.desk
        asked = desk.ask(Caller("ana", "cli"), Ask("handed-on", fields={"change": "x"}))
        office.whole.settle(3)
        shown = desk.show(Caller("ben", "web"), asked.id).request.content_hash
        desk.answer(Caller("ben", "web"), Said(asked.id, Answer.DENY, shown, "no"))
        office.whole.settle(3)
        assert server.got == []  # type: ignore[attr-defined]
        monkeypatch.setenv("NO_HOOK", "key")
        office.whole.settle(60, step=10)
        server.shutdown()
        ((signature, body),) = server.got  # type: ignore[attr-defined]
    assert json.loads(body)["event"] == "denied"
    stamp = signature.partition(",")[0].removeprefix("t=")
    assert signature == sign("key", int(stamp), body)


def test_i15_a_fault_in_routing_does_not_undo_what_it_is_about(
    office: SlackLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = _ask_elsewhere(office)
    _approve_elsewhere(office, request_id)
    assert office.whole.holds("ana")

    def broken(*_: object) -> None:
        raise RuntimeError("routing")

    monkeypatch.setattr(Routing, "told", broken)
    office.whole.parts.desk.end(Caller("ana", "web"), request_id)
    office.whole.settle(5)
    assert not office.whole.holds("ana")


def test_s2_deny_with_a_message_reaches_the_requester(handed_on: SlackLab) -> None:
    card = handed_on.slack.in_channel(GROUP)[0]
    before = set(handed_on.slack.views)
    handed_on.hands("ben").click(card, "gatepass:deny")
    handed_on.slack.wait_for(lambda: set(handed_on.slack.views) - before)
    view = handed_on.slack.views[(set(handed_on.slack.views) - before).pop()]
    handed_on.hands("ben").submit(view, {"message": "not <today>"})
    assert handed_on.told("ben") == "You denied it."
    handed_on.whole.settle(3)
    own = handed_on.slack.in_channel("U0ANA")[-1]
    assert "not &lt;today&gt;" in own.words()
    assert handed_on.slack.in_channel(GROUP)[0].buttons() == {}
    handed_on.whole.settle(900, step=30)
    assert handed_on.slack.in_channel("C0ACCESS") == []


def test_s2_more_time_is_a_new_question_on_the_same_card(office: SlackLab) -> None:
    request_id = _ask_elsewhere(office)
    _approve_elsewhere(office, request_id)
    ends = office.whole.parts.desk.show(Caller("ana", "web"), request_id).grants[0].ends_at
    own = office.slack.in_channel("U0ANA")[-1]
    before = set(office.slack.views)
    office.hands("ana").click(own, "gatepass:extend")
    view = office.modal_after(before)
    office.hands("ana").submit(view, {"by": "3600"})
    office.slack.wait_for(lambda: "More time is asked for" in str(office.slack.views[view["id"]]))
    office.whole.settle(3)
    card = office.card()
    assert len(office.slack.in_channel("C0ACCESS")) == 1
    assert "gatepass:approve" in card.buttons()
    assert office.click("ben", card, "approve") == "You approved it."
    longer = office.whole.parts.desk.show(Caller("ana", "web"), request_id).grants[0].ends_at
    assert longer is not None
    assert ends is not None
    assert longer > ends + timedelta(minutes=30)
    assert "longer now" in office.slack.in_channel("U0ANA")[-1].text


def test_s2_withdrawing_closes_the_card(office: SlackLab) -> None:
    _ask_elsewhere(office)
    office.click("ana", office.slack.in_channel("U0ANA")[-1], "cancel")
    assert office.card().buttons() == {}
    assert "Withdrawn" in office.card().words()


def test_s1_mine_shows_what_is_held_and_gives_it_back(office: SlackLab) -> None:
    request_id = _ask_elsewhere(office)
    _approve_elsewhere(office, request_id)
    view = office.open("ana", "mine")
    rows = [b for b in view["blocks"] if b["type"] == "actions"]
    give_back = next(e for e in rows[0]["elements"] if e["action_id"] == "gatepass:end")
    revision = view["revision"]
    payload = {
        "type": "block_actions",
        "trigger_id": office.slack.trigger(),
        "container": {"type": "view", "view_id": view["id"]},
        "view": view,
        "actions": [{**give_back, "action_ts": "3.0"}],
    }
    office.hands("ana").interact(payload)
    office.slack.wait_for(lambda: office.slack.views[view["id"]]["revision"] > revision)
    office.whole.settle(5)
    assert not office.whole.holds("ana")


def test_s4_code_names_the_destination_and_talks_in_the_thread(office: SlackLab) -> None:
    office.whole.parts.applying.apply("test", everything())
    office.whole.parts.desk.ask(Caller("ana", "cli"), Ask("talks", fields={"change": "x"}))
    office.whole.settle(3)
    (card,) = office.slack.in_channel("C0GENERAL")
    assert office.slack.in_channel("C0ACCESS") == []
    replies = [m.text for m in office.slack.in_channel("C0GENERAL", thread=True) if m.thread_ts == card.ts]
    assert replies == ["code was here"]
    office.click("ben", card, "approve")
    assert office.slack.in_channel("U0BEN")[-1].text == "thank you"


def test_n1_whom_slack_does_not_reach_is_told_by_mail(office: SlackLab) -> None:
    """Ana's account is gone from the workspace: her news comes by mail, and the approver's question too."""
    told: list[tuple[str, str]] = []

    class Mails:
        def send(self, notice: Notice) -> str | None:
            told.append((notice.recipient, notice.event))
            return None

    channels: Any = office.whole.parts.engine._messages._notifier
    dispatcher = channels.by_kind["mail"] = channels.by_kind["slack"]
    dispatcher.sinks["mail"] = Mails()
    del office.slack.users["U0ANA"]
    request_id = _ask_elsewhere(office)
    _approve_elsewhere(office, request_id)
    assert ("ana@host.example", "approved") in told
    assert len(told) == len(set(told))
