"""Service and resource control policies bind member accounts, and nobody in the management account (T-45)."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from tests.unit.sim.worlds import BAR, lab

MEMBER, UNIT, ROOT = "777777777777", "ou-abcd-11111111", "r-abcd"


def document(effect, *actions, **more):
    statement = {"Effect": effect, "Action": list(actions), "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def made():
    return lab()


@pytest.fixture
def organizations(made):
    client = made.client("organizations", BAR)
    client.enable_policy_type(RootId=ROOT, PolicyType="SERVICE_CONTROL_POLICY")
    return client


def policy(organizations, content, kind="SERVICE_CONTROL_POLICY"):
    made = organizations.create_policy(Name="p", Description="d", Type=kind, Content=content)
    return made["Policy"]["PolicySummary"]["Id"]


def test_switched_on_everything_is_still_allowed(made, organizations):
    assert made.client("iam", MEMBER).list_users()["Users"] == []
    found = organizations.list_policies_for_target(TargetId=MEMBER, Filter="SERVICE_CONTROL_POLICY")[
        "Policies"
    ]
    assert [row["Name"] for row in found] == ["FullAWSAccess"]


@pytest.mark.parametrize("target", [MEMBER, UNIT, ROOT])
def test_a_deny_at_any_level_binds_even_root_users(made, organizations, target):
    organizations.attach_policy(
        PolicyId=policy(organizations, document("Deny", "iam:List*")), TargetId=target
    )
    with pytest.raises(ClientError, match="with an explicit deny"):
        made.client("iam", MEMBER).list_users()
    assert made.client("iam", BAR).list_users()  # security.md 3, item 10


def test_every_level_has_to_allow(made, organizations):
    narrow = policy(organizations, document("Allow", "s3:*"))
    organizations.attach_policy(PolicyId=narrow, TargetId=UNIT)
    assert made.client("iam", MEMBER).list_users()["Users"] == []
    organizations.detach_policy(PolicyId="p-FullAWSAccess", TargetId=UNIT)
    with pytest.raises(ClientError):
        made.client("iam", MEMBER).list_users()
    with pytest.raises(ClientError, match="last policy"):
        organizations.detach_policy(PolicyId=narrow, TargetId=UNIT)


def test_a_deny_binds_sessions_that_run(made, organizations):
    """security.md 3, item 7: the way to end a session of a permission set before its time."""
    sso = made.client("sso-admin", BAR, "eu-west-1")
    admin = "arn:aws:sso:::permissionSet/ssoins-7223000000000001/ps-2222222222222222"
    sso.create_account_assignment(
        InstanceArn="arn:aws:sso:::instance/ssoins-7223000000000001", PermissionSetArn=admin, TargetId=MEMBER,
        TargetType="AWS_ACCOUNT", PrincipalType="USER", PrincipalId=made.user("ana", "d-9367000001"),
    )  # fmt: skip
    made.sim.world.sign_in.browser = "ana@host.example"
    oidc, portal = made.client_of("sso-oidc", None), made.client_of("sso", None)
    client = oidc.register_client(clientName="x", clientType="public")
    ours = {key: client[key] for key in ("clientId", "clientSecret")}
    device = oidc.start_device_authorization(**ours, startUrl="https://d-9367000001.awsapps.com/start")
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    token = oidc.create_token(**ours, grantType=grant, deviceCode=device["deviceCode"])["accessToken"]
    keys = portal.get_role_credentials(accessToken=token, accountId=MEMBER, roleName="Admin")[
        "roleCredentials"
    ]
    iam = made.client_of("iam", made.sim.world.credentials[keys["accessKeyId"]])
    assert iam.list_users()["Users"] == []
    mine = {
        "ArnLike": {
            "aws:PrincipalArn": f"arn:aws:iam::{MEMBER}:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*"
        }
    }
    deny = policy(organizations, document("Deny", "*", Condition=mine))
    organizations.attach_policy(PolicyId=deny, TargetId=ROOT)
    with pytest.raises(ClientError, match="explicit deny"):
        iam.list_users()
    organizations.detach_policy(PolicyId=deny, TargetId=ROOT)
    assert iam.list_users()["Users"] == []


def test_a_resource_control_policy_keeps_strangers_out_of_roles(made, organizations):
    organizations.enable_policy_type(RootId=ROOT, PolicyType="RESOURCE_CONTROL_POLICY")
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:user/gatepass"},
        "Action": "sts:AssumeRole",
    }
    iam = made.client("iam", MEMBER)
    iam.create_role(
        RoleName="open", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    ask = {"RoleArn": f"arn:aws:iam::{MEMBER}:role/open", "RoleSessionName": "gp"}
    assert made.host("sts").assume_role(**ask)["Credentials"]
    deny = document("Deny", "sts:AssumeRole", Principal="*")
    organizations.attach_policy(
        PolicyId=policy(organizations, deny, "RESOURCE_CONTROL_POLICY"), TargetId=MEMBER
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        made.host("sts").assume_role(**ask)


def test_policies_have_a_life(organizations):
    first = policy(organizations, document("Deny", "iam:*"))
    with pytest.raises(ClientError, match="DuplicatePolicyException"):
        policy(organizations, document("Deny", "iam:*"))
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        organizations.update_policy(PolicyId=first, Content="{")
    organizations.update_policy(PolicyId=first, Content=document("Deny", "ec2:*"))
    assert "ec2" in organizations.describe_policy(PolicyId=first)["Policy"]["Content"]
    organizations.attach_policy(PolicyId=first, TargetId=UNIT)
    with pytest.raises(ClientError, match="DuplicatePolicyAttachment"):
        organizations.attach_policy(PolicyId=first, TargetId=UNIT)
    targets = organizations.list_targets_for_policy(PolicyId=first)["Targets"]
    assert [row["Type"] for row in targets] == ["ORGANIZATIONAL_UNIT"]
    with pytest.raises(ClientError, match="PolicyInUse"):
        organizations.delete_policy(PolicyId=first)
    organizations.detach_policy(PolicyId=first, TargetId=UNIT)
    organizations.delete_policy(PolicyId=first)
    with pytest.raises(ClientError, match="PolicyNotFound"):
        organizations.describe_policy(PolicyId=first)


def test_what_is_new_is_bound_too(made, organizations):
    unit = organizations.create_organizational_unit(ParentId=ROOT, Name="new")["OrganizationalUnit"]["Id"]
    organizations.move_account(AccountId=MEMBER, SourceParentId=UNIT, DestinationParentId=unit)
    assert made.client("iam", MEMBER).list_users()["Users"] == []
    organizations.disable_policy_type(RootId=ROOT, PolicyType="SERVICE_CONTROL_POLICY")
    with pytest.raises(ClientError, match="PolicyTypeNotEnabled"):
        organizations.attach_policy(PolicyId=policy(organizations, document("Deny", "*")), TargetId=unit)
