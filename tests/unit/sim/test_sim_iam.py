"""IAM refuses what AWS refuses (T-98, spec/teams.md 13 and 14, stack.md item 9)."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from tests.unit.sim.worlds import FOO, FOO_TARGET, lab

from gatepass.sim import root_credential
from gatepass.sim.sign_in import mfa
from gatepass.sim.worlds.of_seeds import HOST

ROOT = f"arn:aws:iam::{FOO}:root"


def trust(*principals, **condition):
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": list(principals) or [ROOT]},
        "Action": "sts:AssumeRole",
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(*actions):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refused(code, act, *_, **params):
    with pytest.raises(ClientError) as raised:
        act(**params)
    assert raised.value.response["Error"]["Code"] == code
    return raised.value.response["Error"]["Message"]


@pytest.fixture
def made():
    return lab()


@pytest.fixture
def iam(made):
    return made.client("iam", FOO)


def test_life_of_a_role(iam):
    created = iam.create_role(
        RoleName="dev", Path="/team/", AssumeRolePolicyDocument=trust(), Description="d", MaxSessionDuration=7200,
        Tags=[{"Key": "a", "Value": "b"}],
    )["Role"]  # fmt: skip
    assert created["Arn"] == f"arn:aws:iam::{FOO}:role/team/dev"
    found = iam.get_role(RoleName="dev")["Role"]
    assert found["AssumeRolePolicyDocument"] == json.loads(trust())
    assert (found["MaxSessionDuration"], found["Tags"]) == (7200, [{"Key": "a", "Value": "b"}])
    iam.update_role(RoleName="dev", Description="e", MaxSessionDuration=3600)
    iam.tag_role(RoleName="dev", Tags=[{"Key": "A", "Value": "c"}])  # tag keys compare ignoring case
    found = iam.get_role(RoleName="dev")["Role"]
    assert (found["Description"], found["Tags"]) == ("e", [{"Key": "A", "Value": "c"}])
    iam.put_role_policy(RoleName="dev", PolicyName="p", PolicyDocument=allow("s3:*"))
    assert iam.list_role_policies(RoleName="dev")["PolicyNames"] == ["p"]
    assert iam.get_role_policy(RoleName="dev", PolicyName="p")["PolicyDocument"] == json.loads(allow("s3:*"))
    refused("DeleteConflict", iam.delete_role, RoleName="dev")
    iam.delete_role_policy(RoleName="dev", PolicyName="p")
    iam.delete_role(RoleName="dev")
    refused("NoSuchEntity", iam.get_role, RoleName="dev")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"RoleName": "x" * 70}, "ValidationError"),
        ({"RoleName": "with blank"}, "ValidationError"),
        ({"AssumeRolePolicyDocument": "{"}, "MalformedPolicyDocument"),
        ({"AssumeRolePolicyDocument": trust("arn:aws:iam::*:root")}, "MalformedPolicyDocument"),
        ({"AssumeRolePolicyDocument": trust(f"arn:aws:iam::{FOO}:role/nobody")}, "MalformedPolicyDocument"),
        ({"AssumeRolePolicyDocument": trust(StringEquals={"a:b": "x" * 2000})}, "LimitExceeded"),
        ({"MaxSessionDuration": 43_201}, "ValidationError"),
        ({"Path": "/aws-reserved/x/"}, "InvalidInput"),
        ({"PermissionsBoundary": "arn:aws:iam::aws:policy/Nothing"}, "NoSuchEntity"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}, "InvalidInput"),
    ],
)
def test_what_moto_takes_and_aws_does_not(iam, change, expected):
    refused(expected, iam.create_role, **{"RoleName": "dev", "AssumeRolePolicyDocument": trust(), **change})


def test_role_names_are_unique_ignoring_case_and_path(iam):
    iam.create_role(RoleName="Dev", AssumeRolePolicyDocument=trust())
    refused(
        "EntityAlreadyExists", iam.create_role, RoleName="dev", Path="/x/", AssumeRolePolicyDocument=trust()
    )


def test_the_quota_of_trust_policies_is_per_account_and_counts_no_blanks(made, iam):
    fits = trust(StringEquals={"a:b": "x" * 1850})
    spaced = json.dumps(json.loads(fits), indent=8)
    assert len(spaced) > 2048
    iam.create_role(RoleName="fits", AssumeRolePolicyDocument=spaced)
    long = trust(StringEquals={"a:b": "x" * 3000})
    message = refused("LimitExceeded", iam.create_role, RoleName="long", AssumeRolePolicyDocument=long)
    assert message == "Cannot exceed quota for ACLSizePerRole: 2048"
    made.sim.world.quotas[FOO] = 4096
    iam.create_role(RoleName="long", AssumeRolePolicyDocument=long)
    assert iam.get_account_summary()["SummaryMap"]["AssumeRolePolicySizeQuota"] == 4096


def test_a_deleted_principal_becomes_its_unique_id_and_stays_out(made, iam):
    """spec/teams.md 13, deleted principal."""
    user = iam.create_user(UserName="ana")["User"]
    iam.create_role(RoleName="dev", AssumeRolePolicyDocument=trust(user["Arn"]))
    iam.delete_user(UserName="ana")
    shown = iam.get_role(RoleName="dev")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"]["AWS"] == [user["UserId"]]
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    sts = made.client_of("sts", made.sim.world.credentials[key["AccessKeyId"]])
    refused("AccessDenied", sts.assume_role, RoleArn=f"arn:aws:iam::{FOO}:role/dev", RoleSessionName="ana")
    # the document cannot be saved again until the id is out
    refused(
        "MalformedPolicyDocument",
        iam.update_assume_role_policy,
        RoleName="dev",
        PolicyDocument=json.dumps(shown),
    )


def test_a_trusted_user_may_assume_and_a_removed_one_may_not(made, iam):
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    iam.create_role(RoleName="dev", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{FOO}:user/ana"))
    sts = made.client_of("sts", made.sim.world.credentials[key["AccessKeyId"]])
    ask = {"RoleArn": f"arn:aws:iam::{FOO}:role/dev", "RoleSessionName": "ana"}
    sts.assume_role(**ask)
    iam.update_assume_role_policy(RoleName="dev", PolicyDocument=trust(f"arn:aws:iam::{HOST}:root"))
    refused("AccessDenied", sts.assume_role, **ask)
    iam.update_access_key(UserName="ana", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    refused("InvalidClientTokenId", sts.get_caller_identity)


def test_what_is_new_is_seen_late(made):
    made = lab(iam_lag=10)
    iam = made.client("iam", FOO)
    arn = iam.create_user(UserName="ana")["User"]["Arn"]
    refused("NoSuchEntity", iam.get_user, UserName="ana")
    new = {"RoleName": "dev", "AssumeRolePolicyDocument": trust(arn)}
    message = refused("MalformedPolicyDocument", iam.create_role, **new)
    assert message == f'Invalid principal in policy: "AWS":"{arn}"'
    made.later(10)
    iam.create_role(**new)
    refused("EntityAlreadyExists", iam.create_role, **new)
    refused("NoSuchEntity", iam.get_role, RoleName="dev")
    made.later(10)
    assert iam.get_role(RoleName="dev")


def test_a_changed_trust_policy_is_read_late(made):
    made = lab(iam_lag=10)
    iam = made.client("iam", FOO)
    iam.create_user(UserName="ana")
    made.later(10)
    key = iam.create_access_key(UserName="ana")["AccessKey"]["AccessKeyId"]
    iam.create_role(RoleName="dev", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{FOO}:user/ana"))
    made.later(10)
    iam.update_assume_role_policy(RoleName="dev", PolicyDocument=trust(f"arn:aws:iam::{HOST}:root"))
    sts = made.client_of("sts", made.sim.world.credentials[key])
    ask = {"RoleArn": f"arn:aws:iam::{FOO}:role/dev", "RoleSessionName": "ana"}
    sts.assume_role(**ask)
    made.later(10)
    refused("AccessDenied", sts.assume_role, **ask)


def test_roles_of_permission_sets_cannot_be_changed(made):
    iam = made.client("iam", FOO_TARGET)
    name = next(
        r["RoleName"] for r in iam.list_roles()["Roles"] if r["RoleName"].startswith("AWSReservedSSO_Admin")
    )
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    refused("UnmodifiableEntity", iam.delete_role, RoleName=name)
    refused(
        "UnmodifiableEntity", iam.put_role_policy, RoleName=name, PolicyName="p", PolicyDocument=allow("s3:*")
    )
    refused("UnmodifiableEntity", iam.update_assume_role_policy, RoleName=name, PolicyDocument=trust())


def test_ten_policies_and_ten_thousand_characters_to_a_role(iam):
    iam.create_role(RoleName="dev", AssumeRolePolicyDocument=trust())
    for n in range(11):
        arn = iam.create_policy(PolicyName=f"p{n}", PolicyDocument=allow("s3:*"))["Policy"]["Arn"]
        if n < 10:
            iam.attach_role_policy(RoleName="dev", PolicyArn=arn)
    refused("LimitExceeded", iam.attach_role_policy, RoleName="dev", PolicyArn=arn)
    iam.attach_role_policy(RoleName="dev", PolicyArn=arn[:-2] + "0")  # what is attached may be attached again
    big = allow(*(f"s3:{'x' * 100}{n}" for n in range(80)))
    iam.put_role_policy(RoleName="dev", PolicyName="one", PolicyDocument=big)
    refused("LimitExceeded", iam.put_role_policy, RoleName="dev", PolicyName="two", PolicyDocument=big)
    iam.put_role_policy(RoleName="dev", PolicyName="one", PolicyDocument=big)


def test_managed_policies_have_five_versions_and_one_default(iam):
    arn = iam.create_policy(PolicyName="p", Path="/team/", PolicyDocument=allow("s3:*"))["Policy"]["Arn"]
    refused("EntityAlreadyExists", iam.create_policy, PolicyName="P", PolicyDocument=allow("s3:*"))
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("ec2:*"), SetAsDefault=True)
    refused("LimitExceeded", iam.create_policy_version, PolicyArn=arn, PolicyDocument=allow("ec2:*"))
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v5"
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v5")["PolicyVersion"]["Document"] == json.loads(
        allow("ec2:*")
    )
    refused("DeleteConflict", iam.delete_policy_version, PolicyArn=arn, VersionId="v5")
    refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    for version in ("v1", "v2", "v3", "v4"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.create_role(RoleName="dev", AssumeRolePolicyDocument=trust())
    iam.attach_role_policy(RoleName="dev", PolicyArn=arn)
    assert [r["RoleName"] for r in iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]] == ["dev"]
    refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    iam.detach_role_policy(RoleName="dev", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    refused("NoSuchEntity", iam.get_policy, PolicyArn=arn)


def test_a_policy_of_6144_characters_at_most(iam):
    refused(
        "LimitExceeded",
        iam.create_policy,
        PolicyName="p",
        PolicyDocument=allow(*(f"s3:{'x' * 90}{n}" for n in range(70))),
    )
    refused("MalformedPolicyDocument", iam.create_policy, PolicyName="p", PolicyDocument=trust())


def test_a_leaver_goes_in_the_order_aws_wants(made, iam):
    """spec/teams.md 9: keys, MFA, login profile, groups, then the user."""
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]["AccessKeyId"]
    iam.create_login_profile(UserName="ana", Password="secret-enough")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="ana")["VirtualMFADevice"]["SerialNumber"]
    seed = made.sim.world.iam_of(FOO).devices[device].seed
    step = int(made.clock.now().timestamp()) // 30
    codes = {"AuthenticationCode1": mfa.code(seed, step - 1), "AuthenticationCode2": mfa.code(seed, step)}
    iam.enable_mfa_device(UserName="ana", SerialNumber=device, **codes)
    iam.create_group(GroupName="devs")
    iam.add_user_to_group(GroupName="devs", UserName="ana")
    message = refused("DeleteConflict", iam.delete_user, UserName="ana")
    assert "access keys, MFA devices, login profile, group memberships" in message
    refused("DeleteConflict", iam.delete_group, GroupName="devs")
    iam.delete_access_key(UserName="ana", AccessKeyId=key)
    refused("DeleteConflict", iam.delete_virtual_mfa_device, SerialNumber=device)
    iam.deactivate_mfa_device(UserName="ana", SerialNumber=device)
    iam.delete_virtual_mfa_device(SerialNumber=device)
    iam.delete_login_profile(UserName="ana")
    iam.remove_user_from_group(GroupName="devs", UserName="ana")
    iam.delete_user(UserName="ana")
    iam.delete_group(GroupName="devs")


def test_keys_are_two_to_a_user_and_sign_as_the_user(made, iam):
    iam.create_user(UserName="ana")
    iam.create_access_key(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]["AccessKeyId"]
    refused("LimitExceeded", iam.create_access_key, UserName="ana")
    mine = made.client_of("iam", made.sim.world.credentials[key])
    refused("AccessDenied", mine.get_user)
    iam.put_user_policy(UserName="ana", PolicyName="self", PolicyDocument=allow("iam:GetUser"))
    assert mine.get_user()["User"]["UserName"] == "ana"


def test_permissions_come_from_groups_and_end_at_the_boundary(made, iam):
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]["AccessKeyId"]
    mine = made.client_of("iam", made.sim.world.credentials[key])
    iam.create_group(GroupName="devs")
    iam.put_group_policy(GroupName="devs", PolicyName="p", PolicyDocument=allow("iam:List*"))
    iam.add_user_to_group(GroupName="devs", UserName="ana")
    assert mine.list_users()["Users"]
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=allow("s3:*"))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ana", PermissionsBoundary=boundary)
    refused("AccessDenied", mine.list_users)


def test_accounts_are_walls(made, iam):
    iam.create_role(RoleName="dev", AssumeRolePolicyDocument=trust())
    refused("NoSuchEntity", made.client("iam", HOST).get_role, RoleName="dev")


def test_providers(iam):
    refused("InvalidInput", iam.create_saml_provider, Name="idp", SAMLMetadataDocument="x" * 1000)
    metadata = f"<EntityDescriptor entityID='https://idp.example/'>{' ' * 1000}</EntityDescriptor>"
    arn = iam.create_saml_provider(Name="idp", SAMLMetadataDocument=metadata)["SAMLProviderArn"]
    assert iam.get_saml_provider(SAMLProviderArn=arn)["SAMLMetadataDocument"] == metadata
    refused("EntityAlreadyExists", iam.create_saml_provider, Name="idp", SAMLMetadataDocument=metadata)
    iam.tag_saml_provider(SAMLProviderArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert iam.list_saml_provider_tags(SAMLProviderArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    iam.delete_saml_provider(SAMLProviderArn=arn)
    url = "https://token.actions.githubusercontent.com"
    made = iam.create_open_id_connect_provider(
        Url=url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
    )
    arn = made["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{FOO}:oidc-provider/token.actions.githubusercontent.com"
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["Url"], found["ClientIDList"]) == (
        url.removeprefix("https://"),
        ["sts.amazonaws.com", "other"],
    )
    refused("EntityAlreadyExists", iam.create_open_id_connect_provider, Url=url)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def test_everything_of_an_account_at_once(iam):
    iam.create_user(UserName="ana")
    iam.create_group(GroupName="devs")
    iam.add_user_to_group(GroupName="devs", UserName="ana")
    iam.create_policy(PolicyName="p", PolicyDocument=allow("s3:*"))
    found = iam.get_paginator("get_account_authorization_details").paginate().build_full_result()
    assert [u["GroupList"] for u in found["UserDetailList"]] == [["devs"]]
    assert [g["GroupName"] for g in found["GroupDetailList"]] == ["devs"]
    assert found["Policies"][0]["PolicyVersionList"][0]["Document"] == json.loads(allow("s3:*"))
    assert "SymSSOTenant-Foo" in {r["RoleName"] for r in found["RoleDetailList"]}


def test_lists_are_paged_with_markers(made):
    made = lab(page_size=1)
    iam = made.client("iam", FOO)
    for name in ("c", "a", "b"):
        iam.create_user(UserName=name)
    first = iam.list_users()
    assert (first["IsTruncated"], len(first["Users"])) == (True, 1)
    found = [
        user["UserName"] for page in iam.get_paginator("list_users").paginate() for user in page["Users"]
    ]
    assert found == ["a", "b", "c"]


def test_what_a_role_would_be_allowed(iam):
    arn = f"arn:aws:iam::{FOO}:role/sym/SymSSOTenant-Foo"
    actions = ["sso:CreateAccountAssignment", "sso:DeletePermissionSet"]
    found = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions)["EvaluationResults"]
    assert {row["EvalActionName"]: row["EvalDecision"] for row in found} == {
        actions[0]: "allowed",
        actions[1]: "implicitDeny",
    }


def test_the_root_of_another_account_is_nobody_here(made):
    assert root_credential(made.sim.world, HOST).principal.account == HOST
    refused("NoSuchEntity", made.client("iam", HOST).get_user, UserName="ana")
