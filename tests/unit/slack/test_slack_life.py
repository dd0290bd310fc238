"""A request's life in Slack, from the command to the end: one message, direct messages, both end times (S1, S2)."""

from __future__ import annotations

import copy

from tests.unit.slack.slack_lab import SlackLab

ASK = {"target_id": "tenant_foo-main", "duration": "1800", "reason": "disk <!channel> full & <@U0BEN>"}


def test_s1_s2_ask_decide_hold_give_back(office: SlackLab) -> None:
    office.ask("ana", "aws-access", **ASK)
    card = office.card()
    assert set(card.buttons()) == {"gatepass:approve", "gatepass:deny", "gatepass:approve_less"}
    assert "ana" in card.words().lower()
    assert "333333333333" in card.words()
    assert "&lt;!channel&gt; full &amp; &lt;@U0BEN&gt;" in card.words()
    assert "<!channel>" not in card.words()
    assert office.click("ben", card, "approve") == "You approved it."
    assert office.whole.holds("ana")
    card = office.card()
    assert len(office.slack.in_channel("C0ACCESS")) == 1
    assert card.edits > 0
    assert "gatepass:end" in card.buttons()
    assert "Active" in card.words()
    own = office.slack.in_channel("U0ANA")
    assert "No new sessions after" in own[-1].words()
    assert "Last session ends by" in own[-1].words()
    assert "<!date^" in own[-1].words()
    office.click("ana", own[-1], "end")
    office.whole.settle(5)
    assert not office.whole.holds("ana")
    assert "ended" in office.slack.in_channel("U0ANA")[-1].text
    assert len(office.slack.in_channel("C0ACCESS")) == 1
    replies = [m for m in office.slack.in_channel("C0ACCESS", thread=True) if m.thread_ts == card.ts]
    assert len(replies) >= 3


def test_s2_i9_a_second_click_is_told_who_decided(office: SlackLab) -> None:
    office.ask("ana", "aws-access", **ASK)
    seen = copy.deepcopy(office.card())
    office.click("ben", seen, "approve")
    told = office.click("cleo", seen, "approve")
    assert "decided by ben" in told
