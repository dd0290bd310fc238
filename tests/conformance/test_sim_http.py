"""The simulator over HTTP: what is behind it, what is beside it, and the AWS CLI in front of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from gatepass.clock import SystemClock
from gatepass.sim import Settings, build, root_credential, two_tenants
from gatepass.sim.seed_world import ACCESS_KEY, FOO_ROLE, HOST_ROLE, SECRET
from gatepass.sim.server import SimServer

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
        running.wait(10)


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
