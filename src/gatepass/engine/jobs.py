"""The job engine: bounded many-step work over many items, resumed by another worker after a crash.

The only module that knows DBOS (engine.md); importing it costs seconds, so it is imported where a job is to run. Each
item of a phase is one workflow of one step, whose body is a plain function that may run more than once. `Runner` works
for a server, whose own rows say what is to be done (`jobs_loop`); `Jobs` for processes that share one plan without a
server. Taking access back never comes here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry

from gatepass.clock import Clock, iso, to_ms
from gatepass.engine.jobs_loop import Due, Work
from gatepass.errors import Unavailable
from gatepass.store import address

VERSION = "jobs-1"
"""Raised only on an incompatible change of a workflow's steps: DBOS's own default changes with every release."""
_JOBS, _ITEMS, _WORK = "gatepass-jobs", "gatepass-items", "gatepass-work"
_PARENTS = 8
"""Jobs of `Jobs` at a time; each holds a thread while it waits for its items."""
_OVER_IN_VAIN = ("ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
DEAD_AFTER = timedelta(seconds=10)
"""A worker that has not said for so long that it lives is dead: another takes its jobs over."""
_WORKERS = Table(
    "gatepass_job_workers",
    MetaData(),
    Column("worker", String(200), primary_key=True),
    Column("beat_at", BigInteger, nullable=False),
)

Body = Callable[[str, str, int], dict[str, Any]]
"""(job, item, phase) -> a small JSON answer; `complete` in it says whether the item goes on to the next phase."""

_BODIES: dict[str, Body] = {}
_WORKS: dict[str, Work] = {}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: items done of all of the phases that began, and the answers so far by phase and item."""

    done: int
    whole: int
    answers: Mapping[tuple[int, str], Mapping[str, Any]] = field(default_factory=dict)
    over: bool = False


@DBOS.step(name="gatepass.item.step", retries_allowed=True, max_attempts=5, interval_seconds=1.0)
def _step(kind: str, job: str, item: str, phase: int) -> dict[str, Any]:
    return _BODIES[kind](job, item, phase)


@DBOS.workflow(name="gatepass.item", max_recovery_attempts=100)
def _item(kind: str, job: str, item: str, phase: int) -> dict[str, Any]:
    return _step(kind, job, item, phase)


@DBOS.workflow(name="gatepass.job", max_recovery_attempts=100)
def _job(kind: str, job: str, items: list[str], phases: list[int]) -> dict[str, Any]:
    """All items of a phase, then those that are complete of the next."""
    left = items
    for phase in phases:
        handles = {}
        for item in left:
            with SetWorkflowID(item_id(kind, job, phase, item)):
                handles[item] = DBOS.enqueue_workflow(_ITEMS, _item, kind, job, item, phase)
        answers = {item: handle.get_result() for item, handle in handles.items()}
        if any(answer.get("stop") for answer in answers.values()):
            break  # what others rely on was not done: nothing of the next phase is tried anywhere
        left = [item for item in left if answers[item].get("complete")]
    return {"items": len(items), "completed": len(left)}


def item_id(kind: str, job: str, phase: int, item: str) -> str:
    """The id of one item's workflow: enqueueing it again is the same workflow."""
    return f"{kind}:{job}:{phase}:{item}"


@DBOS.step(name="gatepass.work.step", retries_allowed=True, max_attempts=5, interval_seconds=1.0)
def _work_step(kind: str, job: str, phase: int, item: str) -> None:
    _WORKS[kind](job, phase, item)


@DBOS.workflow(name="gatepass.work", max_recovery_attempts=100)
def _work(kind: str, job: str, phase: int, item: str) -> None:
    _work_step(kind, job, phase, item)


def _launch(url: str, executor: str, queues: Mapping[str, int], engine: Engine | None = None) -> None:
    """DBOS in this process, listening to these queues only: name to how many of its workflows run here at a time."""
    logging.getLogger("dbos").setLevel(logging.ERROR)
    config: DBOSConfig = {
        "name": "gatepass-jobs",
        "system_database_url": url,
        "application_version": VERSION,
        "executor_id": executor,
        "serializer": DBOSPortableJSONSerializer(),
        "max_executor_threads": sum(queues.values()) + 2,
        "log_level": "ERROR",
    }
    if engine is not None:
        config["system_database_engine"] = engine
    DBOS(config=config)
    DBOS.listen_queues(list(queues))
    DBOS.launch()
    for name, at_once in queues.items():
        DBOS.register_queue(
            name, worker_concurrency=at_once, polling_interval_sec=0.1, on_conflict="always_update"
        )


def _must_answer(engine: Engine) -> None:
    """Raises `Unavailable` in words; DBOS itself would end in a traceback."""
    try:
        engine.connect().close()
    except DBAPIError as fault:
        words = str(fault.orig).partition("\n")[0]
        raise Unavailable(f"the database did not answer: {words}", advice="trying again is safe") from None


def _own_engine(url: str) -> Engine | None:
    """DBOS's way to a SQLite file that the store works on too. It begins transactions itself: the store's own begin
    would be a second one (engine.md, SQLite). None: on PostgreSQL it makes its own."""
    if not url.startswith("sqlite"):
        return None
    engine = create_engine(url, pool_size=8, max_overflow=8)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


class Runner:
    """DBOS for a server or a worker of one. Fills `jobs_loop.Runner`. One per process, like DBOS itself."""

    def __init__(self, database_url: str, worker: str, works: Mapping[str, Work], at_once: int) -> None:
        """`worker` is unique per start of a process: whose beat is missed is known by it."""
        _WORKS.update(works)
        database_url = address(database_url)
        self._engine = _own_engine(database_url)
        # "embedded": the one process there is on SQLite goes on with its own jobs when it starts again.
        _launch(database_url, "embedded" if self._engine else worker, {_WORK: at_once}, self._engine)

    def enqueue(self, due: Iterable[Due]) -> None:
        """Gives these to whichever worker is free. The same id again is the same workflow."""
        for each in due:
            with SetWorkflowID(each.id):
                DBOS.enqueue_workflow(_WORK, _work, each.kind, each.job, each.phase, each.item)

    def broken(self, ids: Collection[str]) -> set[str]:
        """Those of them that ended without having done their work."""
        listed = DBOS.list_workflows(
            workflow_ids=list(ids), status=list(_OVER_IN_VAIN), load_input=False, load_output=False
        )
        return {workflow.workflow_id for workflow in listed}

    def holders(self) -> set[str]:
        """The workers, alive or not, that began something and have not ended it."""
        return {str(workflow.executor_id) for workflow in self._pending()}

    def resume(self, executor: str) -> int:
        """Puts what a dead worker had begun back into its queue; how many. Hold the worker's row meanwhile."""
        ids = [workflow.workflow_id for workflow in self._pending(executor)]
        if ids:
            # without the queue's name they would escape its concurrency
            DBOS.resume_workflows(ids, queue_name=_WORK)
        return len(ids)

    def _pending(self, executor: str | None = None) -> list[Any]:
        return DBOS.list_workflows(
            status="PENDING", executor_id=executor, queue_name=_WORK, load_input=False, load_output=False
        )

    def forget(self, before: datetime) -> int:
        """Drops what DBOS keeps of workflows made before that are over; how many. What came of them is in our rows."""
        over = DBOS.list_workflows(
            status=["SUCCESS", *_OVER_IN_VAIN],
            queue_name=_WORK,
            end_time=iso(before),
            limit=2000,
            load_input=False,
            load_output=False,
        )
        if over:
            DBOS.delete_workflows([workflow.workflow_id for workflow in over])
        return len(over)

    def stop(self) -> None:
        """Takes nothing new, gives what is running a moment, and lets go; the rest is taken over or begun again."""
        DBOS.destroy(workflow_completion_timeout_sec=3)
        if self._engine is not None:
            self._engine.dispose()


class Jobs:
    """One worker of the job engine, on PostgreSQL with others or alone on SQLite. Use it in a `with` statement.

    DBOS keeps one instance per process, so there is one `Jobs` per process.
    """

    def __init__(
        self,
        database_url: str,
        worker: str,
        clock: Clock,
        bodies: Mapping[str, Body],
        *,
        at_once: int = 4,
        dead_after: timedelta = DEAD_AFTER,
    ) -> None:
        self._url = address(database_url)
        self._worker = worker
        self._clock = clock
        self._at_once = at_once
        self._dead_after = dead_after
        self._stopping = threading.Event()
        self._shared = not database_url.startswith("sqlite")
        self._engine = create_engine(self._url)
        self._threads: list[threading.Thread] = []
        _BODIES.update(bodies)

    def __enter__(self) -> Jobs:
        queues = {_JOBS: _PARENTS, _ITEMS: self._at_once}
        _must_answer(self._engine)
        _launch(self._url, self._worker if self._shared else "embedded", queues)
        if self._shared:
            _WORKERS.metadata.create_all(self._engine)
            self._beat()
            for run, every in ((self._beat, 0.2), (self.take_over, 0.3)):
                thread = threading.Thread(
                    target=self._repeat, args=(run, every * self._dead_after.total_seconds()), daemon=True
                )
                thread.start()
                self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        DBOS.destroy()
        if self._shared:
            with self._engine.begin() as connection:
                connection.execute(delete(_WORKERS).where(_WORKERS.c.worker == self._worker))
        self._engine.dispose()

    def start(self, kind: str, job: str, items: Iterable[str], phases: Iterable[int]) -> None:
        """Starts a job, or joins it: the same job started twice, by whomever, is one job."""
        with SetWorkflowID(f"{kind}:{job}"):
            DBOS.enqueue_workflow(_JOBS, _job, kind, job, list(items), list(phases))

    def progress(self, kind: str, job: str) -> Progress:
        """How far a job is."""
        prefix = f"{kind}:{job}:"
        listed = DBOS.list_workflows(workflow_id_prefix=prefix, load_input=False, load_output=True)
        answers = {}
        for workflow in listed:
            if workflow.status == "SUCCESS":
                phase, _, item = workflow.workflow_id.removeprefix(prefix).partition(":")
                answers[int(phase), item] = dict(workflow.output or {})
            elif workflow.status in {"ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED"}:
                phase, _, item = workflow.workflow_id.removeprefix(prefix).partition(":")
                answers[int(phase), item] = {
                    "complete": False,
                    "error": str(workflow.error or workflow.status),
                }
        whole = DBOS.get_workflow_status(f"{kind}:{job}")
        over = whole is not None and whole.status not in {"PENDING", "ENQUEUED", "DELAYED"}
        return Progress(len(answers), len(listed), answers, over)

    # -- workers that died

    def _repeat(self, run: Callable[[], object], every: float) -> None:
        while not self._stopping.wait(every):
            try:
                run()
            except Exception:
                log.exception("a round of the job engine broke off")

    def _beat(self) -> None:
        now = to_ms(self._clock.now())
        with self._engine.begin() as connection:
            mine = _WORKERS.c.worker == self._worker
            if connection.execute(update(_WORKERS).where(mine).values(beat_at=now)).rowcount:
                return
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_WORKERS).values(worker=self._worker, beat_at=now))
        except IntegrityError:
            return  # made in the same moment by the other thread: as good

    def take_over(self) -> int:
        """Resumes the jobs of one worker whose beat is old; how many. The row lock keeps two from doing it at once."""
        stale = to_ms(self._clock.now() - self._dead_after)
        with self._engine.begin() as connection:
            old = select(_WORKERS.c.worker).where(
                _WORKERS.c.beat_at < stale, _WORKERS.c.worker != self._worker
            )
            dead = connection.execute(old.limit(1).with_for_update(skip_locked=True)).scalar()
            if dead is None:
                return 0
            pending = DBOS.list_workflows(
                status="PENDING", executor_id=dead, load_input=False, load_output=False
            )
            by_queue: dict[str, list[str]] = {}
            for workflow in pending:
                by_queue.setdefault(workflow.queue_name or _ITEMS, []).append(workflow.workflow_id)
            for queue, ids in by_queue.items():
                DBOS.resume_workflows(ids, queue_name=queue)
            connection.execute(delete(_WORKERS).where(_WORKERS.c.worker == dead))
            return len(pending)
