"""S-44: keys in the shared credentials file, only on request, marked, and gone when the agent no longer holds them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sessions.conftest import GATEWAY, Tables, agent_pid, end_process
from tests.unit.sessions.fake_aws import FakeAws

from gatepass.clock import from_ms
from gatepass.sessions.client import conversation, request
from gatepass.sessions.config import text
from gatepass.sessions.config.credentials import FileEntry, _planned, managed, put, remove, unmanaged
from gatepass.sessions.config.shadow import find_shadows
from gatepass.sessions.errors import BadInput, Unsafe
from gatepass.sessions.model import Credentials
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault.store import Vault

Write = Callable[[Tables], None]
ENDS = from_ms(1_800_000_000_000)


def entry(profile: str, key: str = "ASIA1") -> FileEntry:
    return FileEntry(profile, Credentials(key, "secret-canary", "token", ENDS), ENDS)


@given(st.binary(max_size=200).filter(lambda raw: b"gatepass:managed" not in raw and b"[dev]" not in raw))
@settings(max_examples=60)
def test_s2_every_other_byte_stays(raw: bytes) -> None:
    lines = text.decode(raw)
    ours = entry("dev").lines("\n")
    assert "".join(
        unmanaged([*lines, *([] if raw.endswith(b"\n") or not raw else ["\n"]), *ours])
    ).startswith(raw.decode("latin-1"))
    assert managed(ours) == ["dev"]


def test_s44_an_entry_is_marked_replaced_and_removed(short_tmp: Path) -> None:
    path, locks = short_tmp / "credentials", short_tmp / "locks"
    before = b"# mine\n[old]\naws_access_key_id = AKIAOLD\n"
    path.write_bytes(before)
    path.chmod(0o600)
    put(path, entry("dev"), locks)
    assert path.read_bytes().startswith(before + b"# gatepass:managed expires=2027-01-15T08:00:00Z\n[dev]\n")
    put(path, entry("dev", "ASIA2"), locks)
    put(path, entry("other"), locks)
    assert path.read_text().count("[dev]") == 1
    assert "ASIA2" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert remove(path, {"dev"}, locks) == ["dev"]
    assert remove(path, None, locks) == ["other"]
    assert remove(path, None, locks) == []
    assert path.read_bytes() == before
    assert not list(short_tmp.glob("*.bak")), "a backup would keep what was removed"


def test_s44_foreign_sections_and_open_files_are_refused(short_tmp: Path) -> None:
    path = short_tmp / "credentials"
    path.write_text("[dev]\naws_access_key_id = AKIAOLD\n")
    path.chmod(0o600)
    with pytest.raises(BadInput, match=r"has \[dev\] already"):
        put(path, entry("dev"), short_tmp / "locks")
    path.chmod(0o644)
    with pytest.raises(Unsafe, match="others could read it"):
        put(path, entry("new"), short_tmp / "locks")


def test_a_lost_end_mark_loses_no_foreign_line(short_tmp: Path) -> None:
    path = short_tmp / "credentials"
    lines = entry("dev").lines("\n")[:-1]
    path.write_text("".join(lines) + "[mine]\naws_access_key_id = AKIAOLD\n")
    path.chmod(0o600)
    assert _planned(path, {"dev": None}).after == b"[mine]\naws_access_key_id = AKIAOLD\n"


def test_s60_our_own_entry_is_no_shadow(short_tmp: Path) -> None:
    path = short_tmp / "credentials"
    put(path, entry("dev"), short_tmp / "locks")
    places = {"AWS_SHARED_CREDENTIALS_FILE": str(path), "AWS_CONFIG_FILE": str(short_tmp / "none")}
    assert find_shadows({"dev"}, places) == []


@pytest.fixture
def file(short_tmp: Path) -> Path:
    return short_tmp / "credentials"


@pytest.fixture
def ready(paths: Paths, fake: FakeAws, write: Write, key_vault: Vault, agent_ends: None) -> None:
    write({("session", "gateway"): GATEWAY})


def test_s44_stop_lock_and_the_agents_end_remove_it(paths: Paths, ready: None, file: Path) -> None:
    for end in ("stop gateway", "lock", "quit"):
        with conversation(paths) as talk:
            talk.call("start", name="gateway")
            found = talk.call("files_write", name="gateway", path=str(file))
        assert found["profile"] == "gateway"
        assert "aws_secret_access_key = " in file.read_text()
        pid = agent_pid(paths)
        request(paths, end)
        if end == "quit" and pid is not None:
            while Path(f"/proc/{pid}/fd").exists() and paths.socket.exists():
                os.sched_yield()
        assert file.read_bytes() == b"", end
        if end == "lock":
            with conversation(paths) as talk:
                talk.call("unlock")


def test_s44_what_a_killed_agent_left_the_next_one_removes(paths: Paths, ready: None, file: Path) -> None:
    with conversation(paths) as talk:
        talk.call("files_write", name="gateway", path=str(file))
        assert talk.call("files_list") == ["gateway"]
    pid = agent_pid(paths)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    end_process(pid)
    assert file.read_bytes()
    request(paths, "status")
    with conversation(paths) as talk:
        assert talk.call("files_list") == []
    assert file.read_bytes() == b""
