"""The simulator over HTTP: what is behind it, what is beside it, and the AWS CLI in front of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.waiting import LONG

from gatepass.clock import SystemClock
from gatepass.sim import Settings, build, root_credential, two_tenants
from gatepass.sim.server import SimServer
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, FOO_ROLE, HOST_ROLE, SECRET

FOO_INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000000"


@pytest.fixture
def server():
    sim = build(two_tenants({"tenant_foo": "ext-foo"}), SystemClock(), Settings(rates={}))
    with SimServer(sim) as running:
        yield running


def ask(server, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(server.url + path, data=data)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_an_assignment_by_hand_is_in_the_truth_with_its_cause(server):
    wanted = {
        "instance": FOO_INSTANCE,
        "account": "333333333333",
        "permission_set": "ReadOnly",
        "user": "ana@host.example",
    }
    status, fact = ask(server, "/_sim/assignments", wanted)
    assert (status, fact["kind"]) == (200, "assignment")
    truth = ask(server, "/_sim/truth")[1]
    assert fact in truth["present"]
    assert truth["changes"][-1]["by"] == "hand"
    ask(server, "/_sim/assignments", {**wanted, "present": False})
    assert fact not in ask(server, "/_sim/truth")[1]["present"]


def test_calls_are_shown_without_what_they_answered(server):
    sts = boto3.client(
        "sts",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET,
    )
    sts.assume_role(RoleArn=FOO_ROLE, RoleSessionName="gp", ExternalId="ext-foo")
    calls = ask(server, "/_sim/calls?operation=AssumeRole")[1]["calls"]
    assert [(c["operation"], c["outcome"]) for c in calls] == [("AssumeRole", "ok")]
    assert "SecretAccessKey" not in json.dumps(calls)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [("/_sim/faults", [{"do": "explode"}], 400), ("/_sim/nothing", None, 404), ("/_sim/assignments", {}, 400),
     ("/_sim/accounts", {"account": "000000000000", "do": "suspend"}, 400)],
)  # fmt: skip
def test_wrong_inspection_is_told_what_is_known(server, path, body, expected):
    status, answer = ask(server, path, body)
    assert status == expected
    assert answer["error"]


def test_secrets_of_calls_are_not_shown(server):
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET}
    oidc = boto3.client("sso-oidc", endpoint_url=server.url, region_name="us-east-1", **keys)
    with pytest.raises(ClientError):
        oidc.create_token(
            clientId="x", clientSecret="canary-1", grantType="refresh_token", refreshToken="canary-2"
        )
    shown = json.dumps(ask(server, "/_sim/calls")[1])
    assert "CreateToken" in shown
    assert "canary" not in shown


def test_a_browser_is_told_where_it_is(server):
    with urllib.request.urlopen(server.url + "/") as page:
        assert b"simulated AWS" in page.read()


def test_moto_behind_keeps_accounts_apart():
    sim = build(two_tenants(), SystemClock(), Settings(rates={}))
    with SimServer(sim, everything=True) as running:
        keys = {"region_name": "us-east-1", "endpoint_url": running.url}
        host = boto3.client("sqs", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET, **keys)
        host.create_queue(QueueName="letters")
        credential = root_credential(sim.world, "123456789012")
        other = boto3.client(
            "sqs", aws_access_key_id=credential.access_key, aws_secret_access_key=credential.secret, **keys
        )
        assert "QueueUrls" not in other.list_queues()
        assert host.list_queues()["QueueUrls"]


def test_the_command_prints_what_leads_clients_to_it(tmp_path):
    """A3: `gatepass sim`."""
    script = tmp_path / "faults.yaml"
    script.write_text("- {operation: GetCallerIdentity, do: throttle, calls: [2]}\n")
    command = [str(Path(sys.executable).parent / "gatepass"), "sim", "--only-ours", "--output", "json"]
    running = subprocess.Popen([*command, "--faults", str(script)], stdout=subprocess.PIPE, text=True)
    try:
        variables = json.loads(running.stdout.readline())
        client = boto3.client(
            "sts",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            region_name=variables["AWS_DEFAULT_REGION"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )
        assert client.get_caller_identity()["Account"] == "111111111111"
        with pytest.raises(ClientError, match="Throttling"):
            client.get_caller_identity()
    finally:
        running.terminate()
        running.wait(LONG)


def test_the_date_of_answers_can_be_off(server):
    """For whoever compares the clock with AWS's (architecture.md 8)."""
    assert ask(server, "/_sim/clock", {"skew": 86_400})[0] == 200
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET}
    sts = boto3.client("sts", endpoint_url=server.url, region_name="us-east-1", **keys)
    before = server.sim.clock.now()
    said = parsedate_to_datetime(sts.get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"])
    day = timedelta(days=1)
    assert before - timedelta(seconds=1) <= said - day <= server.sim.clock.now()


def test_objects_of_any_name_and_size_go_through_to_moto():
    sim = build(two_tenants(), SystemClock(), Settings(rates={}))
    with SimServer(sim, everything=True) as running:
        s3 = boto3.client(
            "s3", endpoint_url=running.url, region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET,
        )  # fmt: skip
        s3.create_bucket(Bucket="letters")
        for key, body in (("a b/c+d=é~%25.txt", b"hello"), ("x//y", b"z" * 9_000_000)):
            s3.upload_fileobj(io.BytesIO(body), "letters", key)
            assert s3.head_object(Bucket="letters", Key=key)["ContentLength"] == len(body)
            assert s3.get_object(Bucket="letters", Key=key)["Body"].read() == body


def test_what_moto_does_not_know_is_a_clear_client_error():
    sim = build(two_tenants(), SystemClock(), Settings(rates={}))
    with SimServer(sim, everything=True) as running:
        client = boto3.client(
            "cloudtrail", endpoint_url=running.url, region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET, config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        with pytest.raises(ClientError, match=r"does not know .*ListChannels") as raised:
            client.list_channels()
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.slow
def test_the_aws_cli_works_with_the_printed_variables_alone(server, tmp_path):
    if shutil.which("aws") is None:
        pytest.skip("no AWS CLI on this machine")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": server.url,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
    }  # fmt: skip

    def aws(*words, expect=0):
        ran = subprocess.run(
            ["aws", *words, "--output", "json"], env=environment, capture_output=True, text=True
        )
        assert ran.returncode == expect or expect, ran.stderr
        return json.loads(ran.stdout) if not ran.returncode else ran.stderr

    assert aws("sts", "get-caller-identity")["Account"] == "111111111111"
    refused = aws("sts", "assume-role", "--role-arn", FOO_ROLE, "--role-session-name", "cli", expect=254)
    assert "AccessDenied" in refused
    found = aws("sts", "assume-role", "--role-arn", HOST_ROLE, "--role-session-name", "cli")
    assert found["AssumedRoleUser"]["Arn"].endswith("assumed-role/Gatepass/cli")


@pytest.mark.slow
def test_an_sso_profile_of_the_cli_gets_its_credentials_here(server, tmp_path):
    """The CLI's own token cache and portal call, with nothing but AWS_ENDPOINT_URL set."""
    if shutil.which("aws") is None:
        pytest.skip("no AWS CLI on this machine")
    sso = boto3.client("sso-oidc", endpoint_url=server.url, region_name="us-east-1")
    server.sim.world.sign_in.browser = "dan@host.example"
    start = "https://d-9067000000.awsapps.com/start"
    ours = sso.register_client(clientName="cli", clientType="public", scopes=["sso:account:access"])
    ours = {key: ours[key] for key in ("clientId", "clientSecret")}
    device = sso.start_device_authorization(**ours, startUrl=start)["deviceCode"]
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    token = sso.create_token(**ours, grantType=grant, deviceCode=device)["accessToken"]
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    (tmp_path / ".aws" / "config").write_text(
        "[profile dan]\nsso_session = foo\nsso_account_id = 333333333333\nsso_role_name = ReadOnly\n"
        f"region = us-east-1\n[sso-session foo]\nsso_start_url = {start}\nsso_region = us-east-1\n"
    )
    kept = {
        "startUrl": start,
        "region": "us-east-1",
        "accessToken": token,
        "expiresAt": "2099-01-01T00:00:00Z",
    }
    (cache / f"{hashlib.sha1(b'foo').hexdigest()}.json").write_text(json.dumps(kept))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": server.url}
    words = ["aws", "sts", "get-caller-identity", "--profile", "dan", "--output", "json"]
    ran = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "AWSReservedSSO_ReadOnly" in json.loads(ran.stdout)["Arn"]
