"""Calls on things with a policy of their own, inside an account and across (AWS, "Policy evaluation logic")."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.policy.documents import DEV, FOREIGN, account, allow_on

from gatepass.policy import (
    Caller,
    Kind,
    Permissions,
    Policy,
    Request,
    Ruling,
    decide,
    parse,
    role_session,
    root,
    service,
    user,
)

DANA = user(f"arn:aws:iam::{DEV}:user/dana")
OPS = role_session(f"arn:aws:iam::{DEV}:role/ops", "john")
QUEUE = f"arn:aws:sqs:eu-west-1:{DEV}:jobs"
ALLOW, DENY, NOTHING = (
    allow_on(action="sqs:*"),
    allow_on(action="sqs:*", effect="Deny"),
    allow_on(action="s3:*"),
)
EVE = user(f"arn:aws:iam::{FOREIGN}:user/eve")


def of_queue(principal: Any, effect: str = "Allow") -> Policy:
    body = {"Effect": effect, "Principal": principal, "Action": "sqs:SendMessage", "Resource": QUEUE}
    return parse({"Version": "2012-10-17", "Statement": body}, Kind.RESOURCE, name="queue")


def ruling(caller: Caller, own: Permissions, resource: Policy | None = None, **more: Any) -> Ruling:
    return decide(Request(caller, "sqs:SendMessage", QUEUE), own, resource=resource, **more).ruling


NONE, MAY = Permissions(), Permissions(identity=(ALLOW,))
A, D, N = Ruling.ALLOWED, Ruling.DENIED, Ruling.NOT_ALLOWED


@pytest.mark.parametrize(
    ("caller", "own", "principal", "expected"),
    [
        (DANA, MAY, None, A),
        (DANA, NONE, None, N),
        (DANA, NONE, DANA.arn, A),
        (DANA, NONE, account(DEV), N),
        (DANA, MAY, account(DEV), A),
        (DANA, MAY, account(FOREIGN), A),
        (DANA, NONE, "*", A),
        (OPS, NONE, OPS.arn, A),
        (OPS, NONE, OPS.session_arn, A),
        (EVE, MAY, None, N),
        (EVE, MAY, account(FOREIGN), A),
        (EVE, MAY, EVE.arn, A),
        (EVE, NONE, EVE.arn, N),
        (EVE, NONE, "*", N),
        (root(DEV), NONE, None, A),
        (root(FOREIGN), NONE, account(FOREIGN), A),
        (root(FOREIGN), NONE, None, N),
    ],
)
def test_own_side_and_resource_policy(
    caller: Caller, own: Permissions, principal: str | None, expected: Ruling
) -> None:
    """T-44: one of the two is enough inside the account, both are needed across."""
    resource = None if principal is None else of_queue({"AWS": principal})
    assert ruling(caller, own, resource) is expected


@pytest.mark.parametrize("principal", [DANA.arn, account(DEV), "*"])
def test_a_denial_anywhere_wins(principal: str) -> None:
    """T-41."""
    assert ruling(DANA, MAY, of_queue({"AWS": principal}, "Deny")) is D
    assert ruling(DANA, Permissions(identity=(ALLOW, DENY)), of_queue({"AWS": principal})) is D
    assert ruling(DANA, Permissions((ALLOW,), boundary=DENY), of_queue({"AWS": principal})) is D
    assert ruling(DANA, Permissions((ALLOW,), controls=((ALLOW, DENY),)), of_queue({"AWS": principal})) is D
    assert ruling(DANA, MAY, of_queue({"AWS": principal}), resource_controls=((DENY,),)) is D


def test_filters_do_not_allow_by_themselves() -> None:
    assert ruling(DANA, Permissions(boundary=ALLOW, session=(ALLOW,), controls=((ALLOW,),))) is N
    assert ruling(DANA, Permissions((ALLOW,), boundary=NOTHING)) is N
    assert ruling(DANA, Permissions((ALLOW,), session=())) is N
    assert ruling(DANA, Permissions((ALLOW,), session=(NOTHING, ALLOW))) is A
    assert ruling(root(DEV), Permissions(controls=((NOTHING,),))) is N
    assert ruling(DANA, MAY, resource_controls=((NOTHING,),)) is N


def test_services_are_judged_by_the_resource_alone() -> None:
    topic = service("sns.amazonaws.com")
    assert ruling(topic, NONE, of_queue({"Service": "sns.amazonaws.com"})) is A
    assert ruling(topic, MAY, None) is N
    assert ruling(topic, MAY, of_queue({"AWS": account(DEV)})) is N


def test_the_account_of_an_arn_without_one_is_told() -> None:
    request = Request(EVE, "sqs:SendMessage", "arn:aws:s3:::bucket")
    anything = allow_on(action="*")
    assert decide(request, Permissions((anything,))).ruling is A
    assert decide(request, Permissions((anything,)), resource_account=DEV).ruling is N


def test_the_layers_that_refuse_and_the_statements_that_decide() -> None:
    decision = decide(Request(EVE, "sqs:SendMessage", QUEUE), MAY, resource=of_queue({"AWS": account(DEV)}))
    assert [layer.name for layer in decision.blocking] == ["resource"]
    assert decision.deciding == ()
    granted = decide(
        Request(EVE, "sqs:SendMessage", QUEUE), MAY, resource=of_queue({"AWS": account(FOREIGN)})
    )
    assert [policy.name for policy, _ in granted.deciding] == ["queue", "identity"]
    denied = decide(Request(DANA, "sqs:SendMessage", QUEUE), MAY, resource=of_queue("*", "Deny"))
    assert [layer.name for layer in denied.blocking] == ["resource"]
    assert denied.lines[1] == "Deny statement 1 of queue"
