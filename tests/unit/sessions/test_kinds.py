"""Every kind of session through the agent, and rules about time, clocks, prod and prompts that need all of it."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables, agent_pid, is_gone
from tests.unit.sessions.fake_aws import Answer, FakeAws, endpoints
from tests.unit.sessions.test_agent import Typist
from tests.unit.sessions.test_keeper import FakeSecrets
from tests.waiting import LONG, until

from gatepass.sessions.client import Conversation, conversation, link_to_agent, request
from gatepass.sessions.errors import BadInput, Denied, NeedsHuman, Upstream
from gatepass.sessions.launcher.install import install_launcher, launch_for
from gatepass.sessions.model import Credentials, IamUser, Session
from gatepass.sessions.paths import Paths
from gatepass.sessions.providers.iam import rotate_key
from gatepass.sessions.providers.transport import Transport
from gatepass.sessions.vault.store import Vault
from gatepass.testing.clock import VirtualClock

pytestmark = pytest.mark.usefixtures("agent_ends", "key_vault")
Write = Callable[[Tables], None]
ROLE = "arn:aws:iam::222222222222:role/developer"
PROVIDER = "arn:aws:iam::222222222222:saml-provider/idp"


def get(paths: Paths, name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(request(paths, f"get {name}"))
    return found


def assertion(role: str = ROLE, ends_in: timedelta = timedelta(hours=8)) -> str:
    ends = (datetime.now(UTC) + ends_in).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = (
        f'<r xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion"><a:AuthnStatement SessionNotOnOrAfter="{ends}"/>'
        '<a:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role"><a:AttributeValue>'
        f"{role},{PROVIDER}</a:AttributeValue></a:Attribute></r>"
    )
    return base64.b64encode(body.encode()).decode()


def test_process_web_identity_static_and_what_they_carry(
    paths: Paths, fake: FakeAws, write: Write, short_tmp: Path
) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {
        "Version": 1,
        "AccessKeyId": "ASIAPROCESS",
        "SecretAccessKey": "s",
        "SessionToken": "t",
        "Expiration": ends,
    }
    (short_tmp / "said").write_text(json.dumps(said))
    (short_tmp / "token").write_text("oidc-token\n")
    web = {"kind": "web-identity", "role_arn": ROLE}
    write(
        {
            ("session", "tool"): {"kind": "process", "command": ["cat", str(short_tmp / "said")]},
            ("session", "pod"): {**web, "token_file": str(short_tmp / "token")},
            ("session", "ci"): {**web, "token_command": ["echo", "from-command"]},
            ("session", "local"): {"kind": "static-endpoint", "endpoint_url": "http://localhost:4566"},
            ("session", "above"): {"kind": "role", "role_arn": ROLE, "via": "pod"},
            ("session", "broken"): {"kind": "process", "command": ["false"]},
        }
    )
    assert get(paths, "tool")["AccessKeyId"] == "ASIAPROCESS"
    assert get(paths, "pod")["AccountId"] == "222222222222"
    get(paths, "ci")
    assert [p["WebIdentityToken"] for op, p in fake.params] == ["oidc-token", "from-command"]
    assert get(paths, "local")["AccessKeyId"].startswith("AKIAGATEPASSDUMMY")
    get(paths, "above")
    assert fake.calls == {"AssumeRoleWithWebIdentity": 2, "AssumeRole": 1}
    with pytest.raises(Upstream, match="'false' ended with 1"):
        get(paths, "broken")


def test_saml_by_command_by_person_and_refused(
    paths: Paths, fake: FakeAws, write: Write, short_tmp: Path
) -> None:
    """The assertion's own end wins when it is earlier than what was asked."""
    (short_tmp / "assertion").write_text(assertion(ends_in=timedelta(minutes=30)))
    role = {"kind": "saml-role", "principal_arn": PROVIDER, "role_arn": ROLE}
    center = {"kind": "saml", "start_url": "https://idp.example/saml"}
    write(
        {
            ("integration", "idp"): {**center, "assertion_command": ["cat", str(short_tmp / "assertion")]},
            ("integration", "hand"): center,
            ("session", "auto"): {**role, "integration": "idp"},
            ("session", "typed"): {**role, "integration": "hand"},
            ("session", "other"): {**role, "integration": "hand", "role_arn": ROLE + "2"},
        }
    )
    get(paths, "auto")
    assert 1700 < int(fake.params[0][1]["DurationSeconds"]) <= 1800
    with pytest.raises(NeedsHuman, match="needs a SAML assertion"):
        get(paths, "typed")
    with conversation(paths, Typist(assertion())) as talk:
        talk.call("start", name="typed")
    with conversation(paths, Typist(assertion())) as talk, pytest.raises(Denied, match="does not offer"):
        talk.call("start", name="other")


def test_s12_too_long_is_asked_again_for_an_hour_and_remembered(
    paths: Paths, fake: FakeAws, write: Write
) -> None:
    fake.max_session[ROLE] = 3600
    write({("session", "gateway"): GATEWAY, ("session", "dev"): {**DEV, "duration": 14400}})
    get(paths, "dev")
    assert [p["DurationSeconds"] for op, p in fake.params] == ["14400", "3600"]
    assert json.loads(paths.learned.read_text())[ROLE]["refused"] == 14400
    request(paths, "stop dev")
    with conversation(paths) as talk:
        talk.call("start", name="dev")
    assert fake.params[-1][1]["DurationSeconds"] == "3600"
    assert fake.calls["AssumeRole"] == 3


def test_s12_auto_asks_for_what_aws_accepted_before(paths: Paths, fake: FakeAws, write: Write) -> None:
    """One long session of a role is enough: every `auto` of it may then last as long."""
    user = {**GATEWAY, "session_token": False}
    write(
        {
            ("session", "gateway"): user,
            ("session", "long"): {**DEV, "duration": 14400},
            ("session", "dev"): DEV,
        }
    )
    get(paths, "dev")
    get(paths, "long")
    request(paths, "stop dev")
    with conversation(paths) as talk:
        talk.call("start", name="dev")
    assert [p["DurationSeconds"] for op, p in fake.params] == ["3600", "14400", "14400"]


def test_s12_the_retry_takes_another_mfa_code(paths: Paths, fake: FakeAws, write: Write) -> None:
    """S-35: no code is sent twice, not even after a refusal for another reason."""
    serial = "arn:aws:iam::111111111111:mfa/dana"
    fake.max_session[ROLE] = 3600
    write(
        {
            ("session", "gateway"): {**GATEWAY, "mfa_serial": serial},
            ("session", "dev"): {**DEV, "duration": 14400},
        }
    )
    with conversation(paths, Typist("111111", "222222")) as talk:
        talk.call("start", name="dev")
    asked = [(p["DurationSeconds"], p["TokenCode"]) for op, p in fake.params]
    assert asked == [("14400", "111111"), ("3600", "222222")]


def test_role_options_reach_sts(paths: Paths, fake: FakeAws, write: Write) -> None:
    options: dict[str, object] = {
        "external_id": "wall-7",
        "policy": '{"Version":"2012-10-17","Statement":[]}',
        "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "session_tags": {"team": "data"},
        "transitive_tag_keys": ["team"],
        "source_identity": "dana",
        "role_session_name": "chosen",
    }
    write({("session", "gateway"): GATEWAY, ("session", "dev"): {**DEV, **options}})
    get(paths, "dev")
    asked = fake.params[-1][1]
    assert asked["ExternalId"] == "wall-7"
    assert asked["PolicyArns.member.1.arn"].endswith("ReadOnlyAccess")
    assert (asked["Tags.member.1.Key"], asked["Tags.member.1.Value"]) == ("team", "data")
    assert asked["TransitiveTagKeys.member.1"] == "team"
    assert (asked["SourceIdentity"], asked["RoleSessionName"]) == ("dana", "chosen")


def test_s49_a_login_is_one_line_and_waits_for_nothing(paths: Paths, fake: FakeAws, write: Write) -> None:
    center = {"kind": "identity-center", "start_url": "https://c.awsapps.com/start", "region": "eu-west-1"}
    role = {"kind": "sso-role", "integration": "corp", "account_id": "3" * 12, "role_name": "Admin"}
    write({("integration", "corp"): center, ("session", "prod-ro"): role})
    launcher = install_launcher(paths)
    request(paths, "status")
    done = subprocess.run(
        [str(launcher), "prod-ro"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1
    assert done.stderr == "gatepass: integration 'corp' needs login; run: gatepass login corp\n"
    assert not fake.calls  # what could take longer than the 300 ms
    assert json.loads(request(paths, "status prod-ro"))[0]["state"] == "needs-login"


def test_s32_prod_asks_whoever_watches_once_per_tree(paths: Paths, fake: FakeAws, write: Write) -> None:
    write({("session", "gateway"): {**GATEWAY, "prod": True}})
    get(paths, "gateway")  # nobody is there to be asked
    link = link_to_agent(paths)
    person = Typist("no", "yes")
    watcher = Conversation(link, person)
    watcher.call("watch", confirm=True)
    serving = threading.Thread(target=_answer_questions, args=(watcher,), daemon=True)
    serving.start()
    with pytest.raises(Denied, match="was not confirmed"):
        get(paths, "gateway")
    get(paths, "gateway")
    get(paths, "gateway")
    assert len(person.asked) == 2
    assert "wants session 'gateway'" in person.asked[0][1]
    link.shutdown(socket.SHUT_RDWR)
    serving.join(LONG)


def _answer_questions(watcher: Conversation) -> None:
    try:
        for _ in watcher.events():
            continue
    except (Upstream, OSError, ValueError):
        return


def test_s33_the_agent_leaves_when_nothing_needs_it(paths: Paths, fake: FakeAws, write: Write) -> None:
    write({("session", "gateway"): GATEWAY})
    text = paths.workspace.read_text().replace("[settings]\n", "[settings]\nidle_exit = 1\n")
    paths.workspace.write_text(text)
    request(paths, "status")
    pid = agent_pid(paths)
    assert pid is not None
    until(lambda: is_gone(pid))
    assert not paths.socket.exists()


def test_s33_socket_activation_keeps_the_systems_listener(paths: Paths, short_tmp: Path) -> None:
    """LISTEN_FDS as systemd passes it: the agent serves descriptor 3 and leaves the socket file alone."""
    paths.run.mkdir(mode=0o700)
    paths.state.mkdir(mode=0o700)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(paths.socket))
    listener.listen(8)
    argv = launch_for(paths).argv
    code = (
        "import os, sys; fd = int(sys.argv[1]); os.dup2(fd, 3); os.environ['LISTEN_FDS'] = '1'; "
        "os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[2], sys.argv[2:])"
    )
    command = [sys.executable, "-c", code, str(listener.fileno()), *argv]
    child = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
    try:
        assert request(paths, "hello 1", start_it=False).split()[1] == str(child.pid).encode()
        request(paths, "quit", start_it=False)
        child.wait(LONG)
        assert paths.socket.exists()
    finally:
        child.kill()
        child.wait()
        listener.close()
        os.unlink(paths.socket)


def test_s79_a_wrong_clock_is_learned_and_used(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    import botocore.auth

    monkeypatch.setattr(botocore.auth, "get_current_datetime", botocore.auth.get_current_datetime)
    right = datetime(2026, 3, 1, tzinfo=UTC)
    fake.now = VirtualClock(right).now
    clock = VirtualClock(right - timedelta(minutes=50))
    transport = Transport(clock, endpoints(fake))
    keys = Credentials("AKIAEXAMPLEGATEWAY01", "x")
    refused = Answer(403, "SignatureDoesNotMatch", "Signature expired")
    fake.fail["GetCallerIdentity"] = [refused]
    transport.call("sts", "get_caller_identity", {}, region="eu-west-1", credentials=keys, doing="x")
    assert fake.calls["GetCallerIdentity"] == 2
    assert transport.skew == timedelta(minutes=50)
    assert transport.now() == right


class _Iam(Transport):
    """Scripted IAM calls."""

    def __init__(self, fail_caller: bool) -> None:
        super().__init__(VirtualClock())
        self.done: list[tuple[str, object]] = []
        self._fail = fail_caller

    def call(self, service: str, operation: str, params: object, **more: object) -> dict[str, object]:  # type: ignore[override]
        self.done.append((operation, params))
        if operation == "create_access_key":
            return {"AccessKey": {"AccessKeyId": "AKIANEW", "SecretAccessKey": "new"}}
        if operation == "get_caller_identity":
            if self._fail:
                raise Upstream("not yet")
            return {"Account": "1", "Arn": "a", "UserId": "u"}
        return {}


def test_key_rotation_deletes_the_old_key_only_after_the_new_one_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets, session = FakeSecrets(), Session("u", IamUser(), "u")
    good = _Iam(fail_caller=False)
    assert rotate_key(good, secrets, session, Credentials("A", "b")) == "AKIANEW"
    assert secrets.values["iam-user/u"]["secret_access_key"] == "new"
    assert [op for op, _ in good.done] == ["create_access_key", "get_caller_identity", "delete_access_key"]
    assert good.done[-1][1] == {"AccessKeyId": "AKIA"}
    monkeypatch.setattr("gatepass.sessions.providers.iam.ARRIVAL_SECONDS", -1.0)
    bad = _Iam(fail_caller=True)
    with pytest.raises(Upstream):
        rotate_key(bad, secrets, session, Credentials("A", "b"))
    assert secrets.values["iam-user/u"]["secret_access_key"] == "new"
    assert bad.done[-1] == ("delete_access_key", {"AccessKeyId": "AKIANEW"})


def test_s23_autostart_and_the_prompt_file(
    paths: Paths, fake: FakeAws, write: Write, key_vault: Vault
) -> None:
    write({("session", "gateway"): {**GATEWAY, "autostart": True}})
    request(paths, "hello 1")
    until(lambda: fake.calls)
    get(paths, "gateway")
    assert fake.calls == {"GetSessionToken": 1}
    held = json.loads(paths.prompt.read_text())
    assert held["gateway"]["state"] == "active"
    shell = subprocess.run(
        [
            "bash",
            "-c",
            f"{_prompt(paths)}\nGATEPASS_SESSION=gateway gatepass_prompt; AWS_PROFILE=x gatepass_prompt",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shell.stdout == "[gateway] "


def _prompt(paths: Paths) -> str:
    from gatepass.cli.shells import prompt_function

    return prompt_function("bash", str(paths.prompt))


def test_h7_bad_conversations_do_not_hurt_the_agent(paths: Paths, write: Write, fake: FakeAws) -> None:
    write({("session", "gateway"): GATEWAY})
    for garbage in (
        b"control 1\n" + b"x" * 200_000 + b"\n",
        b"control 1\n" + b"[" * 50_000 + b"\n",
        os.urandom(5000),
    ):
        with socket.socket(socket.AF_UNIX) as link:
            if agent_pid(paths) is None:
                request(paths, "hello 1")
            link.connect(str(paths.socket))
            link.sendall(garbage)
    with conversation(paths) as talk:
        with pytest.raises(BadInput):
            talk.call("start")
        with pytest.raises(BadInput):
            talk.call("login", name="nope")
        assert talk.call("status", name="gateway")[0]["state"] == "inactive"


LIES = {
    "html": "<html><body>proxy error</body></html>",
    "cut": "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</Acc",
    "empty": "<AssumeRoleResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult/>"
    "</AssumeRoleResponse>",
    "no expiry": "<AssumeRoleResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult><Credentials>"
    "<AccessKeyId>A</AccessKeyId><SecretAccessKey>B</SecretAccessKey></Credentials></AssumeRoleResult>"
    "</AssumeRoleResponse>",
}


@pytest.mark.parametrize("lie", sorted(LIES))
def test_h7_a_server_that_lies_is_one_line_and_nobody_hangs(
    paths: Paths, fake: FakeAws, write: Write, lie: str
) -> None:
    write({("session", "gateway"): {**GATEWAY, "session_token": False}, ("session", "dev"): DEV})
    fake.lies["AssumeRole"] = LIES[lie]
    with pytest.raises(Upstream) as caught:
        request(paths, "get dev")
    assert "\n" not in str(caught.value)
    assert "session 'dev'" in str(caught.value)
    fake.lies.clear()
    get(paths, "dev")


def test_h7_a_portal_that_lies(paths: Paths, fake: FakeAws, write: Write, key_vault: Vault) -> None:
    center = {"kind": "identity-center", "start_url": "https://c.awsapps.com/start", "region": "eu-west-1"}
    role = {"kind": "sso-role", "integration": "corp", "account_id": "3" * 12, "role_name": "Admin"}
    write({("integration", "corp"): center, ("session", "s"): role})
    fake.accounts = [("3" * 12, "x", ["Admin"])]
    token = fake.new_token()
    ends = int((time.time() + 7200) * 1000)
    value = {
        "access_token": token["accessToken"],
        "expires_at": ends,
        "refresh_token": None,
        "registration": None,
    }
    key_vault.put("integration/corp/token", value)
    for body in ("<html>", "{}", '{"roleCredentials": {}}', "[]"):
        fake.lies["portal:/federation/credentials"] = body
        with pytest.raises(Upstream):
            request(paths, "get s")
    fake.lies.clear()
    assert get(paths, "s")["AccountId"] == "3" * 12
