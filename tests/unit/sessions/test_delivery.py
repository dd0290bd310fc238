"""Credentials to tools: formats, console (T-11), container endpoint (S-71), credential_process output (3.3)."""

from __future__ import annotations

import errno
import json
import re
import shlex
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.canaries import canary
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables
from tests.unit.sessions.fake_aws import Answer, FakeAws, endpoints
from tests.waiting import LONG, until

from gatepass.sessions.arn import parse_role_arn
from gatepass.sessions.client import conversation
from gatepass.sessions.delivery.browser import container_address
from gatepass.sessions.delivery.console import ConsoleWish, console_url, destination, duration_for, login_url
from gatepass.sessions.delivery.formats import FORMATS, environment, rendered, without_credentials
from gatepass.sessions.delivery.ssm import forwarding, start_command
from gatepass.sessions.errors import BadInput, Denied, NeedsHuman, SessionError, Upstream, scrub
from gatepass.sessions.model import Credentials, IamUser, Role, Session, SsoRole, StaticEndpoint, Workspace
from gatepass.sessions.partitions import PARTITIONS, partition_of_region
from gatepass.sessions.paths import Paths, paths_from
from gatepass.sessions.plan import console_step, plan
from gatepass.sessions.providers.local import parse_process_json, process_json
from gatepass.sessions.providers.saml import read_assertion
from gatepass.sessions.providers.totp import totp
from gatepass.sessions.providers.transport import Transport
from gatepass.sessions.vault.store import Vault
from gatepass.testing.clock import VirtualClock

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CREDENTIALS = Credentials("ASIAEXAMPLE000000000", "se'cr\"et$x", "to/ken+=", NOW, NOW, "222222222222")
ARN = parse_role_arn("arn:aws:iam::222222222222:role/developer")
SSO = Session("s", SsoRole(integration="i", account_id="2" * 12, role_name="r"), "s", region="eu-west-1")
CHAINED = Session("r", Role(role_arn=ARN, via="s"), "r", region="eu-west-1")
USER = Session("u", IamUser(session_token=False), "u")


def test_3_3_process_json_is_strict_rfc_3339() -> None:
    found = json.loads(process_json(CREDENTIALS, NOW, None))
    assert found == {
        "Version": 1,
        "AccessKeyId": "ASIAEXAMPLE000000000",
        "SecretAccessKey": "se'cr\"et$x",
        "SessionToken": "to/ken+=",
        "Expiration": "2026-01-02T03:04:05Z",
        "AccountId": "222222222222",
    }
    assert parse_process_json(json.dumps(found), "x", NOW - timedelta(hours=1)).expires_at == NOW


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"Version": 2}',
        '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"}',
        "[" * 99999,
    ],
)
def test_h7_a_process_that_prints_nonsense(text: str) -> None:
    with pytest.raises(BadInput, match="credential_process JSON"):
        parse_process_json(text, "x", NOW)


def test_h7_a_process_that_prints_expired_credentials() -> None:
    with pytest.raises(Upstream, match="expired already"):
        parse_process_json(process_json(CREDENTIALS, NOW, None).decode(), "x", NOW)


@pytest.mark.parametrize("form", FORMATS)
def test_s42_every_format_carries_the_values(form: str) -> None:
    variables = environment(CHAINED, CREDENTIALS, NOW)
    if form == "windows-cmd":
        with pytest.raises(BadInput, match="powershell"):
            rendered(form, variables, {})
        variables["AWS_SECRET_ACCESS_KEY"] = "plain"
    text = rendered(form, variables, {"AccessKeyId": "ASIAEXAMPLE000000000"})
    assert "ASIAEXAMPLE000000000" in text


def test_s42_a_shell_reads_back_what_was_meant() -> None:
    variables = environment(CHAINED, CREDENTIALS, NOW)
    text = rendered("env", variables, {}) + 'printf %s "$AWS_SECRET_ACCESS_KEY"'
    assert (
        subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True).stdout == "se'cr\"et$x"
    )
    for line in rendered("env-no-export", variables, {}).splitlines():
        assert len(shlex.split(line)) == 1
    with pytest.raises(BadInput):
        rendered("xml", variables, {})


def test_s41_no_other_credentials_are_left_in_the_environment() -> None:
    inherited = {
        "AWS_PROFILE": "x",
        "AWS_ACCESS_KEY_ID": "y",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "z",
        "AWS_REGION": "r",
    }
    assert without_credentials({**inherited, "PATH": "/bin"}) == {"AWS_REGION": "r", "PATH": "/bin"}
    assert environment(CHAINED, CREDENTIALS, NOW)["AWS_DEFAULT_REGION"] == "eu-west-1"
    local = Session("l", StaticEndpoint(endpoint_url="http://localhost:1"), "l")
    assert environment(local, CREDENTIALS, NOW)["AWS_ENDPOINT_URL"] == "http://localhost:1"


@pytest.mark.parametrize(
    ("region", "signin", "console"),
    [
        ("eu-west-1", "signin.aws.amazon.com", "console.aws.amazon.com"),
        ("us-gov-west-1", "signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com"),
        ("cn-north-1", "signin.amazonaws.cn", "console.amazonaws.cn"),
        ("eusc-de-east-1", "signin.amazonaws-eusc.eu", "console.amazonaws-eusc.eu"),
    ],
)
def test_t11_console_hosts_of_the_four_public_partitions(region: str, signin: str, console: str) -> None:
    partition = partition_of_region(region)
    url = login_url(partition, region, ConsoleWish(service="ec2"), "tok en", f"https://{partition.signin}")
    split = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(split.query))
    assert split.hostname == signin
    assert query["Destination"] == f"https://{region}.{console}/ec2/home?region={region}"
    assert query["SigninToken"] == "tok en"
    first = login_url(partition, region, ConsoleWish(logout_first=True), "t", f"https://{partition.signin}")
    assert urllib.parse.urlsplit(first).path == "/oauth"
    assert "/federation?Action=login" in urllib.parse.unquote(first)


def test_t11_partitions_that_are_not_public_are_said() -> None:
    for region in ("us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1"):
        with pytest.raises(BadInput, match="not public"):
            partition_of_region(region)
    assert {p.name for p in PARTITIONS} == {"aws", "aws-us-gov", "aws-cn", "aws-eusc"}


def test_s74_no_session_duration_for_chained_roles() -> None:
    steps = plan((SSO, CHAINED), {})
    assert duration_for(steps, 43200) is None
    assert duration_for(steps[:1], 43200) == 43200
    direct = plan((USER, Session("d", Role(role_arn=ARN, via="u"), "d")), {})
    assert duration_for(direct, 3600) == 3600
    assert duration_for(direct, None) is None
    with pytest.raises(BadInput, match="900 to 43200"):
        duration_for(direct, 899)


def test_t11_the_sign_in_call_itself(fake: FakeAws) -> None:
    transport = Transport(VirtualClock(NOW), endpoints(fake))
    space = Workspace({"s": SSO, "r": CHAINED})
    console_url(transport, space, plan((SSO, CHAINED), {}), CREDENTIALS, ConsoleWish(duration_seconds=3600))
    assert "SessionDuration" not in fake.params[-1][1]
    url = console_url(transport, space, plan((SSO,), {}), CREDENTIALS, ConsoleWish(duration_seconds=3600))
    asked = fake.params[-1][1]
    assert asked["SessionDuration"] == "3600"
    assert json.loads(asked["Session"]) == {
        "sessionId": "ASIAEXAMPLE000000000",
        "sessionKey": "se'cr\"et$x",
        "sessionToken": "to/ken+=",
    }
    assert canary("Signin") in url
    assert "se'cr" not in urllib.parse.unquote(url)


def test_s75_stand_ins_have_no_console(fake: FakeAws) -> None:
    transport = Transport(VirtualClock(NOW), endpoints(fake))
    local = Session("l", StaticEndpoint(endpoint_url="http://x"), "l")
    with pytest.raises(BadInput):
        console_url(transport, Workspace(), plan((local,), {}), CREDENTIALS, ConsoleWish())


@pytest.mark.usefixtures("agent_ends", "key_vault")
def test_s75_an_iam_user_opens_the_console_as_a_federated_user(
    paths: Paths, fake: FakeAws, write: Callable[[Tables], None]
) -> None:
    """From the long-term keys, without MFA, never with a SessionDuration, and nothing of it is held."""
    write({("session", "gateway"): GATEWAY | {"mfa_serial": "arn:aws:iam::111111111111:mfa/dana"}})
    with conversation(paths) as talk:
        talk.call("stop", name="gateway")
        assert canary("Signin") in talk.call("console", name="gateway", duration=129_600)
        assert talk.call("agent")["held"] == 0
        with pytest.raises(BadInput, match="900 to 129600"):
            talk.call("console", name="gateway", duration=129_601)
    [asked] = [p for action, p in fake.params if action == "GetFederationToken"]
    assert asked["DurationSeconds"] == "129600"
    assert asked["Name"] == "dana@example.com"
    assert json.loads(asked["Policy"])["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    assert "SessionDuration" not in fake.params[-1][1]
    assert fake.calls["GetSessionToken"] == 0
    issued = [json.loads(line) for line in paths.audit.read_text().splitlines()][-1]
    assert (issued["event"], issued["how"], issued["session"]) == ("issued", "console", "gateway")


@pytest.mark.usefixtures("agent_ends", "key_vault")
def test_s75_a_console_policy_narrows_and_a_refusal_says_what_helps(
    paths: Paths, fake: FakeAws, write: Callable[[Tables], None]
) -> None:
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    write({("session", "gateway"): GATEWAY | {"console_policy_arns": [arn], "duration": 3600}})
    fake.fail["GetFederationToken"] = [Answer(403, "AccessDenied", "not authorized to perform")]
    with conversation(paths) as talk:
        with pytest.raises(Denied, match=r"allow sts:GetFederationToken without MFA; else open the console"):
            talk.call("console", name="gateway")
        talk.call("console", name="gateway")
    asked = [p for action, p in fake.params if action == "GetFederationToken"][-1]
    assert asked["PolicyArns.member.1.arn"] == arn
    assert asked["DurationSeconds"] == "3600"
    assert "Policy" not in asked


def test_s75_explain_says_how_an_iam_user_signs_in() -> None:
    step = console_step(Session("u", IamUser(console_policy="{}"), "u", duration=timedelta(hours=2)), None)
    assert (step.call, step.lasts) == ("sts:GetFederationToken", timedelta(hours=2))
    assert "both allow" in step.why
    assert console_step(USER, None).lasts == timedelta(hours=12)


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "http://console.aws.amazon.com/", "https://xconsole.aws.amazon.com"]
)
def test_the_console_destination_stays_in_the_console(address: str) -> None:
    with pytest.raises(BadInput, match="--destination"):
        destination(partition_of_region("eu-west-1"), "eu-west-1", ConsoleWish(destination=address))
    with pytest.raises(BadInput, match="--service"):
        destination(partition_of_region("eu-west-1"), "eu-west-1", ConsoleWish(service="../x"))


def test_s77_firefox_containers_get_the_address_escaped() -> None:
    assert (
        container_address("https://a/?b=c&d", "my box")
        == "ext+container:name=my%20box&url=https%3A%2F%2Fa%2F%3Fb%3Dc%26d"
    )


def test_s46_ssm_takes_instance_ids_only() -> None:
    assert start_command("i-0123456789abcdef0", "doc", "a=b")[:5] == [
        "aws",
        "ssm",
        "start-session",
        "--target",
        "i-0123456789abcdef0",
    ]
    with pytest.raises(BadInput):
        start_command("--help", None, None)


@pytest.mark.parametrize(
    ("text", "document", "values"),
    [
        ("80", "AWS-StartPortForwardingSession", {"localPortNumber": ["80"], "portNumber": ["80"]}),
        ("8080:80", "AWS-StartPortForwardingSession", {"localPortNumber": ["8080"], "portNumber": ["80"]}),
        (
            "5433:db.local:5432",
            "AWS-StartPortForwardingSessionToRemoteHost",
            {"host": ["db.local"], "localPortNumber": ["5433"], "portNumber": ["5432"]},
        ),
        (
            "db.local:5432",
            "AWS-StartPortForwardingSessionToRemoteHost",
            {"host": ["db.local"], "localPortNumber": ["5432"], "portNumber": ["5432"]},
        ),
    ],
)
def test_s46_ports_are_forwarded(text: str, document: str, values: dict[str, list[str]]) -> None:
    found = forwarding(text)
    assert found[0] == document
    assert json.loads(found[1]) == values


@pytest.mark.parametrize("text", ["", "x", "0", "70000", "1:2:3", "a:b:3", "1:-x:3", "1:a:b:2"])
def test_s46_nonsense_is_no_port(text: str) -> None:
    with pytest.raises(BadInput, match="--forward"):
        forwarding(text)


def test_s30_secrets_are_scrubbed_from_texts() -> None:
    text = scrub(
        "key AKIAIOSFODNN7EXAMPLE secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY9 at /usr/lib/python3\nx\x1b[31m"
    )
    assert "AKIA" not in text
    assert "wJalr" not in text
    assert "/usr/lib/python3" in text
    assert "\n" not in text
    assert "\x1b" not in text


def test_s80_totp_agrees_with_the_rfc() -> None:
    """RFC 6238 appendix B, SHA-1, last six digits."""
    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for second, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        assert totp(seed, datetime.fromtimestamp(second, UTC)) == code
    with pytest.raises(BadInput, match="base32"):
        totp("not base32!", NOW)


def test_saml_assertions_are_read_without_entities() -> None:
    import base64

    body = (
        '<r xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion">'
        '<a:AuthnStatement SessionNotOnOrAfter="2026-01-02T04:00:00Z"/>'
        '<a:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role"><a:AttributeValue>'
        "arn:aws:iam::1:saml-provider/p,arn:aws:iam::1:role/r</a:AttributeValue></a:Attribute></r>"
    )
    ends, roles = read_assertion(base64.b64encode(body.encode()).decode())
    assert ends == datetime(2026, 1, 2, 4, tzinfo=UTC)
    assert roles == (("arn:aws:iam::1:role/r", "arn:aws:iam::1:saml-provider/p"),)
    for bad in ("!!!", base64.b64encode(b"<!DOCTYPE x>").decode(), base64.b64encode(b"<x").decode()):
        with pytest.raises(BadInput):
            read_assertion(bad)


def test_s31_places_and_the_socket_limit() -> None:
    found = paths_from({"HOME": "/h", "XDG_RUNTIME_DIR": "/run/user/1"}, platform="linux")
    assert str(found.socket) == "/run/user/1/gatepass/agent.sock"
    assert (
        str(paths_from({"HOME": "/h"}, platform="linux").socket) == "/h/.local/state/gatepass/run/agent.sock"
    )
    assert (
        str(paths_from({"HOME": "/h", "TMPDIR": "/t"}, platform="darwin").socket) == "/t/gatepass/agent.sock"
    )
    assert Paths.from_words(list(found.words())) == found
    with pytest.raises(BadInput, match="shorter"):
        paths_from({"GATEPASS_HOME": "/" + "x" * 100})


# --- endpoint ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("agent_ends", "key_vault")
def test_s71_the_container_endpoint(paths: Paths, fake: FakeAws, write: Callable[[Tables], None]) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV, ("session", "other"): GATEWAY})

    def fetch(path: str, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{opened['port']}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=LONG) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    with conversation(paths) as talk:
        opened = talk.call("endpoint", names=["dev"])
        token = opened["token"]
        talk.call("start", name="dev")  # else the first answer may be 503 after 1.8 s: "are being made"
        status, body = fetch("/v1/dev", Authorization=token)
        assert status == 200
        assert set(body) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration", "AccountId"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["Expiration"])
        assert fetch("/v1/dev")[0] == 401
        assert fetch("/v1/dev", Authorization="wrong")[0] == 401
        assert fetch("/v1/other", Authorization=token)[0] == 404
        assert fetch("/v1/dev", Authorization=token, Host="evil.example")[0] == 403
        assert fetch("/v1/dev", Authorization=token, Origin="https://x")[0] == 403
        assert fetch("/v1/dev", Authorization=token, **{"X-Forwarded-For": "1.2.3.4"})[0] == 403
        talk.call("stop", name="dev")
        status, body = fetch("/v1/dev", Authorization=token)
        assert status == 403
        assert "gatepass session start dev" in body["Message"]
        with pytest.raises(BadInput, match="--bind"):
            talk.call("endpoint", names=["gateway"], host="0.0.0.0")
        with pytest.raises(BadInput, match="--bind"):
            talk.call("endpoint", names=["gateway"], host="8.8.8.8")

    def is_closed() -> bool:
        with socket.socket() as knocking:
            return knocking.connect_ex(("127.0.0.1", opened["port"])) == errno.ECONNREFUSED

    until(is_closed)  # the token dies with its conversation


def test_s43_asking_for_what_nobody_has_is_an_error(paths: Paths, key_vault: Vault, agent_ends: None) -> None:
    with conversation(paths) as talk, pytest.raises((BadInput, NeedsHuman, SessionError)):
        talk.call("endpoint", names=["nosuch"])


def test_imports_stay_light(short_tmp: Path) -> None:
    """stack.md: commands that need no AWS import no boto3, httpx, pydantic, rich or yaml."""
    heavy = (
        "boto3",
        "botocore",
        "httpx",
        "pydantic",
        "rich",
        "yaml",
        "ruamel",
        "cryptography",
        "keyring",
        "requests",
    )
    env = {"GATEPASS_HOME": str(short_tmp / "g"), "PATH": "/usr/bin:/bin", "HOME": str(short_tmp)}
    for words in (
        ["session", "list"],
        ["status"],
        ["vault", "list"],
        ["prompt", "bash"],
        ["profiles", "--help"],
    ):
        code = f"import sys; sys.argv[1:] = {words!r}; from gatepass.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", code],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        loaded = {
            line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line
        }
        assert "click" in loaded
        assert not loaded & set(heavy), (words, loaded & set(heavy))


OPEN, NONE = ("xdg-open",), ()


@pytest.mark.parametrize(
    ("variables", "openers", "headless"),
    [
        ({"DISPLAY": ":0"}, OPEN, False),
        ({"WAYLAND_DISPLAY": "w"}, OPEN, False),
        ({"WAYLAND_DISPLAY": "w"}, ("firefox",), False),
        ({"DISPLAY": ":0"}, NONE, True),
        ({"DISPLAY": ":0"}, ("w3m", "lynx", "www-browser"), True),
        ({"DISPLAY": ":0", "BROWSER": "mine --new %s"}, ("mine",), False),
        ({"DISPLAY": ":0", "BROWSER": "gone:mine"}, ("mine",), False),
        ({"DISPLAY": ":0", "BROWSER": "gone"}, NONE, True),
        ({"DISPLAY": ":0", "BROWSER": "gone"}, OPEN, False),
        ({"BROWSER": "wslview"}, ("wslview",), False),
        ({"BROWSER": "'"}, OPEN, True),
        ({}, OPEN, True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "1.2.3.4"}, OPEN, True),
        ({"BROWSER": "mine", "SSH_CONNECTION": "1.2.3.4"}, ("mine",), True),
    ],
)
def test_s50_headless(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    openers: tuple[str, ...],
    headless: bool,
) -> None:
    """No display, a login by SSH, or neither BROWSER nor an opener: each alone means the device flow."""
    from gatepass.sessions.agent.headless import is_headless

    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for opener in openers:
        (tmp_path / opener).write_text("#!/bin/sh\n")
        (tmp_path / opener).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_headless() is headless


def test_s50_macos_and_windows_open_pages_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    from gatepass.sessions.agent.headless import is_headless

    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for platform in ("darwin", "win32"):
        monkeypatch.setattr("sys.platform", platform)
        assert not is_headless()


def test_s78_the_region_of_sts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Session, integration, settings, AWS_REGION, the partition's default; never the global endpoint."""
    from gatepass.sessions.agent.minter import region_of
    from gatepass.sessions.model import Integration, Settings

    monkeypatch.delenv("AWS_REGION", raising=False)
    china = parse_role_arn("arn:aws-cn:iam::222222222222:role/x")
    bare = Session("r", Role(role_arn=china, via="s"), "r")
    assert region_of(Workspace(), bare) == "cn-north-1"
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert region_of(Workspace(), bare) == "eu-north-1"
    assert region_of(Workspace(settings=Settings(region="eu-west-3")), bare) == "eu-west-3"
    sso = Session("s", SsoRole(integration="i", account_id="2" * 12, role_name="r"), "s")
    center = Integration("i", "identity-center", "https://x", "ap-south-1")
    assert region_of(Workspace({}, {"i": center}, Settings(region="eu-west-3")), sso) == "ap-south-1"
    assert region_of(Workspace({}, {"i": center}), SSO) == "eu-west-1"


def test_s76_the_console_address_is_printed_only_when_asked(
    fake: FakeAws, short_tmp: Path, write: Callable[[Tables], None], paths: Paths, key_vault: Vault
) -> None:
    """S-7: no desktop, no display, no server of gatepass; without a browser it says to use --print."""
    import os
    import shutil

    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    home = short_tmp / "g"
    shutil.copytree(paths.data, home)
    shutil.copy(paths.workspace, home / "workspace.toml")
    (home / "vault.bin").chmod(0o600)
    environment = {"GATEPASS_HOME": str(home), "HOME": str(short_tmp), "PATH": os.environ["PATH"]}
    gatepass = str(Path(sys.executable).with_name("gatepass"))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [gatepass, *words], env=environment, capture_output=True, text=True, check=False
        )

    try:
        quiet = run("console", "dev")
        assert quiet.returncode == 2
        assert "--print" in quiet.stderr
        assert canary("Signin") not in quiet.stdout + quiet.stderr
        assert canary("Signin") in run("console", "dev", "--print").stdout
    finally:
        run("agent", "stop")
