"""`agent = false` whole (S-36, part 7): each command works in its own process; what they share is locked and hidden."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables
from tests.unit.sessions.fake_aws import FakeAws
from tests.waiting import LONG

from gatepass.sessions.client import Person, conversation, forget_everything, uses_agent
from gatepass.sessions.errors import NeedsHuman
from gatepass.sessions.launcher.install import install_launcher
from gatepass.sessions.launcher.kernelkeys import KernelKeys
from gatepass.sessions.paths import Paths, kernel_name
from gatepass.sessions.vault.store import Vault
from gatepass.sessions.workspace.edit import edit_workspace

Write = Callable[[Tables], None]


def kernel_keys() -> KernelKeys:
    """The kernel's keyring, or a skip that says why."""
    try:
        keys = KernelKeys()
        keys.read("gatepass:test")
    except OSError as error:
        pytest.skip(f"the kernel's keyring cannot be used here: {error}")
    return keys


@pytest.fixture(params=["kernel", "file"])
def launcher(
    request: pytest.FixtureRequest, paths: Paths, fake: FakeAws, write: Write, key_vault: Vault
) -> Iterator[Path]:
    if request.param == "kernel":
        kernel_keys()
    write({("session", "gateway"): {**GATEWAY, "session_token": False}, ("session", "dev"): DEV})
    text = paths.workspace.read_text()
    head = f'[settings]\nagent = false\ncache = "{request.param}"\n'
    paths.workspace.write_text(text.replace("[settings]\n", head))
    yield install_launcher(paths)
    forget_everything(paths)
    assert not paths.socket.exists(), "an agent appeared"


def take(launcher: Path, profile: str = "dev") -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(launcher), profile], capture_output=True, text=True, check=False, timeout=LONG)


def test_s36_a_kept_set_serves_every_process_until_it_is_stopped(
    paths: Paths, fake: FakeAws, launcher: Path
) -> None:
    first = json.loads(take(launcher).stdout)
    assert json.loads(take(launcher).stdout) == first
    assert fake.calls == {"AssumeRole": 1}
    with conversation(paths) as talk:
        assert talk.call("get", name="dev") == first
        rows = {row["name"]: row for row in talk.call("status")}
        assert rows["dev"]["state"] == "active"
        talk.call("stop", name="dev")
    refused = take(launcher)
    assert refused.returncode == 1
    assert refused.stderr == "gatepass: session 'dev' was stopped; run: gatepass session start dev\n"
    with conversation(paths) as talk:
        talk.call("start", name="dev")
    assert json.loads(take(launcher).stdout)["AccessKeyId"] != first["AccessKeyId"]
    assert fake.calls == {"AssumeRole": 2}


def test_s29_lock_removes_what_is_shared(paths: Paths, fake: FakeAws, launcher: Path) -> None:
    take(launcher)
    forget_everything(paths)
    take(launcher)
    assert fake.calls == {"AssumeRole": 2}


def test_an_edited_recipe_is_minted_anew_and_other_edits_cost_nothing(
    paths: Paths, fake: FakeAws, launcher: Path
) -> None:
    take(launcher)
    edit_workspace(paths.workspace, {("session", "other"): {"kind": "process", "command": ["true"]}})
    take(launcher)
    assert fake.calls == {"AssumeRole": 1}
    edit_workspace(paths.workspace, {("session", "dev"): {**DEV, "external_id": "wall-7"}})
    take(launcher)
    assert fake.calls == {"AssumeRole": 2}


def test_s41_the_endpoint_lives_in_the_command_that_opened_it(
    paths: Paths, fake: FakeAws, launcher: Path
) -> None:
    import urllib.request

    with conversation(paths) as talk:
        talk.call("start", name="dev")  # else the first answer may be 503 after 1.8 s: "are being made"
        opened = talk.call("endpoint", names=["dev"])
        asked = urllib.request.Request(
            f"http://127.0.0.1:{opened['port']}/v1/dev", headers={"Authorization": opened["token"]}
        )
        with urllib.request.urlopen(asked, timeout=LONG) as answer:
            assert json.loads(answer.read())["AccessKeyId"].startswith("ASIA")


def test_s16_who_took_credentials_is_in_the_log(paths: Paths, fake: FakeAws, launcher: Path) -> None:
    for _ in range(2):
        take(launcher)
    events = [json.loads(line) for line in paths.audit.read_text().splitlines()]
    issued = [event for event in events if event["event"] == "issued"]
    assert len(issued) == 2
    assert all(event["session"] == "dev" and event["pid"] and event["exe"] for event in issued)


def test_part_7_the_kernel_key_is_timed_and_the_launcher_needs_no_second_look(
    paths: Paths, fake: FakeAws, write: Write, key_vault: Vault
) -> None:
    """Kept by the kernel alone: no file holds it, and neither vault nor gatepass's own modules are touched."""
    keys = kernel_keys()
    write({("session", "gateway"): {**GATEWAY, "session_token": False}, ("session", "dev"): DEV})
    text = paths.workspace.read_text()
    paths.workspace.write_text(text.replace("[settings]\n", "[settings]\nagent = false\n"))
    launcher = install_launcher(paths)
    first = take(launcher)
    paths.vault.rename(paths.vault.with_suffix(".away"))
    assert take(launcher).stdout == first.stdout
    found = keys.read(kernel_name(paths, "dev"))
    assert found is not None
    until = int(found.split(b"\n")[0].split(b" ")[1])
    assert time.time() + 2000 < until < time.time() + 2400  # an hour less the window in which it is replaced
    secret = json.loads(first.stdout)["SecretAccessKey"].encode()
    for path in paths.config.parent.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes()
    paths.vault.with_suffix(".away").rename(paths.vault)
    forget_everything(paths)
    assert keys.read(kernel_name(paths, "dev")) is None


def test_part_7_guarded_sessions_are_never_served_without_a_look(
    paths: Paths, fake: FakeAws, write: Write, key_vault: Vault
) -> None:
    keys = kernel_keys()
    write(
        {
            ("session", "gateway"): {**GATEWAY, "session_token": False},
            ("session", "dev"): {**DEV, "allow": [os.path.realpath(sys.executable)]},
        }
    )
    text = paths.workspace.read_text()
    paths.workspace.write_text(text.replace("[settings]\n", "[settings]\nagent = false\n"))
    launcher = install_launcher(paths)
    assert take(launcher).returncode == 0
    found = keys.read(kernel_name(paths, "dev"))
    assert found is not None
    assert found.startswith(found.split(b" ")[0] + b" 0\n")
    forget_everything(paths)


def test_a_passphrase_is_asked_for_by_the_command_itself(paths: Paths, fake: FakeAws, write: Write) -> None:
    from gatepass.sessions.vault import keys

    def make(install: str) -> tuple[bytearray, keys.Provider]:
        provider = keys.passphrase_provider()
        return keys.passphrase_key("open sesame", provider), provider

    Vault.create(paths.vault, make)
    write({("session", "gateway"): {**GATEWAY, "session_token": False}})
    text = paths.workspace.read_text()
    paths.workspace.write_text(text.replace("[settings]\n", "[settings]\nagent = false\n"))
    assert not uses_agent(paths)

    class Here(Person):
        def ask(self, kind: str, text: str) -> str:
            assert kind == "passphrase"
            return "open sesame"

    with conversation(paths, Here()) as talk:
        talk.call(
            "put_secret", name="iam-user/gateway", value={"access_key_id": "A", "secret_access_key": "B"}
        )
    with conversation(paths) as talk, pytest.raises(NeedsHuman, match="vault passphrase"):
        talk.call("put_secret", name="iam-user/gateway", value={})
