from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.canaries import canary, private_place
from tests.unit.sessions.fake_aws import FakeAws, endpoints, serving
from tests.waiting import until

from gatepass.clock import SystemClock
from gatepass.sessions.agent.process import assemble
from gatepass.sessions.agent.service import Service
from gatepass.sessions.client import request
from gatepass.sessions.errors import SessionError
from gatepass.sessions.files import private_dir
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault import keys
from gatepass.sessions.vault.store import Vault
from gatepass.sessions.workspace.edit import edit_workspace

GATEWAY_KEY, GATEWAY_SECRET = "AKIAEXAMPLEGATEWAY01", canary("LongTerm") + "s" * 20


@pytest.fixture
def short_tmp() -> Path:
    """A private directory with a path short enough for a socket; searched for secrets when the run is over."""
    return private_place()


@pytest.fixture
def paths(short_tmp: Path) -> Paths:
    return Paths(short_tmp / "c", short_tmp / "d", short_tmp / "s", short_tmp / "r")


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    aws = FakeAws()
    aws.user(GATEWAY_KEY, GATEWAY_SECRET)
    with serving(aws):
        yield aws


@pytest.fixture
def key_vault(paths: Paths) -> Vault:
    """A vault with a key file, which needs no person, and the gateway's keys in it."""
    return make_vault(paths)


def make_vault(paths: Paths) -> Vault:
    def make(install: str) -> tuple[bytearray, keys.Provider]:
        key = keys.new_key()
        return key, keys.write_keyfile(paths.data / "vault.key", key)

    vault = Vault.create(paths.vault, make)
    vault.put("iam-user/gateway", {"access_key_id": GATEWAY_KEY, "secret_access_key": GATEWAY_SECRET})
    return vault


Tables = Mapping[tuple[str, str], Mapping[str, object] | None]


@pytest.fixture
def write(paths: Paths, fake: FakeAws) -> Callable[[Tables], None]:
    """Writes sessions and integrations into a workspace that addresses the fake."""
    private_dir(paths.config)
    head = (
        'version = 1\n[settings]\nregion = "eu-west-1"\nidentity = "dana@example.com"\n[settings.endpoints]\n'
    )
    head += "".join(f'{k} = "{v}"\n' for k, v in endpoints(fake).items())
    fd = os.open(paths.workspace, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(fd, head.encode())
    os.close(fd)

    def add(tables: Tables) -> None:
        edit_workspace(paths.workspace, tables)

    return add


GATEWAY: dict[str, object] = {"kind": "iam-user"}
DEV: dict[str, object] = {
    "kind": "role",
    "role_arn": "arn:aws:iam::222222222222:role/developer",
    "via": "gateway",
}


@pytest.fixture
def service(paths: Paths, fake: FakeAws, write: Callable[[Tables], None], key_vault: Vault) -> Service:
    private_dir(paths.state)
    write({("session", "gateway"): GATEWAY})
    return assemble(paths, SystemClock())


@pytest.fixture
def agent_ends(paths: Paths) -> Iterator[None]:
    """Ends an agent that the test started, by its pid."""
    yield
    pid = agent_pid(paths)
    with contextlib.suppress(SessionError, OSError):
        request(paths, "quit", start_it=False)
    if pid is not None:
        end_process(pid)


def agent_pid(paths: Paths) -> int | None:
    try:
        return int(request(paths, "hello 1", start_it=False).split()[1])
    except (SessionError, OSError, IndexError):
        return None


def end_process(pid: int) -> None:
    """See the agent gone: by itself, when it was told to, else by force."""
    with contextlib.suppress(AssertionError):
        until(lambda: is_gone(pid), 5)
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until(lambda: is_gone(pid))


def is_gone(pid: int) -> bool:
    """Whether the process has ended, be it that nobody has asked for its status yet."""
    try:
        return ") Z" in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)
