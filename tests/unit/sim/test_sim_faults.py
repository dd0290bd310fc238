"""The fault script: repeatable, exact, and refused whole when it is wrong (security.md 7, AWS 1-5)."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from tests.unit.sim.worlds import FOO_ADMIN, FOO_INSTANCE, FOO_TARGET, foo_assignment, lab

from gatepass.sim import FaultError

LIST = {"InstanceArn": FOO_INSTANCE, "PermissionSetArn": FOO_ADMIN, "AccountId": FOO_TARGET}


def came(made, name="ana"):
    return any(
        change.fact[-1] == made.user(name) for change in made.sim.truth().changes if change.by != "hand"
    )


def test_an_answer_can_be_lost_after_the_call_was_applied():
    made = lab(lost_after=8)
    made.sim.set_faults([{"operation": "CreateAccountAssignment", "do": "answer-lost", "calls": [1]}])
    before = made.clock.now()
    with pytest.raises(ReadTimeoutError):
        made.client("sso-admin").create_account_assignment(**foo_assignment(made))
    assert came(made)
    assert (made.clock.now() - before).total_seconds() == 8
    assert made.sim.calls[-1].outcome == "answer-lost"


def test_a_request_can_be_lost_before_it_is_applied():
    made = lab()
    made.sim.set_faults([{"operation": "CreateAccountAssignment", "do": "request-lost", "times": 1}])
    sso = made.client("sso-admin")
    with pytest.raises(EndpointConnectionError):
        sso.create_account_assignment(**foo_assignment(made))
    assert not came(made)
    sso.create_account_assignment(**foo_assignment(made))
    assert came(made)


@pytest.mark.parametrize(
    ("do", "code"),
    [("throttle", "ThrottlingException"), ("deny", "AccessDeniedException"), ("conflict", "ConflictException"),
     ("error", "InternalServerException")],
)  # fmt: skip
def test_a_call_can_be_refused(do, code):
    made = lab()
    made.sim.set_faults([{"service": "sso-admin", "do": do, "calls": 2}])
    sso = made.client("sso-admin")
    sso.list_instances()
    with pytest.raises(ClientError) as raised:
        sso.list_instances()
    assert raised.value.response["Error"]["Code"] == code
    sso.list_instances()


def test_denied_for_a_period_then_allowed():
    made = lab()
    rule = {"operation": "DeleteAccountAssignment", "do": "deny", "after": 10, "until": 1810}
    made.sim.set_faults([rule])
    sso, wanted = made.client("sso-admin"), foo_assignment(made)
    sso.delete_account_assignment(**wanted)
    made.later(10)
    for _ in range(3):
        with pytest.raises(sso.exceptions.AccessDeniedException):
            sso.delete_account_assignment(**wanted)
    made.later(1800)
    sso.delete_account_assignment(**wanted)


@pytest.mark.parametrize("do", ["short-page", "empty-page"])
def test_a_short_page_hides_nothing_from_who_follows_the_token(do):
    made = lab()
    sso = made.client("sso-admin")
    for name in ("ana", "ben", "cleo"):
        sso.create_account_assignment(**foo_assignment(made, name))
    made.sim.set_faults([{"operation": "ListAccountAssignments", "do": do, "calls": [1]}])
    first = sso.list_account_assignments(**LIST)
    assert len(first["AccountAssignments"]) < 4
    rest = sso.list_account_assignments(**LIST, NextToken=first["NextToken"])
    assert len(first["AccountAssignments"]) + len(rest["AccountAssignments"]) == 4


def test_the_next_page_can_be_refused():
    made = lab(page_size=1)
    sso = made.client("sso-admin")
    sso.create_account_assignment(**foo_assignment(made))
    made.sim.set_faults([{"operation": "ListAccountAssignments", "do": "token-error"}])
    token = sso.list_account_assignments(**LIST)["NextToken"]
    with pytest.raises(sso.exceptions.ValidationException):
        sso.list_account_assignments(**LIST, NextToken=token)


def test_a_list_can_be_stale():
    made = lab()
    sso = made.client("sso-admin")
    made.sim.set_faults([{"operation": "ListAccountAssignments", "do": "stale", "seconds": 60, "calls": [2]}])
    made.later(61)
    sso.create_account_assignment(**foo_assignment(made))
    sizes = [len(sso.list_account_assignments(**LIST)["AccountAssignments"]) for _ in range(3)]
    assert sizes == [2, 1, 2]


def test_a_rule_is_about_the_calls_it_names():
    made = lab()
    made.sim.set_faults([
        {"operation": "CreateAccountAssignment", "where": {"PrincipalId": made.user("ben")}, "do": "throttle"}
    ])  # fmt: skip
    sso = made.client("sso-admin")
    sso.create_account_assignment(**foo_assignment(made, "ana"))
    with pytest.raises(sso.exceptions.ThrottlingException):
        sso.create_account_assignment(**foo_assignment(made, "ben"))


def outcomes(seed: int) -> list[str]:
    made = lab(seed=seed)
    made.sim.set_faults([{"operation": "ListInstances", "do": "throttle", "chance": 0.5}])
    sso = made.client("sso-admin")
    for _ in range(30):
        try:
            sso.list_instances()
        except ClientError:
            continue
    return [record.outcome for record in made.sim.calls]


def test_chance_is_repeatable_by_seed():
    assert outcomes(1) == outcomes(1)
    assert outcomes(1) != outcomes(2)
    assert {"ok", "ThrottlingException"} == set(outcomes(1))


def test_a_wrong_script_names_every_fault_and_changes_nothing():
    made = lab()
    made.sim.set_faults([{"operation": "ListInstances", "do": "throttle"}])
    with pytest.raises(FaultError) as raised:
        made.sim.set_faults([{"do": "explode"}, {"do": "deny", "oparation": "ListInstances"}])
    assert "rule 1" in str(raised.value)
    assert "oparation" in str(raised.value)
    with pytest.raises(ClientError):
        made.client("sso-admin").list_instances()


def test_twenty_calls_in_any_second_and_no_more():
    made = lab(rates={"sso-admin": 20})
    sso = made.client("sso-admin")
    for _ in range(20):
        sso.list_instances()
        made.later(0.01)
    with pytest.raises(sso.exceptions.ThrottlingException):
        sso.list_instances()
    made.later(0.8)
    sso.list_instances()  # the first of the twenty is a second old


def test_the_rate_is_one_for_all_callers_of_an_instance():
    made = lab(rates={"sso-admin": 4})
    clients = [made.client("sso-admin"), made.connector("sso-admin")]
    for n in range(4):
        clients[n % 2].list_permission_sets(InstanceArn=FOO_INSTANCE)
    with pytest.raises(clients[0].exceptions.ThrottlingException):
        clients[0].list_instances()
    bar = made.client("sso-admin", "555555555555", "eu-west-1")
    assert bar.list_instances()["Instances"]  # a noisy tenant does not starve another


def test_the_answer_of_a_refused_call_can_be_lost_too():
    made = lab()
    made.sim.set_faults([{"operation": "CreateAccountAssignment", "do": "answer-lost"}])
    wrong = {**foo_assignment(made), "TargetId": "999999999999"}
    with pytest.raises((ReadTimeoutError, EndpointConnectionError)):
        made.client("sso-admin").create_account_assignment(**wrong)
    assert not came(made)
