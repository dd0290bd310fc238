"""Logging in and what a login opens: T-9, T-10, S-65 to S-70."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.canaries import on_purpose
from tests.unit.sessions.fake_aws import Answer, FakeAws, endpoints
from tests.unit.sessions.test_keeper import FakeSecrets
from tests.waiting import LONG

from gatepass.sessions.agent.asker import NOBODY
from gatepass.sessions.agent.logins import Logins
from gatepass.sessions.errors import Denied, Locked, NeedsHuman, SessionError, StaleParent, Upstream
from gatepass.sessions.model import Integration, Session, SsoRole, Workspace
from gatepass.sessions.providers.oidc import Callback, Oidc, Registration, Shown, Token
from gatepass.sessions.providers.portal import Portal
from gatepass.sessions.providers.transport import AwsRefused, Transport
from gatepass.sessions.sync.discovery import PATIENCE_SECONDS, Pacer, discover
from gatepass.sessions.sync.plan import plan_sync
from gatepass.testing.clock import VirtualClock

CORP = Integration("corp", "identity-center", "https://corp.awsapps.com/start", "eu-west-1")


class Watcher:
    """A person who follows what is shown."""

    present = True

    def __init__(self, *, headless: bool = True) -> None:
        self.headless = headless
        self.shown: list[Shown] = []

    async def ask(self, kind: str, text: str, command: str) -> str:
        raise AssertionError(text)

    async def show(self, shown: Shown) -> None:
        self.shown.append(shown)
        if not self.headless:
            threading.Thread(target=follow, args=(shown.url,), daemon=True).start()


def follow(url: str) -> None:
    """What a browser does after the person has agreed: it brings the code to the redirect address."""
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    back = urllib.parse.urlencode({"code": "the-code", "state": query["state"]})
    urllib.request.urlopen(f"{query['redirect_uri']}?{back}", timeout=LONG).read()


class Place:
    """Logins against the fake on a virtual clock that the fake shares."""

    def __init__(self, fake: FakeAws, where: Path) -> None:
        self.clock = VirtualClock(datetime(2026, 3, 1, tzinfo=UTC))
        fake.now = self.clock.now
        self.fake = fake
        self.secrets = FakeSecrets()
        self.transport = Transport(self.clock, endpoints(fake))
        self.cache = where / "cache"
        self.locks = where / "locks"
        self.logins = self.another()

    def another(self) -> Logins:
        """A second agent on the same vault."""
        return Logins(self.secrets, self.transport, self.clock, self.locks, lambda: True, self.cache)

    def oidc(self) -> Oidc:
        return Oidc(self.transport, self.clock, CORP)


@pytest.fixture
def place(fake: FakeAws, short_tmp: Path) -> Place:
    return Place(fake, short_tmp)


def test_t9_device_flow_waits_slows_down_and_succeeds(place: Place) -> None:
    place.fake.device_polls = ["pending", "slow", "pending"]
    watcher = Watcher()
    asyncio.run(place.logins.login(CORP, watcher))
    assert watcher.shown[0].code == "ABCD-EFGH"
    assert place.clock.monotonic() == 1 + 1 + 6 + 6  # `slow_down` adds 5 s for good
    assert place.fake.calls["oidc:/client/register"] == 1
    asyncio.run(place.logins.login(CORP, watcher))
    assert place.fake.calls["oidc:/client/register"] == 1  # the registration is kept


def test_t9_device_flow_expired_denied_and_registered_anew(place: Place) -> None:
    place.fake.device = "expired"
    with pytest.raises(NeedsHuman, match="not confirmed in time"):
        asyncio.run(place.logins.login(CORP, Watcher()))
    place.fake.device = "denied"
    with pytest.raises(Denied, match="refused"):
        asyncio.run(place.logins.login(CORP, Watcher()))
    place.fake.device = "approved"
    place.fake.clients.clear()  # AWS has forgotten our client
    asyncio.run(place.logins.login(CORP, Watcher()))
    assert place.fake.calls["oidc:/client/register"] == 2


def test_t9_pkce_brings_the_code_and_keeps_its_own_registration(place: Place) -> None:
    watcher = Watcher(headless=False)
    asyncio.run(place.logins.login(CORP, watcher))
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(watcher.shown[0].url).query))
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"].startswith("http://127.0.0.1:")
    assert query["scopes"] == "sso:account:access"
    assert set(place.secrets.values) >= {"integration/corp/client-pkce", "integration/corp/token"}
    asyncio.run(place.logins.login(CORP, Watcher()))
    assert "integration/corp/client-device" in place.secrets.values


def test_s67_a_wrong_state_ends_the_login_and_only_loopback_listens() -> None:
    with Callback("right") as callback:
        assert callback.uri.startswith("http://127.0.0.1:")
        port = urllib.parse.urlsplit(callback.uri).port
        listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert [a for a in listening if a.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]
        found: list[BaseException] = []

        def knock(address: str) -> None:
            try:
                urllib.request.urlopen(address, timeout=LONG).read()
            except urllib.error.HTTPError as error:
                found.append(error)

        threading.Thread(target=knock, args=(f"{callback.uri}?state=wrong&code=x",)).start()
        with pytest.raises(Denied, match="wrong state"):
            callback.wait(LONG)


def test_s68_a_token_near_its_end_is_refreshed_once_by_many(place: Place) -> None:
    """H1: two refreshers on one rotating token; the loser reads the winner's."""
    asyncio.run(place.logins.login(CORP, Watcher()))
    place.clock.advance(timedelta(hours=7, minutes=50))
    place.fake.latency = 0.05
    other = place.another()

    async def both() -> set[str]:
        tokens = await asyncio.gather(*(each.token(CORP, NOBODY) for each in (place.logins, other) * 10))
        return set(tokens)

    assert len(asyncio.run(both())) == 1
    assert place.fake.calls["oidc:/token:refresh_token"] == 1


def test_s68_a_dead_token_is_refreshed_then_needs_login(place: Place) -> None:
    asyncio.run(place.logins.login(CORP, Watcher()))
    token = asyncio.run(place.logins.token(CORP, NOBODY))
    place.logins.is_dead(token)
    second = asyncio.run(place.logins.token(CORP, NOBODY))
    assert second != token
    place.logins.is_dead(second)
    with pytest.raises(NeedsHuman, match="run: gatepass login corp"):  # at most one refresh in 60 s
        asyncio.run(place.logins.token(CORP, NOBODY))
    place.clock.advance(timedelta(seconds=61))
    place.fake.refresh_tokens.clear()
    with pytest.raises(NeedsHuman, match="gatepass login corp"):
        asyncio.run(place.logins.token(CORP, NOBODY))


def test_s35_a_hundred_waiters_are_one_login(place: Place) -> None:
    watcher = Watcher()

    async def story() -> set[str]:
        return set(await asyncio.gather(*(place.logins.token(CORP, watcher) for _ in range(100))))

    assert len(asyncio.run(story())) == 1
    assert len(watcher.shown) == 1


def test_s65_a_token_of_the_aws_cli_is_adopted_and_broken_files_are_misses(place: Place) -> None:
    import hashlib

    place.cache.mkdir()
    path = place.cache / f"{hashlib.sha1(CORP.start_url.encode()).hexdigest()}.json"
    path.write_text("{half")
    with pytest.raises(NeedsHuman):
        asyncio.run(place.logins.token(CORP, NOBODY))
    ends = (place.clock.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path.write_text(json.dumps({"startUrl": CORP.start_url, "accessToken": "cli-token", "expiresAt": ends}))
    assert asyncio.run(place.logins.token(CORP, NOBODY)) == "cli-token"
    off = Integration("corp", "identity-center", CORP.start_url, "eu-west-1", share_sso_cache="off")
    with pytest.raises(NeedsHuman):
        asyncio.run(place.logins.token(off, NOBODY))


def test_s65_writing_shares_the_access_token_only(place: Place) -> None:
    shared = Integration("corp", "identity-center", CORP.start_url, "eu-west-1", share_sso_cache="write")
    on_purpose(place.cache)  # S-65: asked for
    asyncio.run(place.logins.login(shared, Watcher()))
    (path,) = place.cache.iterdir()
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())) == {"startUrl", "region", "accessToken", "expiresAt"}


def test_logout_ends_the_token_and_may_be_repeated(place: Place) -> None:
    asyncio.run(place.logins.login(CORP, Watcher()))
    assert asyncio.run(place.logins.logout(CORP)) is True
    assert place.fake.tokens == {}
    assert asyncio.run(place.logins.logout(CORP)) is False


def test_tokens_come_back_from_the_vault() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    token = Token("a", now, "r", Registration("c", "s", now))
    assert Token.from_json(json.loads(json.dumps(token.to_json()))) == token


# --- portal -----------------------------------------------------------------------------------------------------------


def test_s70_no_assignment_is_denied_and_a_dead_token_is_stale(place: Place) -> None:
    place.fake.accounts = [("333333333333", "data", ["Admin"])]
    token = str(place.fake.new_token()["accessToken"])
    portal = Portal(place.transport, "eu-west-1", "corp", token)
    assert portal.credentials("333333333333", "Admin", "x").account_id == "333333333333"
    with pytest.raises(Denied, match="no assignment of Nope"):
        portal.credentials("333333333333", "Nope", "x")
    with pytest.raises(StaleParent):
        Portal(place.transport, "eu-west-1", "corp", "dead").accounts()


T = TypeVar("T")


class QuickPacer(Pacer):
    """Virtual time, each thread's own: the pace is kept and counted, nobody waits.

    A thread that the machine keeps waiting finds the schedule far ahead of its own time; so nobody loses patience here.
    """

    def __init__(self) -> None:
        self._here = threading.local()
        self.turns: list[float] = []
        super().__init__(now=self._time, sleep=self._wait)

    def _time(self) -> float:
        return getattr(self._here, "time", 0.0)

    def _wait(self, seconds: float) -> None:
        self._here.time = self._time() + seconds

    def _next_turn(self) -> float:
        at = super()._next_turn()
        self.turns.append(at)
        return at

    def patiently(self, call: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
        return super().patiently(call, float("inf"))


def test_t10_700_accounts_with_a_fifth_of_refusals_are_complete(place: Place) -> None:
    import random

    place.fake.accounts = [
        (f"{400_000_000_000 + n}", f"account {n}", ["Admin", "ReadOnly"]) for n in range(700)
    ]
    dice = random.Random(7)
    refused = Answer(429, "TooManyRequestsException", "slow down")
    place.fake.fail["portal:/assignment/roles"] = _Chance(dice, refused)  # type: ignore[assignment]
    token = str(place.fake.new_token()["accessToken"])
    pacer = QuickPacer()
    found = discover(place.transport, CORP, token, pacer)
    assert found.complete
    assert len(found.roles) == 1400
    assert all(
        p.get("max_result") == "100" for op, p in place.fake.params if op == "portal:/assignment/accounts"
    )
    assert place.fake.calls["portal:/assignment/accounts"] == 7
    for at in range(0, int(max(pacer.turns)), 5):
        assert sum(at <= t < at + 1 for t in pacer.turns) <= 11


class _Chance(list[Answer]):
    """A fault for one call in five."""

    def __init__(self, dice: Any, fault: Answer) -> None:
        super().__init__([fault])
        self._dice, self._fault = dice, fault

    def __bool__(self) -> bool:
        return bool(self._dice.random() < 0.2)

    def pop(self, index: Any = -1) -> Answer:
        return self._fault


def test_s69_a_call_that_is_refused_for_two_minutes_is_given_up() -> None:
    pacer, tries = QuickPacer(), 0

    def refused() -> None:
        nonlocal tries
        tries += 1
        raise AwsRefused("slow down", aws_code="TooManyRequestsException")

    with pytest.raises(AwsRefused):
        Pacer.patiently(pacer, refused)
    assert PATIENCE_SECONDS < pacer.turns[-1] < PATIENCE_SECONDS + 30
    assert tries > 5


def test_s69_an_interrupted_sync_goes_on_from_the_last_account(place: Place) -> None:
    place.fake.accounts = [(f"{400_000_000_000 + n}", f"a{n}", ["Admin"]) for n in range(5)]
    integration = Integration("resume", "identity-center", CORP.start_url, "eu-west-1")
    token = str(place.fake.new_token()["accessToken"])
    place.fake.fail["portal:/assignment/roles"] = [Answer(500, "InternalServerException", "x")] * 2
    first = discover(place.transport, integration, token, QuickPacer())
    assert not first.complete
    assert len(first.failed) == 2
    assert len(first.roles) == 3
    before = place.fake.calls["portal:/assignment/roles"]
    second = discover(place.transport, integration, token, QuickPacer())
    assert second.complete
    assert len(second.roles) == 5
    assert place.fake.calls["portal:/assignment/roles"] - before == 2


def test_pacer_halves_after_a_refusal_and_recovers() -> None:
    clock = [0.0]
    pacer = Pacer(now=lambda: clock[0], sleep=lambda s: clock.__setitem__(0, clock[0] + s))
    for _ in range(20):
        pacer.turn()
    assert clock[0] == pytest.approx(1.9, abs=0.01)
    pacer.refused()
    started = clock[0]
    for _ in range(5):
        pacer.turn()
    assert clock[0] - started > 0.8


# --- sync -------------------------------------------------------------------------------------------------------------


def found(account: str, name: str, role: str) -> dict[str, str]:
    return {"account_id": account, "account_name": name, "email": "", "role_name": role}


def workspace(*sessions: Session, **more: Any) -> Workspace:
    integration = Integration("corp", "identity-center", CORP.start_url, "eu-west-1", **more)
    return Workspace({s.name: s for s in sessions}, {"corp": integration})


def synced(name: str, account: str, role: str, account_name: str = "data") -> Session:
    recipe = SsoRole(integration="corp", account_id=account, role_name=role, account_name=account_name)
    return Session(name, recipe, name, source="sync:corp")


def test_s58_new_vanished_and_renamed() -> None:
    have = workspace(synced("data/Admin", "3" * 12, "Admin"), synced("old/Admin", "4" * 12, "Admin"))
    roles = {"corp": [found("3" * 12, "data renamed", "Admin"), found("5" * 12, "New Lab", "Admin")]}
    plan = plan_sync(have, roles, prune=False)
    assert set(plan.changes) == {("session", "data/Admin"), ("session", "New-Lab/Admin")}
    assert "- old/Admin   (kept" in plan.text()
    renamed = plan.changes["session", "data/Admin"]
    assert renamed is not None
    assert renamed["account_name"] == "data renamed"
    assert plan_sync(have, roles, prune=True).changes["session", "old/Admin"] is None


def test_s58_a_collision_names_both_sources() -> None:
    roles = {"corp": [found("3" * 12, "data", "Admin"), found("4" * 12, "data", "Admin")]}
    with pytest.raises(
        SessionError, match="Admin in account 333333333333 and of Admin in account 444444444444"
    ):
        plan_sync(workspace(), roles, prune=False)
    by_id = workspace(name_template="{account_id}-{role_name}")
    assert len(plan_sync(by_id, roles, prune=False).changes) == 2
    with pytest.raises(SessionError, match="fields are"):
        plan_sync(workspace(name_template="{nope}"), roles, prune=False)


# --- what goes wrong between two tokens -------------------------------------------------------------------------------


def test_s35_a_second_terminal_sees_what_the_first_was_shown(place: Place) -> None:
    """The first may have been closed: the login goes on, and whoever asks again is given the same address."""
    asked, agreed = threading.Event(), threading.Event()
    oidc = place.fake.oidc

    def waiting(path: str, p: dict[str, Any]) -> dict[str, Any]:
        if path == "/token":
            asked.set()
            assert agreed.wait(60)
        return oidc(path, p)

    place.fake.oidc = waiting  # type: ignore[method-assign]
    first, second = Watcher(), Watcher()

    async def story() -> None:
        closed = asyncio.create_task(place.logins.login(CORP, first))
        assert await asyncio.to_thread(asked.wait, 60)
        closed.cancel()
        first.present = False
        again = asyncio.create_task(place.logins.token(CORP, second))
        while not second.shown:
            await asyncio.sleep(0.002)
        agreed.set()
        await again

    asyncio.run(asyncio.wait_for(story(), 60))
    assert second.shown == first.shown
    assert place.fake.calls["oidc:/device_authorization"] == 1


def test_h7_a_dead_network_is_no_reason_to_log_in_again(place: Place) -> None:
    """The token ends while OIDC cannot be reached: what is said is the network, within the minute too (3.4)."""
    asyncio.run(place.logins.login(CORP, Watcher()))
    place.clock.advance(timedelta(hours=9))
    place.fake.fail["oidc:/token:refresh_token"] = [Answer(500, "InternalServerException")] * 9
    for _ in range(3):
        with pytest.raises(Upstream):
            asyncio.run(place.logins.token(CORP, NOBODY))
    tried = place.fake.calls["oidc:/token:refresh_token"]
    assert tried <= 2  # botocore's own second try
    place.fake.fail.clear()
    place.clock.advance(timedelta(seconds=61))
    asyncio.run(place.logins.token(CORP, NOBODY))


def test_s66_a_full_disk_does_not_lose_the_token_that_replaced_the_used_one(place: Place) -> None:
    asyncio.run(place.logins.login(CORP, Watcher()))
    place.clock.advance(timedelta(hours=7, minutes=50))
    put = place.secrets.put

    def full(name: str, value: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    place.secrets.put = full  # type: ignore[method-assign]
    new = asyncio.run(place.logins.token(CORP, NOBODY))
    assert asyncio.run(place.logins.token(CORP, NOBODY)) == new
    place.secrets.put = put  # type: ignore[method-assign]
    place.clock.advance(timedelta(hours=7, minutes=50))
    newest = asyncio.run(place.logins.token(CORP, NOBODY))
    assert newest != new
    assert asyncio.run(place.another().token(CORP, NOBODY)) == newest
    assert place.fake.calls["oidc:/token:refresh_token"] == 2


def test_s66_what_is_unsaved_is_gone_with_the_lock_and_the_logout(place: Place) -> None:
    asyncio.run(place.logins.login(CORP, Watcher()))
    place.logins._unsaved["corp"] = place.logins._stored(CORP)  # type: ignore[assignment]
    held = place.secrets.get

    def shut(name: str) -> None:
        raise Locked("the vault is locked")

    place.secrets.get = shut  # type: ignore[assignment, method-assign]
    with pytest.raises(Locked):
        asyncio.run(place.logins.token(CORP, NOBODY))
    place.secrets.get = held  # type: ignore[method-assign]
    asyncio.run(place.logins.logout(CORP))
    with pytest.raises(NeedsHuman):
        asyncio.run(place.logins.token(CORP, NOBODY))
