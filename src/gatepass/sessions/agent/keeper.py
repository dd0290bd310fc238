"""The heart of the agent: one set of credentials per hop, made once for all who wait, refreshed before it is old.

Runs on one asyncio loop; blocking work goes to threads. Knows nothing of sockets.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from gatepass.sessions.agent.asker import NOBODY, Asker
from gatepass.sessions.agent.flights import CalledOff, Flight, Flights
from gatepass.sessions.agent.gather import Gatherer
from gatepass.sessions.agent.peer import Peer
from gatepass.sessions.agent.world import Cache, Entry, Standing, World
from gatepass.sessions.errors import (
    BadInput,
    Denied,
    Locked,
    NeedsHuman,
    SessionError,
    StaleParent,
    Upstream,
    scrub,
    system_refused,
)
from gatepass.sessions.freshness import REFRESH_WAIT_SECONDS, Verdict, judge, usable, window
from gatepass.sessions.grants import GrantView
from gatepass.sessions.model import Credentials, Grant, IamUser, Session, Workspace
from gatepass.sessions.plan import Step, console_step, plan
from gatepass.sessions.providers.local import process_json
from gatepass.sessions.providers.sts import CodeSpent
from gatepass.sessions.workspace.reading import require

LOOKS = 3
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)


class Keeper:
    """Serves credentials by profile or session name."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.entries: dict[str, Entry] = {}
        self.standings: dict[str, Standing] = {}
        self.stopped: set[str] = set(world.stopped)
        self._flights = Flights()
        self._gather = Gatherer(world, self._hop)

    def use_cache(self, cache: Cache) -> None:
        """Share sets with other processes from now on (agentless mode)."""
        self._world.cache = cache

    def recall(self) -> None:
        """Hold what other processes have kept, for showing; grants are asked for when they are used."""
        workspace, cache = self._world.workspace(), self._world.cache
        for session in workspace.sessions.values() if cache is not None else ():
            made = cache.load(session, _recipe(workspace, session)) if cache is not None else None
            if made is not None and session.name not in self.entries:
                entry = self.entries[session.name] = self._entry(workspace, session, made, None)
                state = "active" if self.remaining(entry) > timedelta(0) else "expired"
                self.standings[session.name] = Standing(state, "kept by another process", made.issued_at)

    # --- serving -------------------------------------------------------------------------------------------------

    async def get(self, name: str, asker: Asker = NOBODY, peer: Peer | None = None) -> Entry:
        """The set of this profile or session, as fresh as S-19 to S-22 ask. Raises a `SessionError`.

        What was stopped, locked, revoked or edited while it was made, and what ended while the machine slept over
        the making, is looked at again from the start.
        """
        for _ in range(LOOKS):
            try:
                entry = await self._get(name, asker, peer)
            except CalledOff:
                continue
            if self.remaining(entry) > timedelta(0):
                return entry
        raise Upstream(
            f"session {name!r} changed or ended each time while it was made", advice="run the command again"
        )

    async def _get(self, name: str, asker: Asker, peer: Peer | None) -> Entry:
        workspace = self._world.workspace()
        session = require(workspace, name)
        self._refuse_stopped(workspace, session)
        entry = self._valid(workspace, session.name)
        if entry is not None:
            entry.last_used = self._world.now()
            served = await self._serve(workspace, session, entry, asker)
            if served is not None:
                return served
        return await self._fly(workspace, self.steps(workspace, session), -1, asker, peer)

    async def start(self, name: str, asker: Asker, peer: Peer | None) -> Entry:
        """Allow the session again and mint now, prompting now (S-17)."""
        return await self.get(self._allowed(name).name, asker, peer)

    def _allowed(self, name: str) -> Session:
        """The session, no longer stopped."""
        workspace = self._world.workspace()
        session = require(workspace, name)
        hops = {hop.name for hop in workspace.chain(session.name)}
        if hops & self.stopped:
            self.stopped -= hops
            self._world.keep_stopped(frozenset(self.stopped))
        return session

    async def federated(self, name: str, lasts: timedelta | None) -> tuple[Step, Credentials]:
        """What an IAM user opens the console with: made for this once from its long-term keys, never held (S-75)."""
        workspace, session = self._world.workspace(), self._allowed(name)
        step = console_step(session, lasts)
        inputs = await self._gather.inputs(workspace, (step,), 0, NOBODY)
        try:
            return step, await asyncio.to_thread(self._world.mints.mint, workspace, step, inputs)
        except StaleParent as error:
            raise self._parent_is_gone(workspace, step, error) from error

    async def request(self, name: str, reason: str, note: Callable[[str], None]) -> GrantView:
        """Ask for what a grant session needs and wait until it is there (A4)."""
        session = require(self._world.workspace(), name)
        if not isinstance(session.recipe, Grant):
            raise BadInput(f"session {session.name!r} is of kind {session.kind}; only grants are asked for")
        self.move(session.name, "needs-approval", "asked for")
        return await self._world.grants.request(session, session.recipe, reason, note)

    async def grant(self, session: Session, recipe: Grant) -> GrantView:
        """The session's grant once it is live; waits while it is undecided. Raises `Denied`, `NeedsHuman` (S-51)."""
        return await self._world.grants.view(session, recipe, wait=True)

    def stop(self, name: str, peer: Peer | None) -> list[str]:
        """Drop the session's set, those made from it, and hops nobody else uses; refuse it until `start` (S-18)."""
        workspace = self._world.workspace()
        session = require(workspace, name)
        self.stopped.add(session.name)
        gone = self._below(workspace, session.name) | self._idle_hops(workspace, session)
        for each in sorted(gone):
            self.end(each, "stopped", peer)
        self._world.keep_stopped(frozenset(self.stopped))
        return sorted(gone)

    def lock(self) -> None:
        """Forget every set, those kept for other processes too."""
        kept = self._world.workspace().sessions if self._world.cache is not None else ()
        for name in {*self.entries, *self._flights.names(), *kept}:
            self.end(name, "locked")

    def end(self, name: str, cause: str, peer: Peer | None = None, *, state: str = "inactive") -> None:
        """Forget a set and call off what is being made for it: what was begun before is never served. Repeatable."""
        self._flights.call_off(name)
        self.drop(name, cause, peer, state=state)

    async def idle(self) -> None:
        """Return when nothing is being made, be it for a caller or behind its back."""
        await self._flights.all_landed()

    def person_acted(self) -> None:
        """A login or an unlocking: what waited for a person may be refreshed in the background again."""
        for entry in self.entries.values():
            entry.needs_person = False

    def drop(self, name: str, cause: str, peer: Peer | None = None, *, state: str = "inactive") -> None:
        """Forget one set. May be repeated."""
        self.entries.pop(name, None)
        cache = self._world.cache
        if cache is not None and (session := self._world.workspace().sessions.get(name)) is not None:
            cache.forget(session)
        self.move(name, state, cause, peer)

    def end_grant(self, name: str, cause: str) -> None:
        """The grant of this session is over: what was made from it goes too (S-53)."""
        for each in sorted(self._below(self._world.workspace(), name)):
            self.end(each, cause, state="revoked")

    def steps(self, workspace: Workspace, session: Session) -> tuple[Step, ...]:
        """The plan of a session as it is now."""
        return plan(workspace.chain(session.name), self._world.learned.lengths)

    def move(self, name: str, state: str, cause: str, peer: Peer | None = None) -> None:
        """Enter a state; an event when it is another one (S-16)."""
        standing = self.standings.setdefault(name, Standing())
        if standing.state == state:
            return
        self._world.events.changed(name, standing.state, state, cause, peer)
        standing.state, standing.cause, standing.since = state, cause, self._world.now()
        self._world.on_change()

    def _refuse_stopped(self, workspace: Workspace, session: Session) -> None:
        for hop in workspace.chain(session.name):
            if hop.name in self.stopped:
                raise NeedsHuman(
                    f"session {hop.name!r} was stopped",
                    advice=f"run: gatepass session start {session.name}",
                    state="inactive",
                )

    def _valid(self, workspace: Workspace, name: str) -> Entry | None:
        """The held set if its recipe is still the workspace's and its grant has not ended."""
        entry = self.entries.get(name)
        if entry is None:
            return None
        if entry.chain != workspace.chain(name):
            self.end(name, "the recipe changed")
            return None
        return entry

    def remaining(self, entry: Entry) -> timedelta:
        """How long the set may still be served, by AWS's clock."""
        return entry.expires_at - self._world.now()

    async def _serve(
        self, workspace: Workspace, session: Session, entry: Entry, asker: Asker
    ) -> Entry | None:
        """The entry when it may be served now; None when a new one must be made."""
        match judge(self.remaining(entry), self._lifetime(entry)):
            case Verdict.SERVE:
                return entry
            case Verdict.SERVE_AND_REFRESH:
                self._refresh_behind(workspace, session, entry)
                return entry
            case Verdict.WAIT:
                return await self._wait_for_refresh(workspace, session, entry, asker)
            case Verdict.MINT:
                self.move(session.name, "expired", "its time is over")
                return None

    @staticmethod
    def _lifetime(entry: Entry) -> timedelta | None:
        if entry.grant is not None and entry.credentials.issued_at is not None:
            return entry.expires_at - entry.credentials.issued_at
        return entry.credentials.lasts

    async def _wait_for_refresh(
        self, workspace: Workspace, session: Session, entry: Entry, asker: Asker
    ) -> Entry:
        if entry.grant is not None and not self._may_gain(entry):
            return entry  # the grant's end is near: nothing newer lasts longer
        flight = self._fly(workspace, self.steps(workspace, session), -1, asker, None)
        try:
            return await asyncio.wait_for(flight, REFRESH_WAIT_SECONDS)
        except (SessionError, TimeoutError) as error:
            if self.entries.get(session.name) is entry and usable(self.remaining(entry)):
                self.move(session.name, "stale", "refresh failed")
                return entry
            if isinstance(error, SessionError):
                raise
            raise Upstream(
                f"session {session.name!r}: its credentials end now and new ones take longer than "
                f"{REFRESH_WAIT_SECONDS:.0f} s",
                advice="run the command again",
            ) from error

    def _may_gain(self, entry: Entry) -> bool:
        """Whether a new set could last longer than this one."""
        assert entry.grant is not None
        ends_at = entry.grant.ends_at
        return ends_at is None or ends_at - entry.expires_at > timedelta(seconds=1)

    def _refresh_behind(self, workspace: Workspace, session: Session, entry: Entry) -> None:
        """Start one refresh that needs no person, unless one runs or has just failed (S-20, S-24)."""
        too_early = entry.retry_at is not None and self._world.now() < entry.retry_at
        if session.name in self._flights or entry.needs_person or too_early:
            return
        if entry.grant is not None and not self._may_gain(entry):
            return
        self.move(session.name, "stale", "refreshing")
        self._start_flight(workspace, self.steps(workspace, session), -1, NOBODY, None)

    # --- minting -------------------------------------------------------------------------------------------------

    async def _fly(
        self, workspace: Workspace, steps: tuple[Step, ...], at: int, asker: Asker, peer: Peer | None
    ) -> Entry:
        """Join the making of this hop or start one. A person's wait outlives a flight that found nobody to ask."""
        name = steps[at].session.name
        flight = self._flights.current(name)
        if flight is not None and flight.chain != workspace.chain(name):
            self._flights.call_off(name)
        elif flight is not None:
            try:
                return await flight.landed()
            except NeedsHuman:
                if not asker.present:
                    raise
        return await self._start_flight(workspace, steps, at, asker, peer).landed()

    def _start_flight(
        self, workspace: Workspace, steps: tuple[Step, ...], at: int, asker: Asker, peer: Peer | None
    ) -> Flight:
        name = steps[at].session.name
        running = self._flights.current(name)
        if running is not None and not running.landing.done() and (running.with_person or not asker.present):
            return running
        making = self._mint(workspace, steps, at, asker, peer)
        return self._flights.start(name, workspace.chain(name), making, with_person=asker.present)

    async def _mint(
        self, workspace: Workspace, steps: tuple[Step, ...], at: int, asker: Asker, peer: Peer | None
    ) -> Entry:
        at = at % len(steps)
        name = steps[at].session.name
        if name not in self.entries:
            self.move(name, "pending", "minting", peer)
        try:
            entry = await self._guarded_mint(workspace, steps, at, asker)
        except SessionError as error:
            self._failed(name, error, peer)
            raise
        except CalledOff:  # a hop above was
            raise
        except OSError as error:  # a full disk, a lock that cannot be made
            refused = system_refused(error, f"session {name!r}")
            self._failed(name, refused, peer)
            raise refused from error
        except Exception as error:  # the step's boundary: a server that lies must not leave waiters hanging
            wrong = Upstream(
                f"session {name!r}: the answer cannot be used ({type(error).__name__})",
                advice="try again; if it stays so, look into the agent's log",
            )
            self._world.events.refused(name, f"{type(error).__name__}: {scrub(str(error))[:200]}", peer)
            self._failed(name, wrong, peer)
            raise wrong from error
        old = self.entries.get(name)
        if old is not None:  # a refresh is no use: it must not keep itself alive (S-23)
            entry.last_used = old.last_used
        self.entries[name] = entry
        self.move(name, "active", "minted", peer)
        self._world.on_change()
        return entry

    async def _guarded_mint(
        self, workspace: Workspace, steps: tuple[Step, ...], at: int, asker: Asker
    ) -> Entry:
        cache = self._world.cache
        if cache is None:
            return await self._mint_twice(workspace, steps, at, asker)
        session = steps[at].session
        recipe = _recipe(workspace, session)
        grant = await self._live_grant(steps[: at + 1], asker)
        held, verdict = await self._kept(cache, workspace, session, recipe, grant)
        if held is not None and verdict is Verdict.SERVE:
            return held
        release = await cache.guard(session, wait=verdict is not Verdict.SERVE_AND_REFRESH)
        if release is None:  # another process refreshes it
            assert held is not None
            return held
        try:
            held, verdict = await self._kept(cache, workspace, session, recipe, grant)
            if held is not None and verdict is Verdict.SERVE:
                return held
            return await self._mint_and_keep(cache, workspace, steps, at, asker)
        except SessionError:
            if held is not None and usable(self.remaining(held)):
                return held
            raise
        finally:
            release()

    async def _kept(
        self, cache: Cache, workspace: Workspace, session: Session, recipe: str, grant: GrantView | None
    ) -> tuple[Entry | None, Verdict]:
        """What another process made of the same recipe, and what to do with it."""
        made = await asyncio.to_thread(cache.load, session, recipe)
        if made is None or made.expires_at is None:
            return None, Verdict.MINT
        entry = self._entry(workspace, session, made, grant)
        return entry, judge(self.remaining(entry), self._lifetime(entry))

    async def _live_grant(self, steps: tuple[Step, ...], asker: Asker) -> GrantView | None:
        """The grant on the way that ends first: asked for before a kept set is used (S-52, S-53). Raises `Denied`."""
        views = [
            await self._world.grants.view(step.session, step.session.recipe, wait=asker.present)
            for step in steps
            if isinstance(step.session.recipe, Grant)
        ]
        return min(views, key=lambda v: v.ends_at or datetime.max.replace(tzinfo=UTC), default=None)

    async def _mint_and_keep(
        self, cache: Cache, workspace: Workspace, steps: tuple[Step, ...], at: int, asker: Asker
    ) -> Entry:
        entry = await self._mint_twice(workspace, steps, at, asker)
        session = steps[at].session
        payload = entry.payload if entry.grant is None and not session.guarded else None
        await asyncio.to_thread(cache.save, session, _recipe(workspace, session), entry.credentials, payload)
        return entry

    async def _mint_twice(
        self, workspace: Workspace, steps: tuple[Step, ...], at: int, asker: Asker
    ) -> Entry:
        """Mint; when AWS refuses the hop above, make that anew once (S-24); with what was learned when that cost the
        MFA code (S-12)."""
        try:
            return await self._mint_once(workspace, steps, at, asker)
        except CodeSpent:
            steps = self.steps(workspace, steps[-1].session)
        except StaleParent as error:
            self._world.events.refused(steps[at].session.name, str(error), None)
            self._forget_above(steps, at)
        try:
            return await self._mint_once(workspace, steps, at, asker)
        except StaleParent as error:
            raise self._parent_is_gone(workspace, steps[at], error) from error

    def _forget_above(self, steps: tuple[Step, ...], at: int) -> None:
        if at > 0:
            self.drop(steps[at - 1].session.name, "AWS refused it")

    @staticmethod
    def _parent_is_gone(workspace: Workspace, step: Step, error: StaleParent) -> SessionError:
        """Said of the hop that must act, never as a bare refusal of the child (S-10)."""
        root = workspace.chain(step.session.name)[0]
        if isinstance(root.recipe, IamUser):
            why = error.message.removeprefix(f"session {root.name!r}: ")
            return Denied(
                f"session {root.name!r}: AWS no longer accepts its keys ({why})",
                advice=f"put new ones in: gatepass session secret {root.name}",
            )
        advice = (
            f"run: gatepass login {root.integration}"
            if root.integration
            else f"run: gatepass session start {root.name}"
        )
        return NeedsHuman(f"session {root.name!r} needs login ({error.message})", advice=advice)

    async def _mint_once(self, workspace: Workspace, steps: tuple[Step, ...], at: int, asker: Asker) -> Entry:
        step = steps[at]
        inputs = await self._gather.inputs(workspace, steps, at, asker)
        try:
            made = await asyncio.to_thread(self._world.mints.mint, workspace, step, inputs)
        except StaleParent:
            if inputs.token is not None:
                self._world.logins.is_dead(inputs.token)
            raise
        return self._entry(workspace, step.session, made, inputs.grant)

    async def _hop(self, workspace: Workspace, steps: tuple[Step, ...], at: int, asker: Asker) -> Entry:
        """The hop above, reused while it is fresh even if what was made from it is not (S-15)."""
        entry = self._valid(workspace, steps[at].session.name)
        if entry is not None and self.remaining(entry) > window(self._lifetime(entry)) / 4:
            entry.last_used = self._world.now()
            return entry
        return await self._fly(workspace, steps, at, asker, None)

    def _entry(
        self, workspace: Workspace, session: Session, made: Credentials, grant: GrantView | None
    ) -> Entry:
        assert made.expires_at is not None
        expires_at = made.expires_at
        if grant is not None and grant.ends_at is not None:
            expires_at = min(expires_at, grant.ends_at.astimezone(UTC))
        return Entry(
            chain=workspace.chain(session.name),
            credentials=made,
            payload=process_json(made, expires_at, session.account_id),
            expires_at=expires_at,
            last_used=self._world.now(),
            grant=grant,
        )

    def _failed(self, name: str, error: SessionError, peer: Peer | None) -> None:
        """Note why, and when to try again; a set that still lives stays."""
        entry = self.entries.get(name)
        if entry is not None and isinstance(error, Denied) and error.state == "revoked":
            self.drop(name, error.line(), peer, state="revoked")
            return
        if entry is not None and isinstance(error, NeedsHuman):
            entry.needs_person = True  # no use trying before somebody has acted (S-24)
            self.move(name, error.state, error.line(), peer)
            return
        if entry is not None:
            pause = RETRY_SECONDS[min(entry.failures, len(RETRY_SECONDS) - 1)]
            entry.failures += 1
            jitter = int.from_bytes(os.urandom(4)) / 2**32
            entry.retry_at = self._world.now() + timedelta(seconds=pause * jitter)
            self.move(name, "stale", error.line(), peer)
            return
        state = error.state if isinstance(error, NeedsHuman | Denied) else "inactive"
        if isinstance(error, Locked):
            state = "needs-login"
        self.move(name, state, error.line(), peer)

    # --- time ----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at every age once: refresh what is used, drop what is over (S-23). Called every few seconds."""
        workspace = self._world.workspace()
        now = self._world.now()
        for name, entry in list(self.entries.items()):
            if name not in workspace.sessions or self._valid(workspace, name) is None:
                self.end(name, "no longer in the workspace")
                continue
            left = self.remaining(entry)
            lifetime = self._lifetime(entry) or timedelta(hours=1)
            if left <= timedelta(0):
                ended = (
                    entry.grant is not None and entry.grant.ends_at is not None and entry.grant.ends_at <= now
                )
                self.drop(name, "the grant has ended" if ended else "its time is over", state="expired")
            elif left <= window(lifetime) and now - entry.last_used < 2 * lifetime:
                self._refresh_behind(workspace, workspace.sessions[name], entry)

    def anything_fresh(self) -> bool:
        """Whether some set is still alive."""
        return any(self.remaining(entry) > timedelta(0) for entry in self.entries.values())

    def _below(self, workspace: Workspace, name: str) -> set[str]:
        found, todo = {name}, [name]
        while todo:
            for child in workspace.children(todo.pop()):
                if child.name not in found:
                    found.add(child.name)
                    todo.append(child.name)
        return {n for n in found if n in self.entries or n in self._flights or n == name}

    def _idle_hops(self, workspace: Workspace, session: Session) -> set[str]:
        """Hops above that no other held set was made through: they go too, MFA sessions included."""
        gone = self._below(workspace, session.name)
        used = {
            hop.name
            for other in {*self.entries, *self._flights.names()}
            if other not in gone
            for hop in workspace.chain(other)[:-1]
            if other in workspace.sessions
        }
        above = [hop.name for hop in workspace.chain(session.name)[:-1]]
        held = self.entries.keys() | self._flights.names()
        return {name for name in above if name in held and name not in used}


def _recipe(workspace: Workspace, session: Session) -> str:
    """What a kept set was made by; another text means another set."""
    return repr(workspace.chain(session.name))
