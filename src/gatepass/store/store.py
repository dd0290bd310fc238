"""The store: the one place where gatepass remembers. Two databases, one behaviour.

    with store.write() as tx:           one transaction: everything in it is committed together, or nothing
        facts = tx.facts.lock({key: organization})
        grants = tx.facts.grants_on(key)
        tx.requests.add_grant(grant)
        tx.audit(Event(...))            appended to its chain last, just before the commit
    store.wake()                        after the commit: whoever waits looks at once

Locks are taken in one order everywhere: facts by key, the estate, requests, instances, audit heads. No call to AWS
and no other slow thing is made inside a transaction.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import Connection, Engine, exc, text
from sqlalchemy.engine import make_url

from gatepass.access.events import Event
from gatepass.clock import Clock, from_ms
from gatepass.errors import Bug, Unavailable
from gatepass.store import claims
from gatepass.store.audit import Audit, AuditReads
from gatepass.store.claims import Slot
from gatepass.store.engines import BadDatabase, Engines, Kept, SoleOwner, Turns, check_durable, make_engines
from gatepass.store.estates import EstateReads, Estates
from gatepass.store.facts import LEASED_FACTS, ClaimedFact, FactReads, Facts, scopes_text
from gatepass.store.fleet import Fleet, FleetReads
from gatepass.store.jobs import JobReads, Jobs
from gatepass.store.leases import Lease, Leased
from gatepass.store.limiter import FULL_PACE, Pace
from gatepass.store.link import Link, Row
from gatepass.store.once import Once
from gatepass.store.outbox import (
    LEASED_MESSAGES,
    ClaimedMessage,
    Outbox,
    OutboxReads,
    message_from,
)
from gatepass.store.people import People, PeopleReads
from gatepass.store.requests import LEASED_REQUESTS, ClaimedRequest, RequestReads, Requests
from gatepass.store.rows import GIVE, fact_from, request_from
from gatepass.store.schema import migrate
from gatepass.store.wake import LocalWaker, PostgresWaker, Waker

Claimed = ClaimedFact | ClaimedRequest | ClaimedMessage


class View:
    """What was committed, as it stood when the view was opened. Holds up nobody."""

    def __init__(self, link: Link) -> None:
        self.facts = FactReads(link)
        self.requests = RequestReads(link)
        self.outbox = OutboxReads(link)
        self.people = PeopleReads(link)
        self.estates = EstateReads(link)
        self.fleet = FleetReads(link)
        self.jobs = JobReads(link)
        self.entries = AuditReads(link)


class Tx:
    """One transaction. `now` is its moment, the same throughout but for one thing: where rows were locked, which may
    mean waiting for others, it is the moment after. What has passed by then has passed."""

    def __init__(self, link: Link, key: bytes, clock: Clock) -> None:
        self._clock = clock
        self.now = now = clock.now()
        self._link = link
        self.entries = Audit(link, key)
        self.facts = Facts(link, self.audit, self._waited)
        self.requests = Requests(link, self.audit, self._waited)
        self.outbox = Outbox(link)
        self.people = People(link, self.audit, now)
        self.estates = Estates(link, self.audit, now)
        self.once = Once(link, now)
        self.fleet = Fleet(link)
        self.jobs = Jobs(link, self.audit, now)

    def audit(self, event: Event) -> None:
        """Add an entry to its chain when this transaction commits."""
        self.entries.say(event)

    def _waited(self) -> None:
        self.now = max(self.now, self._clock.now())

    def attempt(self) -> AbstractContextManager[None]:
        """A part that may fail without the rest: what it changed is undone when it raises, audit entries excepted."""
        return self._link.savepoint()

    def take_slot(self, scope: str, now: datetime, patience: timedelta, pace: Pace) -> Slot:
        """As `Store.take_slot`, reserved only if this transaction commits: for a call whose intent it stores."""
        return claims.take_slot(self._link, scope, now, patience, pace)


class Store:
    """A database that is open. Thread-safe; `close` it when done."""

    def __init__(
        self, engines: Engines, waker: Waker, clock: Clock, key: bytes, owner: SoleOwner | None
    ) -> None:
        self._engines = engines
        self._clock = clock
        self._key = key
        self._owner = owner
        self._turns = None if engines.postgresql else Turns()
        self._kept = {each: Kept(each) for each in (engines.writer, engines.passing) if self._turns}
        self._waker = waker
        self._mine = threading.local()

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """One transaction, committed when the block ends and rolled back when it raises.

        Raises `Unavailable` when the database does not answer or a lock was not given in time: nothing was
        changed, or, when the answer to the commit itself was lost, everything or nothing was: look before repeating.
        """
        with self._transaction(self._engines.writer) as link:
            tx = Tx(link, self._key, self._clock)
            yield tx
            tx.entries.append(tx.now)

    @contextmanager
    def read(self) -> Iterator[View]:
        """What is committed now, unchanging for the length of the block."""
        with _answering(), self._engines.reader.begin() as connection:
            yield View(Link(connection))

    @contextmanager
    def glance(self) -> Iterator[View]:
        """Single questions, each answered as of its own moment: half the round trips of `read`, where that will do."""
        with self._look() as link:
            yield View(link)

    def claim_due(
        self, worker: str, now: datetime, room: int, lease: timedelta, *, full: Collection[str] = ()
    ) -> tuple[ClaimedFact, ...]:
        """At most `room` facts that are due, nobody else's for `lease`: take-backs, then polls, then grants.

        Claim no more than there are idle threads: a row that waits in a queue burns its lease. `full`: scopes at which
        nothing new can begin now; what waits there is left out, so that it holds up nobody's elsewhere.
        """
        with self._look() as link:
            kinds = claims.kinds_due(link, now)
        if not kinds:
            return ()
        rows: list[Row] = []
        asked = Lease(worker, 0, now + lease)
        with self._passing() as link:
            for kind in kinds:
                if len(rows) < room:
                    but = scopes_text(full if kind == GIVE else ())
                    rows += LEASED_FACTS.claim_due(link, asked, now, room - len(rows), kind=kind, full=but)
        return _claimed_facts(rows, asked)

    def claim_sweep(
        self,
        worker: str,
        now: datetime,
        room: int,
        lease: timedelta,
        *,
        sweep: timedelta = timedelta(minutes=5),
        ended: timedelta = timedelta(hours=24),
    ) -> tuple[ClaimedFact, ...]:
        """At most `room` facts to read again: ours not read for `sweep`, and those absent for less than `ended`."""
        with self._look() as link:
            keys = claims.facts_to_sweep(link, now, sweep, ended, room)
        if not keys:
            return ()
        asked = Lease(worker, 0, now + lease)
        with self._passing() as link:
            return _claimed_facts(LEASED_FACTS.claim(link, [key.text for key in keys], asked, now), asked)

    def claim_requests(
        self, worker: str, now: datetime, room: int, lease: timedelta, *, look: bool = True
    ) -> tuple[ClaimedRequest, ...]:
        """At most `room` requests that are due: those to run, those unanswered for too long. Saving ends the lease.

        `look=False` claims without looking first whether there is one: for whoever found some just now.
        """
        rows = self._claim(LEASED_REQUESTS, Lease(worker, 0, now + lease), now, room, look)
        return tuple(
            ClaimedRequest(request_from(row), Lease(worker, row["fence"], now + lease)) for row in rows
        )

    def claim_messages(
        self, worker: str, now: datetime, room: int, lease: timedelta
    ) -> tuple[ClaimedMessage, ...]:
        """At most `room` messages to send: of each request and channel only the oldest unsent one."""
        rows = self._claim(LEASED_MESSAGES, Lease(worker, 0, now + lease), now, room, look=True)
        return tuple(
            ClaimedMessage(message_from(row), Lease(worker, row["fence"], now + lease)) for row in rows
        )

    def _claim(self, leased: Leased, lease: Lease, now: datetime, room: int, look: bool) -> list[Row]:
        if look:
            with self._look() as link:
                if not leased.any_due(link, now):
                    return []
        with self._passing() as link:
            return leased.claim_due(link, lease, now, room)

    def renew(self, claimed: Claimed, until: datetime) -> bool:
        """Keep a lease until a later moment. False: it was lost, the step in hand is void."""
        leased, key = _leased(claimed)
        with self._passing() as link:
            return leased.renew(link, key, claimed.lease, until)

    def beat(self, worker: str, version: str, now: datetime) -> None:
        """The worker is alive."""
        with self._passing() as link:
            Fleet(link).beat(worker, version, now)

    def end_leases(self, workers: Collection[str], now: datetime, left: timedelta) -> int:
        """End the leases of these workers' due facts of which at most `left` remains; how many.

        For workers that are silent, with `left` the time-outs of one call: their holder sends nothing any more.
        """
        with self._passing() as link:
            return claims.end_leases(link, workers, now, left)

    def release(self, claimed: Claimed, due_at: datetime | None = None) -> bool:
        """Give a lease back early; the row is due again at `due_at` (None: when it was). False: it was lost."""
        leased, key = _leased(claimed)
        with self._passing() as link:
            return leased.release(link, key, claimed.lease, due_at)

    def take_slot(
        self,
        scope: str,
        now: datetime,
        *,
        patience: timedelta = timedelta(seconds=2),
        pace: Pace = FULL_PACE,
        unused: datetime | None = None,
    ) -> Slot:
        """Reserve the next call to an AWS instance: sleep `wait`, then call. Not taken: wait elsewhere, come back.

        All processes together never get more than `pace.limit` slots in any rolling second. Who wakes more than
        `limiter.LATE` after `at` does not call but takes another, and gives this one back as `unused`.
        """
        with self._passing() as link:
            return claims.take_slot(link, scope, now, patience, pace, unused)

    def slow_down(self, scope: str, now: datetime) -> None:
        """AWS throttled a call to this instance: its pace is halved, and given back over half a minute."""
        with self._passing() as link:
            claims.slow_instance(link, scope, now)

    def first(self, kind: str, key: str) -> bool:
        """Whether this key of this kind comes for the first time in 24 h, to any process. One statement, one answer;
        a power cut may forget it."""
        engine = self._engines.passing
        if not self._engines.postgresql:
            with self._passing() as link:
                return Once(link, self._clock.now()).first(kind, key)
        with _answering(), engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            return Once(Link(connection), self._clock.now()).first(kind, key)

    def tidy(self) -> None:
        """Forget what serves nobody any more: ended portal sessions, old offers and idempotency keys."""
        with self.write() as tx:
            tx.people.forget_ended_sessions()
            tx.estates.forget_old_offers()
            tx.once.forget_old()

    @property
    def server_clock(self) -> Callable[[], datetime] | None:
        """Reads the clock of the database's server; None where the database is a file of this machine."""
        return self._server_time if self._engines.postgresql else None

    def _server_time(self) -> datetime:
        with self._look() as link:
            row = link.one(_SERVER_TIME)
        assert row is not None
        return from_ms(int(row["now"]))

    def wake(self) -> None:
        """Something may be due: end the waiting of whoever waits. A statement of its own, after the commit."""
        self._waker.wake()

    def wait(self, timeout: float) -> bool:
        """Wait until somebody wakes, at most `timeout` seconds. Whether somebody did; look for due rows anyway."""
        return self._waker.wait(timeout)

    def close(self) -> None:
        """Give everything back. What was committed stays."""
        self._waker.close()
        for kept in self._kept.values():
            kept.close()
        _give_back(self._engines, self._owner)

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Link]:
        if getattr(self._mine, "open", False):
            raise Bug("a transaction was begun within a transaction: it would wait for itself")
        with _answering(), self._begin(engine) as connection:
            self._mine.open = True
            try:
                yield Link(connection)
            finally:
                self._mine.open = False

    @contextmanager
    def _begin(self, engine: Engine) -> Iterator[Connection]:
        """On SQLite those who write take turns, on one connection."""
        if self._turns is None:
            with engine.begin() as connection:
                yield connection
            return
        with self._turns.turn(), self._kept[engine].begin() as connection:
            yield connection

    def _passing(self) -> AbstractContextManager[Link]:
        """A transaction that a power cut may forget: leases and slots."""
        return self._transaction(self._engines.passing)

    @contextmanager
    def _look(self) -> Iterator[Link]:
        """One question, which needs no transaction around it."""
        with _answering(), self._engines.looker.connect() as connection:
            yield Link(connection)


_SILENT = (
    *(exc.OperationalError, exc.InterfaceError, exc.TimeoutError),  # the last: every connection is in use
    *(sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError),
)
"""How the drivers say that there is no answer. A question that was wrong is not among them."""


@contextmanager
def _answering() -> Iterator[None]:
    """A database that does not answer, in our words."""
    try:
        yield
    except _SILENT as silent:
        raise Unavailable(
            f"the database did not answer: {_first_line(silent)}", advice="trying again is safe"
        ) from silent


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]


_SERVER_TIME = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS now")


def _claimed_facts(rows: Iterable[Row], asked: Lease) -> tuple[ClaimedFact, ...]:
    leases = ((row, Lease(asked.worker, row["fence"], asked.until)) for row in rows)
    return tuple(ClaimedFact(fact_from(row), lease) for row, lease in leases)


def _leased(claimed: Claimed) -> tuple[Leased, object]:
    match claimed:
        case ClaimedFact():
            return LEASED_FACTS, claimed.fact.key.text
        case ClaimedRequest():
            return LEASED_REQUESTS, claimed.request.id
        case ClaimedMessage():
            return LEASED_MESSAGES, claimed.message.n


def _give_back(engines: Engines, owner: SoleOwner | None) -> None:
    engines.dispose()
    if owner is not None:
        owner.release()


def _waker(engines: Engines, listen_url: str | None) -> Waker:
    if not engines.postgresql:
        return LocalWaker()
    direct = make_url(listen_url) if listen_url else engines.writer.url
    address = direct.set(drivername="postgresql").render_as_string(hide_password=False)
    return PostgresWaker(engines.writer, address)


def open_store(
    url: str, clock: Clock, *, audit_key: bytes, exclusive: bool = True, listen_url: str | None = None
) -> Store:
    """Open a database, bring its tables up to date, and start.

    `audit_key` hides sensitive fields of the audit log. `exclusive` refuses (`Unavailable`) a SQLite file that another
    process works on; a PostgreSQL is shared by any number. `listen_url`: the database's own address, where `url`
    is a pooler's in transaction mode. Raises `BadDatabase` for an address or a setting
    that cannot hold what gatepass promises.
    """
    engines = make_engines(url, pooled=listen_url is not None)
    owner = None
    try:
        file = engines.writer.url.database
        if exclusive and not engines.postgresql and file is not None:
            owner = SoleOwner(Path(file))
        with _answering():
            check_durable(engines)
            migrate(engines)
    except exc.DatabaseError as unusable:
        _give_back(engines, owner)
        raise BadDatabase(
            f"{engines.writer.url.render_as_string()} cannot be used: {_first_line(unusable)}",
            advice="name a database of gatepass, or an empty one",
        ) from unusable
    except BaseException:
        _give_back(engines, owner)
        raise
    return Store(engines, _waker(engines, listen_url), clock, audit_key, owner)
