"""Who may come in through Slack: the Slack rows of security.md 7, and rules 23 to 25."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient
from tests.postgres import DatabaseMaker
from tests.unit.slack.slack_lab import TEAM, SlackLab, lab

from gatepass.app.serve import application
from gatepass.desk import Caller
from gatepass.slack.settings import SlackSettings
from gatepass.slack.visitors import Visitors
from gatepass.testing.clock import VirtualClock
from gatepass.testing.slack_hands import sign
from gatepass.testing.slack_server import SlackServer

ASK = {"target_id": "tenant_foo-main", "duration": "1800", "reason": "disk full"}


def _press(office: SlackLab, who: str, value: str, **more: Any) -> bytes:
    card = office.card()
    payload = {
        "type": "block_actions",
        "team": {"id": TEAM},
        "user": {"id": who, "team_id": TEAM},
        "api_app_id": "A0",
        "trigger_id": office.slack.trigger(),
        "container": {"type": "message", "message_ts": card.ts, "channel_id": card.channel},
        "actions": [{"type": "button", "action_id": "gatepass:approve", "value": value, "action_ts": "7.0"}],
        **more,
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


@pytest.fixture
def asked(office: SlackLab) -> SlackLab:
    office.ask("ana", "aws-access", **ASK)
    return office


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory, slack_server: SlackServer) -> Iterator[SlackLab]:
    """One request that nobody of these tests may decide: shared, for it stays as it is."""
    with lab(tmp_path_factory.mktemp("refusing"), slack_server) as made:
        made.ask("ana", "aws-access", **ASK)
        yield made


@pytest.fixture
def unmoved(refusing: SlackLab, slack_server: SlackServer) -> Iterator[SlackLab]:
    """The shared lab; its request is still undecided afterwards, and its users are as they were."""
    slack_server.slack = refusing.slack
    users = copy.deepcopy(refusing.slack.users)
    refusing.slack.clock.advance(timedelta(minutes=2))  # type: ignore[attr-defined]
    yield refusing
    refusing.slack.users = users
    refusing.slack.heal()
    assert _state(refusing) == "pending"


def _value(office: SlackLab) -> str:
    return str(office.card().buttons()["gatepass:approve"]["value"])


def _state(office: SlackLab) -> str:
    office.whole.settle(1)
    return str(office.newest().state)


@pytest.mark.parametrize("change", ["signature", "body", "stamp", "none"])
def test_slack_1_a_bad_signature_is_refused_before_anything_is_read(unmoved: SlackLab, change: str) -> None:
    body = _press(unmoved, "U0BEN", _value(unmoved))
    headers = sign(unmoved.slack, body)
    if change == "signature":
        headers["x-slack-signature"] = "v0=" + "0" * 64
    if change == "stamp":
        headers["x-slack-request-timestamp"] = str(int(headers["x-slack-request-timestamp"]) + 1)
    if change == "none":
        headers = {"content-type": headers["content-type"]}
    assert unmoved.post(body + (b"&x=1" if change == "body" else b""), headers)[0] == 401


@pytest.mark.parametrize("late", [-301, 301])
def test_slack_1_five_minutes_and_no_more(asked: SlackLab, late: int) -> None:
    body = _press(asked, "U0BEN", _value(asked))
    now = int(asked.slack.clock.now().timestamp())
    assert asked.post(body, sign(asked.slack, body, now + late))[0] == 401
    assert asked.post(body, sign(asked.slack, body, now + late // 2))[0] == 200


def test_slack_2_a_replay_is_refused(asked: SlackLab) -> None:
    body = _press(asked, "U0BEN", _value(asked))
    headers = sign(asked.slack, body)
    assert [asked.post(body, headers)[0] for _ in range(3)] == [200, 401, 401]


def test_slack_2_a_process_remembers_by_itself(asked: SlackLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is asked for others' deliveries, as far as it answers in time; one's own are refused without it."""
    route = asked.whole.parts.faces.route
    assert route is not None
    monkeypatch.setattr(route, "_first", lambda signature: True)
    body = _press(asked, "U0BEN", _value(asked))
    headers = sign(asked.slack, body)
    assert [asked.post(body, headers)[0] for _ in range(3)] == [200, 401, 401]


def test_slack_2_i9_a_replay_to_another_process_is_refused(
    tmp_path: Path, slack_server: SlackServer, postgres_database: DatabaseMaker
) -> None:
    """Each process has a memory of its own; what one has seen, the other learns from the database."""
    with lab(tmp_path, slack_server, database_url=postgres_database()) as first:
        first.ask("ana", "aws-access", **ASK)
        second = first.whole.start()
        other = TestClient(application(second))  # type: ignore[arg-type]
        body = _press(first, "U0BEN", _value(first))
        headers = sign(first.slack, body)
        for each in (second, first.whole.parts):
            assert each.faces.route is not None
            each.faces.route.patience = 60  # a busy machine is not a slow database
        assert first.post(body, headers)[0] == 200
        assert other.post("/slack/events", content=body, headers=headers).status_code == 401
        again = sign(first.slack, body, int(headers["x-slack-request-timestamp"]) + 1)
        assert other.post("/slack/events", content=body, headers=again).status_code == 200
        assert first.post(body, again)[0] == 401
        second.close()


def test_slack_3_i9_a_retry_with_the_same_payload_has_one_effect(asked: SlackLab) -> None:
    """Slack signs a retry anew; it is the same press by everything else."""
    body = _press(asked, "U0BEN", _value(asked))
    for _ in range(3):
        assert asked.post(body, sign(asked.slack, body))[0] == 200
        asked.slack.clock.sleep(1)  # type: ignore[attr-defined]
    asked.slack.wait_for(lambda: len(asked.slack.seen_only_by("U0BEN")) == 3)
    decisions = asked.whole.parts.desk.show(Caller("cleo", "test"), asked.newest().id).decisions
    assert [d.by for d in decisions] == ["ben"]
    assert {m.text for m in asked.slack.seen_only_by("U0BEN")} == {"You approved it."}


@pytest.mark.parametrize(
    "value", ["", "x", "r1", "rzzzzzzzzzzzz:1", '{"approve": true}', "r1:-1", "r" * 3000]
)
def test_slack_4_a_forged_value_is_refused(unmoved: SlackLab, value: str) -> None:
    card = copy.deepcopy(unmoved.card())
    assert ":warning:" in unmoved.click("ben", card, "approve", value)


def test_slack_4_i4_a_version_that_was_not_shown_is_refused(unmoved: SlackLab) -> None:
    request = unmoved.newest()
    forged = f"{request.id}:{request.version + 1}"
    assert "has changed" in unmoved.click("ben", unmoved.card(), "approve", forged)


def test_slack_5_i7_the_requester_does_not_approve_from_a_second_account(unmoved: SlackLab) -> None:
    """A second Slack account is linked to the same person, or to nobody: never to another approver."""
    assert "somebody else has to decide" in unmoved.click("ana", unmoved.card(), "approve")
    unmoved.slack.add_user("U0ANA2", "ana", "ben@host.example")
    assert "not linked" in unmoved.click("U0ANA2", unmoved.card(), "approve")


def test_i7_self_approval_is_refused(office: SlackLab) -> None:
    office.ask("ben", "aws-access", target_id="tenant_foo-main", duration="1800", reason="mine")
    assert "somebody else has to decide" in office.click("ben", office.card(), "approve")
    assert _state(office) == "pending"


def test_i8_who_may_not_decide_is_refused(unmoved: SlackLab) -> None:
    told = unmoved.click("dan", unmoved.card(), "approve")
    assert "there is no request" in told or "may not decide" in told


@pytest.mark.parametrize("flag", ["is_restricted", "is_ultra_restricted", "is_bot", "deleted", "is_stranger"])
def test_slack_6_guests_bots_and_strangers_are_refused(unmoved: SlackLab, flag: str) -> None:
    unmoved.slack.users["U0BEN"][flag] = True
    assert ":warning:" in unmoved.click("ben", unmoved.card(), "approve")


def test_slack_6_guests_press_where_the_flow_allows_it_and_never_ask(office: SlackLab) -> None:
    estate = office.whole.estate
    flow = replace(estate.flows["aws-access"], allow_guest_interaction=True)
    office.whole.parts.applying.apply("test", replace(estate, flows={**estate.flows, "aws-access": flow}))
    office.ask("ana", "aws-access", **ASK)
    office.slack.users["U0BEN"]["is_restricted"] = True
    assert office.click("ben", office.card(), "approve") == "You approved it."
    view = office.open("ben", "req aws-access")
    assert "guests of the workspace cannot ask" in json.dumps(view)


@pytest.mark.parametrize(
    "more",
    [
        {"team": {"id": "T0OTHER"}},
        {"user": {"id": "U0BEN", "team_id": "T0OTHER"}},
        {"team": None, "enterprise": {"id": "E0OTHER"}},
    ],
)
def test_slack_7_other_workspaces_are_refused(unmoved: SlackLab, more: dict[str, Any]) -> None:
    body = _press(unmoved, "U0BEN", _value(unmoved), **more)
    headers = sign(unmoved.slack, body)
    assert ":warning:" in unmoved.told_after("ben", lambda: unmoved.post(body, headers))


@pytest.mark.parametrize(
    ("team", "body", "ours"),
    [
        (TEAM, {"enterprise": {"id": "E0OURS"}}, True),
        (TEAM, {}, True),
        (TEAM, {"enterprise": {"id": "E0OTHER"}}, False),
        (TEAM, {"enterprise_id": "E0OTHER"}, False),
        ("", {"enterprise_id": "E0OURS"}, True),
        ("", {"enterprise_id": "E0OTHER"}, False),
        ("", {}, False),
        ("T0OTHER", {"enterprise": {"id": "E0OURS"}}, False),
    ],
)
def test_slack_7_an_enterprise_is_one_too(team: str, body: dict[str, Any], ours: bool) -> None:
    """Where the organization on Grid is named, a delivery of another one is refused by that alone."""
    settings = SlackSettings(bot_token="x", team=TEAM, enterprise="E0OURS")
    visitors = Visitors(settings, None, None, VirtualClock())  # type: ignore[arg-type]
    assert visitors._ours(team, body) is ours


def test_slack_7_a_message_carried_elsewhere_decides_nothing_for_strangers(unmoved: SlackLab) -> None:
    unmoved.slack.add_channel("C0ELSE", "elsewhere", "U0EVE")
    unmoved.slack.posted.append(replace(unmoved.card(), channel="C0ELSE", ts="99.1"))
    elsewhere = unmoved.slack.in_channel("C0ELSE")[-1]
    assert "not linked" in unmoved.click("U0EVE", elsewhere, "approve")


def test_slack_8_i7_an_approvers_mail_address_in_the_profile_gives_nothing(unmoved: SlackLab) -> None:
    unmoved.slack.users["U0EVE"]["profile"]["email"] = "cleo@host.example"
    assert "not linked" in unmoved.click("U0EVE", unmoved.card(), "approve")


def test_i7_a_slack_user_of_two_people_is_nobody(asked: SlackLab) -> None:
    asked.whole.parts.office.store_identity(Caller("cleo", "test"), "eve", "slack", TEAM, "U0BEN")
    assert "not linked" in asked.click("ben", asked.card(), "approve")


def test_i13_a_leaver_is_refused_at_once(asked: SlackLab) -> None:
    asked.whole.parts.office.disable(Caller("cleo", "test"), "ben", "left")
    assert ":warning:" in asked.click("ben", asked.card(), "approve")
    assert _state(asked) == "pending"


def test_an_error_while_looking_somebody_up_is_no(unmoved: SlackLab) -> None:
    """Fail closed (rule 5): Slack cannot say who pressed."""
    unmoved.slack.fail("users.info", 503, times=5)
    assert "could not be checked" in unmoved.click("ben", unmoved.card(), "approve")
