"""Sessions by MFA, session token, SAML and web identity (stack.md item 6, spec/sessions.md 3.9)."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from tests.unit.sim.worlds import lab

from gatepass.clock import iso
from gatepass.sim.sign_in import mfa
from gatepass.sim.worlds.builder import root_credential

ACCOUNT = "222222222222"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Deploy"
SAML = f"arn:aws:iam::{ACCOUNT}:saml-provider/idp"
SAML_ROLE = f"arn:aws:iam::{ACCOUNT}:role/FromSaml"
WEB_ROLE = f"arn:aws:iam::{ACCOUNT}:role/FromGitHub"
ISSUER = "https://token.actions.githubusercontent.com"
SERIAL = f"arn:aws:iam::{ACCOUNT}:mfa/ana"
NEEDS_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def statement(principal, action, **condition):
    found = {"Effect": "Allow", "Principal": principal, "Action": action}
    return {**found, "Condition": condition} if condition else found


def trust(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


WORLD = {
    "organizations": [{"management": {"id": ACCOUNT}}],
    "roles": [
        {"account": ACCOUNT, "name": "Deploy", "max_session": 43_200, "allow": ["s3:*"],
         "trust": trust(statement({"AWS": f"arn:aws:iam::{ACCOUNT}:user/ana"}, "sts:AssumeRole", **NEEDS_MFA))},
        {"account": ACCOUNT, "name": "FromSaml",
         "trust": trust(statement({"Federated": SAML}, "sts:AssumeRoleWithSAML",
                                  StringEquals={"SAML:aud": "https://signin.aws.amazon.com/saml"}))},
        {"account": ACCOUNT, "name": "FromGitHub",
         "trust": trust(statement(
             {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"},
             "sts:AssumeRoleWithWebIdentity",
             StringLike={"token.actions.githubusercontent.com:sub": "repo:acme/*"}))},
    ],
    "users": [{"account": ACCOUNT, "name": "ana", "access_key": "AKIAANA0000000000000", "secret": "s",
               "allow": ["sts:*", "iam:*"], "mfa": {"serial": SERIAL, "seed": "seed-of-ana"}}],
    "providers": [{"account": ACCOUNT, "name": "idp", "metadata": "<x entityID='https://idp.example/'/>"},
                  {"account": ACCOUNT, "url": ISSUER, "audiences": ["sts.amazonaws.com"]}],
}  # fmt: skip


@pytest.fixture
def made():
    return lab(WORLD)


def ana(made):
    return made.client_of("sts", made.sim.world.credentials["AKIAANA0000000000000"])


def totp(made):
    return mfa.code_at(made.sim.world.iam_of(ACCOUNT).devices[SERIAL], made.clock.now())


def of(made, answer, service="sts"):
    return made.client_of(service, made.sim.world.credentials[answer["Credentials"]["AccessKeyId"]])


def code(raised) -> str:
    return str(raised.value.response["Error"]["Code"])


def test_a_role_that_wants_mfa_gets_it_by_a_code_that_works_once(made):
    sts = ana(made)
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=ROLE, RoleSessionName="ana")
    ask = {"RoleArn": ROLE, "RoleSessionName": "ana", "SerialNumber": SERIAL, "TokenCode": totp(made)}
    sts.assume_role(**ask, DurationSeconds=43_200)
    with pytest.raises(ClientError, match="invalid MFA one time pass code"):
        sts.assume_role(**ask)
    with pytest.raises(ClientError, match="verify your MFA serial"):
        sts.assume_role(**{**ask, "SerialNumber": SERIAL + "x"})
    made.later(30)
    sts.assume_role(**{**ask, "TokenCode": totp(made)})


def test_a_session_token_keeps_account_and_user_and_reaches_little(made):
    sts = ana(made)
    plain = of(made, sts.get_session_token())
    assert plain.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ana"
    with pytest.raises(ClientError) as raised:
        plain.get_session_token()
    assert code(raised) == "AccessDenied"
    with pytest.raises(ClientError):
        plain.assume_role(RoleArn=ROLE, RoleSessionName="ana")
    strong = of(made, sts.get_session_token(SerialNumber=SERIAL, TokenCode=totp(made)))
    assert strong.assume_role(RoleArn=ROLE, RoleSessionName="ana")["Credentials"]
    with pytest.raises(ClientError) as raised:
        strong.assume_role(RoleArn=ROLE, RoleSessionName="ana", DurationSeconds=3601)
    assert code(raised) == "ValidationError"


def test_session_tokens_last_twelve_hours_unless_asked(made):
    found = ana(made).get_session_token()["Credentials"]["Expiration"]
    assert (found - made.clock.now()).total_seconds() == 43_200
    with pytest.raises(ClientError) as raised:
        ana(made).get_session_token(DurationSeconds=129_601)
    assert code(raised) == "ValidationError"


def test_session_policies_narrow_a_session(made):
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    federated = ana(made).get_federation_token(Name="ana-web", Policy=json.dumps(deny))
    assert federated["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/ana-web"
    with pytest.raises(ClientError, match=r"ValidationError|AccessDenied"):
        of(made, federated).assume_role(RoleArn=ROLE, RoleSessionName="ana")
    with pytest.raises(ClientError, match="MalformedPolicyDocument"):
        ana(made).get_federation_token(Name="ana-web", Policy="{")


def allow(*actions):
    return json.dumps({"Version": "2012-10-17",
                       "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]})  # fmt: skip


def refused(call, **ask) -> str:
    with pytest.raises(ClientError) as raised:
        call(**ask)
    return code(raised)


def test_s75_a_federated_user_may_what_user_and_passed_policy_both_allow(made):
    sts = ana(made)
    world = made.sim.world
    world.iam_of(ACCOUNT).users["ana"].permissions.inline["x"] = allow("s3:*", "organizations:*")
    both = of(made, sts.get_federation_token(Name="web", Policy=allow("organizations:*")), "organizations")
    assert both.describe_organization()["Organization"]["MasterAccountId"] == ACCOUNT
    neither = of(made, sts.get_federation_token(Name="web"), "organizations")
    assert refused(neither.describe_organization) == "AccessDeniedException"
    narrow = of(made, sts.get_federation_token(Name="web", Policy=allow("s3:*")), "organizations")
    assert refused(narrow.describe_organization) == "AccessDeniedException"
    made_by_arn = sts.get_federation_token(
        Name="web", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}]
    )
    assert of(made, made_by_arn, "organizations").describe_organization()
    world.iam_of(ACCOUNT).users["ana"].permissions.inline.clear()
    assert refused(both.describe_organization) == "AccessDeniedException"  # the user's own right is gone


def test_s75_groups_of_the_user_count_for_a_federated_user(made):
    iam = made.client_of("iam", made.sim.world.credentials["AKIAANA0000000000000"])
    iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=allow("organizations:*"))
    iam.add_user_to_group(GroupName="readers", UserName="ana")
    web = of(made, ana(made).get_federation_token(Name="web", Policy=allow("*")), "organizations")
    assert web.describe_organization()


def test_s75_a_federated_user_calls_nothing_of_sts_and_iam_but_who_it_is(made):
    found = ana(made).get_federation_token(Name="ana-web", Policy=allow("*"))
    sts = of(made, found)
    assert sts.get_caller_identity()["UserId"] == f"{ACCOUNT}:ana-web"
    assert refused(sts.assume_role, RoleArn=ROLE, RoleSessionName="ana") == "AccessDenied"
    assert refused(sts.get_federation_token, Name="again") == "AccessDenied"
    assert refused(of(made, found, "iam").list_users) == "InvalidClientTokenId"


@pytest.mark.parametrize(
    "ask",
    [{"Name": "x" * 33}, {"Name": "has space"},
     {"Name": "web", "DurationSeconds": 129_601}, {"Name": "web", "Policy": allow("s3:" + "x" * 2048)},
     {"Name": "web", "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}] * 11}],
)  # fmt: skip
def test_s75_limits_of_get_federation_token(made, ask):
    assert refused(ana(made).get_federation_token, **ask) in ("ValidationError", "PackedPolicyTooLarge")


def test_s75_only_long_term_keys_federate_and_root_for_an_hour_at_most(made):
    sts = ana(made)
    token = of(made, sts.get_session_token(SerialNumber=SERIAL, TokenCode=totp(made)))
    assert refused(token.get_federation_token, Name="web") == "AccessDenied"
    usual = sts.get_federation_token(Name="web", DurationSeconds=129_600)["Credentials"]["Expiration"]
    assert (usual - made.clock.now()).total_seconds() == 129_600
    root = made.client_of("sts", root_credential(made.sim.world, ACCOUNT))
    found = root.get_federation_token(Name="web", DurationSeconds=43_200, Policy=allow("organizations:*"))
    assert (found["Credentials"]["Expiration"] - made.clock.now()).total_seconds() == 3600
    assert of(made, found, "organizations").describe_organization()
    bare = of(made, root.get_federation_token(Name="web"), "organizations")
    assert refused(bare.describe_organization) == "AccessDeniedException"


def test_s75_tags_of_a_federated_user_need_tag_session(made):
    ask = {"Name": "web", "Tags": [{"Key": "team", "Value": "data"}]}
    assert ana(made).get_federation_token(**ask)
    made.sim.world.iam_of(ACCOUNT).users["ana"].permissions.inline.clear()
    made.sim.world.iam_of(ACCOUNT).users["ana"].permissions.inline["p"] = allow("sts:GetFederationToken")
    assert refused(ana(made).get_federation_token, **ask) == "AccessDenied"


def assertion(made, role=SAML_ROLE, issuer="https://idp.example/", lives=300, **attributes):
    until = iso(made.clock.now() + timedelta(seconds=lives))
    said = {"Role": f"{role},{SAML}", "RoleSessionName": "ana@idp.example", **attributes}
    rows = "".join(
        f'<saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/{name}">'
        f"<saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"
        for name, value in said.items()
    )
    text = (
        '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><saml:Assertion>'
        f"<saml:Issuer>{issuer}</saml:Issuer><saml:Subject><saml:NameID>ana</saml:NameID></saml:Subject>"
        f'<saml:Conditions NotOnOrAfter="{until}"><saml:AudienceRestriction>'
        "<saml:Audience>https://signin.aws.amazon.com/saml</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
        f"<saml:AttributeStatement>{rows}</saml:AttributeStatement></saml:Assertion></samlp:Response>"
    )
    return base64.b64encode(text.encode()).decode()


def saml(made, said, role=SAML_ROLE, **more):
    sts = made.client_of("sts", None)
    return sts.assume_role_with_saml(RoleArn=role, PrincipalArn=SAML, SAMLAssertion=said, **more)


def test_a_saml_assertion_opens_the_role_it_names(made):
    found = saml(made, assertion(made))
    assert found["Audience"] == "https://signin.aws.amazon.com/saml"
    assert of(made, found).get_caller_identity()["Arn"].endswith("assumed-role/FromSaml/ana@idp.example")


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"issuer": "https://evil.example/"}, "InvalidIdentityToken"), ({"lives": 0}, "ExpiredTokenException"),
     ({"role": ROLE}, "AccessDenied")],
)  # fmt: skip
def test_a_wrong_assertion_is_refused(made, change, expected):
    with pytest.raises(ClientError) as raised:
        saml(made, assertion(made, **change))
    assert code(raised) == expected


@pytest.mark.parametrize("text", ["nonsense", "<a>", "<!DOCTYPE a><a/>", "<a/>"])
def test_an_unreadable_assertion_is_refused(made, text):
    with pytest.raises(ClientError) as raised:
        saml(made, base64.b64encode(text.encode()).decode())
    assert code(raised) == "InvalidIdentityToken"


def token(made, **claims):
    said = {"iss": ISSUER, "sub": "repo:acme/web:ref:refs/heads/main", "aud": "sts.amazonaws.com",
            "exp": made.clock.now().timestamp() + 300, **claims}  # fmt: skip
    body = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    return f"e30.{body}.c2ln"


def web(made, said):
    sts = made.client_of("sts", None)
    return sts.assume_role_with_web_identity(RoleArn=WEB_ROLE, RoleSessionName="ci", WebIdentityToken=said)


def test_a_web_identity_opens_the_role_that_trusts_its_subject(made):
    found = web(made, token(made))
    assert found["SubjectFromWebIdentityToken"].startswith("repo:acme/")
    assert of(made, found).get_caller_identity()["Arn"].endswith("assumed-role/FromGitHub/ci")


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"sub": "repo:other/web"}, "AccessDenied"), ({"aud": "other"}, "InvalidIdentityToken"),
     ({"iss": "https://evil.example"}, "InvalidIdentityToken"), ({"exp": 0}, "ExpiredTokenException")],
)  # fmt: skip
def test_a_wrong_web_identity_is_refused(made, change, expected):
    with pytest.raises(ClientError) as raised:
        web(made, token(made, **change))
    assert code(raised) == expected
