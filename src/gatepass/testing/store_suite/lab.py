"""The lab of a store, and rows to try things on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Protocol

from gatepass.access.facts import Attempt, Fact, FactKey, assignment
from gatepass.access.plans import Next, Plan
from gatepass.access.requests import Grant, Request, Terms
from gatepass.access.states import FactState, GrantState, RequestState, Verb
from gatepass.store import ClaimedFact, Store, Tx
from gatepass.testing.clock import VirtualClock

LEASE = timedelta(seconds=15)
HOUR = timedelta(hours=1)


class StoreLab(Protocol):
    """An empty store on a virtual clock."""

    store: Store
    clock: VirtualClock

    def by_hand(self, statement: str, params: Mapping[str, object] | None = None) -> None:
        """Commit one statement (`:name` parameters) past the store; raises whatever the database says."""
        ...


def key(user: str = "u1", instance: str = "i1") -> FactKey:
    return assignment(f"arn:aws:sso:::instance/{instance}", "111111111111", "arn:aws:sso:::ps/admin", user)


def ask(lab: StoreLab, request_id: str = "r1", organization: str = "foo", **changes: object) -> Request:
    """A request, committed in the state `asked`."""
    request = Request(
        id=request_id,
        flow="access",
        estate_version=1,
        requester="p1",
        source="api",
        asked_at=lab.clock.now(),
        terms=Terms("rule 1"),
        organization=organization,
    )
    request = replace(request, **changes)  # type: ignore[arg-type]
    with lab.store.write() as tx:
        tx.requests.add(request)
    return request


def approve(lab: StoreLab, request: Request) -> Request:
    """The request, approved and committed."""
    with lab.store.write() as tx:
        return tx.requests.save(replace(request, state=RequestState.APPROVED))


def grant(
    lab: StoreLab, grant_id: str = "g1", *, fact: FactKey | None = None, request_id: str | None = None
) -> Grant:
    """A waiting grant on a fact that is due now, committed with a request of its own unless one is named."""
    on = fact or key()
    if request_id is None:
        request_id = f"request-of-{grant_id}"
        approve(lab, ask(lab, request_id))
    now = lab.clock.now()
    made = Grant(grant_id, request_id, "p1", "foo", on, HOUR, made_at=now, start_by=now + HOUR)
    with lab.store.write() as tx:
        tx.facts.lock({on: "foo"})
        tx.requests.add_grant(made)
        tx.facts.touch([on], now)
    return made


def claim(lab: StoreLab, worker: str = "w1") -> ClaimedFact:
    """The only fact that is due, claimed."""
    (claimed,) = lab.store.claim_due(worker, lab.clock.now(), 10, LEASE)
    return claimed


def granting(waiting: Grant, lab: StoreLab) -> Grant:
    now = lab.clock.now()
    return replace(waiting, state=GrantState.GRANTING, starts_at=now, ends_at=now + waiting.duration)


def attempt(lab: StoreLab, attempt_id: str = "a1", *, fact: FactKey | None = None) -> Attempt:
    return Attempt(attempt_id, fact or key(), Verb.GRANT, lab.clock.now(), read_before=False, sent_by="w1")


def sending(lab: StoreLab, fact: Fact, moves: Sequence[Grant] = (), attempt_id: str = "a1") -> Plan:
    """The plan of a first create attempt."""
    made = attempt(lab, attempt_id, fact=fact.key)
    changed = replace(fact, state=FactState.CREATING, ours=True, due_at=lab.clock.now())
    return Plan(Next.SEND, changed, tuple(moves), attempts=(made,), attempt=made)


def resting(fact: Fact, state: FactState, **changes: object) -> Plan:
    """A plan that only changes the fact."""
    return Plan(Next.REST, replace(fact, state=state, **changes))  # type: ignore[arg-type]


def settle(lab: StoreLab, on: FactKey, state: FactState, **changes: object) -> None:
    """Bring a fact, made when missing, into a state and to rest, in one legal step."""
    with lab.store.write() as tx:
        tx.facts.lock({on: "foo"})
        tx.facts.touch([on], lab.clock.now())
    claimed = next(c for c in lab.store.claim_due("setter", lab.clock.now(), 1000, LEASE) if c.fact.key == on)
    with lab.store.write() as tx:
        fact = tx.facts.hold(on)
        tx.facts.apply(resting(fact, state, **{"due_at": None, **changes}), claimed.lease)


class refused:  # noqa: N801 - reads as a statement
    """The block must raise one of these; it then goes on behind it."""

    def __init__(self, *kinds: type[Exception]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        if kind is None:
            expected = ", ".join(kind.__name__ for kind in self._kinds)
            raise AssertionError(f"nothing was refused; {expected} was expected")
        return issubclass(kind, self._kinds)


class Work(threading.Thread):
    """Work in a thread of its own, whose failure is raised by `finish`."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._work = work
        self._failure: Exception | None = None

    def run(self) -> None:
        try:
            self._work()
        except Exception as failure:  # noqa: BLE001 - raised by finish
            self._failure = failure

    def finish(self) -> None:
        self.join()
        if self._failure is not None:
            raise self._failure


def together(*works: Callable[[], None]) -> None:
    """Run these at once, each in a thread of its own; the first failure of any is raised."""
    start = threading.Barrier(len(works))

    def in_step(work: Callable[[], None]) -> None:
        start.wait()
        work()

    threads = [Work(partial(in_step, work)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for thread in threads:
        thread.finish()


__all__ = ["HOUR", "LEASE", "StoreLab", "Tx"]
