"""The job engine: bounded many-step work over many items, resumed by another worker after a crash.

The only module that knows DBOS (engine.md); importing it costs seconds, so it is imported where a job is to run. Each
item of a phase is one workflow of one step, whose body is a plain function that may run more than once. The server's
own rows say what is to be done (`jobs_loop`). Taking access back never comes here.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from gatepass.clock import iso
from gatepass.engine.jobs.loop import Due, Work
from gatepass.store import address

VERSION = "jobs-1"
"""Raised only on an incompatible change of a workflow's steps: DBOS's own default changes with every release."""
_WORK = "gatepass-work"
_OVER_IN_VAIN = ("ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_WORKS: dict[str, Work] = {}


@DBOS.step(name="gatepass.work.step", retries_allowed=True, max_attempts=5, interval_seconds=1.0)
def _work_step(kind: str, job: str, phase: int, item: str) -> None:
    _WORKS[kind](job, phase, item)


@DBOS.workflow(name="gatepass.work", max_recovery_attempts=100)
def _work(kind: str, job: str, phase: int, item: str) -> None:
    _work_step(kind, job, phase, item)


def _launch(url: str, executor: str, at_once: int, engine: Engine | None) -> None:
    """DBOS in this process, listening to our queue only; `at_once` of its workflows run here at a time."""
    logging.getLogger("dbos").setLevel(logging.ERROR)
    config: DBOSConfig = {
        "name": "gatepass-jobs",
        "system_database_url": url,
        "application_version": VERSION,
        "executor_id": executor,
        "serializer": DBOSPortableJSONSerializer(),
        "max_executor_threads": at_once + 2,
        "log_level": "ERROR",
    }
    if engine is not None:
        config["system_database_engine"] = engine
    DBOS(config=config)
    DBOS.listen_queues([_WORK])
    DBOS.launch()
    DBOS.register_queue(
        _WORK, worker_concurrency=at_once, polling_interval_sec=0.1, on_conflict="always_update"
    )


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
        _launch(database_url, "embedded" if self._engine else worker, at_once, self._engine)

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
