"""The keeper on a virtual clock with a scripted mint: freshness, single flight, going up a hop, grants (T-8)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import LONG, until_async

from gatepass.sessions.agent.asker import NOBODY
from gatepass.sessions.agent.codes import Codes
from gatepass.sessions.agent.events import Event, Events
from gatepass.sessions.agent.grantwatch import POLL, GrantWatch
from gatepass.sessions.agent.keeper import RETRY_SECONDS, Entry, Keeper, World
from gatepass.sessions.agent.logins import Logins
from gatepass.sessions.agent.minter import Inputs, policy_until
from gatepass.sessions.arn import parse_role_arn
from gatepass.sessions.errors import Denied, NeedsHuman, SessionError, StaleParent, Upstream
from gatepass.sessions.grants import GrantView, RoleAccess
from gatepass.sessions.learned import Learned
from gatepass.sessions.model import Credentials, Grant, IamUser, Role, Session, Workspace
from gatepass.sessions.plan import Step
from gatepass.sessions.providers.transport import Transport
from gatepass.sessions.shown import Shown
from gatepass.testing.clock import VirtualClock

ARN = parse_role_arn("arn:aws:iam::222222222222:role/developer")
MFA = "arn:aws:iam::111111111111:mfa/dana"
HOUR = timedelta(hours=1)
RETRY = timedelta(seconds=RETRY_SECONDS[0])
"""By then a background refresh that failed once may be tried again, whatever its jitter."""


class FakeMints:
    """Makes numbered credentials; faults are scripted by session."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.made: list[str] = []
        self.faults: dict[str, list[SessionError]] = {}
        self.lasts: dict[str, timedelta] = {}
        self.gate: threading.Event | None = None
        self.inputs: list[Inputs] = []
        self.began: list[str] = []

    def go_on(self) -> None:
        assert self.gate is not None
        self.gate.set()

    def mint(self, workspace: Workspace, step: Step, inputs: Inputs) -> Credentials:
        self.began.append(step.session.name)
        if self.gate is not None:
            assert self.gate.wait(LONG)
        name = step.session.name
        self.inputs.append(inputs)
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        self.made.append(name)
        now = self._now()
        lasts = self.lasts.get(name, step.lasts or HOUR)
        return Credentials(f"ASIA{len(self.made):016}", "s", "t", now + lasts, now, "222222222222")


class FakeSecrets:
    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {
            "iam-user/u": {"access_key_id": "AKIA", "secret_access_key": "x"}
        }

    def get(self, name: str) -> dict[str, Any] | None:
        return self.values.get(name)

    def put(self, name: str, value: dict[str, Any]) -> None:
        self.values[name] = value

    def remove(self, names: list[str]) -> list[str]:
        return [n for n in names if self.values.pop(n, None) is not None]

    def held(self) -> contextlib.AbstractContextManager[FakeSecrets]:
        return contextlib.nullcontext(self)


class FakeGrants:
    """A gatepass server with one grant."""

    def __init__(self) -> None:
        self.view = GrantView("req-1", "none", request_command="gatepass request prod")
        self.changed = threading.Condition()
        self.watched = 0
        self.closed = False

    def set(self, view: GrantView) -> None:
        with self.changed:
            self.view = view
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def find(self, recipe: Grant) -> GrantView:
        return self.view

    def watch(self, seen: GrantView, wait: timedelta) -> GrantView:
        """Long polling: answers at once when something else is so, else when `wait` is over, here never."""
        self.watched += 1
        with self.changed:
            assert self.changed.wait_for(lambda: self.closed or self.view != seen, LONG)
            return self.view

    def ask(self, recipe: Grant, reason: str, lasts: timedelta | None) -> GrantView:
        return self.view


class Human:
    present = True
    headless = True

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def ask(self, kind: str, text: str, command: str) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        return self.answers.pop(0)

    async def show(self, shown: Shown) -> None:
        return


class Bench:
    def __init__(self, place: Path, sessions: list[Session]) -> None:
        self.clock = VirtualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.mints = FakeMints(self.clock.now)
        self.secrets = FakeSecrets()
        self.grants = FakeGrants()
        self.events = Events(place / "audit.jsonl", self.clock.now)
        self.seen: list[Event] = []
        self.events.watch(self.seen.append)
        self.workspace = Workspace({s.name: s for s in sessions})
        self.slept: list[float] = []
        transport = Transport(self.clock)

        async def secret(name: str) -> dict[str, object] | None:
            return self.secrets.get(name)

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.clock.sleep(seconds)

        keeper: Keeper
        watch = GrantWatch(
            lambda: self.grants, self.clock.now, lambda name, cause: keeper.end_grant(name, cause)
        )
        keeper = Keeper(
            World(
                workspace=lambda: self.workspace,
                now=self.clock.now,
                mints=self.mints,
                secrets=self.secrets,
                codes=Codes(secret, self.clock.now, sleep),
                logins=Logins(self.secrets, transport, self.clock, place / "locks", lambda: True, place),
                learned=Learned(place / "learned.json", self.clock.now),
                events=self.events,
                grants=watch,
            )
        )
        self.keeper = keeper

    def run(self, story: Callable[[Keeper], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            try:
                await asyncio.wait_for(story(self.keeper), LONG)
            finally:
                self.grants.close()

        asyncio.run(whole())


def user(name: str = "u", **more: Any) -> Session:
    return Session(name, IamUser(**more), name)


def role(name: str, via: str, **more: Any) -> Session:
    return Session(name, Role(role_arn=ARN, via=via), name, **more)


async def being_made(bench: Bench, name: str) -> asyncio.Task[Entry]:
    """A call for the session's set, which is being made."""
    task = asyncio.create_task(bench.keeper.get(name))
    await until_async(lambda: name in bench.mints.began)
    return task


def test_s19_to_s22_served_refreshed_waited_for(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(), role("r", "u")])

    async def story(keeper: Keeper) -> None:
        first = await keeper.get("r")
        bench.clock.advance(timedelta(minutes=39))
        assert await keeper.get("r") is first  # S-19
        bench.clock.advance(timedelta(minutes=2))
        assert await keeper.get("r") is first  # S-20: served, refreshed behind
        await keeper.idle()
        second = await keeper.get("r")
        assert second is not first
        assert bench.mints.made == ["u", "r", "r"]
        bench.clock.advance(timedelta(minutes=56))
        third = await keeper.get("r")  # S-21: waits
        assert keeper.remaining(third) == HOUR

    bench.run(story)


def test_s21_a_failed_refresh_serves_the_old_set_down_to_30_seconds(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(), role("r", "u")])

    async def story(keeper: Keeper) -> None:
        first = await keeper.get("r")
        bench.mints.faults["r"] = [Upstream("down")] * 9
        bench.clock.advance(timedelta(minutes=58))
        assert await keeper.get("r") is first
        assert keeper.standings["r"].state == "stale"
        bench.clock.advance(timedelta(seconds=95))
        with pytest.raises(Upstream):
            await keeper.get("r")

    bench.run(story)


def test_s24_background_refreshes_back_off(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(), role("r", "u")])

    async def story(keeper: Keeper) -> None:
        await keeper.get("r")
        bench.mints.faults["r"] = [Upstream("down")] * 99
        bench.clock.advance(timedelta(minutes=45))
        tries = []
        for _ in range(30):  # time stands still: after the first failure nothing is due
            await keeper.get("r")
            await keeper.idle()
            tries.append(99 - len(bench.mints.faults["r"]))
        entry = keeper.entries["r"]
        assert tries == [1] * 30
        assert entry.failures == 1
        assert entry.retry_at is not None
        bench.clock.advance(RETRY)
        await keeper.get("r")
        await keeper.idle()
        assert entry.failures == 2

    bench.run(story)


def test_s23_only_what_was_used_is_refreshed_by_the_clock(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(), role("used", "u"), role("idle", "u")])

    async def story(keeper: Keeper) -> None:
        await keeper.get("used")
        await keeper.get("idle")
        for _ in range(5):
            bench.clock.advance(timedelta(minutes=41))
            keeper.entries["used"].last_used = bench.clock.now()
            keeper.tick()
            await keeper.idle()
        assert bench.mints.made.count("used") == 6
        assert bench.mints.made.count("idle") == 3  # twice its lifetime after the last use, then no more

    bench.run(story)


def test_s35_a_hundred_waiters_share_one_mint_and_one_prompt(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(mfa_serial=MFA), role("r", "u"), role("q", "u")])
    human = Human("123456")

    async def story(keeper: Keeper) -> None:
        waiters = [asyncio.create_task(keeper.get(n, human)) for n in ["r", "q"] * 50]
        found = {id(await waiter) for waiter in waiters}
        assert len(found) == 2
        assert human.asked == 1
        assert sorted(bench.mints.made) == ["q", "r", "u"]

    bench.run(story)


def test_s35_those_who_cannot_prompt_join_the_prompt_of_one_who_can(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(mfa_serial=MFA), role("r", "u")])

    async def story(keeper: Keeper) -> None:
        with pytest.raises(NeedsHuman, match="gatepass session start"):
            await keeper.get("r", NOBODY)
        person = asyncio.create_task(keeper.get("r", Human("123456")))
        await asyncio.sleep(0)
        tool = asyncio.create_task(keeper.get("r", NOBODY))
        assert await person is await tool

    bench.run(story)


def test_s35_two_mints_never_use_one_code(short_tmp: Path) -> None:
    """TOTP: the second mint waits for the next 30 s step."""
    direct = {"session_token": False, "mfa_serial": MFA, "mfa_source": ("totp",)}
    bench = Bench(short_tmp, [user(**direct), role("r", "u"), role("q", "u")])
    bench.secrets.values["totp/u"] = {"seed": "JBSWY3DPEHPK3PXP"}

    async def story(keeper: Keeper) -> None:
        await asyncio.gather(keeper.get("r"), keeper.get("q"))
        codes = [i.mfa.code for i in bench.mints.inputs if i.mfa]
        assert len(set(codes)) == 2
        assert 0 < bench.slept[0] <= 30.1

    bench.run(story)


def test_s15_a_fresh_hop_is_reused_when_its_child_is_not(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(), role("a", "u"), role("b", "a"), role("c", "b")])

    async def story(keeper: Keeper) -> None:
        await keeper.get("c")
        keeper.drop("c", "test")
        await keeper.get("c")
        assert bench.mints.made == ["u", "a", "b", "c", "c"]

    bench.run(story)


def test_s24_a_refused_parent_is_made_anew_once(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(), role("a", "u"), role("b", "a")])

    async def story(keeper: Keeper) -> None:
        bench.mints.faults["b"] = [StaleParent("ExpiredToken")]
        await keeper.get("b")
        assert bench.mints.made == ["u", "a", "a", "b"]
        keeper.drop("b", "test")
        bench.mints.faults["b"] = [StaleParent("ExpiredToken")] * 9
        with pytest.raises(Denied, match="gatepass session secret u"):
            await keeper.get("b")
        assert len(bench.mints.faults["b"]) == 7

    bench.run(story)


def test_s18_stop_during_a_mint_wins(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(session_token=False), role("r", "u")])
    bench.mints.gate = threading.Event()

    async def story(keeper: Keeper) -> None:
        task = await being_made(bench, "r")
        keeper.stop("r", None)
        bench.mints.go_on()
        with pytest.raises(NeedsHuman, match="stopped"):
            await task
        assert keeper.entries == {}

    bench.run(story)


def test_s18_stopping_ends_children_and_unused_hops(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(), role("a", "u"), role("b", "a"), role("other", "u")])

    async def story(keeper: Keeper) -> None:
        await keeper.get("b")
        await keeper.get("other")
        assert keeper.stop("a", None) == ["a", "b"]
        assert set(keeper.entries) == {"u", "other"}
        with pytest.raises(NeedsHuman, match="session 'a' was stopped"):
            await keeper.get("b")
        assert keeper.stop("other", None) == ["other", "u"]

    bench.run(story)


def test_an_edited_recipe_is_minted_anew(short_tmp: Path) -> None:
    bench = Bench(short_tmp, [user(), role("r", "u")])

    async def story(keeper: Keeper) -> None:
        first = await keeper.get("r")
        bench.workspace = Workspace({"u": user(), "r": role("r", "u", region="eu-west-1")})
        assert await keeper.get("r") is not first

    bench.run(story)


# --- grants -----------------------------------------------------------------------------------------------------------


def grant_bench(place: Path) -> Bench:
    return Bench(place, [user(), Session("g", Grant(target="prod", flow="f", via="u"), "g")])


def live(bench: Bench, lasts: timedelta) -> GrantView:
    now = bench.clock.now()
    return GrantView(
        "req-1", "active", now, now + lasts, None, RoleAccess(str(ARN)), "gatepass request f --target prod"
    )


def ended(bench: Bench) -> GrantView:
    view = live(bench, HOUR)
    return GrantView("req-1", "ended", view.starts_at, view.ends_at, "lee@example.com", None, "again")


def test_s51_not_granted_names_the_request_command(short_tmp: Path) -> None:
    bench = grant_bench(short_tmp)

    async def story(keeper: Keeper) -> None:
        with pytest.raises(NeedsHuman, match="run: gatepass request prod") as caught:
            await keeper.get("g")
        assert caught.value.state == "needs-approval"

    bench.run(story)


def test_s52_expiration_is_never_later_than_the_grants_end(short_tmp: Path) -> None:
    bench = grant_bench(short_tmp)

    async def story(keeper: Keeper) -> None:
        bench.grants.set(live(bench, timedelta(minutes=25)))
        entry = await keeper.get("g")
        assert entry.expires_at == bench.clock.now() + timedelta(minutes=25)
        assert b"2026-03-01T00:25:00Z" in entry.payload
        bench.clock.advance(timedelta(minutes=21))
        assert await keeper.get("g") is entry  # nothing newer could last longer: no mint loop
        bench.clock.advance(timedelta(minutes=4))
        with pytest.raises(Denied, match="was ended"):
            await keeper.get("g")

    bench.run(story)


def test_t8_a_revocation_ends_the_credentials_within_5_seconds(short_tmp: Path) -> None:
    bench = grant_bench(short_tmp)

    async def story(keeper: Keeper) -> None:
        bench.grants.set(live(bench, HOUR))
        await keeper.get("g")
        await until_async(lambda: bench.grants.watched)
        bench.grants.set(ended(bench))
        await until_async(lambda: "g" not in keeper.entries)
        assert bench.grants.watched == 1  # the first answer is enough, and one is asked for every 4 s
        assert timedelta(seconds=5) > POLL
        assert keeper.standings["g"].state == "revoked"
        with pytest.raises(Denied, match=r"ended by lee@example\.com"):
            await keeper.get("g")

    bench.run(story)


def test_s53_what_was_made_from_a_grant_ends_with_it(short_tmp: Path) -> None:
    """S-52, S-53 hold down the chain: a role assumed from a grant session lives no longer than the grant."""
    bench = grant_bench(short_tmp)
    bench.workspace.sessions["below"] = Session("below", Role(role_arn=ARN, via="g"), "below")

    async def story(keeper: Keeper) -> None:
        bench.grants.set(live(bench, timedelta(minutes=40)))
        entry = await keeper.get("below")
        assert entry.expires_at == bench.clock.now() + timedelta(minutes=40)
        bench.grants.set(replace(live(bench, HOUR), state="ended", ended_by="lee"))
        await until_async(lambda: "below" not in keeper.entries)
        assert "g" not in keeper.entries
        assert keeper.standings["below"].state == "revoked"
        with pytest.raises(Denied, match="ended by lee"):
            await keeper.get("below")

    bench.run(story)


def test_s55_the_end_says_until_when_credentials_may_live(short_tmp: Path) -> None:
    """The laptop shows the server's own bound, while the grant is live and when it is over."""
    bench = grant_bench(short_tmp)

    async def story(keeper: Keeper) -> None:
        last = bench.clock.now() + timedelta(hours=3)
        bench.grants.set(replace(live(bench, HOUR), sessions_end_by=last))
        entry = await keeper.get("g")
        assert entry.grant is not None
        assert entry.grant.sessions_end_by == last
        bench.grants.set(replace(live(bench, HOUR), state="ended", ended_by="lee", sessions_end_by=last))
        await until_async(lambda: "g" not in keeper.entries)
        told = "ended by lee; credentials already handed out may live until 2026-03-01T03:00:00"
        assert told in keeper.standings["g"].cause
        with pytest.raises(Denied, match=told):
            await keeper.get("g")
        bench.clock.advance(timedelta(hours=4))
        with pytest.raises(Denied) as caught:
            await keeper.get("g")
        assert "may live" not in caught.value.message

    bench.run(story)


def test_t8_a_revocation_during_a_mint_wins(short_tmp: Path) -> None:
    """S-55: what is being made of a grant that ends meanwhile is nobody's."""
    bench = grant_bench(short_tmp)
    bench.mints.gate = threading.Event()

    async def story(keeper: Keeper) -> None:
        bench.grants.set(live(bench, HOUR))
        task = asyncio.create_task(keeper.get("g"))
        await until_async(lambda: bench.grants.watched and bench.mints.began)
        bench.grants.set(ended(bench))
        await until_async(lambda: keeper.standings["g"].state == "revoked")
        bench.mints.go_on()
        with pytest.raises(Denied, match="grant"):
            await task
        assert "g" not in keeper.entries

    bench.run(story)


def test_s54_the_dated_session_policy_allows_then_denies() -> None:
    import json

    document = json.loads(policy_until(datetime(2026, 3, 1, 0, 5, tzinfo=UTC)))
    allow, deny = document["Statement"]
    assert (allow["Effect"], allow["Action"], allow["Resource"]) == ("Allow", "*", "*")
    assert deny["Condition"] == {"DateGreaterThan": {"aws:CurrentTime": "2026-03-01T00:05:00Z"}}
    assert len(policy_until(datetime.now(UTC))) < 2048


# --- without an agent (S-36) ------------------------------------------------------------------------------------------


class SharedCache:
    """What processes share, without a disk; remembers what a launcher may serve by itself."""

    def __init__(self) -> None:
        self.sets: dict[str, tuple[str, Credentials]] = {}
        self.quick: set[str] = set()
        self.held: set[str] = set()

    def load(self, session: Session, recipe: str) -> Credentials | None:
        kept = self.sets.get(session.name)
        return kept[1] if kept is not None and kept[0] == recipe else None

    def save(self, session: Session, recipe: str, made: Credentials, payload: bytes | None) -> None:
        self.sets[session.name] = (recipe, made)
        self.quick |= {session.name} if payload is not None else set()

    def forget(self, session: Session) -> None:
        self.sets.pop(session.name, None)

    async def guard(self, session: Session, *, wait: bool) -> Callable[[], None] | None:
        if session.name in self.held:
            return None
        self.held.add(session.name)
        return lambda: self.held.discard(session.name)


def process(place: Path, cache: SharedCache, bench: Bench | None = None) -> Bench:
    """Another process of the same person: its own memory, the same clock and cache."""
    made = grant_bench(place)
    made.workspace.sessions["plain"] = role("plain", "u")
    if bench is not None:
        made.clock = bench.clock
        made.keeper._world.now = bench.clock.now
        made.mints._now = bench.clock.now
    made.keeper.use_cache(cache)
    return made


def test_s36_a_set_under_a_grant_is_shared_only_while_the_grant_lives(short_tmp: Path) -> None:
    """S-52, S-53 without an agent: no process serves what another kept before it has asked the server."""
    cache = SharedCache()
    first = process(short_tmp, cache)
    view = live(first, timedelta(minutes=40))

    async def mints(keeper: Keeper) -> None:
        first.grants.set(view)
        await keeper.get("g")
        await keeper.get("plain")

    first.run(mints)
    assert cache.quick == {"plain", "u"}, "a launcher would not ask whether the grant lives"
    second = process(short_tmp, cache, first)

    async def shares(keeper: Keeper) -> None:
        second.grants.set(view)
        assert (await keeper.get("g")).expires_at == view.ends_at
        await keeper.get("plain")

    second.run(shares)
    assert second.mints.made == []
    third = process(short_tmp, cache, first)

    async def refused(keeper: Keeper) -> None:
        third.grants.set(replace(view, state="ended", ended_by="lee"))
        with pytest.raises(Denied, match="ended by lee"):
            await keeper.get("g")

    third.run(refused)
    assert third.mints.made == []


def test_s20_without_an_agent_one_process_refreshes_and_the_others_serve(short_tmp: Path) -> None:
    """S-22: what is handed out has 16 minutes left whenever AWS allows it, though nobody works in the background."""
    cache = SharedCache()
    first = process(short_tmp, cache)

    async def mints(keeper: Keeper) -> None:
        await keeper.get("plain")

    first.run(mints)
    first.clock.advance(timedelta(minutes=45))
    busy = process(short_tmp, cache, first)
    cache.held.add("plain")
    busy.run(mints)
    assert busy.mints.made == []
    cache.held.clear()
    free = process(short_tmp, cache, first)
    free.run(mints)
    assert free.mints.made == ["plain"]
    failing = process(short_tmp, cache, first)
    first.clock.advance(timedelta(minutes=45))
    failing.mints.faults["plain"] = [Upstream("AWS is away")]
    failing.run(mints)  # the old set has 15 minutes left: it is served
    assert failing.mints.made == []
