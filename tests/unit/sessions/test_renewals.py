"""S-66: a refresh token is used up by one exchange; whatever ends the agent in between is survived or said."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import Tables, agent_pid, is_gone
from tests.unit.sessions.fake_aws import FakeAws
from tests.waiting import LONG, until

from gatepass.sessions.agent.strongbox import Strongbox
from gatepass.sessions.client import conversation, request
from gatepass.sessions.errors import Locked, NeedsHuman, SessionError
from gatepass.sessions.paths import Paths
from gatepass.sessions.providers.oidc import Registration, Token
from gatepass.sessions.vault.store import Vault

NAME, EXCHANGE = "integration/corp/token", "oidc:/token:refresh_token"
Write = Callable[[Tables], None]
pytestmark = pytest.mark.usefixtures("agent_ends")


@pytest.fixture
def corp(paths: Paths, fake: FakeAws, write: Write, key_vault: Vault) -> Vault:
    """An agent that must renew the login of `corp` before it can answer."""
    fake.accounts = [("222222222222", "dev", ["Admin"])]
    center = {"kind": "identity-center", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}
    admin = {"kind": "sso-role", "integration": "corp", "account_id": "222222222222", "role_name": "Admin"}
    write({("integration", "corp"): center, ("session", "admin"): admin})
    with fake.lock:
        made, fake.clients["client"] = fake.new_token(), "device"
    later = datetime.now(UTC) + timedelta(days=1)
    registration = Registration("client", "secret", later)
    token = Token(
        made["accessToken"], datetime.now(UTC) - timedelta(minutes=1), made["refreshToken"], registration
    )
    key_vault.put(NAME, token.to_json())
    return key_vault


def get_behind(paths: Paths) -> tuple[threading.Thread, list[bytes | SessionError | OSError]]:
    found: list[bytes | SessionError | OSError] = []

    def ask() -> None:
        try:
            found.append(request(paths, "get admin", start_it=False))
        except (SessionError, OSError) as error:
            found.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread, found


def cut_off(paths: Paths, fake: FakeAws) -> int:
    """An agent whose exchange AWS has made, and which waits for the answer; its process."""
    request(paths, "hello 1")
    pid = agent_pid(paths)
    assert pid is not None
    fake.replying.clear()
    get_behind(paths)
    until(lambda: fake.done[EXCHANGE] == 1)
    return pid


def test_s66_an_agent_killed_in_an_exchange_says_so_once_and_does_not_loop(
    paths: Paths, fake: FakeAws, corp: Vault
) -> None:
    pid = cut_off(paths, fake)
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_gone(pid))
    fake.replying.set()
    kept = corp.get(NAME)
    assert kept is not None
    assert kept["renewing_since"]
    assert kept["refresh_token"] not in fake.refresh_tokens  # AWS has made it; its answer is lost
    for _ in range(2):
        with pytest.raises(NeedsHuman, match=r"was cut off.*run: gatepass login corp"):
            request(paths, "get admin")
    assert fake.calls[EXCHANGE] == 2  # tried once more, for AWS might not have made it
    request(paths, "quit")
    with pytest.raises(NeedsHuman, match="was cut off"):
        request(paths, "get admin")  # nor does the next agent
    assert fake.calls[EXCHANGE] == 2


@pytest.mark.long
def test_s66_an_agent_killed_before_aws_took_the_token_goes_on_with_it(
    paths: Paths, fake: FakeAws, corp: Vault
) -> None:
    request(paths, "hello 1")
    pid = agent_pid(paths)
    assert pid is not None
    fake.answering.clear()
    get_behind(paths)
    until(lambda: fake.calls[EXCHANGE] == 1)
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_gone(pid))
    before = set(fake.refresh_tokens)
    fake.replying.clear()
    fake.answering.set()
    until(lambda: fake.done[EXCHANGE] == 1)  # the first call arrives after all, and nobody hears its answer
    with fake.lock:
        fake.refresh_tokens = before
    fake.replying.set()
    assert json.loads(request(paths, "get admin"))["AccessKeyId"]
    kept = corp.get(NAME)
    assert kept is not None
    assert kept["renewing_since"] is None
    assert kept["refresh_token"] in fake.refresh_tokens


@pytest.mark.parametrize("how", ["SIGTERM", pytest.param("quit", marks=pytest.mark.long)])
def test_s66_an_orderly_end_waits_until_the_new_token_is_written(
    paths: Paths, fake: FakeAws, corp: Vault, how: str
) -> None:
    pid = cut_off(paths, fake)
    if how == "SIGTERM":
        os.kill(pid, signal.SIGTERM)
        ending = None
    else:
        ending = threading.Thread(target=lambda: request(paths, "quit", start_it=False), daemon=True)
        ending.start()
    fake.replying.set()
    until(lambda: is_gone(pid))
    if ending is not None:
        ending.join(LONG)
    kept = corp.get(NAME)
    assert kept is not None
    assert kept["refresh_token"] in fake.refresh_tokens
    assert json.loads(request(paths, "get admin"))["AccessKeyId"]
    assert fake.calls[EXCHANGE] == 1


def test_s66_a_lock_during_the_exchange_does_not_lose_the_new_token(
    paths: Paths, fake: FakeAws, corp: Vault
) -> None:
    cut_off(paths, fake)
    request(paths, "lock")
    with pytest.raises(Locked):
        request(paths, "get admin")
    old = corp.get(NAME)
    fake.replying.set()
    until(lambda: corp.get(NAME) != old)
    with pytest.raises(Locked):
        request(paths, "get admin")
    with conversation(paths) as talk:
        talk.call("unlock")
    assert json.loads(request(paths, "get admin"))["AccessKeyId"]
    assert fake.calls[EXCHANGE] == 1


def test_s29_what_is_held_is_wiped_when_it_is_let_go(paths: Paths, key_vault: Vault) -> None:
    box = Strongbox(paths.vault)
    with box.held() as held:
        box.lock()
        held.put("x", {"a": 1})
        with pytest.raises(Locked):
            box.get("x")
    with pytest.raises(Locked):
        held.get("x")
    box.unlock(None)
    assert box.get("x") == {"a": 1}


@pytest.mark.long
def test_s66_a_logout_waits_for_the_exchange_and_ends_what_came_of_it(
    paths: Paths, fake: FakeAws, corp: Vault, short_tmp: Path
) -> None:
    cut_off(paths, fake)

    def leave() -> None:
        with conversation(paths) as talk:
            talk.call("logout", name="corp")

    leaving = threading.Thread(target=leave, daemon=True)
    leaving.start()
    fake.replying.set()
    leaving.join(LONG)
    assert corp.get(NAME) is None
