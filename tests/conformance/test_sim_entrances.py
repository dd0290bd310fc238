"""The same calls through each entrance give the same answers: in process, on the wire, over HTTP."""

from __future__ import annotations

import base64
import itertools
import json
from datetime import timedelta

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.waiting import LONG

from gatepass.clock import SystemClock
from gatepass.sim import Settings, build, install, root_credential, two_tenants
from gatepass.sim.onwire import install_on_wire
from gatepass.sim.server import SimServer
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, FOO_ROLE, SECRET
from gatepass.testing.clock import VirtualClock

FOO_INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000000"
ADMIN = "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001"
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=LONG, read_timeout=LONG)


class Entered:
    """Clients of one simulator through one entrance."""

    def __init__(self, sim, install_into=None, url=None):
        self.sim, self._install, self._url = sim, install_into, url

    def client(self, service, credentials=(ACCESS_KEY, SECRET, None), region="us-east-1"):
        made = botocore.session.Session(session_vars={"config_file": (None, None, "/dev/null", None)})
        made.set_credentials(*credentials)
        if self._install:
            self._install(made, self.sim)
        return made.create_client(
            service, region_name=region, endpoint_url=self._url, config=Config(**vars_of(ONCE))
        )

    def connector(self, service):
        found = self.client("sts").assume_role(RoleArn=FOO_ROLE, RoleSessionName="gp", ExternalId="ext-foo")
        keys = found["Credentials"]
        return self.client(service, (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]))

    def later(self, seconds):
        if isinstance(self.sim.clock, VirtualClock):
            self.sim.clock.advance(timedelta(seconds=seconds))


def vars_of(config):
    return {"retries": dict(config.retries), "connect_timeout": LONG, "read_timeout": LONG}


@pytest.fixture(params=["in process", "on the wire", "http"])
def entered(request):
    http = request.param == "http"
    # Signatures carry botocore's own time, so both entrances that check them run on the machine's clock.
    clock = VirtualClock() if request.param == "in process" else SystemClock()
    settings = Settings(rates={}, page_size=3, check_answers=True)
    sim = build(two_tenants({"tenant_foo": "ext-foo"}, accounts=20), clock, settings)
    if not http:
        yield Entered(sim, install if request.param == "in process" else install_on_wire)
        return
    with SimServer(sim) as server:
        yield Entered(sim, url=server.url)


def test_query_protocol_answers_and_refuses(entered):
    sts = entered.client("sts")
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::111111111111:user/gatepass"
    with pytest.raises(ClientError) as raised:
        sts.assume_role(RoleArn=FOO_ROLE, RoleSessionName="gp")
    assert raised.value.response["Error"]["Code"] == "AccessDenied"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    keys = sts.assume_role(RoleArn=FOO_ROLE, RoleSessionName="gp", ExternalId="ext-foo")["Credentials"]
    left = (keys["Expiration"] - entered.sim.clock.now()).total_seconds()
    assert 3590 < left <= 3600


def test_json_protocol_answers_pages_and_modeled_errors(entered):
    organizations = entered.connector("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    pages = organizations.get_paginator("list_accounts").paginate()
    found = list(itertools.chain.from_iterable(page["Accounts"] for page in pages))
    assert {account["Id"] for account in found} == {"123456789012", "333333333333"}
    assert found[0]["JoinedTimestamp"].tzinfo is not None
    with pytest.raises(organizations.exceptions.ParentNotFoundException):
        organizations.list_accounts_for_parent(ParentId=root + "0")


def test_error_members_arrive(entered):
    store = entered.connector("identitystore")
    user = "9067000000-00000000-0000-4000-8000-000000000000"
    with pytest.raises(store.exceptions.ResourceNotFoundException) as raised:
        store.describe_user(IdentityStoreId="d-9067000000", UserId=user)
    assert raised.value.response["ResourceType"] == "USER"
    assert raised.value.response["ResourceId"] == user


def test_a_document_member_arrives_as_it_was_sent(entered):
    store = entered.connector("identitystore")
    wanted = {"UniqueAttribute": {"AttributePath": "emails.value", "AttributeValue": "ANA@host.example"}}
    found = store.get_user_id(IdentityStoreId="d-9067000000", AlternateIdentifier=wanted)
    assert (
        store.describe_user(IdentityStoreId="d-9067000000", UserId=found["UserId"])["UserName"]
        == "ana@host.example"
    )


def test_an_assignment_is_made_and_read(entered):
    sso, store = entered.connector("sso-admin"), entered.connector("identitystore")
    users = store.list_users(
        IdentityStoreId="d-9067000000",
        Filters=[{"AttributePath": "UserName", "AttributeValue": "ana@host.example"}],
    )["Users"]
    fact = {"InstanceArn": FOO_INSTANCE, "PermissionSetArn": ADMIN, "TargetId": "333333333333",
            "TargetType": "AWS_ACCOUNT", "PrincipalType": "USER", "PrincipalId": users[0]["UserId"]}  # fmt: skip
    made = sso.create_account_assignment(**fact)["AccountAssignmentCreationStatus"]
    assert made["Status"] == "IN_PROGRESS"
    entered.later(1)
    status = sso.describe_account_assignment_creation_status(
        InstanceArn=FOO_INSTANCE, AccountAssignmentCreationRequestId=made["RequestId"]
    )["AccountAssignmentCreationStatus"]
    assert status["Status"] == "SUCCEEDED"
    assert status["CreatedDate"] == made["CreatedDate"]


def test_iam_documents_tags_and_pages_arrive(entered):
    keys = root_credential(entered.sim.world, "333333333333")
    iam = entered.client("iam", (keys.access_key, keys.secret, None))
    principal = {"AWS": "arn:aws:iam::333333333333:root"}
    statement = [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]
    document = {"Version": "2012-10-17", "Statement": statement}
    for n in range(4):
        iam.create_role(
            RoleName=f"dev{n}", Path="/team/", AssumeRolePolicyDocument=json.dumps(document),
            Tags=[{"Key": "a", "Value": "ä b&c"}],
        )  # fmt: skip
    pages = iam.get_paginator("list_roles").paginate(PathPrefix="/team/")
    roles = [role for page in pages for role in page["Roles"]]
    assert [role["RoleName"] for role in roles] == ["dev0", "dev1", "dev2", "dev3"]
    found = iam.get_role(RoleName="dev3")["Role"]
    assert (found["AssumeRolePolicyDocument"], found["Tags"]) == (document, [{"Key": "a", "Value": "ä b&c"}])
    with pytest.raises(iam.exceptions.NoSuchEntityException) as raised:
        iam.get_role(RoleName="nobody")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="ana")["VirtualMFADevice"]
    assert len(base64.b32decode(device["Base32StringSeed"])) == 20


def test_a_lost_answer_is_a_connection_error(entered):
    sso = entered.connector("sso-admin")
    entered.sim.set_faults([{"operation": "ListInstances", "do": "answer-lost", "calls": [1]}])
    with pytest.raises(BotoCoreError):
        sso.list_instances()
    assert len(sso.list_instances()["Instances"]) == 1
    assert [r.outcome for r in entered.sim.calls if r.operation == "ListInstances"] == ["answer-lost", "ok"]


def test_a_constraint_of_the_model_is_checked(entered):
    sso = entered.connector("sso-admin")
    with pytest.raises(sso.exceptions.ValidationException, match="permissionSetArn"):
        sso.describe_permission_set(
            InstanceArn=FOO_INSTANCE, PermissionSetArn="arn:aws:sso:::permissionSet/ssoins-000000/ps-000000"
        )


def test_an_operation_it_does_not_know_is_a_clear_client_error(entered):
    with pytest.raises(ClientError, match="does not know sso-admin:ListApplications") as raised:
        entered.connector("sso-admin").list_applications(InstanceArn=FOO_INSTANCE)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_date_of_an_answer_is_the_simulators(entered):
    answered = entered.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
    assert f"{entered.sim.clock.now():%Y %H:%M}" in answered.replace(" GMT", "")


@pytest.mark.parametrize("wrong", [(ACCESS_KEY, "wrong", None), (ACCESS_KEY, SECRET, "token")])
def test_secrets_and_tokens_are_verified_on_the_wire(wrong):
    sim = build(two_tenants(), SystemClock())
    with pytest.raises(ClientError) as raised:
        Entered(sim, install_on_wire).client("sts", wrong).get_caller_identity()
    assert raised.value.response["Error"]["Code"] in {"SignatureDoesNotMatch", "InvalidClientTokenId"}
