"""Permission sets: unique, refused while assigned, provisioned into roles (stack.md items 2-4)."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from tests.unit.sim.worlds import FOO_ADMIN, FOO_INSTANCE, FOO_TARGET, foo_assignment, lab

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ADMIN = {"InstanceArn": FOO_INSTANCE, "PermissionSetArn": FOO_ADMIN}


def code(raised) -> str:
    return str(raised.value.response["Error"]["Code"])


def new(sso, name="Audit", **more):
    made = sso.create_permission_set(InstanceArn=FOO_INSTANCE, Name=name, **more)["PermissionSet"]
    return {"InstanceArn": FOO_INSTANCE, "PermissionSetArn": made["PermissionSetArn"]}


def test_a_new_one_has_aws_own_arn_and_an_hour():
    sso = lab().client("sso-admin")
    found = sso.describe_permission_set(**new(sso))["PermissionSet"]
    assert found["PermissionSetArn"].startswith("arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-")
    assert found["SessionDuration"] == "PT1H"


@pytest.mark.parametrize("session", ["PT59M", "PT13H", "1h", "PT"])
def test_session_lengths_are_one_to_twelve_hours(session):
    with pytest.raises(ClientError) as raised:
        new(lab().client("sso-admin"), SessionDuration=session)
    assert code(raised) == "ValidationException"


def test_names_are_unique_in_an_instance():
    sso = lab().client("sso-admin")
    new(sso)
    with pytest.raises(sso.exceptions.ConflictException):
        new(sso)


def test_an_assigned_one_cannot_be_deleted():
    made = lab()
    sso = made.client("sso-admin")
    with pytest.raises(sso.exceptions.ConflictException):
        sso.delete_permission_set(**ADMIN)
    sso.delete_account_assignment(**foo_assignment(made, "dan"))
    sso.delete_permission_set(**ADMIN)
    with pytest.raises(sso.exceptions.ResourceNotFoundException):
        sso.describe_permission_set(**ADMIN)


def test_a_change_reaches_the_role_only_when_it_is_provisioned():
    made = lab(operation_seconds=4)
    sso = made.client("sso-admin")

    def attached():
        roles = made.sim.truth().iam_of(FOO_TARGET).roles.values()
        return next(r.permissions.attached for r in roles if "Administrator" in r.name)

    def accounts(status):
        return sso.list_accounts_for_provisioned_permission_set(**ADMIN, ProvisioningStatus=status)[
            "AccountIds"
        ]

    sso.attach_managed_policy_to_permission_set(**ADMIN, ManagedPolicyArn=READ_ONLY)
    assert READ_ONLY not in attached()
    assert accounts("LATEST_PERMISSION_SET_NOT_PROVISIONED") == [FOO_TARGET]
    request = sso.provision_permission_set(**ADMIN, TargetType="ALL_PROVISIONED_ACCOUNTS")
    status = request["PermissionSetProvisioningStatus"]
    assert status["Status"] == "IN_PROGRESS"
    with pytest.raises(sso.exceptions.ConflictException):
        sso.create_account_assignment(**foo_assignment(made))
    made.later(4)
    done = sso.describe_permission_set_provisioning_status(
        InstanceArn=FOO_INSTANCE, ProvisionPermissionSetRequestId=status["RequestId"]
    )["PermissionSetProvisioningStatus"]
    assert done["Status"] == "SUCCEEDED"
    assert READ_ONLY in attached()
    assert accounts("LATEST_PERMISSION_SET_PROVISIONED") == [FOO_TARGET]


def test_policies_are_attached_once_and_must_exist():
    sso = lab().client("sso-admin")
    mine = new(sso)
    sso.attach_managed_policy_to_permission_set(**mine, ManagedPolicyArn=READ_ONLY)
    with pytest.raises(sso.exceptions.ConflictException):
        sso.attach_managed_policy_to_permission_set(**mine, ManagedPolicyArn=READ_ONLY)
    with pytest.raises(sso.exceptions.ResourceNotFoundException):
        sso.attach_managed_policy_to_permission_set(
            **mine, ManagedPolicyArn="arn:aws:iam::aws:policy/Nothing"
        )
    listed = sso.list_managed_policies_in_permission_set(**mine)["AttachedManagedPolicies"]
    assert listed == [{"Name": "ReadOnlyAccess", "Arn": READ_ONLY}]
    sso.detach_managed_policy_from_permission_set(**mine, ManagedPolicyArn=READ_ONLY)
    with pytest.raises(sso.exceptions.ResourceNotFoundException):
        sso.detach_managed_policy_from_permission_set(**mine, ManagedPolicyArn=READ_ONLY)


def test_inline_customer_and_boundary():
    sso = lab().client("sso-admin")
    mine = new(sso)
    assert "InlinePolicy" not in sso.get_inline_policy_for_permission_set(**mine)
    inline = json.dumps({"Version": "2012-10-17", "Statement": []})
    sso.put_inline_policy_to_permission_set(**mine, InlinePolicy=inline)
    assert sso.get_inline_policy_for_permission_set(**mine)["InlinePolicy"] == inline
    with pytest.raises(sso.exceptions.ValidationException):
        sso.put_inline_policy_to_permission_set(**mine, InlinePolicy="{")
    reference = {"CustomerManagedPolicyReference": {"Name": "deploy", "Path": "/team/"}}
    sso.attach_customer_managed_policy_reference_to_permission_set(**mine, **reference)
    listed = sso.list_customer_managed_policy_references_in_permission_set(**mine)
    assert listed["CustomerManagedPolicyReferences"] == [reference["CustomerManagedPolicyReference"]]
    with pytest.raises(sso.exceptions.ResourceNotFoundException):
        sso.get_permissions_boundary_for_permission_set(**mine)
    sso.put_permissions_boundary_to_permission_set(
        **mine, PermissionsBoundary={"ManagedPolicyArn": READ_ONLY}
    )
    found = sso.get_permissions_boundary_for_permission_set(**mine)["PermissionsBoundary"]
    assert found == {"ManagedPolicyArn": READ_ONLY}


def test_tags():
    sso = lab().client("sso-admin")
    mine = new(sso, Tags=[{"Key": "team", "Value": "core"}])
    what = {"InstanceArn": FOO_INSTANCE, "ResourceArn": mine["PermissionSetArn"]}
    sso.tag_resource(**what, Tags=[{"Key": "stage", "Value": "test"}])
    sso.untag_resource(**what, TagKeys=["team"])
    assert sso.list_tags_for_resource(**what)["Tags"] == [{"Key": "stage", "Value": "test"}]
