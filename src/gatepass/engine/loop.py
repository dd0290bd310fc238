"""The engine: everything that becomes due, taken and done; synchronously by `tick`, in threads by `run`."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from gatepass.access.strategy import Strategy
from gatepass.clock import Clock
from gatepass.engine.brake import Brake
from gatepass.engine.chores import Chore, Chores, clear_tombstones, publish_checkpoint, refresh_accounts
from gatepass.engine.leavers import Leavers
from gatepass.engine.looking import Looking
from gatepass.engine.messages import Messages
from gatepass.engine.pacing import StorePacer
from gatepass.engine.points import Point, nothing
from gatepass.engine.ports import Ports
from gatepass.engine.questions import Questions
from gatepass.engine.room import Room
from gatepass.engine.settings import EngineSettings
from gatepass.engine.silence import Silence
from gatepass.engine.step import Step, StepParts
from gatepass.engine.sweep import Sweep
from gatepass.engine.timekeeper import Timekeeper
from gatepass.errors import Unavailable
from gatepass.store import ClaimedFact, Store

log = logging.getLogger(__name__)

VERSION = "1"
_CLOCKS = timedelta(seconds=10)
_TIDY = timedelta(hours=1)
_MISSED = 3
"""Beats that a worker misses before it counts as silent."""
_SOON = timedelta(seconds=5)
"""What this process left to be due within so long is looked for at its moment, not at the next poll."""
_MANY = 10_000
"""A tick that handles so many facts goes round in circles: better to say so than to hang."""


@dataclass(frozen=True)
class Health:
    """How the engine is, for /metrics and /readyz."""

    brakes: Mapping[str, str]
    skews: Mapping[str, float]
    """Seconds by which the store's clock and AWS's are ahead of ours."""
    settled: int
    """Steps done by this process."""
    busy: int
    """Threads at work now."""


class Engine:
    """Settles facts and does all else that is due. Build the door with `engine.pacer` and `engine.timekeeper` first:
    `EngineCore` makes them.

    One per process. `tick` and `run` are not mixed.
    """

    def __init__(
        self,
        core: EngineCore,
        strategies: Mapping[str, Strategy],
        ports: Ports,
        *,
        point: Point = nothing,
        probe: Callable[[], None] = lambda: None,
        store_clock: Callable[[], datetime] | None = None,
        seed: int | None = None,
    ) -> None:
        self.core = core
        store, clock, settings = core.store, core.clock, core.settings
        self._room = Room(settings.outstanding - settings.spare, settings.poll)
        self._parts = StepParts(
            store=store,
            clock=clock,
            looking=Looking(strategies, clock),
            pacer=core.pacer,
            room=self._room,
            brake=core.brake,
            gate=ports.gate,
            announcer=ports.announcer,
            alarms=ports.alarms,
            settings=settings,
            point=point,
            dice=Random(seed),  # noqa: S311 - spreads retries, keeps no secret
        )
        self._sweep = Sweep(self._parts)
        self._questions = Questions(store, clock, settings, ports.decider, ports.announcer, ports.alarms)
        self._messages = Messages(store, clock, settings, ports.notifier)
        leavers = Leavers(store, ports.roster, ports.announcer)
        chores = [
            Chore("leavers", settings.leavers, leavers.once),
            Chore("accounts", settings.accounts, lambda: refresh_accounts(store, ports.inventory)),
            Chore(
                "checkpoint", settings.checkpoint, lambda: publish_checkpoint(store, ports.checkpoints, clock)
            ),
            Chore("tombstones", settings.tombstones, lambda: clear_tombstones(store, settings.ended)),
            Chore("tidy", _TIDY, store.tidy),
            Chore("clocks", _CLOCKS, lambda: self._compare_clocks(probe, store_clock)),
        ]
        self._chores = Chores(clock, ports.alarms, chores)
        # By itself: nothing slow may make this process look dead.
        self._beats = Chores(clock, ports.alarms, [Chore("beat", settings.beat, self._beat)])
        self._silence = Silence(
            settings.worker, _MISSED * settings.beat.total_seconds(), 2 * settings.lease.total_seconds()
        )
        self._checkpoints = ports.checkpoints
        self._nudges: list[threading.Event] = []
        """Of the threads whose work begins with a commit somewhere; the others only look every so often."""
        self._idle = threading.Semaphore(settings.threads)
        self._counting = threading.Lock()
        self._settled = 0
        self._busy = 0
        self._soon: list[datetime] = []

    # -- one round, no threads

    def tick(self) -> int:
        """Claim and do everything that is due now, in this thread; how many things were done."""
        done = self._beats.once() + self.settle_due()
        for once in (self._questions.once, self._sweep.once, self._chores.once):
            more = once()
            done += more + (self.settle_due() if more else 0)
        return done + self._messages.once()

    def settle_due(self) -> int:
        """Settle every fact that is due now; how many steps."""
        for count in range(_MANY):
            claimed = self._claim(1)
            if not claimed:
                return count
            Step(self._parts, claimed[0]).settle()
            self._settled += 1
        log.error("%s steps in one round: facts are due again and again", _MANY)
        return _MANY

    # -- threads

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then finish the steps in hand, publish a checkpoint and return."""
        self.core.timekeeper.begin()
        self._room.share(self.core.settings.threads, self.core.settings.slot_patience)
        woken = {"questions": self._questions.once, "messages": self._messages.once}
        names = woken | {"sweep": self._sweep.once, "chores": self._chores.once, "beats": self._beats.once}
        nudges = {name: threading.Event() for name in names}
        self._nudges += [nudges[name] for name in woken]
        threads = []
        for name, once in names.items():
            args = (name, once, nudges[name], stop)
            threads.append(
                threading.Thread(target=self._repeat, args=args, name=f"engine-{name}", daemon=True)
            )
        for thread in threads:
            thread.start()
        with ThreadPoolExecutor(self.core.settings.threads, thread_name_prefix="engine-step") as pool:
            while not stop.is_set():
                self._dispatch(pool)
        for nudge in nudges.values():  # to see that it is over, without waiting for the poll
            nudge.set()
        for thread in threads:
            thread.join(self.core.settings.lease.total_seconds())
        self._leave()

    def _dispatch(self, pool: ThreadPoolExecutor) -> None:
        """Give due facts to idle threads; wait for a wake-up, or a poll, when there are none."""
        poll = self.core.settings.poll.total_seconds()
        if not self._idle.acquire(timeout=poll):
            return
        room, looked_at = 1, self.core.clock.now()
        while room < self.core.settings.threads and self._idle.acquire(blocking=False):
            room += 1
        claimed: Sequence[ClaimedFact] = ()
        try:
            claimed = self._claim(room)
        except Unavailable as gone:
            log.warning("cannot look for what is due: %s", gone)
            time.sleep(poll)
        except Exception:  # whatever it is, taking back never stops
            log.exception("cannot look for what is due")
            time.sleep(poll)
        for _ in range(room - len(claimed)):
            self._idle.release()
        for each in claimed:
            pool.submit(self._settle_one, each)
        if not claimed and self._wait(self._until_due(looked_at, poll)):
            for nudge in self._nudges:
                nudge.set()

    def _until_due(self, looked_at: datetime, poll: float) -> float:
        """How long to wait when nothing was due at that moment."""
        with self._counting:
            while self._soon and self._soon[0] <= looked_at:
                heapq.heappop(self._soon)
            if not self._soon:
                return poll
            return min(poll, max(0.0, (self._soon[0] - self.core.clock.now()).total_seconds()))

    def _wait(self, poll: float) -> bool:
        """Whether somebody woke us; a waker that cannot wait is made up for by the poll."""
        try:
            return self.core.store.wait(poll)
        except Exception:
            log.exception("cannot wait for a wake-up")
            time.sleep(poll)
            return False

    def _settle_one(self, claimed: ClaimedFact) -> None:
        with self._counting:
            self._busy += 1
        step = Step(self._parts, claimed)
        try:
            step.settle()
        finally:
            soon, due = self.core.clock.now() + _SOON, step.due_at
            with self._counting:
                self._busy -= 1
                self._settled += 1
                if due is not None and due < soon:
                    heapq.heappush(self._soon, due)
            self._idle.release()

    def _repeat(
        self, name: str, once: Callable[[], int], nudge: threading.Event, stop: threading.Event
    ) -> None:
        poll = self.core.settings.poll.total_seconds()
        while not stop.is_set():
            try:
                done = once()
            except Unavailable as gone:
                log.warning("%s: %s", name, gone)
                done = 0
            except Exception:
                log.exception("%s broke off", name)
                done = 0
            if not done:
                nudge.wait(poll)
                nudge.clear()

    # -- parts

    def _claim(self, room: int) -> Sequence[ClaimedFact]:
        settings, now = self.core.settings, self.core.clock.now()
        full = self._room.full(now)
        return self.core.store.claim_due(settings.worker, now, room, settings.lease, full=full)

    def _beat(self) -> None:
        """Say that we live; and take over, before their leases end, the facts of those who do not say it any more.

        A holder sends nothing with less of its lease left than `call`: from then on the lease is only for hearing the
        answer to what was sent, and nobody hears it who is dead. One who lives after all finds its lease lost.
        """
        store, clock, settings = self.core.store, self.core.clock, self.core.settings
        store.beat(settings.worker, VERSION, clock.now())
        at = clock.monotonic()
        with store.read() as view:
            silent = self._silence.look(view.fleet.workers(), at)
        if silent and (taken := store.end_leases(silent, clock.now(), settings.call)):
            log.warning(
                "took over %s facts of workers that fell silent: %s", taken, ", ".join(sorted(silent))
            )
            store.wake()

    def _compare_clocks(self, probe: Callable[[], None], store_clock: Callable[[], datetime] | None) -> None:
        keeper = self.core.timekeeper
        keeper.probe(probe)
        if store_clock is not None:
            keeper.store_says(store_clock)
        keeper.note()

    def _leave(self) -> None:
        try:
            publish_checkpoint(self.core.store, self._checkpoints, self.core.clock)
            with self.core.store.write() as tx:
                tx.fleet.leave(self.core.settings.worker)
        except Unavailable as gone:
            log.warning("left without a last word: %s", gone)

    def health(self) -> Health:
        """How things are now. Cheap; asks neither database nor AWS."""
        skews = {name: skew.total_seconds() for name, skew in self.core.timekeeper.skews.items()}
        with self._counting:
            return Health(self.core.brake.reasons, skews, self._settled, self._busy)


@dataclass(frozen=True)
class EngineCore:
    """What the door needs of the engine before the engine can be built with the door's strategies."""

    store: Store
    clock: Clock
    settings: EngineSettings
    brake: Brake
    pacer: StorePacer
    timekeeper: Timekeeper

    @staticmethod
    def of(store: Store, clock: Clock, settings: EngineSettings, ports: Ports) -> EngineCore:
        """The core for one process."""
        brake = Brake(ports.alarms)
        pacer = StorePacer(store, clock, settings.pace, settings.slot_patience)
        return EngineCore(
            store, clock, settings, brake, pacer, Timekeeper(clock, store, brake, settings.skew)
        )
