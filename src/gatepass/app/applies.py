"""Teams applied on the server: a plan that was sent becomes a job, and the job says how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gatepass.clock import Clock, iso
from gatepass.desk import Caller
from gatepass.desk.office import Office
from gatepass.desk.values import NotFound
from gatepass.engine.jobs.teams import KIND, Sent, opened
from gatepass.store import Store
from gatepass.store.jobs import Job, JobItem

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TeamsApplies:
    """Fills the API's `Applies`. Admins only."""

    store: Store
    clock: Clock
    office: Office
    wake: Callable[[], None]

    def start(self, caller: Caller, plan: dict[str, Any], files: dict[str, str]) -> Json:
        """Starts applying a plan, or joins it: the same plan is one job. What an earlier try has not done is tried
        again. Raises `TeamsError` or `StalePlan` before anything is kept."""
        self.office.need_admin(caller)
        sent = Sent(plan, files)
        opened(sent)
        job = Job(
            id=sent.job,
            kind=KIND,
            by=caller.person,
            input={"plan": plan, "files": files},
            made_at=self.clock.now(),
        )
        with self.store.write() as tx:
            if not tx.jobs.add(job, sent.items):
                tx.jobs.reopen(job.id, caller.person)
        self.wake()
        return self.show(caller, job.id)

    def stop(self, caller: Caller, job_id: str) -> Json:
        """Begins nothing more of it; accounts that are being worked on end. May be repeated; sending the plan again
        goes on."""
        self.show(caller, job_id)
        with self.store.write() as tx:
            tx.jobs.stop(job_id, caller.person)
        self.wake()
        return self.show(caller, job_id)

    def show(self, caller: Caller, job_id: str) -> Json:
        """How far it is, with what came of each account."""
        self.office.need_admin(caller)
        with self.store.read() as view:
            job, items = view.jobs.job(job_id), view.jobs.items(job_id)
        if job is None or job.kind != KIND:
            raise NotFound(f"there is no apply {job_id!r}")
        return {
            "id": job.id,
            "by": job.by,
            "made_at": iso(job.made_at),
            "ended_at": None if job.ended_at is None else iso(job.ended_at),
            "state": "running" if job.ended_at is None else "ended",
            "complete": job.ended_at is not None and all(item.complete for item in items),
            "progress": {"done": sum(item.is_over for item in items), "whole": len(items)},
            "accounts": [_item_json(item) for item in items],
        }


def _item_json(item: JobItem) -> Json:
    said = item.result
    return {
        "account": item.item,
        "phase": item.phase,
        "state": item.state.value,
        "complete": item.complete,
        "writes": said.get("writes", 0),
        "results": list(said.get("results", ())),
        "why": said.get("why", ""),
        "worker": item.worker,
    }
