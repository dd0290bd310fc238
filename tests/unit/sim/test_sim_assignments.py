"""Account assignments: accepted, IN_PROGRESS, then true; and exact (security.md 3, stack.md items 1-3)."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from tests.unit.sim.worlds import (
    BAR_INSTANCE,
    FOO,
    FOO_ADMIN,
    FOO_INSTANCE,
    FOO_READ,
    FOO_TARGET,
    foo_assignment,
    lab,
)

from gatepass.sim import Assignment


def code(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return str(raised.value.response["Error"]["Code"])


def holders(sso, permission_set=FOO_ADMIN):
    found = sso.list_account_assignments(
        InstanceArn=FOO_INSTANCE, PermissionSetArn=permission_set, AccountId=FOO_TARGET
    )
    return {row["PrincipalId"] for row in found["AccountAssignments"]}


def test_a_creation_is_in_progress_until_its_time_and_then_true():
    made = lab(operation_seconds=2)
    sso, wanted = made.client("sso-admin"), foo_assignment(made)
    status = sso.create_account_assignment(**wanted)["AccountAssignmentCreationStatus"]
    request = {"InstanceArn": FOO_INSTANCE, "AccountAssignmentCreationRequestId": status["RequestId"]}
    assert status["Status"] == "IN_PROGRESS"
    assert wanted["PrincipalId"] not in holders(sso)
    made.later(1.999)
    running = sso.list_account_assignment_creation_status(
        InstanceArn=FOO_INSTANCE, Filter={"Status": "IN_PROGRESS"}
    )["AccountAssignmentsCreationStatus"]
    assert [row["RequestId"] for row in running] == [status["RequestId"]]
    made.later(0.001)
    answered = sso.describe_account_assignment_creation_status(**request)["AccountAssignmentCreationStatus"]
    assert answered["Status"] == "SUCCEEDED"
    assert wanted["PrincipalId"] in holders(sso)


def test_creating_twice_holds_one_assignment_and_both_succeed():
    made = lab()
    sso, wanted = made.client("sso-admin"), foo_assignment(made)
    for _ in range(2):
        request = sso.create_account_assignment(**wanted)["AccountAssignmentCreationStatus"]["RequestId"]
        found = sso.describe_account_assignment_creation_status(
            InstanceArn=FOO_INSTANCE, AccountAssignmentCreationRequestId=request
        )["AccountAssignmentCreationStatus"]
        assert found["Status"] == "SUCCEEDED"
    changes = [c for c in made.sim.truth().changes if c.fact[-1] == wanted["PrincipalId"]]
    assert [c.present for c in changes] == [True]


def test_deleting_what_is_gone_succeeds_and_keeps_its_status():
    made = lab()
    sso, wanted = made.client("sso-admin"), foo_assignment(made)
    request = sso.delete_account_assignment(**wanted)["AccountAssignmentDeletionStatus"]["RequestId"]
    found = sso.describe_account_assignment_deletion_status(
        InstanceArn=FOO_INSTANCE, AccountAssignmentDeletionRequestId=request
    )
    assert found["AccountAssignmentDeletionStatus"]["Status"] == "SUCCEEDED"
    with pytest.raises(ClientError) as raised:  # creation and deletion have requests of their own
        sso.describe_account_assignment_creation_status(
            InstanceArn=FOO_INSTANCE, AccountAssignmentCreationRequestId=request
        )
    assert code(raised) == "ResourceNotFoundException"


def test_a_second_change_of_a_running_fact_is_a_conflict():
    made = lab(operation_seconds=5)
    sso, wanted = made.client("sso-admin"), foo_assignment(made)
    sso.create_account_assignment(**wanted)
    with pytest.raises(sso.exceptions.ConflictException):
        sso.delete_account_assignment(**wanted)
    sso.create_account_assignment(**foo_assignment(made, "ben"))  # another fact is not in the way


def test_no_more_than_ten_writes_are_outstanding():
    made = lab(operation_seconds=5, outstanding=3)
    sso = made.client("sso-admin")
    for name in ("ana", "ben", "cleo"):
        sso.create_account_assignment(**foo_assignment(made, name))
    with pytest.raises(sso.exceptions.ThrottlingException):
        sso.delete_account_assignment(**foo_assignment(made, "dan"))
    made.later(5)
    sso.delete_account_assignment(**foo_assignment(made, "dan"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"TargetId": "999999999999"}, "ResourceNotFoundException"),  # an account of another organization
        ({"TargetId": "33333333333a"}, "ValidationException"),
        ({"PermissionSetArn": FOO_ADMIN[:-1] + "9"}, "ResourceNotFoundException"),
        ({"PermissionSetArn": "arn:aws:sso:::permissionSet/ssoins-000000/ps-000000"}, "ValidationException"),
        ({"InstanceArn": FOO_INSTANCE[:-1] + "9"}, "ResourceNotFoundException"),
        ({"InstanceArn": BAR_INSTANCE}, "ResourceNotFoundException"),  # not in this region
        ({"PrincipalId": "9067000000-00000000-0000-4000-8000-000000000000"}, "ResourceNotFoundException"),
        ({"PrincipalId": "ana@host.example"}, "ValidationException"),
        ({"TargetType": "ACCOUNT"}, "ValidationException"),
    ],
)
def test_what_does_not_exist_is_refused(change, expected):
    made = lab()
    with pytest.raises(ClientError) as raised:
        made.client("sso-admin").create_account_assignment(**{**foo_assignment(made), **change})
    assert code(raised) == expected


def test_another_tenants_instance_is_denied():
    """I12: being in the right region is not enough."""
    made = lab()
    with pytest.raises(ClientError) as raised:
        made.client("sso-admin", FOO, "eu-west-1").list_permission_sets(InstanceArn=BAR_INSTANCE)
    assert code(raised) == "AccessDeniedException"
    assert made.client("sso-admin", FOO, "eu-west-1").list_instances()["Instances"] == []


def test_a_failure_keeps_its_reason_and_changes_nothing():
    made = lab()
    made.sim.set_faults(
        [{"operation": "CreateAccountAssignment", "do": "fail", "reason": "quota of the account"}]
    )
    sso, wanted = made.client("sso-admin"), foo_assignment(made)
    request = sso.create_account_assignment(**wanted)["AccountAssignmentCreationStatus"]["RequestId"]
    found = sso.describe_account_assignment_creation_status(
        InstanceArn=FOO_INSTANCE, AccountAssignmentCreationRequestId=request
    )["AccountAssignmentCreationStatus"]
    assert (found["Status"], found["FailureReason"]) == ("FAILED", "quota of the account")
    assert wanted["PrincipalId"] not in holders(sso)


def test_a_suspended_account_fails_the_operation():
    made = lab()
    made.sim.world.account(FOO_TARGET).status = "SUSPENDED"
    sso = made.client("sso-admin")
    request = sso.create_account_assignment(**foo_assignment(made))["AccountAssignmentCreationStatus"][
        "RequestId"
    ]
    found = sso.describe_account_assignment_creation_status(
        InstanceArn=FOO_INSTANCE, AccountAssignmentCreationRequestId=request
    )["AccountAssignmentCreationStatus"]
    assert found["Status"] == "FAILED"
    assert "suspended" in found["FailureReason"]


def test_a_deleted_user_leaves_an_orphan_that_can_be_taken_away():
    made = lab()
    sso, wanted = made.client("sso-admin"), foo_assignment(made, "dan")
    made.client("identitystore").delete_user(IdentityStoreId="d-9067000000", UserId=wanted["PrincipalId"])
    assert wanted["PrincipalId"] in holders(sso)
    sso.delete_account_assignment(**wanted)
    assert wanted["PrincipalId"] not in holders(sso)


def test_the_delegated_administrator_keeps_off_the_management_account():
    """security.md 3, item 9."""
    made = lab()
    made.client("organizations").register_delegated_administrator(
        AccountId=FOO_TARGET, ServicePrincipal="sso.amazonaws.com"
    )
    sso = made.client("sso-admin", FOO_TARGET)
    sso.create_account_assignment(**foo_assignment(made))
    with pytest.raises(ClientError) as raised:
        sso.create_account_assignment(**{**foo_assignment(made), "TargetId": FOO})
    assert code(raised) == "AccessDeniedException"


def test_the_role_in_the_account_lives_as_long_as_any_assignment():
    made = lab()
    sso = made.client("sso-admin")

    def roles():
        return [
            r.name for r in made.sim.truth().iam_of(FOO_TARGET).roles.values() if "Administrator" in r.name
        ]

    before = roles()
    assert len(before) == 1  # dan's standing assignment
    sso.create_account_assignment(**foo_assignment(made))
    assert roles() == before
    for name in ("ana", "dan"):
        sso.delete_account_assignment(**foo_assignment(made, name))
    assert roles() == []
    sso.create_account_assignment(**foo_assignment(made))
    assert len(roles()) == 1
    assert roles() != before  # recreated with another suffix


def test_lists_lag_behind_the_truth_by_caller():
    made = lab(list_lag_by_caller={"arn:aws:iam::123456789012:": 60})
    late, sso, wanted = made.client("sso-admin"), made.connector("sso-admin"), foo_assignment(made)
    made.later(100)
    sso.create_account_assignment(**wanted)
    assert wanted["PrincipalId"] in holders(sso)
    assert wanted["PrincipalId"] not in holders(late)
    made.later(60)
    assert wanted["PrincipalId"] in holders(late)
    sso.delete_account_assignment(**wanted)
    made.later(59)
    assert wanted["PrincipalId"] in holders(late)
    made.later(1)
    assert wanted["PrincipalId"] not in holders(late)


def test_assignments_of_a_user_include_those_of_groups():
    made = lab()
    found = made.client("sso-admin").list_account_assignments_for_principal(
        InstanceArn=FOO_INSTANCE, PrincipalType="USER", PrincipalId=made.user("dan")
    )["AccountAssignments"]
    assert {(row["PermissionSetArn"], row["PrincipalType"]) for row in found} == {
        (FOO_ADMIN, "USER"),
        (FOO_READ, "GROUP"),
    }


@pytest.mark.parametrize("size", [1, 3, 100])
def test_pages_of_any_size_give_everything_once(size):
    made = lab(page_size=size)
    sso = made.client("sso-admin")
    for name in ("ana", "ben", "cleo"):
        sso.create_account_assignment(**foo_assignment(made, name))
    pages = sso.get_paginator("list_account_assignments").paginate(
        InstanceArn=FOO_INSTANCE, PermissionSetArn=FOO_ADMIN, AccountId=FOO_TARGET
    )
    found = [row["PrincipalId"] for page in pages for row in page["AccountAssignments"]]
    assert sorted(found) == sorted(made.user(name) for name in ("ana", "ben", "cleo", "dan"))


def test_a_token_of_another_list_is_refused():
    made = lab(page_size=1)
    sso = made.client("sso-admin")
    token = sso.list_permission_sets(InstanceArn=FOO_INSTANCE)["NextToken"]
    with pytest.raises(sso.exceptions.ValidationException):
        sso.list_account_assignments(
            InstanceArn=FOO_INSTANCE, PermissionSetArn=FOO_ADMIN, AccountId=FOO_TARGET, NextToken=token
        )


def test_the_truth_over_time_names_fact_moment_and_cause():
    made = lab(operation_seconds=3)
    sso, wanted = made.connector("sso-admin"), foo_assignment(made)
    start = made.clock.now()
    request = sso.create_account_assignment(**wanted)["AccountAssignmentCreationStatus"]["RequestId"]
    made.later(10)
    change = made.sim.truth().changes[-1]
    assert change.fact == Assignment(FOO_INSTANCE, FOO_TARGET, FOO_ADMIN, "USER", wanted["PrincipalId"])
    assert ((change.at - start).total_seconds(), change.operation) == (3, request)
    assert change.by == "arn:aws:sts::123456789012:assumed-role/SymSSOTenant-Foo/gatepass"


def test_what_comes_out_cannot_change_what_is_inside():
    made = lab()
    sso = made.client("sso-admin")
    sso.list_permission_sets(InstanceArn=FOO_INSTANCE)["PermissionSets"].clear()
    sso.describe_permission_set(InstanceArn=FOO_INSTANCE, PermissionSetArn=FOO_ADMIN)["PermissionSet"].clear()
    assert len(sso.list_permission_sets(InstanceArn=FOO_INSTANCE)["PermissionSets"]) == 2
    assert made.sim.calls[0].result["PermissionSets"]
