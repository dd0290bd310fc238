"""Every operation in the table, once, in process and on the wire: each answers in the shape its model knows."""

from __future__ import annotations

import json

import botocore.session
import pytest
from botocore.exceptions import ClientError

from gatepass.clock import SystemClock
from gatepass.sim import Settings, build, install, root_credential, two_tenants
from gatepass.sim.call import OPERATIONS
from gatepass.sim.onwire import install_on_wire
from gatepass.sim.sign_in import mfa
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, HOST_ROLE, SECRET

FOO, TARGET = "123456789012", "333333333333"
INSTANCE = {"InstanceArn": "arn:aws:sso:::instance/ssoins-7223000000000000"}
STORE = {"IdentityStoreId": "d-9067000000"}
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
TAGS = {"Tags": [{"Key": "team", "Value": "core & ö"}]}
UNTAG = {"TagKeys": ["team"]}
ALLOW = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)
TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{FOO}:root"}, "Action": "sts:AssumeRole"}],
})  # fmt: skip
ELSEWHERE = {
    ("iam", "GetAccountPasswordPolicy"),  # always refused: there is none
    ("sts", "AssumeRoleWithSAML"),  # tests/unit/sim/test_sim_federation.py
    ("sts", "AssumeRoleWithWebIdentity"),
}


class Story:
    """Clients of one simulator, made on demand."""

    def __init__(self, install_into):
        settings = Settings(rates={}, check_answers=True)
        self.sim = build(two_tenants(), SystemClock(), settings)
        self._session = botocore.session.Session(
            session_vars={"config_file": (None, None, "/dev/null", None)}
        )
        install_into(self._session, self.sim)
        keys = root_credential(self.sim.world, FOO)
        self._root = (keys.access_key, keys.secret)

    def client(self, service, keys=None):
        access_key, secret = keys or self._root
        return self._session.create_client(
            service, region_name="us-east-1", aws_access_key_id=access_key, aws_secret_access_key=secret
        )


@pytest.fixture(params=[install, install_on_wire], ids=["in process", "on the wire"])
def story(request):
    return Story(request.param)


def permission_sets(sso):
    made = sso.create_permission_set(**INSTANCE, Name="Audit", **TAGS)["PermissionSet"]["PermissionSetArn"]
    one = {**INSTANCE, "PermissionSetArn": made}
    sso.describe_permission_set(**one)
    sso.update_permission_set(
        **one, Description="new", SessionDuration="PT2H", RelayState="https://x.example/"
    )
    sso.list_permission_sets(**INSTANCE)
    sso.attach_managed_policy_to_permission_set(**one, ManagedPolicyArn=READ_ONLY)
    sso.list_managed_policies_in_permission_set(**one)
    sso.detach_managed_policy_from_permission_set(**one, ManagedPolicyArn=READ_ONLY)
    reference = {"CustomerManagedPolicyReference": {"Name": "p", "Path": "/team/"}}
    sso.attach_customer_managed_policy_reference_to_permission_set(**one, **reference)
    sso.list_customer_managed_policy_references_in_permission_set(**one)
    sso.put_permissions_boundary_to_permission_set(**one, PermissionsBoundary=reference)
    sso.get_permissions_boundary_for_permission_set(**one)
    sso.delete_permissions_boundary_from_permission_set(**one)
    sso.detach_customer_managed_policy_reference_from_permission_set(**one, **reference)
    sso.put_inline_policy_to_permission_set(**one, InlinePolicy=ALLOW)
    assert sso.get_inline_policy_for_permission_set(**one)["InlinePolicy"] == ALLOW
    sso.delete_inline_policy_from_permission_set(**one)
    what = {**INSTANCE, "ResourceArn": made}
    sso.tag_resource(**what, Tags=[{"Key": "a", "Value": "b"}])
    sso.list_tags_for_resource(**what)
    sso.untag_resource(**what, **UNTAG)
    return one


def assignments(sso, one, user):
    fact = {
        **one,
        "TargetId": TARGET,
        "TargetType": "AWS_ACCOUNT",
        "PrincipalType": "USER",
        "PrincipalId": user,
    }
    made = sso.create_account_assignment(**fact)["AccountAssignmentCreationStatus"]["RequestId"]
    sso.describe_account_assignment_creation_status(**INSTANCE, AccountAssignmentCreationRequestId=made)
    sso.list_account_assignment_creation_status(**INSTANCE)
    sso.list_account_assignments(**one, AccountId=TARGET)
    sso.list_account_assignments_for_principal(**INSTANCE, PrincipalType="USER", PrincipalId=user)
    sso.list_accounts_for_provisioned_permission_set(**one)
    sso.list_permission_sets_provisioned_to_account(**INSTANCE, AccountId=TARGET)
    provision = {**one, "TargetType": "AWS_ACCOUNT", "TargetId": TARGET}
    running = sso.provision_permission_set(**provision)["PermissionSetProvisioningStatus"]["RequestId"]
    sso.describe_permission_set_provisioning_status(**INSTANCE, ProvisionPermissionSetRequestId=running)
    sso.list_permission_set_provisioning_status(**INSTANCE)
    gone = sso.delete_account_assignment(**fact)["AccountAssignmentDeletionStatus"]["RequestId"]
    sso.describe_account_assignment_deletion_status(**INSTANCE, AccountAssignmentDeletionRequestId=gone)
    sso.list_account_assignment_deletion_status(**INSTANCE, Filter={"Status": "SUCCEEDED"})
    sso.delete_permission_set(**one)


def identity_center(story):
    sso = story.client("sso-admin")
    sso.list_instances()
    sso.update_instance(**INSTANCE, Name="ours")
    assert sso.describe_instance(**INSTANCE)["Name"] == "ours"
    user = next(iter(story.sim.world.stores["d-9067000000"].users))
    assignments(sso, permission_sets(sso), user)


def directory(story):
    store = story.client("identitystore")
    store.describe_identity_store(**STORE)
    name = {"GivenName": "N", "FamilyName": "W"}
    user = store.create_user(**STORE, UserName="new", DisplayName="New", Name=name)["UserId"]
    group = store.create_group(**STORE, DisplayName="Newcomers", Description="d")["GroupId"]
    store.update_user(**STORE, UserId=user, Operations=[{"AttributePath": "title", "AttributeValue": "Dr"}])
    store.update_group(
        **STORE, GroupId=group, Operations=[{"AttributePath": "description", "AttributeValue": "e"}]
    )
    assert store.describe_user(**STORE, UserId=user)["Title"] == "Dr"
    assert store.describe_group(**STORE, GroupId=group)["Description"] == "e"
    by_name = {"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "newcomers"}}
    assert store.get_group_id(**STORE, AlternateIdentifier=by_name)["GroupId"] == group
    by_user = {"UniqueAttribute": {"AttributePath": "userName", "AttributeValue": "NEW"}}
    assert store.get_user_id(**STORE, AlternateIdentifier=by_user)["UserId"] == user
    store.list_users(**STORE)
    store.list_groups(**STORE)
    member = {"GroupId": group, "MemberId": {"UserId": user}}
    membership = store.create_group_membership(**STORE, **member)["MembershipId"]
    store.describe_group_membership(**STORE, MembershipId=membership)
    store.get_group_membership_id(**STORE, **member)
    store.is_member_in_groups(**STORE, MemberId={"UserId": user}, GroupIds=[group])
    store.list_group_memberships(**STORE, GroupId=group)
    store.list_group_memberships_for_member(**STORE, MemberId={"UserId": user})
    store.delete_group_membership(**STORE, MembershipId=membership)
    store.create_group_membership(**STORE, **member)
    store.delete_group(**STORE, GroupId=group)
    store.delete_user(**STORE, UserId=user)


def account_tree(story):
    client = story.client("organizations")
    client.describe_organization()
    root = client.list_roots()["Roots"][0]["Id"]
    client.list_accounts()
    client.describe_account(AccountId=TARGET)
    client.list_accounts_for_parent(ParentId=root)
    unit = client.create_organizational_unit(ParentId=root, Name="new")["OrganizationalUnit"]["Id"]
    client.list_organizational_units_for_parent(ParentId=root)
    client.update_organizational_unit(OrganizationalUnitId=unit, Name="newer")
    assert (
        client.describe_organizational_unit(OrganizationalUnitId=unit)["OrganizationalUnit"]["Name"]
        == "newer"
    )
    client.move_account(AccountId=TARGET, SourceParentId=root, DestinationParentId=unit)
    assert client.list_parents(ChildId=TARGET)["Parents"][0]["Id"] == unit
    client.list_children(ParentId=unit, ChildType="ACCOUNT")
    client.move_account(AccountId=TARGET, SourceParentId=unit, DestinationParentId=root)
    client.tag_resource(ResourceId=TARGET, **TAGS)
    client.list_tags_for_resource(ResourceId=TARGET)
    client.untag_resource(ResourceId=TARGET, **UNTAG)
    delegated = {"AccountId": TARGET, "ServicePrincipal": "sso.amazonaws.com"}
    client.register_delegated_administrator(**delegated)
    client.list_delegated_administrators()
    client.list_delegated_services_for_account(AccountId=TARGET)
    client.list_aws_service_access_for_organization()
    client.deregister_delegated_administrator(**delegated)
    controls(client, root, unit)
    client.delete_organizational_unit(OrganizationalUnitId=unit)
    client.close_account(AccountId=TARGET)


def controls(client, root, unit):
    kind = "SERVICE_CONTROL_POLICY"
    client.enable_policy_type(RootId=root, PolicyType=kind)
    made = client.create_policy(Name="p", Description="d", Type=kind, Content=ALLOW)["Policy"][
        "PolicySummary"
    ]["Id"]
    client.update_policy(PolicyId=made, Description="e")
    client.describe_policy(PolicyId=made)
    client.attach_policy(PolicyId=made, TargetId=unit)
    client.attach_policy(PolicyId=made, TargetId=TARGET)
    assert len(client.list_targets_for_policy(PolicyId=made)["Targets"]) == 2
    client.list_policies_for_target(TargetId=unit, Filter=kind)
    client.detach_policy(PolicyId=made, TargetId=unit)
    client.detach_policy(PolicyId=made, TargetId=TARGET)
    client.list_policies(Filter=kind)
    client.delete_policy(PolicyId=made)
    client.disable_policy_type(RootId=root, PolicyType=kind)


def holder(iam, kind, boundary):
    """The same operations for Role, User and Group."""
    named, low = {f"{kind}Name": "x"}, kind.lower()

    def call(operation, **more):
        return getattr(iam, operation)(**named, **more)

    call(f"put_{low}_policy", PolicyName="p", PolicyDocument=ALLOW)
    assert call(f"get_{low}_policy", PolicyName="p")["PolicyDocument"] == json.loads(ALLOW)
    call(f"list_{low}_policies")
    call(f"delete_{low}_policy", PolicyName="p")
    call(f"attach_{low}_policy", PolicyArn=READ_ONLY)
    call(f"list_attached_{low}_policies")
    call(f"detach_{low}_policy", PolicyArn=READ_ONLY)
    if boundary:
        call(f"put_{low}_permissions_boundary", PermissionsBoundary=READ_ONLY)
        call(f"delete_{low}_permissions_boundary")
        call(f"tag_{low}", **TAGS)
        assert call(f"list_{low}_tags")["Tags"] == TAGS["Tags"]
        call(f"untag_{low}", **UNTAG)


def roles(iam):
    iam.create_role(RoleName="x", AssumeRolePolicyDocument=TRUST, **TAGS)
    iam.get_role(RoleName="x")
    iam.list_roles()
    iam.update_role(RoleName="x", Description="d")
    iam.update_role_description(RoleName="x", Description="e")
    iam.update_assume_role_policy(RoleName="x", PolicyDocument=TRUST)
    iam.list_instance_profiles_for_role(RoleName="x")
    holder(iam, "Role", True)
    iam.simulate_principal_policy(PolicySourceArn=f"arn:aws:iam::{FOO}:role/x", ActionNames=["s3:GetObject"])
    iam.delete_role(RoleName="x")


def users(story, iam):
    iam.create_user(UserName="x", Path="/people/")
    iam.get_user(UserName="x")
    iam.list_users(PathPrefix="/people/")
    holder(iam, "User", True)
    key = iam.create_access_key(UserName="x")["AccessKey"]["AccessKeyId"]
    iam.list_access_keys(UserName="x")
    iam.get_access_key_last_used(AccessKeyId=key)
    for status in ("Inactive", "Active"):
        iam.update_access_key(UserName="x", AccessKeyId=key, Status=status)
    iam.create_login_profile(UserName="x", Password="long-enough-1")
    iam.get_login_profile(UserName="x")
    iam.update_login_profile(UserName="x", Password="long-enough-2")
    iam.delete_login_profile(UserName="x")
    devices(story, iam)
    iam.list_ssh_public_keys(UserName="x")
    iam.list_signing_certificates(UserName="x")
    iam.list_service_specific_credentials(UserName="x")
    groups(iam)
    iam.update_user(UserName="x", NewUserName="y", NewPath="/")
    assert (
        story.client("sts", (key, story.sim.world.credentials[key].secret))
        .get_caller_identity()["Arn"]
        .endswith("/y")
    )
    iam.delete_access_key(UserName="y", AccessKeyId=key)
    iam.delete_user(UserName="y")


def devices(story, iam):
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="x")["VirtualMFADevice"]["SerialNumber"]
    iam.list_virtual_mfa_devices()
    seed = story.sim.world.iam_of(FOO).devices[serial].seed
    step = int(story.sim.clock.now().timestamp()) // mfa.STEP - 1
    codes = {"AuthenticationCode1": mfa.code(seed, step), "AuthenticationCode2": mfa.code(seed, step + 1)}
    iam.enable_mfa_device(UserName="x", SerialNumber=serial, **codes)
    assert iam.list_mfa_devices(UserName="x")["MFADevices"][0]["SerialNumber"] == serial
    iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")
    iam.deactivate_mfa_device(UserName="x", SerialNumber=serial)
    iam.delete_virtual_mfa_device(SerialNumber=serial)


def groups(iam):
    iam.create_group(GroupName="x")
    iam.add_user_to_group(GroupName="x", UserName="x")
    assert iam.get_group(GroupName="x")["Users"][0]["UserName"] == "x"
    iam.list_groups()
    iam.list_groups_for_user(UserName="x")
    holder(iam, "Group", False)
    iam.remove_user_from_group(GroupName="x", UserName="x")
    iam.update_group(GroupName="x", NewGroupName="z", NewPath="/team/")
    iam.delete_group(GroupName="z")


def policies(iam):
    arn = iam.create_policy(PolicyName="p", PolicyDocument=ALLOW, Description="d", **TAGS)["Policy"]["Arn"]
    one = {"PolicyArn": arn}
    iam.get_policy(**one)
    iam.get_policy(PolicyArn=READ_ONLY)
    iam.list_policies(Scope="Local")
    iam.list_policies(OnlyAttached=True)
    iam.create_policy_version(**one, PolicyDocument=ALLOW)
    assert iam.get_policy_version(**one, VersionId="v2")["PolicyVersion"]["Document"] == json.loads(ALLOW)
    iam.get_policy_version(PolicyArn=READ_ONLY, VersionId="v1")
    iam.list_policy_versions(**one)
    iam.set_default_policy_version(**one, VersionId="v2")
    iam.delete_policy_version(**one, VersionId="v1")
    iam.list_entities_for_policy(**one)
    iam.tag_policy(**one, Tags=[{"Key": "a", "Value": "b"}])
    iam.list_policy_tags(**one)
    iam.untag_policy(**one, **UNTAG)
    iam.delete_policy(**one)


def providers(iam):
    metadata = f"<EntityDescriptor entityID='https://idp.example/'>{' ' * 1000}</EntityDescriptor>"
    saml = {
        "SAMLProviderArn": iam.create_saml_provider(Name="x", SAMLMetadataDocument=metadata)[
            "SAMLProviderArn"
        ]
    }
    iam.get_saml_provider(**saml)
    iam.list_saml_providers()
    iam.update_saml_provider(**saml, SAMLMetadataDocument=metadata)
    iam.tag_saml_provider(**saml, **TAGS)
    iam.list_saml_provider_tags(**saml)
    iam.untag_saml_provider(**saml, **UNTAG)
    iam.delete_saml_provider(**saml)
    made = iam.create_open_id_connect_provider(
        Url="https://idp.example", ClientIDList=["a"], ThumbprintList=["f" * 40]
    )
    oidc = {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"]}
    iam.get_open_id_connect_provider(**oidc)
    iam.list_open_id_connect_providers()
    iam.add_client_id_to_open_id_connect_provider(**oidc, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(**oidc, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(**oidc, ThumbprintList=["e" * 40])
    iam.tag_open_id_connect_provider(**oidc, **TAGS)
    iam.list_open_id_connect_provider_tags(**oidc)
    iam.untag_open_id_connect_provider(**oidc, **UNTAG)
    iam.delete_open_id_connect_provider(**oidc)


def identity_and_access(story):
    iam = story.client("iam")
    roles(iam)
    users(story, iam)
    policies(iam)
    providers(iam)
    iam.get_account_summary()
    iam.get_account_authorization_details()
    iam.create_account_alias(AccountAlias="acme")
    assert iam.list_account_aliases()["AccountAliases"] == ["acme"]
    iam.delete_account_alias(AccountAlias="acme")


def sessions(story):
    host = story.client("sts", (ACCESS_KEY, SECRET))
    host.get_caller_identity()
    host.assume_role(
        RoleArn=HOST_ROLE, RoleSessionName="gp", SourceIdentity="ana", Tags=[{"Key": "a", "Value": "b"}]
    )
    host.get_access_key_info(AccessKeyId=ACCESS_KEY)
    host.get_session_token()
    iam = story.client("iam", None)
    iam.create_user(UserName="federator")
    iam.put_user_policy(UserName="federator", PolicyName="p", PolicyDocument=ALLOW.replace("s3:*", "sts:*"))
    key = iam.create_access_key(UserName="federator")["AccessKey"]
    own = story.client("sts", (key["AccessKeyId"], key["SecretAccessKey"]))
    own.get_federation_token(Name="web", Policy=ALLOW)


def quotas(story):
    with pytest.raises(ClientError, match="not between"):
        _longer_trust(story, 1)
    assert _longer_trust(story, 4096)["RequestedQuota"]["Status"] == "APPROVED"


def _longer_trust(story, size):
    asked = story.client("service-quotas")
    return asked.request_service_quota_increase(
        ServiceCode="iam", QuotaCode="L-C07B4B0D", DesiredValue=float(size)
    )


def analyzer(story):
    asked = story.client("accessanalyzer")
    found = asked.validate_policy(policyDocument=ALLOW, policyType="IDENTITY_POLICY", maxResults=1)
    assert found["findings"] == []
    asked.check_no_public_access(policyDocument=TRUST, resourceType="AWS::IAM::AssumeRolePolicyDocument")


def portal(story):
    story.sim.world.sign_in.browser = "dan@host.example"
    oidc, sso = story.client("sso-oidc"), story.client("sso")
    found = oidc.register_client(clientName="x", clientType="public", scopes=["sso:account:access"])
    ours = {key: found[key] for key in ("clientId", "clientSecret")}
    device = oidc.start_device_authorization(**ours, startUrl="https://d-9067000000.awsapps.com/start")
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    token = oidc.create_token(**ours, grantType=grant, deviceCode=device["deviceCode"])["accessToken"]
    sso.list_accounts(accessToken=token)
    sso.list_account_roles(accessToken=token, accountId=TARGET)
    sso.get_role_credentials(accessToken=token, accountId=TARGET, roleName="ReadOnly")
    sso.logout(accessToken=token)


def test_every_operation_answers_in_the_shape_of_its_model(story):
    for chapter in (
        portal,
        identity_center,
        directory,
        identity_and_access,
        sessions,
        account_tree,
        quotas,
        analyzer,
    ):
        chapter(story)
    answered = {(record.service, record.operation) for record in story.sim.calls if record.outcome == "ok"}
    assert set(OPERATIONS) - ELSEWHERE - answered == set()
