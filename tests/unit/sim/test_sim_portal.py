"""Sign-in and portal: device code, PKCE, rotation, credentials of a permission set (spec/sessions.md 3.5, 3.6, 3.8)."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from botocore.exceptions import ClientError
from tests.unit.sim.worlds import FOO_INSTANCE, FOO_STORE, FOO_TARGET, foo_assignment, lab

from gatepass.sim.hand import Hand
from gatepass.sim.sign_in.pages import Pages
from gatepass.sim.wire import Incoming

START = f"https://{FOO_STORE}.awsapps.com/start"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CALLBACK = "http://127.0.0.1/oauth/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
KEYS = ("clientId", "clientSecret")


def code(raised) -> str:
    return str(raised.value.response["Error"]["Code"])


def registered(oidc, **more):
    found = oidc.register_client(
        clientName="laptop", clientType="public", scopes=["sso:account:access"], **more
    )
    return {key: found[key] for key in KEYS}


def with_pkce(oidc):
    grants = ["authorization_code", "refresh_token"]
    return registered(oidc, grantTypes=grants, redirectUris=[CALLBACK], issuerUrl=START)


def visit(made, path, **query):
    page = Pages(made.sim).handle(Incoming("GET", path, urlencode(query), {}, b""))
    assert page is not None
    return page


def token_of(made, user="dan@host.example"):
    oidc = made.client_of("sso-oidc", None)
    made.sim.world.sign_in.browser = user
    client = registered(oidc)
    device = oidc.start_device_authorization(**client, startUrl=START)
    return oidc.create_token(**client, grantType=DEVICE, deviceCode=device["deviceCode"])["accessToken"]


def test_a_device_waits_until_somebody_approves():
    made = lab()
    oidc = made.client_of("sso-oidc", None)
    client = registered(oidc)
    device = oidc.start_device_authorization(**client, startUrl=START)
    assert device["expiresIn"] == 600
    ask = {**client, "grantType": DEVICE, "deviceCode": device["deviceCode"]}
    with pytest.raises(oidc.exceptions.AuthorizationPendingException) as raised:
        oidc.create_token(**ask)
    assert raised.value.response["error"] == "authorization_pending"
    with pytest.raises(oidc.exceptions.SlowDownException):
        oidc.create_token(**ask)
    made.later(10)
    listed = visit(made, "/device", user_code=device["userCode"])
    assert b"ana@host.example" in listed.body
    visit(made, "/device", user_code=device["userCode"], user="ana@host.example")
    found = oidc.create_token(**ask)
    assert found["expiresIn"] == 8 * 3600
    with pytest.raises(oidc.exceptions.InvalidGrantException):
        oidc.create_token(**ask)  # good once


def test_a_device_can_be_refused_and_expires():
    made = lab()
    oidc = made.client_of("sso-oidc", None)
    client = registered(oidc)
    refused, late = (oidc.start_device_authorization(**client, startUrl=START) for _ in range(2))
    visit(made, "/device", user_code=refused["userCode"], decision="deny")
    with pytest.raises(oidc.exceptions.AccessDeniedException):
        oidc.create_token(**client, grantType=DEVICE, deviceCode=refused["deviceCode"])
    made.later(600)
    with pytest.raises(oidc.exceptions.ExpiredTokenException):
        oidc.create_token(**client, grantType=DEVICE, deviceCode=late["deviceCode"])


def test_wrong_clients_and_start_urls_are_refused():
    made = lab()
    oidc = made.client_of("sso-oidc", None)
    client = registered(oidc)
    with pytest.raises(oidc.exceptions.InvalidClientException):
        oidc.start_device_authorization(**{**client, "clientSecret": "x"}, startUrl=START)
    with pytest.raises(oidc.exceptions.InvalidRequestException):
        oidc.start_device_authorization(**client, startUrl="https://elsewhere.example/start")
    made.later(91 * 86400)
    with pytest.raises(oidc.exceptions.InvalidClientException):
        oidc.start_device_authorization(**client, startUrl=START)


def authorize(made, client, port=4711, **more):
    asked = {
        "response_type": "code",
        "client_id": client["clientId"],
        "redirect_uri": f"http://127.0.0.1:{port}/oauth/callback",
        "state": "s-1",
        "code_challenge_method": "S256",
        "code_challenge": CHALLENGE,
        **more,
    }
    return visit(made, "/authorize", **asked)


def test_pkce_gives_a_token_for_the_right_verifier_once():
    made = lab()
    made.sim.world.sign_in.browser = "ana@host.example"
    oidc = made.client_of("sso-oidc", None)
    client = with_pkce(oidc)
    where = urlsplit(authorize(made, client).headers["Location"])
    back = {key: value[0] for key, value in parse_qs(where.query).items()}
    assert (where.netloc, back["state"]) == ("127.0.0.1:4711", "s-1")
    ask = {**client, "grantType": "authorization_code", "code": back["code"]}
    ask |= {"redirectUri": "http://127.0.0.1:4711/oauth/callback", "codeVerifier": VERIFIER}
    assert oidc.create_token(**ask)["refreshToken"]
    with pytest.raises(oidc.exceptions.InvalidGrantException):
        oidc.create_token(**ask)
    other = parse_qs(urlsplit(authorize(made, client).headers["Location"]).query)["code"][0]
    with pytest.raises(oidc.exceptions.InvalidGrantException):
        oidc.create_token(**{**ask, "code": other, "codeVerifier": "w" * 64})


@pytest.mark.parametrize(
    "wrong",
    [{"redirect_uri": "http://evil.example/oauth/callback"}, {"redirect_uri": "http://127.0.0.1:1/other"},
     {"client_id": "nobody"}, {"code_challenge_method": "plain"}, {"state": ""}, {"response_type": "token"}],
)  # fmt: skip
def test_the_authorization_page_sends_nothing_to_strangers(wrong):
    made = lab()
    made.sim.world.sign_in.browser = "ana@host.example"
    client = with_pkce(made.client_of("sso-oidc", None))
    page = authorize(made, client, **wrong)
    assert page.status == 400
    assert "Location" not in page.headers


def test_the_authorization_page_asks_and_can_be_refused():
    made = lab()
    client = with_pkce(made.client_of("sso-oidc", None))
    assert b"yes, as ben@host.example" in authorize(made, client).body
    refused = authorize(made, client, user="ben@host.example", decision="deny")
    assert "error=access_denied" in refused.headers["Location"]


def test_refresh_tokens_rotate():
    """S-66: two refreshers on one token lose the session."""
    made = lab()
    made.sim.world.sign_in.browser = "ana@host.example"
    oidc = made.client_of("sso-oidc", None)
    client = registered(oidc)
    device = oidc.start_device_authorization(**client, startUrl=START)
    first = oidc.create_token(**client, grantType=DEVICE, deviceCode=device["deviceCode"])
    ask = {**client, "grantType": "refresh_token"}
    second = oidc.create_token(**ask, refreshToken=first["refreshToken"])
    assert second["refreshToken"] != first["refreshToken"]
    with pytest.raises(oidc.exceptions.InvalidGrantException):
        oidc.create_token(**ask, refreshToken=first["refreshToken"])
    made.later(7 * 86400)
    with pytest.raises(oidc.exceptions.InvalidGrantException):
        oidc.create_token(**ask, refreshToken=second["refreshToken"])


def test_the_portal_shows_what_the_person_holds_now():
    made = lab()
    portal, token = made.client_of("sso", None), token_of(made)
    accounts = portal.list_accounts(accessToken=token)["accountList"]
    assert [a["accountName"] for a in accounts] == ["foo-production"]
    roles = portal.list_account_roles(accessToken=token, accountId=FOO_TARGET)["roleList"]
    assert [r["roleName"] for r in roles] == ["AdministratorAccess", "ReadOnly"]
    Hand(made.sim).leave(FOO_STORE, "Auditors", "dan@host.example")
    roles = portal.list_account_roles(accessToken=token, accountId=FOO_TARGET)["roleList"]
    assert [r["roleName"] for r in roles] == ["AdministratorAccess"]


def test_role_credentials_work_and_outlive_the_assignment():
    """security.md 3, item 7: no new sessions after, but the last one runs on."""
    made = lab()
    portal, token = made.client_of("sso", None), token_of(made)
    ask = {"accessToken": token, "accountId": FOO_TARGET, "roleName": "AdministratorAccess"}
    keys = portal.get_role_credentials(**ask)["roleCredentials"]
    assert keys["expiration"] == int((made.clock.now().timestamp() + 3600) * 1000)
    sts = made.client_of("sts", made.sim.world.credentials[keys["accessKeyId"]])
    assert "assumed-role/AWSReservedSSO_AdministratorAccess_" in sts.get_caller_identity()["Arn"]
    made.client("sso-admin").delete_account_assignment(**foo_assignment(made, "dan"))
    with pytest.raises(ClientError) as raised:
        portal.get_role_credentials(**ask)
    assert code(raised) == "ForbiddenException"
    assert sts.get_caller_identity()["Account"] == FOO_TARGET
    made.later(3600)
    with pytest.raises(ClientError, match="ExpiredToken"):
        sts.get_caller_identity()


def test_tokens_end_by_time_by_logout_and_with_the_person():
    made = lab()
    portal = made.client_of("sso", None)
    by_time, by_logout = token_of(made), token_of(made)
    portal.logout(accessToken=by_logout)
    with pytest.raises(portal.exceptions.UnauthorizedException) as raised:
        portal.list_accounts(accessToken=by_logout)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401
    made.later(8 * 3600)
    with pytest.raises(portal.exceptions.UnauthorizedException):
        portal.list_accounts(accessToken=by_time)
    leaver = token_of(made)
    Hand(made.sim).delete_user(FOO_STORE, "dan@host.example")
    with pytest.raises(portal.exceptions.UnauthorizedException):
        portal.list_accounts(accessToken=leaver)


def test_more_than_a_hundred_to_a_page_is_refused():
    """S-69."""
    made = lab()
    portal, token = made.client_of("sso", None), token_of(made)
    with pytest.raises(portal.exceptions.InvalidRequestException):
        portal.list_accounts(accessToken=token, maxResults=101)
    made.sim.set_faults([{"service": "sso", "do": "throttle"}])
    with pytest.raises(portal.exceptions.TooManyRequestsException) as raised:
        portal.list_accounts(accessToken=token)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def console(made, keys, **more):
    session = {"sessionId": keys["accessKeyId"], "sessionKey": keys["secretAccessKey"]}
    session["sessionToken"] = keys["sessionToken"]
    return visit(made, "/federation", Action="getSigninToken", Session=json.dumps(session), **more)


def test_console_sign_in_by_federation():
    made = lab()
    portal, token = made.client_of("sso", None), token_of(made)
    keys = portal.get_role_credentials(accessToken=token, accountId=FOO_TARGET, roleName="ReadOnly")[
        "roleCredentials"
    ]
    signin = json.loads(console(made, keys, SessionDuration=43_200).body)["SigninToken"]
    login = {"Action": "login", "Destination": "https://console.aws.amazon.com/", "SigninToken": signin}
    assert b"AWSReservedSSO_ReadOnly" in visit(made, "/federation", **login).body
    assert visit(made, "/federation", **login).status == 400  # good once
    assert console(made, keys, SessionDuration=100).status == 400
    assert console(made, {**keys, "secretAccessKey": "wrong"}).status == 400


def test_console_sessions_after_a_chain_take_no_long_duration():
    """S-74."""
    made = lab()
    host = made.host("sts")
    first = host.assume_role(
        RoleArn="arn:aws:iam::111111111111:role/gatepass/Gatepass", RoleSessionName="one"
    )
    chained = made.client_of(
        "sts", made.sim.world.credentials[first["Credentials"]["AccessKeyId"]]
    ).assume_role(
        RoleArn="arn:aws:iam::123456789012:role/sym/SymSSOTenant-Foo",
        RoleSessionName="two",
        ExternalId="gp-foo-external",
    )["Credentials"]
    keys = {"accessKeyId": chained["AccessKeyId"], "secretAccessKey": chained["SecretAccessKey"]}
    keys["sessionToken"] = chained["SessionToken"]
    assert console(made, keys).status == 200
    assert console(made, keys, SessionDuration=43_200).status == 400


def test_the_instance_of_the_start_url_is_the_one_signed_in_to():
    made = lab()
    token_of(made)
    assert {t.instance for t in made.sim.world.sign_in.tokens.values()} == {FOO_INSTANCE}
