"""Who is told: the estate's order, the code's order, and the people who may decide where nobody says (N1, S2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gatepass.access.decide import terms
from gatepass.access.requests import Request
from gatepass.estate.model import Estate
from gatepass.estate.notify import Notify, Reach, Webhook
from gatepass.estate.reading.sources import load_directory
from gatepass.notify import Routing
from gatepass.notify.routing import Step

EXAMPLE = Path(__file__).parents[3] / "examples" / "multi-organization"
ALL = Routing(frozenset({"slack", "mail", "webhook"}), {"ben": "U0BEN", "ana": "U0ANA"}.get)


@pytest.fixture(scope="module")
def estate() -> Estate:
    return load_directory(EXAMPLE)


def _request(estate: Estate, **more: object) -> Request:
    ana = estate.people["ana"]
    offer = next(iter(estate.offers(estate.flows["aws-access"], ana)))
    request = Request("r1", "aws-access", 1, "ana", "slack", datetime(2026, 1, 1, tzinfo=UTC), terms(offer))
    return replace(request, **more)  # type: ignore[arg-type]


def _with(estate: Estate, notify: Notify) -> Estate:
    flow = replace(estate.flows["aws-access"], notify=notify)
    return replace(estate, flows={**estate.flows, "aws-access": flow})


def test_without_a_word_every_person_who_may_decide_is_reached_once(estate: Estate) -> None:
    """Ben is in Slack; the others on call have mail only; the requester and engineers are not asked."""
    (step,) = ALL.steps(estate, _request(estate))
    assert step.channels == ("slack:@ben", "mail:cleo@host.example", "mail:eve@host.example")


def test_a_default_channel_goes_before_single_people(estate: Estate) -> None:
    (step,) = replace(ALL, default="#access").steps(estate, _request(estate))
    assert step.channels == ("slack:#access",)


def test_the_estates_order_is_kept_and_what_is_not_configured_is_left_out(estate: Estate) -> None:
    ask = (
        Reach(slack=("#one",), timeout=timedelta(minutes=5)),
        Reach(slack=("ben", "U0X")),
        Reach(mail=("a@b.c",)),
    )
    named = _with(estate, Notify(ask=ask))
    assert ALL.steps(named, _request(estate)) == (
        Step(("slack:#one",), timedelta(minutes=5)),
        Step(("slack:@ben+U0X",)),
        Step(("mail:a@b.c",)),
    )
    mail_only = replace(ALL, sinks=frozenset({"mail"}))
    assert mail_only.steps(named, _request(estate)) == (Step(("mail:a@b.c",)),)


def test_code_goes_before_the_estate(estate: Estate) -> None:
    notice = {
        "destinations": [
            {"kind": "channel_name", "names": ["deploys"], "allow_self": False},
            {"kind": "person", "names": ["Ben@host.example"], "allow_self": False},
        ],
        "timeout_s": 60,
        "next_on_failure": True,
        "next_on_timeout": False,
    }
    request = _request(estate, notices=(notice,))
    (step,) = ALL.steps(_with(estate, Notify(ask=(Reach(mail=("a@b.c",)),))), request)
    assert step == Step(("slack:#deploys", "slack:@ben"), timedelta(seconds=60), True, False)


def test_the_requester_is_not_asked_about_their_own(estate: Estate) -> None:
    own = {"destinations": [{"kind": "slack_users", "names": ["U0ANA"], "allow_self": False}]}
    (step,) = ALL.steps(estate, _request(estate, notices=(own,)))
    assert "U0ANA" not in " ".join(step.channels)


def test_events_are_told_to_whom_they_were_named_for(estate: Estate) -> None:
    hook = Webhook("https://siem.example/gatepass", "env:HOOK")
    named = _with(
        estate,
        Notify(tell=(Reach(webhook=hook, events=frozenset({"active"})), Reach(mail=("sec@b.c",)))),
    )
    flow = named.flows["aws-access"]
    assert ALL.told(flow, named, _request(estate), "active") == ("webhook:0", "mail:sec@b.c")
    assert ALL.told(flow, named, _request(estate), "denied") == ("mail:sec@b.c",)
