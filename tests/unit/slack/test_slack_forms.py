"""Modals: every type of field, Slack's limits, type-ahead, reshaping, faults at the field (S1)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.slack.slack_estate import everything
from tests.unit.slack.slack_lab import SlackLab, lab
from tests.waiting import LONG, until

from gatepass.desk import Ask, Caller
from gatepass.handlers import Implementation, Runner
from gatepass.slack.asking import Asking
from gatepass.testing.slack_server import SlackServer


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, slack_server: SlackServer) -> Iterator[SlackLab]:
    with lab(tmp_path_factory.mktemp("forms"), slack_server) as made:
        made.whole.parts.applying.apply("test", everything())
        yield made


@pytest.fixture
def desk(shared: SlackLab, slack_server: SlackServer) -> SlackLab:
    slack_server.slack = shared.slack
    return shared


def _blocks(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {str(b["block_id"]).partition("/")[0]: b for b in view["blocks"] if b["type"] == "input"}


def test_s1_help_and_unknown_words_are_answered_with_the_acknowledgement(desk: SlackLab) -> None:
    for text in ("help", "", "nonsense"):
        answer = desk.hands("ana").slash(text)
        assert answer["response_type"] == "ephemeral"
        assert "/gatepass req [flow]" in answer["text"]


def test_s1_whoami_and_mine(desk: SlackLab) -> None:
    assert "engineers" in json.dumps(desk.open("ana", "whoami"))
    assert "You hold nothing" in json.dumps(desk.open("dan", "mine"))


def test_s1_somebody_unlinked_is_told_how_to_be_linked(desk: SlackLab) -> None:
    assert "gatepass people identity YOU slack T0GATEPASS U0EVE" in json.dumps(desk.open("U0EVE", "whoami"))


@pytest.mark.parametrize("way", ["req", "req no-such-flow", "shortcut"])
def test_s1_which_flow(desk: SlackLab, way: str) -> None:
    before = set(desk.slack.views)
    hands = desk.hands("ana")
    hands.shortcut() if way == "shortcut" else hands.slash(way)
    view = desk.modal_after(before)
    options = _blocks(view)["flow"]["element"]["options"]
    assert {o["value"] for o in options} >= {"aws-access", "everything", "many"}
    hands.submit(view, {"flow": "freeze-exception"})
    desk.slack.wait_for(lambda: "risk" in _blocks(desk.slack.views[view["id"]]))


def test_s1_every_type_of_field_arrives_as_it_was_meant(desk: SlackLab) -> None:
    view = desk.open("ana", "req everything")
    kinds = {name: block["element"]["type"] for name, block in _blocks(view).items()}
    assert kinds == {
        "text": "plain_text_input",
        "choice": "static_select",
        "number": "number_input",
        "flag": "static_select",
        "user": "users_select",
        "users": "multi_users_select",
        "words": "plain_text_input",
        "picks": "multi_static_select",
        "numbers": "plain_text_input",
        "reason": "plain_text_input",
    }
    given = {
        "text": "abc",
        "choice": "two",
        "number": "7",
        "flag": "true",
        "user": "U0BEN",
        "users": ["U0BEN", "U0CLEO"],
        "words": "red, green",
        "picks": ["a", "c"],
        "numbers": "1, 2",
        "reason": "because",
    }
    answer = desk.hands("ana").submit(view, given)
    request = desk.sent(answer)
    assert request.reason == "because"
    assert request.values == {
        "text": "abc",
        "choice": "two",
        "number": 7,
        "flag": True,
        "user": "U0BEN",
        "users": ["U0BEN", "U0CLEO"],
        "words": ["red", "green"],
        "picks": ["a", "c"],
        "numbers": [1, 2],
    }


def test_s1_every_fault_stands_at_its_field_at_once(desk: SlackLab) -> None:
    view = desk.open("ana", "req everything")
    answer = desk.hands("ana").submit(view, {"text": "ABC", "choice": "one", "numbers": "1, x"})
    assert answer["response_action"] == "errors"
    assert set(answer["errors"]) == {"text", "numbers"}
    assert "[a-z]+" in answer["errors"]["text"]


def test_i10_a_value_that_was_not_offered_is_refused(desk: SlackLab) -> None:
    view = desk.open("ana", "req everything")
    answer = desk.hands("ana").submit(view, {"text": "abc", "choice": "three"})
    assert set(answer["errors"]) == {"choice"}


def test_i9_the_same_modal_sent_twice_makes_one_request(desk: SlackLab) -> None:
    view = desk.open("ana", "req freeze-exception")
    values = {"change": "one", "risk": "low"}
    first = desk.sent(desk.hands("ana").submit(view, values)).id
    sent = desk.slack.views[view["id"]]
    desk.slack.views[view["id"]] = view
    answer = desk.hands("ana").submit(view, values)
    desk.slack.views[view["id"]] = sent
    assert desk.sent(answer).id == first


def test_s1_five_thousand_options_are_filtered_on_the_server(desk: SlackLab) -> None:
    view = desk.open("ana", "req many")
    element = _blocks(view)["host"]["element"]
    assert element["type"] == "external_select"
    hands = desk.hands("ana")
    assert len(hands.options(view, "host", "")) == 100
    assert [o["value"] for o in hands.options(view, "host", "4321")] == ["host-4321"]
    assert [o["value"] for o in hands.options(view, "host", "ROW 3 4322")] == ["host-4322"]
    assert hands.options(view, "host", "nothing like it") == []
    assert hands.submit(view, {"host": "host-9999"})["response_action"] == "errors"
    assert hands.submit(view, {"host": "host-4321"})["view"]["title"]["text"] == "Sent"


def test_s1_on_change_reshapes_the_form_and_keeps_what_was_typed(desk: SlackLab) -> None:
    view = desk.open("ana", "req shape")
    assert set(_blocks(view)) == {"kind", "size", "reason"}
    hands = desk.hands("ana")
    hands.choose(view, "kind", "production", {"reason": "typed before"})
    after = desk.slack.wait_for(lambda: "ticket" in _blocks(desk.slack.views[view["id"]])) and _blocks(
        desk.slack.views[view["id"]]
    )
    assert after["size"]["element"]["initial_value"] == "1"
    assert after["size"]["block_id"] != "size"  # a new block, or Slack would keep the old value
    assert after["reason"]["block_id"] == "reason"
    assert "Careful: production" in json.dumps(desk.slack.views[view["id"]])
    answer = hands.submit(view, {"kind": "production", "ticket": "T-1", "reason": "typed before"})
    assert desk.sent(answer).values == {"kind": "production", "ticket": "T-1", "size": 1}


def test_s1_another_target_gives_another_form(desk: SlackLab) -> None:
    view = desk.open("ana", "req aws-access")
    hands = desk.hands("ana")
    assert "account_id" not in _blocks(view)
    hands.choose(view, "target_id", "tenant_bar-read-only")
    after = desk.slack.wait_for(lambda: "account_id" in _blocks(desk.slack.views[view["id"]]))
    assert after
    hands.choose(view, "target_id", "tenant_bar-admin")
    desk.slack.wait_for(lambda: "account_id" not in _blocks(desk.slack.views[view["id"]]))
    lengths = _blocks(desk.slack.views[view["id"]])["duration"]["element"]["options"]
    assert [o["value"] for o in lengths] == ["1800", "3600"]  # an hour is the most there is


def test_s3_implementer_code_that_hangs_delays_no_acknowledgement_and_no_decision(
    desk: SlackLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs until all is asserted: whatever waited for it would wait for ever."""
    over, call = threading.Event(), Runner.call
    hanging: list[str] = []

    def hang(runner: Runner, implementation: Implementation, name: str, *more: Any, **named: Any) -> Any:
        if threading.current_thread().name.startswith("slack-forms"):
            hanging.append(name)
            assert over.wait(LONG)
        return call(runner, implementation, name, *more, **named)

    monkeypatch.setattr(Runner, "call", hang)
    asked = desk.whole.parts.desk.ask(
        Caller("ana", "web"), Ask("freeze-exception", fields={"change": "x", "risk": "low"})
    )
    desk.whole.settle(1)
    try:
        for _ in range(3):
            desk.hands("ana").slash("req many")
        until(lambda: hanging == ["prefetch:host"] * 3)
        card = next(m for m in desk.slack.in_channel("C0ACCESS") if asked.id in m.words())
        assert desk.click("cleo", card, "approve") == "You approved it."
        assert not over.is_set()
    finally:
        over.set()


def test_s3_a_slow_check_is_acknowledged_first_and_its_faults_shown_afterwards(
    desk: SlackLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = desk.open("ana", "req everything")
    face, acknowledged = desk.face(), threading.Event()
    before, face.settings = face.settings, replace(face.settings, patience=0)
    send = Asking.send

    def slow(asking: Asking, *arguments: Any) -> Any:
        assert acknowledged.wait(LONG)
        return send(asking, *arguments)

    monkeypatch.setattr(Asking, "send", slow)
    try:
        answer = desk.hands("ana").submit(view, {"text": "ABC", "choice": "one", "words": "kept"})
    finally:
        face.settings = before
        acknowledged.set()
    assert answer["view"]["title"]["text"] == "Sending"
    shown = desk.slack.wait_for(
        lambda: "text" in _blocks(desk.slack.views[view["id"]]) and desk.slack.views[view["id"]]
    )
    assert "does not have the right form" in json.dumps(shown)
    assert _blocks(shown)["words"]["element"]["initial_value"] == "kept"
    again = desk.hands("ana").submit(view, {"text": "abc", "choice": "one"})
    assert desk.sent(again).values["words"] == ["kept"]


def test_trigger_expired_is_not_fatal(desk: SlackLab, caplog: pytest.LogCaptureFixture) -> None:
    """Slack's trigger lives three seconds; a late answer is a line in the log, not a broken thread."""
    hands = desk.hands("ana")
    trigger = desk.slack.trigger
    before = len(desk.slack.calls)
    desk.slack.trigger = lambda user="": "trigger.gone"  # type: ignore[method-assign]
    try:
        hands.slash("mine")
        desk.slack.wait_for(lambda: any(call[0] == "views.open" for call in desk.slack.calls[before:]))
    finally:
        desk.slack.trigger = trigger  # type: ignore[method-assign]
    assert "engineers" in json.dumps(desk.open("ana", "whoami"))
