"""H1: every handler x every return: the outcome of architecture.md 3. Nothing is granted on a fault (I14), and a
take-back is never delayed (I15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from gatepass.estate.model import ADMINS, Who
from gatepass.handlers import Answer, Fault, Implementation, Kind, Usage
from gatepass.handlers.hooks import (
    Hooks,
    Rules,
    Stepped,
    Then,
    observe,
    run_after_handlers,
    run_approve_handlers,
    run_deescalate_handlers,
    run_deny_handlers,
    run_escalate_handlers,
    run_expire_handlers,
    run_prompt_handlers,
)
from gatepass.handlers.returns import written
from gatepass.handlers.submission import Fate, Requested, narrowed, run_request_handlers
from gatepass.sdk import ApprovalTemplate, RequestPermission, SlackUser
from gatepass.sdk.notifications import Notification

FILE = Implementation("access", "impl.py", "")
EVENT: Mapping[str, Any] = {"step": "request", "user": "u", "fields": {"reason": "r"}, "run": {"actors": {}}}
DECLARED = Rules(declarative=True)
AUTOMATIC = Rules(declarative=True, automatic=True)
SYM = Rules()
FAULTS = (Kind.RAISED, Kind.HUNG, Kind.EXITED, Kind.MEMORY, Kind.OUTPUT, Kind.ASKED_TOO_MUCH, Kind.LOST)
PERMISSION = RequestPermission(webapp_view="member", approve_deny="member", allow_self_approval=True)


def hooks(**returns: object) -> Hooks:
    """Handlers that give these SDK values in turn (a list: one per call), or fail with these kinds of fault."""
    calls: dict[str, list[object]] = {
        name: list(v) if isinstance(v, tuple) else [v] for name, v in returns.items()
    }

    def call(handler: str, event: Mapping[str, Any]) -> Answer | Fault:
        value = calls[handler].pop(0)
        if isinstance(value, Kind):
            return Fault(value, "access", handler, "impl.py", "why")
        return Answer(written(value), handler, 7, Usage(), FILE)

    return Hooks(returns.keys(), call)


def asked(rules: Rules = SYM, **returns: object) -> Requested:
    return run_request_handlers(EVENT, hooks(**returns), rules, {str(UUID(int=1)): "ana"})


# What wrong types and unfit values come to is a fault of kind WRONG: the same rows as the other faults.
WRONG = (
    "a text",
    7,
    True,
    {"a": 1},
    [],
    range(3),
    ["x"],
    RequestPermission.construct(webapp_view=1, approve_deny=2),
)
BROKEN: tuple[object, ...] = (*FAULTS, *WRONG)


@pytest.mark.parametrize("returned", BROKEN, ids=repr)
@pytest.mark.parametrize(
    "handler", ["on_request", "get_permissions", "get_approvers", "get_request_notifications"]
)
@pytest.mark.parametrize("rules", [SYM, DECLARED, AUTOMATIC], ids=["sym", "declared", "automatic"])
def test_a_fault_at_the_submission_fails_the_request(handler: str, returned: object, rules: Rules) -> None:
    if handler == "get_request_notifications" and returned == []:
        assert asked(rules, get_request_notifications=[]).fate is Fate.PENDING  # nobody need be told
        return
    outcome = asked(rules, **{handler: returned})
    assert outcome.fate is Fate.FAILED
    assert outcome.permission is None
    (fault,) = outcome.faults
    assert (fault.handler, outcome.words) == (handler, fault.for_requester())
    assert handler in fault.for_operator()
    assert fault.for_audit()["fault"] == (returned if isinstance(returned, Kind) else Kind.WRONG)
    assert outcome.ran[-1].result == fault.kind


@pytest.mark.parametrize("handler", ["get_permissions", "get_approvers", "get_request_notifications"])
def test_a_reducer_must_return_something(handler: str) -> None:
    assert asked(**{handler: None}).fate is Fate.FAILED


def test_a_submission_without_handlers_waits_for_admins() -> None:
    outcome = asked()
    assert (outcome.fate, outcome.permission, outcome.notices) == (Fate.PENDING, None, None)
    assert narrowed(ADMINS, False, None, False).approvers == ADMINS


def test_the_handlers_run_in_order_and_shape_the_request() -> None:
    note = Notification(destinations=[SlackUser(user_id="U1")], timeout=60)
    outcome = asked(on_request=None, get_permissions=PERMISSION, get_request_notifications=[note])
    assert [ran.handler for ran in outcome.ran] == [
        "on_request",
        "get_permissions",
        "get_request_notifications",
    ]
    assert outcome.permission is not None
    assert outcome.permission.approve == Who(roles=frozenset(("admin", "member")))
    assert outcome.notices is not None
    assert outcome.notices[0].destinations[0].names == ("U1",)


@pytest.mark.parametrize(
    ("returned", "rules", "fate"),
    [
        (ApprovalTemplate.approve(reason="on call"), SYM, Fate.APPROVED),
        (ApprovalTemplate.escalate(), SYM, Fate.APPROVED),
        (ApprovalTemplate.approve(), AUTOMATIC, Fate.APPROVED),
        (ApprovalTemplate.approve(), DECLARED, Fate.PENDING),  # only `automatic: true` lets code approve
        (ApprovalTemplate.escalate(), DECLARED, Fate.PENDING),
        (ApprovalTemplate.deny(reason="not now"), DECLARED, Fate.DENIED),  # narrowing is always allowed
        (ApprovalTemplate.deny(), SYM, Fate.DENIED),
        (ApprovalTemplate.ignore(message="ask in the morning"), DECLARED, Fate.CANCELLED),
        (ApprovalTemplate.deescalate(), SYM, Fate.FAILED),  # nothing is held yet
        (ApprovalTemplate.prompt(), SYM, Fate.FAILED),  # backwards
    ],
    ids=lambda value: getattr(value, "step", str(value)),
)
def test_what_on_request_may_decide(returned: object, rules: Rules, fate: Fate) -> None:
    outcome = asked(rules, on_request=returned, get_permissions=PERMISSION)
    assert outcome.fate is fate
    assert (outcome.by == "on_request") is (fate in (Fate.APPROVED, Fate.DENIED, Fate.CANCELLED))
    if fate is Fate.PENDING:
        assert "automatic: true" in outcome.notes[0]


def test_words_of_a_hook_reach_the_requester() -> None:
    assert asked(on_request=ApprovalTemplate.deny(reason="not now")).words == "not now"
    assert asked(on_request=ApprovalTemplate.ignore(message="later")).words == "later"


@pytest.mark.parametrize("returned", [Kind.RAISED, ApprovalTemplate.ignore(message="no"), "wrong"], ids=repr)
def test_an_approval_by_code_that_on_approve_refuses_does_not_count(returned: object) -> None:
    outcome = asked(on_request=ApprovalTemplate.approve(), on_approve=returned)
    assert outcome.fate is Fate.PENDING
    assert outcome.by == ""


def test_a_denial_by_code_stands_even_when_on_deny_fails() -> None:
    outcome = asked(on_request=ApprovalTemplate.deny(), on_deny=Kind.RAISED)
    assert outcome.fate is Fate.DENIED
    assert len(outcome.faults) == 1


def test_a_hook_may_name_its_own_step_once() -> None:
    once = asked(on_request=(ApprovalTemplate.request(why="x"), None))
    assert (once.fate, once.extra) == (Fate.PENDING, {"why": "x"})
    assert asked(on_request=(ApprovalTemplate.request(), ApprovalTemplate.deny())).fate is Fate.DENIED
    twice = asked(on_request=(ApprovalTemplate.request(), ApprovalTemplate.request()))
    assert twice.fate is Fate.FAILED
    assert "second time" in twice.faults[0].detail


def test_a_second_pass_sees_what_the_first_added_and_cannot_change_what_was_asked() -> None:
    seen: list[Mapping[str, Any]] = []
    returns = [ApprovalTemplate.request(reason="mine", ticket="T-1"), None]

    def call(handler: str, event: Mapping[str, Any]) -> Answer:
        seen.append(event)
        return Answer(written(returns.pop(0)), handler, 1, Usage(), FILE)

    run_request_handlers(EVENT, Hooks({"on_request"}, call), SYM, {})
    assert seen[1]["fields"] == {"reason": "r", "ticket": "T-1"}  # I10: what the person wrote stays
    assert seen[1]["channel"]["type"] == "sdk"


@pytest.mark.parametrize("returned", BROKEN, ids=repr)
def test_a_fault_in_on_approve_does_not_count_the_approval_and_tells_the_approver(returned: object) -> None:
    stepped = run_approve_handlers(EVENT, hooks(on_approve=returned), SYM)
    assert stepped.then is Then.REFUSE
    assert "Nothing was granted" in stepped.message


@pytest.mark.parametrize(
    ("returned", "then", "step"),
    [
        (None, Then.GO, "approve"),
        (ApprovalTemplate.ignore(message="two of you"), Then.IGNORE, "approve"),
        (ApprovalTemplate.deny(), Then.MOVE, "deny"),
        (ApprovalTemplate.escalate(), Then.GO, "approve"),  # how many must approve is not the code's to say
        ((ApprovalTemplate.approve(), None), Then.GO, "approve"),
        (ApprovalTemplate.request(), Then.REFUSE, "approve"),
    ],
    ids=str,
)
def test_what_on_approve_may_do(returned: object, then: Then, step: str) -> None:
    stepped = run_approve_handlers(EVENT, hooks(on_approve=returned), DECLARED)
    assert (stepped.then, stepped.step) == (then, step)


@pytest.mark.parametrize(
    "returned", [*BROKEN, ApprovalTemplate.approve(), ApprovalTemplate.escalate()], ids=repr
)
def test_a_denial_stands_whatever_broken_or_approving_code_says(returned: object) -> None:
    stepped = run_deny_handlers(EVENT, hooks(on_deny=returned), SYM)
    assert (stepped.then, stepped.step) == (Then.GO, "deny")
    assert stepped.faults


def test_code_can_ignore_a_denial_only_without_a_decide_block() -> None:
    ignoring = ApprovalTemplate.ignore(message="you may not")
    assert run_deny_handlers(EVENT, hooks(on_deny=ignoring), SYM).then is Then.IGNORE
    stands = run_deny_handlers(EVENT, hooks(on_deny=ignoring), AUTOMATIC)
    assert stands.then is Then.GO
    assert stands.notes


@pytest.mark.parametrize(
    "returned",
    [*BROKEN, ApprovalTemplate.ignore(), ApprovalTemplate.deescalate(), ApprovalTemplate.deny()],
    ids=repr,
)
def test_a_fault_or_a_step_back_in_on_escalate_fails_the_request(returned: object) -> None:
    assert run_escalate_handlers(EVENT, hooks(on_escalate=returned)).then is Then.REFUSE


@pytest.mark.parametrize(
    "returned",
    [None, *BROKEN, ApprovalTemplate.ignore(), ApprovalTemplate.escalate(), ApprovalTemplate.deescalate()],
    ids=repr,
)
def test_nothing_delays_or_changes_a_take_back(returned: object) -> None:
    """I15."""
    again = (returned, None)
    stepped = run_deescalate_handlers(EVENT, hooks(on_deescalate=again))
    assert (stepped.then, stepped.step) == (Then.GO, "deescalate")


@pytest.mark.parametrize(
    "step", ["request", "approve", "deny", "escalate", "deescalate", "request_expire", "prompt"]
)
@pytest.mark.parametrize("returned", BROKEN, ids=repr)
def test_a_fault_after_the_fact_is_logged_and_nothing_else(step: str, returned: object) -> None:
    stepped = run_after_handlers(step, EVENT, hooks(**{f"after_{step}": returned}), AUTOMATIC)
    assert (stepped.then, stepped.step) == (Then.GO, step)
    assert stepped.faults


def test_what_a_hook_after_the_fact_may_fire() -> None:
    def after(step: str, returned: object, rules: Rules) -> Stepped:
        return run_after_handlers(step, EVENT, hooks(**{f"after_{step}": returned}), rules)

    assert after("escalate", ApprovalTemplate.deescalate(), DECLARED).step == "deescalate"
    assert after("request", ApprovalTemplate.approve(), AUTOMATIC).then is Then.MOVE
    assert after("request", ApprovalTemplate.approve(), DECLARED).then is Then.GO
    assert after("deny", ApprovalTemplate.approve(), SYM).faults  # never from "no" to "yes"
    assert after("deescalate", ApprovalTemplate.escalate(), SYM).faults


@pytest.mark.parametrize("returned", [*BROKEN, ApprovalTemplate.ignore()], ids=repr)
def test_what_nobody_answered_expires_also_when_code_fails_or_ignores_it(returned: object) -> None:
    stepped = run_expire_handlers(EVENT, hooks(on_request_expire=returned), SYM)
    assert (stepped.then, stepped.step) == (Then.GO, "request_expire")


@pytest.mark.parametrize(
    ("rules", "step"), [(SYM, "approve"), (AUTOMATIC, "approve"), (DECLARED, "request_expire")]
)
def test_an_expiry_may_approve_only_where_code_may(rules: Rules, step: str) -> None:
    assert run_expire_handlers(EVENT, hooks(on_request_expire=ApprovalTemplate.approve()), rules).step == step


@pytest.mark.parametrize("returned", BROKEN, ids=repr)
def test_a_fault_in_on_prompt_shows_no_form(returned: object) -> None:
    assert run_prompt_handlers(EVENT, hooks(on_prompt=returned), SYM).then is Then.REFUSE


def test_what_on_prompt_may_do() -> None:
    def prompted(returned: object, rules: Rules = SYM) -> Stepped:
        return run_prompt_handlers(EVENT, hooks(on_prompt=returned), rules)

    assert prompted(None).then is Then.GO
    assert prompted(ApprovalTemplate.ignore(message="not you")).message == "not you"
    moved = prompted(ApprovalTemplate.request(target_srn="o:access_target:t:x:latest", duration=60))
    assert moved.fired is not None
    assert (moved.step, moved.fired.duration) == ("request", 60)
    assert prompted(ApprovalTemplate.approve(), DECLARED).then is Then.GO


@pytest.mark.parametrize("hook", ["on_request_forward", "after_request_forward"])
@pytest.mark.parametrize("returned", [None, ApprovalTemplate.approve(), Kind.HUNG], ids=repr)
def test_forwarding_is_only_observed(hook: str, returned: object) -> None:
    stepped = observe(hook, EVENT, hooks(**{hook: returned}))
    assert stepped.then is Then.GO
    assert bool(stepped.faults) is (returned is not None)


def test_with_a_decide_block_code_only_narrows() -> None:
    """I14: whoever may decide by both is less than or equal to who may by the block."""
    oncall = Who(groups=frozenset({"oncall"}))
    outcome = asked(DECLARED, get_permissions=PERMISSION)
    both = narrowed(oncall, False, outcome.permission, declarative=True)
    assert both.approvers == oncall
    assert both.also is not None
    assert both.allow_self is False
    assert narrowed(oncall, True, outcome.permission, declarative=True).allow_self is True
    alone = narrowed(ADMINS, False, outcome.permission, declarative=False)
    assert (alone.approvers.roles, alone.also, alone.allow_self) == (
        frozenset({"admin", "member"}),
        None,
        True,
    )


def test_people_are_named_by_their_ids_and_strangers_name_nobody() -> None:
    named = RequestPermission(webapp_view="admin", approve_deny=[UUID(int=1), UUID(int=2)])
    permission = asked(get_permissions=named).permission
    assert permission is not None
    assert permission.approve == Who(people=frozenset({"ana"}), roles=frozenset({"admin"}))


def test_legacy_approvers_name_the_places_whose_readers_may_decide() -> None:
    from gatepass.sdk.integrations import slack

    fallback = slack.fallback(
        slack.channel("#ops", allow_self=True), slack.group(["U123456", "W123456"], timeout=60)
    )
    outcome = asked(get_approvers=fallback, get_request_notifications=[])
    assert outcome.permission is not None
    assert [place.kind for place in outcome.permission.destinations] == ["channel_name", "slack_users"]
    assert outcome.permission.allow_self
    within = narrowed(ADMINS, False, outcome.permission, declarative=True)
    assert (within.approvers, within.also) == (
        ADMINS,
        None,
    )  # a `decide` block says who; code cannot widen it
    both = asked(get_approvers=Kind.RAISED, get_permissions=PERMISSION)
    assert both.fate is Fate.PENDING  # get_permissions takes its place: it is not called
