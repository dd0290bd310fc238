"""Flows in Python on a whole gatepass: the example's dynamic flow, and every kind of code beside a decision.

Real handler processes, desk, engine, store and door before the simulator; only time is virtual (issue 3, P2, P5, H1).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.installation import Whole

from gatepass.access.decide import Refused
from gatepass.access.requests import Answer, Request
from gatepass.desk import Ask, BadAsk, Caller, Said, forms
from gatepass.desk.office import Scope
from gatepass.estate.fields import Code
from gatepass.estate.model import Decide, Flow, Rule
from gatepass.handlers import Deadlines

SHORT = Deadlines(handler=timedelta(milliseconds=200))
ANA, BEN, CLEO, EVE = (Caller(name, "cli") for name in ("ana", "ben", "cleo", "eve"))


class Place:
    """A whole gatepass, and its flow `coded` with whatever code a test gives it."""

    def __init__(self, folder: Path) -> None:
        self.whole = Whole(folder)
        self.desk = self.whole.parts.desk

    def code(self, text: str, *, declarative: bool = False, automatic: bool = False) -> None:
        flow = self.whole.estate.flows["aws-access"]
        rules = tuple(replace(rule, automatic=automatic) for rule in flow.decide.rules)
        coded = replace(
            flow,
            name="coded",
            implementation=Code("impls/coded.py", text, "0" * 64),
            declarative=declarative,
            decide=replace(flow.decide, rules=rules) if declarative else _sym_rules(flow),
        )
        estate = replace(self.whole.estate, flows={**self.whole.estate.flows, "coded": coded})
        self.whole.parts.applying.apply("test", estate)

    def ask(self, flow: str = "coded", target: str = "tenant_foo-main", **fields: str) -> Request:
        given = {"reason": "deploy", "duration": "30m", **fields}
        made = self.desk.ask(ANA, Ask(flow, target=target, fields=given))
        self.whole.settle()
        return self.get(made)

    def get(self, request: Request) -> Request:
        return self.desk.show(CLEO, request.id).request

    def approve(self, who: Caller, request: Request) -> Request:
        return self.desk.answer(who, Said(request.id, Answer.APPROVE, request.content_hash))

    def kinds(self) -> list[str]:
        lines = self.whole.parts.office.export(CLEO)
        return [json.loads(json.loads(line)["body"])["kind"] for line in lines]


def _sym_rules(flow: Flow) -> Decide:
    return Decide(flow.decide.ask, (Rule(approve=flow.decide.rules[-1].approve),))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("coded"))
    yield place
    place.whole.close()


@pytest.fixture(autouse=True)
def nothing_left(place: Place) -> Iterator[None]:
    """One installation serves all tests: what a test gave is taken back after it."""
    yield
    place.whole.parts.office.end_everything(CLEO, Scope(person="ana"))
    place.whole.settle(3)


def test_the_seed_s_dynamic_flow_offers_asks_gives_and_takes_back(place: Place) -> None:
    form = place.desk.form(ANA, Ask("account-by-choice"))
    offered = {each.label: each.value for each in form.options["account_id"].options}
    assert offered == {"bar-staging": "777777777777"}, (
        "direct children of the unit, without the suspended one"
    )
    request = place.ask("account-by-choice", "tenant_bar-read-only-anywhere", account_id="777777777777")
    assert request.state == "pending"
    place.approve(BEN, request)
    place.whole.settle(5)
    assert place.whole.holds("ana", "777777777777")
    place.whole.settle(1800, 60)
    assert not place.whole.holds("ana", "777777777777")


@pytest.mark.parametrize("account", ["888888888888", "666666666666", "999999999999", "111111111111"])
def test_what_the_reducer_did_not_offer_is_refused_I10(place: Place, account: str) -> None:
    with pytest.raises(BadAsk, match="account_id"):
        place.ask("account-by-choice", "tenant_bar-read-only-anywhere", account_id=account)


OFFERS_STRANGERS = """
from sym.sdk.annotations import prefetch
from sym.sdk.field_option import FieldOption


@prefetch(field_name="account_id")
def get_account_ids(event):
    return [FieldOption(value=each, label=each) for each in ("777777777777", "111111111111", "333333333333")]
"""


@pytest.mark.parametrize("account", ["111111111111", "333333333333"])
def test_an_account_of_another_organization_is_not_offered_whatever_code_says_I12(
    place: Place, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Impl 5, security.md 28: what code offers is cut down to what the organization owns, when it is shown and again
    when it is asked for: here as if the first had not been."""
    flow = place.whole.estate.flows["account-by-choice"]
    code = replace(flow, name="widens", implementation=Code("impls/widens.py", OFFERS_STRANGERS, "0" * 64))
    estate = replace(place.whole.estate, flows={**place.whole.estate.flows, "widens": code})
    place.whole.parts.applying.apply("test", estate)
    ask = Ask("widens", target="tenant_bar-read-only-anywhere")
    shown = place.desk.form(ANA, ask).options["account_id"].options
    assert {each.value for each in shown} <= {"777777777777"}
    with pytest.raises(BadAsk, match="account_id"):
        place.ask("widens", "tenant_bar-read-only-anywhere", account_id=account)
    with place.whole.parts.store.write() as tx:
        tx.estates.offer("ana", "widens", "account_id", {account: "as if it had been shown"})
    monkeypatch.setattr(forms.Forms, "_keep", lambda *_: None)
    with pytest.raises(BadAsk, match="account_id"):
        place.ask("widens", "tenant_bar-read-only-anywhere", account_id=account)


PERMISSIONS = """
from sym.sdk.annotations import hook, reducer
from sym.sdk import ApprovalTemplate, PermissionLevel, RequestPermission
from sym.sdk.integrations import sym

@reducer
def get_permissions(event):
    eve = sym.get_or_create_user_by_email("eve@host.example")
    return RequestPermission(webapp_view=PermissionLevel.MEMBER, approve_deny=[eve.id])
"""


def test_without_a_decide_block_the_code_says_who_decides(place: Place) -> None:
    place.code(PERMISSIONS)
    request = place.ask()
    with pytest.raises(Refused, match="may not decide"):
        place.approve(BEN, request)
    assert place.approve(EVE, request).state == "approved"


def test_with_a_decide_block_the_code_only_narrows_I14(place: Place) -> None:
    place.code(PERMISSIONS.replace("eve@host", "dan@host"), declarative=True)
    request = place.ask()
    dan = Caller("dan", "cli")
    with pytest.raises(Refused, match="may not decide"):
        place.approve(dan, request)  # the code names dan, the estate's rule does not
    with pytest.raises(Refused, match="may not decide"):
        place.approve(BEN, request)  # the rule names ben, the code does not


APPROVES = """
from sym.sdk.annotations import hook
from sym.sdk import ApprovalTemplate

@hook
def on_request(event):
    return ApprovalTemplate.approve(reason="low risk")
"""


@pytest.mark.parametrize(
    ("declarative", "automatic", "state"),
    [(False, False, "approved"), (True, False, "pending"), (True, True, "approved")],
)
def test_a_hook_s_approval_needs_automatic_beside_a_decide_block(
    place: Place, declarative: bool, automatic: bool, state: str
) -> None:
    place.code(APPROVES, declarative=declarative, automatic=automatic)
    request = place.ask()
    assert request.state == state
    deciders = [d.by for d in place.desk.show(CLEO, request.id).decisions]
    assert deciders == ([f"handler:coded@{request.estate_version}"] if state == "approved" else [])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise RuntimeError('boom')", "raised"),
        ("while True: pass", "in time"),
        ("import os; os._exit(0)", "ended|exited|stopped"),
        ("return 'yes'", "returned"),
    ],
)
def test_a_fault_on_the_granting_side_fails_the_request_with_its_reason_I14(
    place: Place, body: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "while" in body:
        monkeypatch.setattr(place.whole.parts.runner, "deadlines", SHORT)
    place.code(f"from sym.sdk.annotations import hook\n@hook\ndef on_request(event):\n    {body}\n")
    request = place.ask()
    assert request.state == "failed"
    assert "coded" in request.why
    assert "handler.fault" in place.kinds()


def test_on_approve_may_refuse_an_approval_and_the_approver_is_told(place: Place) -> None:
    place.code(
        "from sym.sdk.annotations import hook\nfrom sym.sdk import ApprovalTemplate\n"
        "@hook\ndef on_approve(event):\n"
        "    if event.user.email.startswith('ben'):\n"
        "        return ApprovalTemplate.ignore(message='ben is not trained')\n"
    )
    request = place.ask()
    with pytest.raises(Refused, match="ben is not trained"):
        place.approve(BEN, request)
    assert place.get(request).state == "pending"
    assert place.approve(EVE, request).state == "approved"


def test_on_escalate_that_raises_fails_the_request_and_nothing_is_given(place: Place) -> None:
    place.code(
        "from sym.sdk.annotations import hook\n@hook\ndef on_escalate(event):\n    raise ValueError('no')\n"
    )
    request = place.ask()
    assert place.approve(EVE, request).state == "failed"
    place.whole.settle(5)
    assert place.desk.show(CLEO, request.id).grants == ()


HANGS_AFTERWARDS = """
from sym.sdk.annotations import hook

@hook
def on_deescalate(event):
    while True:
        pass

@hook
def after_deescalate(event):
    raise RuntimeError("after")
"""


def test_nothing_delays_a_take_back_I15(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place.whole.parts.runner, "deadlines", SHORT)
    place.code(HANGS_AFTERWARDS)
    request = place.ask()
    place.approve(EVE, request)
    place.whole.settle(5)
    assert place.whole.holds("ana")
    place.desk.end(ANA, request.id)
    place.whole.parts.engine.settle_due()
    place.whole.clock.sleep(2)
    place.whole.parts.engine.settle_due()
    assert not place.whole.holds("ana"), "taken back before the code was even run"
    place.whole.settle(5)
    assert "handler.fault" in place.kinds()
    assert place.get(request).state == "ended"


def test_after_escalate_may_take_back(place: Place) -> None:
    place.code(
        "from sym.sdk.annotations import hook\nfrom sym.sdk import ApprovalTemplate\n"
        "@hook\ndef after_escalate(event):\n    return ApprovalTemplate.deescalate()\n"
    )
    request = place.ask()
    place.approve(EVE, request)
    place.whole.settle(10)
    shown = place.desk.show(CLEO, request.id)
    assert [(g.state, g.why) for g in shown.grants] == [("ended", "handler")]


def test_notifications_are_kept_with_the_request(place: Place) -> None:
    place.code(
        "from sym.sdk.annotations import reducer\nfrom sym.sdk.integrations import slack\n"
        "from sym.sdk.notifications import Notification\n"
        "@reducer\ndef get_request_notifications(event):\n"
        "    return [Notification(destinations=[slack.channel('#ops')], timeout=600)]\n"
    )
    request = place.ask()
    assert request.notices is not None
    assert json.loads(json.dumps(request.notices[0]))["timeout_s"] == 600


def test_on_change_shows_a_field_and_a_fault_leaves_the_form(place: Place) -> None:
    estate = place.whole.estate
    flow = estate.flows["freeze-exception"]
    text = (
        "def on_change_risk(username, form):\n"
        "    form.fields['change'].label = 'Which change, and who looked at it?'\n"
        "    return form\n"
    )
    broken = "def on_change_risk(username, form):\n    return 3\n"
    for source, label in ((text, "Which change, and who looked at it?"), (broken, "Which change?")):
        code = Code("risk.py", source, "0")
        fields = tuple(replace(each, on_change=code if each.name == "risk" else None) for each in flow.fields)
        changed = replace(flow, fields=fields)
        place.whole.parts.applying.apply("test", replace(estate, flows={**estate.flows, flow.name: changed}))
        form = place.desk.changed(ANA, Ask(flow.name, fields={"risk": "high"}), "risk")
        assert next(f.label for f in form.fields if f.name == "change") == label
        told = form.options["risk"].problem if "risk" in form.options else ""
        assert bool(told) == (label == "Which change?")


def test_code_counts_what_its_requester_was_given_before(place: Place) -> None:
    """spec/sym.md 2.5: events of this flow, or on this target, that came to something."""
    place.code(
        "from sym.sdk import RequestPermission, reducer\n"
        "@reducer\n"
        "def get_permissions(event):\n"
        '    return RequestPermission(webapp_view="member", approve_deny="member")\n'
    )
    given = place.ask()
    place.approve(BEN, given)
    place.whole.settle(5)
    assert place.whole.holds("ana")
    place.desk.end(ANA, given.id)
    place.whole.settle(5)
    place.code(
        "from sym.sdk import ApprovalTemplate, hook\n"
        "@hook\n"
        "def on_request(event):\n"
        "    count = event.user.get_event_count\n"
        '    found = [count("escalate"), count("escalate", filter_on="target"), count("deescalate"), count("deny")]\n'
        '    return ApprovalTemplate.deny(reason=f"counted {found}")\n'
    )
    counted = place.ask()
    assert counted.state == "denied"
    with place.whole.parts.store.read() as view:
        (denial,) = view.requests.decisions(counted.id)
    assert "counted [" in denial.message
    escalated, on_target, ended, denied = map(int, denial.message.partition("[")[2].rstrip("]").split(", "))
    assert escalated >= 1
    assert on_target >= 1
    assert ended >= 1
    assert denied >= 0
