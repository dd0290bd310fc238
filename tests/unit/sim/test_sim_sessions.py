"""sts: trust, external ids, limits and ends of sessions (stack.md item 6, I12, spec/sessions.md 3.9)."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from tests.unit.sim.worlds import EXTERNAL, lab

from gatepass.sim.worlds.of_seeds import BAR_ROLE, FOO_ROLE, HOST_ROLE


def assume(sts, role=FOO_ROLE, **more):
    return sts.assume_role(**{"RoleArn": role, "RoleSessionName": "gatepass", **more})


def code(raised) -> str:
    return str(raised.value.response["Error"]["Code"])


@pytest.mark.parametrize("more", [{}, {"ExternalId": "guessed"}, {"ExternalId": EXTERNAL["tenant_bar"]}])
def test_i12_only_the_right_external_id_opens_a_connector(more):
    with pytest.raises(ClientError) as raised:
        assume(lab().host("sts"), **more)
    assert code(raised) == "AccessDenied"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_role_that_does_not_exist_is_refused_like_one_that_does_not_trust():
    made = lab()
    with pytest.raises(ClientError) as missing:
        assume(made.host("sts"), FOO_ROLE + "x", ExternalId=EXTERNAL["tenant_foo"])
    with pytest.raises(ClientError) as stranger:  # an account that the role does not name
        assume(made.client("sts", "333333333333"), ExternalId=EXTERNAL["tenant_foo"])
    assert code(missing) == "AccessDenied"
    assert code(stranger) in {"AccessDenied", "ValidationError"}  # root users never assume roles


def test_the_session_is_the_role_and_ends_when_it_ends():
    made = lab()
    found = assume(
        made.host("sts"), ExternalId=EXTERNAL["tenant_foo"], SourceIdentity="ana", DurationSeconds=900
    )
    credential = made.sim.world.credentials[found["Credentials"]["AccessKeyId"]]
    sts = made.client_of("sts", credential)
    assert (
        sts.get_caller_identity()["Arn"] == "arn:aws:sts::123456789012:assumed-role/SymSSOTenant-Foo/gatepass"
    )
    assert found["SourceIdentity"] == "ana"
    made.later(899)
    sts.get_caller_identity()
    made.later(1)
    with pytest.raises(ClientError) as raised:
        sts.get_caller_identity()
    assert code(raised) == "ExpiredToken"
    with pytest.raises(ClientError) as raised:
        made.client_of("sso-admin", credential).list_instances()
    assert code(raised) == "ExpiredTokenException"


def test_a_chained_session_lasts_an_hour_at_most():
    """Asking more is an error, not a clamp (security.md 3, item 11; T-51)."""
    made = lab()
    first = assume(made.host("sts"), HOST_ROLE, DurationSeconds=43_200)["Credentials"]
    chained = made.client_of("sts", made.sim.world.credentials[first["AccessKeyId"]])
    made.sim.world.iam_of("123456789012").roles["symssotenant-foo"].max_session = 43_200
    with pytest.raises(ClientError) as raised:
        assume(chained, ExternalId=EXTERNAL["tenant_foo"], DurationSeconds=3601)
    assert code(raised) == "ValidationError"
    assume(chained, ExternalId=EXTERNAL["tenant_foo"], DurationSeconds=3600)


def test_the_roles_own_maximum_binds():
    with pytest.raises(ClientError) as raised:
        assume(lab().host("sts"), ExternalId=EXTERNAL["tenant_foo"], DurationSeconds=3601)
    assert code(raised) == "ValidationError"


def test_source_identity_cannot_change_along_the_chain():
    made = lab()
    first = assume(made.host("sts"), HOST_ROLE, SourceIdentity="ana")["Credentials"]
    chained = made.client_of("sts", made.sim.world.credentials[first["AccessKeyId"]])
    found = assume(chained, ExternalId=EXTERNAL["tenant_foo"])
    assert found["SourceIdentity"] == "ana"
    with pytest.raises(ClientError):
        assume(chained, ExternalId=EXTERNAL["tenant_foo"], SourceIdentity="ben")


def test_the_connector_may_do_what_its_policies_say_and_no_more():
    made = lab()
    assert made.connector("sso-admin").list_instances()["Instances"]
    with pytest.raises(ClientError) as raised:
        made.connector("sso-admin").delete_permission_set(
            InstanceArn="arn:aws:sso:::instance/ssoins-7223000000000000",
            PermissionSetArn="arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001",
        )
    assert code(raised) == "AccessDeniedException"
    assert "sso:DeletePermissionSet" in raised.value.response["Error"]["Message"]


def test_a_key_of_nobody_is_refused():
    made = lab()
    stranger = made.host("sts")._request_signer._credentials
    stranger.access_key = "AKIANOBODY0000000000"
    client = made.host("sts")
    client._request_signer._credentials = stranger
    with pytest.raises(ClientError) as raised:
        client.get_caller_identity()
    assert code(raised) == "InvalidClientTokenId"


def test_tenants_hold_different_worlds():
    made = lab()
    foo = assume(made.host("sts"), FOO_ROLE, ExternalId=EXTERNAL["tenant_foo"])["Credentials"]
    bar = assume(made.host("sts"), BAR_ROLE, ExternalId=EXTERNAL["tenant_bar"])["Credentials"]
    seen = [
        {a["Id"] for a in made.client_of("organizations", made.sim.world.credentials[c["AccessKeyId"]])
         .list_accounts()["Accounts"]}
        for c in (foo, bar)
    ]  # fmt: skip
    assert seen[0].isdisjoint(seen[1])


def test_roles_of_a_suspended_account_are_out_of_reach():
    made = lab()
    made.sim.world.account("123456789012").status = "SUSPENDED"
    with pytest.raises(ClientError) as raised:
        assume(made.host("sts"), ExternalId=EXTERNAL["tenant_foo"])
    assert code(raised) == "AccessDenied"
