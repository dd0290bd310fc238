"""Reads and polls that several facts share: who asks while one runs gets the next one, together with all who wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from gatepass.access.facts import Fact, FactKey, Reading
from gatepass.access.states import Verb
from gatepass.access.strategy import OperationStatus, Strategy
from gatepass.aws import lease
from gatepass.clock import Clock
from gatepass.errors import GatepassError

K = TypeVar("K", bound=Hashable)
W = TypeVar("W")
A = TypeVar("A")


@dataclass
class _Batch(Generic[K, W, A]):
    """What waits to be asked together, and then the answers."""

    wanted: dict[K, W] = field(default_factory=dict)
    answers: Mapping[K, A] | None = None
    error: GatepassError | None = None

    @property
    def done(self) -> bool:
        return self.answers is not None or self.error is not None


@dataclass
class _Queue(Generic[K, W, A]):
    running: threading.Lock = field(default_factory=threading.Lock)
    next: _Batch[K, W, A] = field(default_factory=_Batch)
    visitors: int = 0


class Together(Generic[K, W, A]):
    """Questions of one group are asked one after another, each time all that wait. An answer never begins before
    its question: what was on its way when somebody came is not for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[Hashable, _Queue[K, W, A]] = {}

    def ask(self, group: Hashable, key: K, what: W, run: Callable[[Mapping[K, W]], Mapping[K, A]]) -> A:
        """The answer to `key`. `run` asks for a batch; its `GatepassError` is everybody's who waited for it."""
        with self._lock:
            queue = self._queues.setdefault(group, _Queue())
            queue.visitors += 1
            batch = queue.next
            batch.wanted[key] = what
        try:
            with queue.running:
                if not batch.done:
                    self._run(queue, batch, run)
        finally:
            with self._lock:
                queue.visitors -= 1
                if not queue.visitors:
                    self._queues.pop(group, None)
        if batch.error is not None:
            raise batch.error
        assert batch.answers is not None
        return batch.answers[key]

    def _run(
        self, queue: _Queue[K, W, A], batch: _Batch[K, W, A], run: Callable[[Mapping[K, W]], Mapping[K, A]]
    ) -> None:
        with self._lock:
            queue.next = _Batch()
        try:
            batch.answers = run(batch.wanted)
        except GatepassError as error:
            batch.error = error
        finally:
            if not batch.done:  # somebody else's exception: those who waited must not wait for ever
                batch.error = GatepassError("a shared look at AWS broke off")


@dataclass(frozen=True, slots=True)
class Look:
    """What AWS was read to hold of one fact, and until when that counts."""

    reading: Reading
    until: datetime
    """The end of the lease under which the last call of the read was let go. Who decides later slept meanwhile."""


class Looking:
    """How the engine looks at AWS: reads shared by facts of one list, polls by operations of one instance."""

    def __init__(self, strategies: Mapping[str, Strategy], clock: Clock) -> None:
        self._strategies = strategies
        self._clock = clock
        self._reads: Together[FactKey, None, Look] = Together()
        self._polls: Together[str, Verb, OperationStatus] = Together()

    def strategy(self, key: FactKey) -> Strategy:
        """The strategy for a kind of fact. A plug-in that was uninstalled leaves facts nobody can take back: say so."""
        found = self._strategies.get(key.kind)
        if found is None:
            raise GatepassError(
                f"no strategy for facts of kind {key.kind} is installed", advice="install the plug-in again"
            )
        return found

    def read(self, fact: Fact) -> Look:
        """What AWS holds, read under this thread's lease after this call began. Raises what the door raises."""
        key = fact.key

        def run(wanted: Mapping[FactKey, None]) -> Mapping[FactKey, Look]:
            return self.observe(fact.through, tuple(wanted))

        group = (fact.through, key.kind, key.scope, key.parts[:-1])
        return self._reads.ask(group, key, None, run)

    def observe(self, through: str, keys: Sequence[FactKey]) -> Mapping[FactKey, Look]:
        """What AWS holds of facts that share a list, read now under this thread's lease."""
        readings = self.strategy(keys[0]).observe(through, keys, self._clock.now())
        until = lease.ends()
        assert until is not None, "AWS is read under a lease"
        return {key: Look(reading, until) for key, reading in readings.items()}

    def poll(self, fact: Fact, op_ref: str, verb: Verb) -> OperationStatus:
        """How one operation stands."""
        key, strategy = fact.key, self.strategy(fact.key)

        def run(wanted: Mapping[str, Verb]) -> Mapping[str, OperationStatus]:
            return strategy.poll(fact.through, key.scope, wanted)

        return self._polls.ask((fact.through, key.kind, key.scope), op_ref, verb, run)
