"""Taking over from other tools (S-56) and handing on (S-57)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sessions.conftest import GATEWAY_KEY, GATEWAY_SECRET
from tests.unit.sessions.fake_aws import FakeAws
from tests.waiting import LONG

from gatepass.sessions.errors import BadInput
from gatepass.sessions.importing.aws_config import comment_out_keys, read_aws
from gatepass.sessions.importing.found import clean_name, drop_broken_chains, new_only
from gatepass.sessions.importing.leapp import open_leapp, read_leapp
from gatepass.sessions.importing.others import read_aws_sso_cli, read_aws_vault
from gatepass.sessions.model import IamUser, Session, Workspace
from gatepass.sessions.workspace.edit import edited
from gatepass.sessions.workspace.reading import parse_workspace
from gatepass.sessions.workspace.schema import NAME

CONFIG = b"""\
[default]
region = us-east-1
[profile base]
region = eu-west-1
mfa_serial = arn:aws:iam::111111111111:mfa/dana
[profile admin]
role_arn = arn:aws:iam::222222222222:role/ops/admin
source_profile = base
external_id = xyz-1
duration_seconds = 7200
[profile self]
role_arn = arn:aws:iam::222222222222:role/x
source_profile = self
[profile ec2]
role_arn = arn:aws:iam::222222222222:role/x
credential_source = Ec2InstanceMetadata
[profile sso]
sso_session = corp
sso_account_id = 333333333333
sso_role_name = ReadOnly
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
[profile 'old sso']
sso_start_url = https://legacy.awsapps.com/start
sso_region = us-east-1
sso_account_id = 444444444444
sso_role_name = Admin
[profile granted]
granted_sso_start_url = https://corp.awsapps.com/start
granted_sso_region = eu-west-1
granted_sso_account_id = 555555555555
granted_sso_role_name = Dev
credential_process = granted credential-process --profile granted
[profile tool]
credential_process = /opt/tool --flag "a b"
[profile pod]
role_arn = arn:aws:iam::222222222222:role/pod
web_identity_token_file = /var/run/token
[profile cli-login]
login_session = arn:aws:iam::1:user/x
[profile orphan]
role_arn = arn:aws:iam::222222222222:role/y
source_profile = ec2
"""
CREDENTIALS = b"""\
# my keys
[base]
aws_access_key_id = AKIAEXAMPLEGATEWAY01
aws_secret_access_key = verysecret
[self]
aws_access_key_id=AKIASELF
aws_secret_access_key=other
[temporary]
aws_access_key_id = ASIAX
aws_secret_access_key = y
aws_session_token = z
"""


def test_s56_every_kind_of_profile_becomes_a_sound_session() -> None:
    found = drop_broken_chains(read_aws(CONFIG, CREDENTIALS), ())
    text = edited("version = 1\n", found.tables, Path("x"))
    workspace = parse_workspace(text, Path("x"))
    kinds = {name: session.kind for name, session in workspace.sessions.items()}
    assert kinds == {
        "base": "iam-user",
        "admin": "role",
        "self": "role",
        "self-keys": "iam-user",
        "sso": "sso-role",
        "old-sso": "sso-role",
        "granted": "sso-role",
        "tool": "process",
        "pod": "web-identity",
        "cli-login": "process",
        "temporary": "iam-user",
    }
    assert workspace.sessions["old-sso"].profile == "old-sso"  # a space could not be installed (S-39)
    assert set(workspace.integrations) == {"corp", "legacy"}
    assert found.keys["base"] == ("AKIAEXAMPLEGATEWAY01", "verysecret")
    assert "temporary" not in found.keys
    assert any("ec2" in line for line in found.skipped)
    assert any(line.startswith("orphan: its parent") for line in found.skipped)


def test_s56_commenting_out_keys_keeps_every_other_byte() -> None:
    after = comment_out_keys(CREDENTIALS.replace(b"\n", b"\r\n"), {"base"})
    assert b"verysecret" not in after
    assert b"AKIASELF" in after
    assert after.count(b"\r\n") == CREDENTIALS.count(b"\n")
    assert after.startswith(b"# my keys\r\n[base]\r\n# aws_access_key_id: moved")


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_h7_no_config_makes_the_reader_fail(config: bytes, credentials: bytes) -> None:
    found = read_aws(b"[profile a]\n" + config, credentials)
    assert all(table["kind"] for table in found.tables.values())


@given(st.text(max_size=120))
def test_names_are_always_usable(text: str) -> None:
    assert all(NAME.fullmatch(part) for part in clean_name(text).split("/"))


def encrypted(document: dict[str, Any], passphrase: str) -> bytes:
    """What crypto-js writes: OpenSSL's salted AES-256-CBC."""
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    salt, made, block = b"12345678", b"", b""
    while len(made) < 48:
        block = hashlib.md5(block + passphrase.encode() + salt).digest()
        made += block
    padder = padding.PKCS7(128).padder()
    body = padder.update(json.dumps(document).encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(made[:32]), modes.CBC(made[32:48])).encryptor()
    return base64.b64encode(b"Salted__" + salt + encryptor.update(body) + encryptor.finalize())


LEAPP: dict[str, Any] = {
    "_profiles": [{"id": "p1", "name": "work"}],
    "_awsSsoIntegrations": [
        {"id": "i1", "alias": "Corp", "portalUrl": "https://c.awsapps.com/start", "region": "eu-west-1"}
    ],
    "_idpUrl": [{"id": "u1", "url": "https://idp.example/saml"}],
    "_sessions": [
        {"sessionId": "1", "sessionName": "gate way", "type": "awsIamUser", "region": "eu-west-1", "profileId": "p1"},
        {"sessionId": "2", "sessionName": "truster", "type": "awsIamRoleChained", "parentSessionId": "1",
         "roleArn": "arn:aws:iam::222222222222:role/developer"},
        {"sessionId": "3", "sessionName": "sso", "type": "awsSsoRole", "awsSsoConfigurationId": "i1",
         "roleArn": "arn:aws:iam::333333333333/Admin"},
        {"sessionId": "4", "sessionName": "fed", "type": "awsIamRoleFederated", "idpUrlId": "u1",
         "idpArn": "arn:aws:iam::1:saml-provider/p", "roleArn": "arn:aws:iam::444444444444:role/f"},
        {"sessionId": "5", "sessionName": "local", "type": "localstack"},
        {"sessionId": "6", "sessionName": "lost", "type": "awsIamRoleChained", "parentSessionId": "9", "roleArn": "x"},
        {"sessionId": "7", "sessionName": "azure", "type": "azure"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("digest", [True, False])
def test_s56_leapp_opens_with_the_machine_id(digest: bool) -> None:
    key = hashlib.sha256(b"machine").hexdigest() if digest else "machine"
    found = read_leapp(open_leapp(encrypted(LEAPP, key), "machine"))
    workspace = parse_workspace(edited("version = 1\n", found.tables, Path("x")), Path("x"))
    kinds = {name: session.kind for name, session in workspace.sessions.items()}
    assert kinds == {
        "gate-way": "iam-user",
        "truster": "role",
        "sso": "sso-role",
        "fed": "saml-role",
        "local": "static-endpoint",
    }
    assert workspace.sessions["gate-way"].profile == "work"
    assert workspace.sessions["sso"].account_id == "333333333333"
    assert found.keys_elsewhere == ["gate-way"]
    assert found.skipped == ["lost: its parent session is missing"]
    with pytest.raises(BadInput, match="cannot be opened"):
        open_leapp(encrypted(LEAPP, key), "another")


def test_s56_aws_sso_cli_and_aws_vault() -> None:
    found = read_aws_sso_cli(
        {"SSOConfig": {"Default": {"StartUrl": "https://x/start", "SSORegion": "eu-west-1"}, "y": {}}}
    )
    assert found.tables["integration", "Default"]["start_url"] == "https://x/start"
    assert found.skipped == ["y: StartUrl is missing"]
    with pytest.raises(BadInput):
        read_aws_sso_cli([])

    def run(argv: Sequence[str]) -> str:
        if argv[1] == "list":
            return "one\ntwo\n"
        return '{"AccessKeyId": "AKIA", "SecretAccessKey": "s"}' if argv[-1] == "one" else "no"

    vault = read_aws_vault(run)
    assert vault.keys == {"one": ("AKIA", "s")}
    assert vault.skipped == ["two: aws-vault did not hand out its keys"]


def test_what_is_there_already_is_never_overwritten() -> None:
    found = new_only(read_aws(CONFIG, CREDENTIALS), Workspace({"base": Session("base", IamUser(), "base")}))
    assert ("session", "base") not in found.tables
    assert "session base: there is one of this name already" in found.skipped


def test_s56_keys_move_into_the_vault_once_aws_knows_them(short_tmp: Path, fake: FakeAws) -> None:
    """The whole command: vault written, proved with GetCallerIdentity, lines commented out, backup 0600, purge."""
    (short_tmp / "credentials").write_text(
        f"[base]\naws_access_key_id = {GATEWAY_KEY}\naws_secret_access_key = {GATEWAY_SECRET}\n"
        "[bad]\naws_access_key_id = AKIAUNKNOWNUNKNOWN00\naws_secret_access_key = x\n"
    )
    environment = {
        "GATEPASS_HOME": str(short_tmp / "g"),
        "HOME": str(short_tmp),
        "PATH": os.environ["PATH"],
        "AWS_CONFIG_FILE": str(short_tmp / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(short_tmp / "credentials"),
        "AWS_ENDPOINT_URL_STS": fake.url,
    }

    def gatepass(*words: str) -> str:
        command = [str(Path(sys.executable).with_name("gatepass")), *words]
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    try:
        gatepass("vault", "init", "--provider", "keyfile", "--key-file", str(short_tmp / "g" / "key"))
        assert "+ session base" in gatepass("import", "aws", "--dry-run")
        said = gatepass("import", "aws", "--move-keys")
        assert "base: its access key is in the vault" in said
        assert "bad: in the vault, but AWS does not accept it" in said
        left = (short_tmp / "credentials").read_text()
        assert GATEWAY_SECRET not in left
        assert "AKIAUNKNOWN" in left
        backup = short_tmp / "credentials.gatepass-keys.bak"
        assert backup.stat().st_mode & 0o777 == 0o600
        gatepass("import", "aws", "--purge")
        assert not backup.exists()
        config = short_tmp / "other"
        config.write_text(f"# mine\n[profile far]\naws_access_key_id = {GATEWAY_KEY}\n")
        config.open("a").write(f"aws_secret_access_key = {GATEWAY_SECRET}\nregion = eu-west-1\n")
        gatepass("import", "aws", str(config), "--move-keys")  # keys may lie in the config too
        assert GATEWAY_SECRET not in config.read_text()
        assert config.read_text().startswith("# mine\n[profile far]\n#")
        assert config.read_text().endswith("region = eu-west-1\n")
        gatepass("import", "aws", str(config), "--purge")
        assert not list(short_tmp.glob("*.bak"))
        exported = gatepass("export")
        assert '[session."base"]' in exported
        assert GATEWAY_SECRET not in exported
        assert gatepass("export", "--filter", "ba[d]").count("[session.") == 1
    finally:
        gatepass("agent", "stop")
