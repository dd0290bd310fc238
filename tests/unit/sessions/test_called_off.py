"""What happens to credentials while they are made: stopped, locked, revoked, edited, slept over, given up on.

The mint stands still at a gate that the test opens, so nothing here depends on how fast the machine is.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.sessions.test_keeper import HOUR, MFA, Bench, FakeMints, Human, live, role, user

from gatepass.sessions.agent import grantwatch
from gatepass.sessions.agent import keeper as keeper_module
from gatepass.sessions.agent.asker import NOBODY
from gatepass.sessions.agent.keeper import Keeper
from gatepass.sessions.agent.minter import Inputs
from gatepass.sessions.errors import Denied, Locked, NeedsHuman, Upstream
from gatepass.sessions.grants import GrantView
from gatepass.sessions.model import Credentials, Grant, Session, Workspace
from gatepass.sessions.plan import Step

LONG = 60.0


class GatedMints(FakeMints):
    """A mint of a session in `gates` says that it has begun and goes on when its gate is opened."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self.gates: dict[str, threading.Event] = {}
        self.begun: dict[str, int] = {}
        self.during: dict[str, Callable[[], None]] = {}
        """What happens in the world while AWS answers."""

    def mint(self, workspace: Workspace, step: Step, inputs: Inputs) -> Credentials:
        name = step.session.name
        self.begun[name] = self.begun.get(name, 0) + 1
        if name in self.gates:
            assert self.gates[name].wait(LONG)
        made = super().mint(workspace, step, inputs)
        self.during.pop(name, lambda: None)()
        return made


def gated(place: Path, sessions: list[Session], *names: str) -> tuple[Bench, GatedMints]:
    bench = Bench(place, sessions)
    mints = GatedMints(bench.clock.now)
    mints.gates = {name: threading.Event() for name in names}
    bench.mints = mints
    bench.keeper._world.mints = mints
    return bench, mints


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition, however long the machine takes."""
    ends = asyncio.get_running_loop().time() + LONG
    while not true():
        assert asyncio.get_running_loop().time() < ends, "it never came true"
        await asyncio.sleep(0.002)


async def waiting_for(keeper: Keeper, mints: GatedMints, name: str, of: str) -> asyncio.Task[Any]:
    """A task that waits for `name` while the mint of `of` stands at its gate."""
    task = asyncio.create_task(keeper.get(name))
    await until(lambda: mints.begun.get(of, 0) > 0)
    return task


def test_s29_a_lock_reaches_what_is_being_made(short_tmp: Path) -> None:
    """Who waits is told at once; what AWS answers later is never held nor served."""
    bench, mints = gated(short_tmp, [user(), role("r", "u")], "r")

    def shut(name: str) -> None:
        raise Locked("the vault is locked", advice="run: gatepass vault unlock")

    async def story(keeper: Keeper) -> None:
        task = await waiting_for(keeper, mints, "r", "r")
        bench.secrets.get = shut  # type: ignore[assignment]
        keeper.lock()
        with pytest.raises(Locked):
            await task
        mints.gates["r"].set()
        await until(lambda: mints.made == ["u", "r"])
        for _ in range(20):
            await asyncio.sleep(0)
        assert keeper.entries == {}

    bench.run(story)


def test_s18_stopping_a_parent_calls_off_the_child(short_tmp: Path) -> None:
    bench, mints = gated(short_tmp, [user(), role("a", "u"), role("b", "a")], "b")

    async def story(keeper: Keeper) -> None:
        task = await waiting_for(keeper, mints, "b", "b")
        assert keeper.stop("a", None) == ["a", "b", "u"]
        with pytest.raises(NeedsHuman, match="session 'a' was stopped"):
            await task
        mints.gates["b"].set()
        await until(lambda: "b" in mints.made)
        assert keeper.entries == {}
        assert keeper.standings["b"].state == "inactive"

    bench.run(story)


def test_s18_stopping_keeps_the_hop_that_another_mint_is_using(short_tmp: Path) -> None:
    bench, mints = gated(short_tmp, [user(), role("a", "u"), role("b", "u")], "b")

    async def story(keeper: Keeper) -> None:
        await keeper.get("a")
        task = await waiting_for(keeper, mints, "b", "b")
        assert keeper.stop("a", None) == ["a"]
        mints.gates["b"].set()
        await task
        assert mints.made.count("u") == 1

    bench.run(story)


def test_s18_a_full_disk_does_not_keep_credentials_that_were_stopped(short_tmp: Path) -> None:
    bench, _ = gated(short_tmp, [user(), role("r", "u")])

    def full(_: frozenset[str]) -> None:
        raise OSError(28, "No space left on device")

    async def story(keeper: Keeper) -> None:
        await keeper.get("r")
        bench.keeper._world.keep_stopped = full
        with pytest.raises(OSError, match="No space"):
            keeper.stop("r", None)
        assert keeper.entries == {}
        with pytest.raises(NeedsHuman, match="was stopped"):
            await keeper.get("r")

    bench.run(story)


def granted(place: Path, *gates: str) -> tuple[Bench, GatedMints]:
    return gated(place, [user(), Session("g", Grant(target="prod", flow="f", via="u"), "g")], *gates)


def ended(bench: Bench) -> GrantView:
    view = live(bench, 3 * HOUR)
    return GrantView(
        "req-1", "ended", view.starts_at, view.ends_at, "lee@example.com", None, "gatepass request f"
    )


def test_s53_a_grant_revoked_while_its_credentials_are_made_yields_none(short_tmp: Path) -> None:
    bench, mints = granted(short_tmp, "g")

    async def story(keeper: Keeper) -> None:
        bench.grants.set(live(bench, 3 * HOUR))
        task = await waiting_for(keeper, mints, "g", "g")
        bench.grants.set(ended(bench))
        with pytest.raises(Denied, match=r"ended by lee@example\.com"):
            await task
        mints.gates["g"].set()
        await until(lambda: "g" in mints.made)
        assert "g" not in keeper.entries
        assert keeper.standings["g"].state == "revoked"

    bench.run(story)


class Silent:
    """The long poll never says anything: only `find` knows."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def __call__(self, seen: GrantView, wait: timedelta) -> GrantView:
        with self._bench.grants.changed:
            self._bench.grants.changed.wait(0.05)
        return seen


def test_s53_a_refresh_that_learns_of_the_end_does_not_serve_the_old_set(short_tmp: Path) -> None:
    """The old set has minutes left and the refresh fails: for a revocation that is no reason to serve it."""
    bench, _ = granted(short_tmp)
    bench.grants.watch = Silent(bench)  # type: ignore[method-assign]

    async def story(keeper: Keeper) -> None:
        bench.grants.set(live(bench, 3 * HOUR))
        await keeper.get("g")
        bench.clock.advance(timedelta(minutes=57))
        bench.grants.set(ended(bench))
        with pytest.raises(Denied, match="was ended"):
            await keeper.get("g")
        assert "g" not in keeper.entries

    bench.run(story)


def test_s53_a_server_that_lies_does_not_end_the_watching(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grantwatch, "POLL", timedelta(milliseconds=20))
    bench, _ = granted(short_tmp)
    said: list[BaseException | GrantView] = [
        KeyError("grants"),
        ValueError("not JSON"),
        TypeError("x"),
        Upstream(""),
    ]

    def lying(seen: GrantView, wait: timedelta) -> GrantView:
        found = said.pop(0) if said else ended(bench)
        if isinstance(found, BaseException):
            raise found
        return found

    bench.grants.watch = lying  # type: ignore[method-assign]

    async def story(keeper: Keeper) -> None:
        bench.grants.set(live(bench, 3 * HOUR))
        await keeper.get("g")
        await until(lambda: "g" not in keeper.entries)
        assert said == []

    bench.run(story)


def test_s53_the_grant_that_is_watched_is_the_one_of_the_last_set(short_tmp: Path) -> None:
    """A second request replaces the first: its revocation is seen, and the first one's end ends nothing."""
    bench, _ = granted(short_tmp)
    ends: dict[str, threading.Event] = {"req-1": threading.Event(), "req-2": threading.Event()}

    def watch(seen: GrantView, wait: timedelta) -> GrantView:
        if ends[seen.request].wait(0.02):
            return GrantView(
                seen.request, "ended", seen.starts_at, seen.ends_at, f"end of {seen.request}", None, "again"
            )
        return seen

    bench.grants.watch = watch  # type: ignore[method-assign]

    async def story(keeper: Keeper) -> None:
        bench.grants.set(live(bench, 3 * HOUR))
        await keeper.get("g")
        keeper.end("g", "the test wants it anew")
        second = live(bench, 3 * HOUR)
        bench.grants.set(
            GrantView("req-2", "active", second.starts_at, second.ends_at, None, second.access, "again")
        )
        entry = await keeper.get("g")
        ends["req-1"].set()
        for _ in range(5):
            await asyncio.sleep(0.02)
        assert keeper.entries["g"] is entry
        ends["req-2"].set()
        await until(lambda: "g" not in keeper.entries)
        assert "end of req-2" in keeper.standings["g"].cause

    bench.run(story)


def test_s24_new_keys_are_used_although_the_old_ones_were_on_their_way(short_tmp: Path) -> None:
    """A secret that changes, or a logout, calls off what was begun with the old one; who waits gets the new."""
    bench, mints = gated(short_tmp, [user(session_token=False), role("r", "u")], "r")

    async def story(keeper: Keeper) -> None:
        task = await waiting_for(keeper, mints, "r", "r")
        bench.secrets.values["iam-user/u"] = {"access_key_id": "AKIANEW", "secret_access_key": "y"}
        keeper.end("r", "its secret changed")
        mints.gates["r"].set()
        await task
        via = mints.inputs[-1].via
        assert via is not None
        assert via.access_key_id == "AKIANEW"

    bench.run(story)


def test_s35_an_edited_session_is_not_joined(short_tmp: Path) -> None:
    """Who asks after the edit never gets what the old recipe yields, nor does who waited."""
    bench, mints = gated(short_tmp, [user(), role("r", "u")], "r")

    async def story(keeper: Keeper) -> None:
        before = await waiting_for(keeper, mints, "r", "r")
        bench.workspace = Workspace({"u": user(), "r": role("r", "u", region="eu-west-1")})
        after = asyncio.create_task(keeper.get("r"))
        await until(lambda: mints.begun["r"] == 2)
        mints.gates["r"].set()
        assert (await before).chain[-1].region == "eu-west-1"
        assert await after is await before

    bench.run(story)


@pytest.mark.parametrize("slept", [timedelta(minutes=10), timedelta(hours=2), timedelta(days=3)])
def test_s23_sleep_during_a_mint_never_yields_what_is_over(short_tmp: Path, slept: timedelta) -> None:
    """The machine sleeps between AWS's answer and ours; the chain above may be over as well."""
    bench, mints = gated(short_tmp, [user(), role("a", "u"), role("b", "a")])

    async def story(keeper: Keeper) -> None:
        mints.during = {name: (lambda: bench.clock.advance(slept)) for name in ("u", "a", "b")}
        entry = await keeper.get("b")
        assert keeper.remaining(entry) > timedelta(0)

    bench.run(story)


def test_s23_what_ends_each_time_is_said_and_does_not_loop(short_tmp: Path) -> None:
    bench, mints = gated(short_tmp, [user(), role("r", "u")])
    mints.lasts["r"] = timedelta(seconds=-1)

    async def story(keeper: Keeper) -> None:
        with pytest.raises(Upstream, match="changed or ended each time"):
            await keeper.get("r")
        assert mints.made.count("r") == 3

    bench.run(story)


def test_s35_waiters_who_leave_take_nothing_with_them(short_tmp: Path) -> None:
    """Half of a hundred are cancelled, the first among them: one mint, the others get it."""
    bench, mints = gated(short_tmp, [user(), role("r", "u")], "r")

    async def story(keeper: Keeper) -> None:
        tasks = [asyncio.create_task(keeper.get("r")) for _ in range(100)]
        await until(lambda: mints.begun.get("r", 0) == 1)
        for task in tasks[::2]:
            task.cancel()
        mints.gates["r"].set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in found[::2])
        assert len({id(each) for each in found[1::2]}) == 1
        assert mints.made == ["u", "r"]
        assert not keeper._flights.names()

    bench.run(story)


def test_s20_no_refresh_is_lost_when_everybody_who_asked_has_gone(short_tmp: Path) -> None:
    bench, mints = gated(short_tmp, [user(), role("r", "u")])

    async def story(keeper: Keeper) -> None:
        first = await keeper.get("r")
        mints.gates["r"] = threading.Event()
        bench.clock.advance(timedelta(minutes=45))
        for _ in range(10):
            asker = asyncio.create_task(keeper.get("r"))
            await asyncio.sleep(0)
            asker.cancel()
        await until(lambda: mints.begun["r"] == 2)
        mints.gates["r"].set()
        await until(lambda: keeper.entries["r"] is not first)
        assert mints.made.count("r") == 2

    bench.run(story)


def test_s21_a_refresh_that_hangs_serves_the_old_set_then_says_so(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "REFRESH_WAIT_SECONDS", 0.01)
    bench, mints = gated(short_tmp, [user(), role("r", "u")])

    async def story(keeper: Keeper) -> None:
        first = await keeper.get("r")
        mints.gates["r"] = threading.Event()
        bench.clock.advance(timedelta(minutes=57))
        assert await keeper.get("r") is first
        bench.clock.advance(timedelta(minutes=2, seconds=40))
        with pytest.raises(Upstream, match="run the command again"):
            await keeper.get("r")
        mints.gates["r"].set()
        await until(lambda: keeper.entries["r"] is not first)

    bench.run(story)


def test_s24_what_needs_a_person_waits_for_one_and_does_not_loop(short_tmp: Path) -> None:
    bench, _ = gated(short_tmp, [user(mfa_serial=MFA), role("r", "u")])

    async def story(keeper: Keeper) -> None:
        first = await keeper.get("r", Human("123456"))
        keeper.drop("u", "AWS refused it")
        bench.clock.advance(timedelta(minutes=45))
        assert await keeper.get("r") is first
        await until(lambda: keeper.standings["r"].state == "needs-mfa")
        tried = len(bench.seen)
        for _ in range(50):
            bench.clock.advance(timedelta(seconds=5))
            keeper.tick()
            await asyncio.sleep(0)
        assert len(bench.seen) == tried
        assert await keeper.get("r") is first  # still served
        keeper.drop("u", "again")
        keeper.person_acted()
        keeper.tick()
        await until(lambda: len(bench.seen) > tried + 1)

    bench.run(story)


class Leaving(Human):
    """Closes the terminal instead of answering."""

    async def ask(self, kind: str, text: str, command: str) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        return await NOBODY.ask(kind, text, command)


def test_s9_who_waited_for_anothers_prompt_is_asked_when_that_one_leaves(short_tmp: Path) -> None:
    bench, _ = gated(short_tmp, [user(mfa_serial=MFA), role("r", "u")])
    leaving, staying = Leaving(), Human("123456")

    async def story(keeper: Keeper) -> None:
        first = asyncio.create_task(keeper.get("r", leaving))
        await asyncio.sleep(0)
        second = asyncio.create_task(keeper.get("r", staying))
        with pytest.raises(NeedsHuman):
            await first
        await second
        assert (leaving.asked, staying.asked) == (1, 1)

    bench.run(story)


def test_s49_a_tool_does_not_wait_behind_a_prompt_that_it_cannot_use(short_tmp: Path) -> None:
    """Two roles straight from one user's keys: the prompt for one is no use to the other."""
    direct = {"session_token": False, "mfa_serial": MFA}
    bench, _ = gated(short_tmp, [user(**direct), role("r", "u"), role("q", "u")])
    asked, answered = asyncio.Event(), asyncio.Event()

    class Slow(Human):
        async def ask(self, kind: str, text: str, command: str) -> str:
            asked.set()
            await answered.wait()
            return "123456"

    async def story(keeper: Keeper) -> None:
        person = asyncio.create_task(keeper.get("r", Slow()))
        await asked.wait()
        with pytest.raises(NeedsHuman, match="gatepass session start q"):
            await keeper.get("q")
        answered.set()
        await person

    bench.run(story)
