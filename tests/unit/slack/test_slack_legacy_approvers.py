"""Files from before `get_permissions`: who can read the message may decide it (spec/sym.md 2.3, 3.3; I8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.slack.slack_lab import SlackLab

from gatepass.access.decide import Refused
from gatepass.access.requests import Answer, Request
from gatepass.desk import Ask, Caller, NotFound, Said
from gatepass.estate.fields import Code
from gatepass.estate.model import ADMINS, Approval, Decide, Rule

LEGACY = """
from sym.sdk.annotations import reducer
from sym.sdk.integrations import slack


@reducer
def get_approvers(event):
    return {place}
"""


def _asked(office: SlackLab, place: str) -> Request:
    flow = office.whole.estate.flows["aws-access"]
    coded = replace(
        flow,
        name="legacy",
        implementation=Code("impls/legacy.py", LEGACY.format(place=place), "0" * 64),
        declarative=False,
        decide=Decide(flow.decide.ask, (Rule(approve=Approval(ADMINS)),)),
    )
    estate = replace(office.whole.estate, flows={**office.whole.estate.flows, "legacy": coded})
    office.whole.parts.applying.apply("test", estate)
    fields = {"reason": "deploy", "duration": "30m"}
    made = office.whole.parts.desk.ask(Caller("ana", "cli"), Ask("legacy", "tenant_foo-main", fields=fields))
    office.whole.settle(2)
    return office.request(made.id)


def _approve(office: SlackLab, who: str, request: Request) -> Request:
    said = Said(request.id, Answer.APPROVE, request.content_hash)
    return office.whole.parts.desk.answer(Caller(who, "web"), said)


def test_whoever_reads_the_channel_may_decide_and_nobody_else(office: SlackLab) -> None:
    request = _asked(office, 'slack.channel("#access")')
    assert request.state == "pending", request.why
    assert request.terms.approvers.people == {"ana", "ben", "cleo", "dan"}
    assert len(office.slack.in_channel("C0ACCESS")) == 1
    with pytest.raises(NotFound):  # she is in no channel, so there is nothing for her to see
        _approve(office, "eve", request)
    with pytest.raises(Refused, match="yourself"):
        _approve(office, "ana", request)
    assert _approve(office, "dan", request).state == "approved"


def test_i8_who_left_the_channel_since_may_not_decide(office: SlackLab) -> None:
    request = _asked(office, 'slack.channel("#access")')
    office.slack.channels["C0ACCESS"]["members"].remove("U0DAN")
    with pytest.raises(Refused, match="not among those"):
        _approve(office, "dan", request)
    assert office.request(request.id).state == "pending"
    assert _approve(office, "ben", request).state == "approved"


def test_allow_self_lets_the_requester_of_the_place_decide(office: SlackLab) -> None:
    request = _asked(office, 'slack.channel("#access", allow_self=True)')
    assert _approve(office, "ana", request).state == "approved"


def test_people_named_one_by_one(office: SlackLab) -> None:
    request = _asked(office, 'slack.fallback(slack.user("ben@host.example"), slack.user("dan@host.example"))')
    assert request.terms.approvers.people == {"ben", "dan"}
    assert _approve(office, "dan", request).state == "approved"


def test_a_channel_that_is_not_there_leaves_the_admins(office: SlackLab) -> None:
    request = _asked(office, 'slack.channel("#nowhere")')
    assert request.terms.approvers.people == frozenset()
    with pytest.raises(NotFound):
        _approve(office, "ben", request)
    assert _approve(office, "cleo", request).state == "approved"


def test_i5_slack_away_the_request_waits_until_it_says_who_reads_there(office: SlackLab) -> None:
    office.slack.fail("conversations.members", 503, times=1)
    request = _asked(office, 'slack.channel("#access")')
    assert request.state == "asked"
    office.whole.settle(30, step=5)
    assert office.request(request.id).state == "pending"
