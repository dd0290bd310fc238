"""Sign-in, portal and console over HTTP: the paths, the header with underscores, the redirects."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from gatepass.clock import SystemClock
from gatepass.sim import Settings, build, two_tenants
from gatepass.sim.server import SimServer

START = "https://d-9067000000.awsapps.com/start"
CALLBACK = "http://127.0.0.1/oauth/callback"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@pytest.fixture
def server():
    sim = build(two_tenants(), SystemClock(), Settings(rates={}, page_size=1))
    sim.world.sign_in.browser = "dan@host.example"
    with SimServer(sim) as running:
        yield running


def client(server, service):
    return boto3.client(
        service, endpoint_url=server.url, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )


def visit(server, path, **query):
    try:
        with urllib.request.build_opener(NoRedirect).open(f"{server.url}{path}?{urlencode(query)}") as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def signed_in(server):
    oidc = client(server, "sso-oidc")
    found = oidc.register_client(
        clientName="laptop", clientType="public", scopes=["sso:account:access"], issuerUrl=START,
        grantTypes=["authorization_code", "refresh_token"], redirectUris=[CALLBACK],
    )  # fmt: skip
    ours = {key: found[key] for key in ("clientId", "clientSecret")}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 64).digest()).rstrip(b"=").decode()
    back = "http://127.0.0.1:8123/oauth/callback"
    status, headers, _ = visit(
        server, "/authorize", response_type="code", client_id=found["clientId"], redirect_uri=back, state="s",
        code_challenge_method="S256", code_challenge=challenge, scopes="sso:account:access",
    )  # fmt: skip
    assert status == 302
    code = parse_qs(urlsplit(headers["Location"]).query)["code"][0]
    return oidc.create_token(
        **ours, grantType="authorization_code", code=code, redirectUri=back, codeVerifier="v" * 64
    )["accessToken"]


def test_from_the_browser_to_credentials_and_the_console(server):
    token, portal = signed_in(server), client(server, "sso")
    pages = portal.get_paginator("list_accounts").paginate(accessToken=token)
    accounts = [account for page in pages for account in page["accountList"]]
    assert [a["accountId"] for a in accounts] == ["333333333333"]
    pages = portal.get_paginator("list_account_roles").paginate(accessToken=token, accountId="333333333333")
    assert [r["roleName"] for page in pages for r in page["roleList"]] == ["AdministratorAccess", "ReadOnly"]
    ask = {"accessToken": token, "accountId": "333333333333", "roleName": "ReadOnly"}
    keys = portal.get_role_credentials(**ask)["roleCredentials"]
    sts = boto3.client(
        "sts", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"], aws_session_token=keys["sessionToken"],
    )  # fmt: skip
    assert sts.get_caller_identity()["Account"] == "333333333333"
    session = {"sessionId": keys["accessKeyId"], "sessionKey": keys["secretAccessKey"]}
    session["sessionToken"] = keys["sessionToken"]
    status, _, body = visit(server, "/federation", Action="getSigninToken", Session=json.dumps(session))
    assert status == 200
    login = {
        "Action": "login",
        "Destination": "https://console.aws.amazon.com/",
        "Issuer": "https://x.example",
    }
    status, _, body = visit(server, "/federation", **login, SigninToken=json.loads(body)["SigninToken"])
    assert (status, b"AWSReservedSSO_ReadOnly" in body) == (200, True)


def test_portal_and_oidc_errors_arrive_as_modeled(server):
    portal, oidc = client(server, "sso"), client(server, "sso-oidc")
    with pytest.raises(portal.exceptions.UnauthorizedException):
        portal.list_accounts(accessToken="nothing")
    token = signed_in(server)
    with pytest.raises(ClientError) as raised:
        portal.get_role_credentials(accessToken=token, accountId="333333333333", roleName="Nothing")
    assert raised.value.response["Error"]["Code"] == "ForbiddenException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(oidc.exceptions.InvalidClientException) as raised:
        oidc.start_device_authorization(clientId="x", clientSecret="y", startUrl=START)
    assert raised.value.response["error"] == "invalid_client"


def test_the_device_page_is_where_the_answer_says(server):
    server.sim.world.sign_in.browser = ""
    oidc = client(server, "sso-oidc")
    found = oidc.register_client(clientName="laptop", clientType="public")
    ours = {key: found[key] for key in ("clientId", "clientSecret")}
    device = oidc.start_device_authorization(**ours, startUrl=START)
    assert device["verificationUriComplete"].startswith(server.url)
    with urllib.request.urlopen(device["verificationUriComplete"]) as page:
        assert b"yes, as ana@host.example" in page.read()
    with urllib.request.urlopen(device["verificationUriComplete"] + "&user=ana@host.example"):
        pass
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    assert oidc.create_token(**ours, grantType=grant, deviceCode=device["deviceCode"])["accessToken"]
