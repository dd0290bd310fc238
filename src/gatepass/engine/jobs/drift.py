"""Comparing AWS with the declared teams on a server (T-88): look at every account, repair what is enforced, conclude.

Plain idempotent steps that know nothing of DBOS. What is repaired goes the way of `teams apply`: the look keeps what a
plan file keeps, and the later phases apply just that. Nobody's drift is told by what was not read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.access.events import Event
from gatepass.clock import Clock
from gatepass.engine.jobs.declared import compiled_drift
from gatepass.engine.jobs.loop import CONCLUSION
from gatepass.engine.jobs.teams import Opened, apply_account, team_changes, write_event
from gatepass.errors import GatepassError, Unavailable
from gatepass.estate.drift import Drift
from gatepass.store import Message, Store, Tx, View
from gatepass.store.jobs import ItemState, JobItem
from gatepass.teams.applying.apply import Manner, Outcome, Patience, Written
from gatepass.teams.applying.calls import Calls
from gatepass.teams.applying.running import (
    CENTER,
    PlanFile,
    accounts_in,
    centers_of,
    estate_name,
    plan_live,
    planned_from,
)
from gatepass.teams.declaration import Wanted
from gatepass.teams.drift.differences import (
    Difference,
    Looked,
    Report,
    concluded,
    difference_from,
    difference_json,
    differences,
    enforced,
    report_from,
    report_json,
)
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Options, change_json, estate_hash

KIND = "teams-drift"
CHANNEL = "drift"
LOOK, GRANTS, REVOCATIONS, CONCLUDE = 0, 1, 2, 3
"""Phases; the two in the middle are those of a plan."""
KEPT = 60
"""Looks that stay in the database."""
_GOOD = frozenset({str(Outcome.DONE), str(Outcome.UNCHANGED)})
Json = dict[str, Any]


def items_of(compiled: Compiled) -> list[tuple[int, str]]:
    """Phase and item of everything a look has to do: only where something is enforced is anything repaired."""
    places = [account.id for account in accounts_in(compiled)]
    if centers_of(compiled.resources, planning=True):
        places.append(CENTER)
    repaired = sorted({role.account.id for role in compiled.resources.roles if role.enforce})
    looks = [(LOOK, place) for place in places]
    return [
        *looks,
        *((phase, place) for phase in (GRANTS, REVOCATIONS) for place in repaired),
        (CONCLUDE, CONCLUSION),
    ]


def last_report(rows: View | Tx) -> tuple[str, Report, bool] | None:
    """The last look that was concluded: its job, what it found, and whether anything could be read."""
    found = rows.jobs.last(KIND, CONCLUSION)
    if found is None:
        return None
    return found.job, report_from(found.result["report"]), found.complete


@dataclass(frozen=True, slots=True)
class Watched:
    """One version of the declaration, ready to be compared."""

    drift: Drift
    compiled: Compiled
    calls: Calls

    @property
    def options(self) -> Options:
        return Options(estate=self.drift.managed_by or estate_name(self.compiled))


@dataclass
class TeamsDrift:
    """The work of the kind `teams-drift`. Thread-safe; every step may run again."""

    store: Store
    clock: Clock
    worker: str
    declared: Callable[[View | Tx, int], Drift | None]
    """What a version of the estate says."""
    enter: Callable[[Compiled, str], Calls]
    """Calls into the accounts of a declaration, by this role or the declaration's own."""
    patience: Patience = field(default_factory=Patience)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: tuple[str, Watched] | None = None

    def __call__(self, job: str, phase: int, item: str) -> None:
        with self.store.read() as view:
            items = {(each.phase, each.item): each for each in view.jobs.items(job)}
        mine = items.get((phase, item))
        if mine is None or mine.is_over:
            return
        if phase == CONCLUDE:
            self._conclude(job)
            return
        if phase == LOOK:
            answer = look(self._open(job), self.clock, item)
        else:
            answer = self._repair(job, phase, item, items[LOOK, item].result.get("planned", {}))
        ended = replace(
            mine, state=ItemState.ENDED, complete=answer["complete"], stops=answer.get("stops", False), result=answer,
            worker=self.worker,
        )  # fmt: skip
        with self.store.write() as tx:
            tx.jobs.end_item(ended)

    def _open(self, job: str) -> Watched:
        with self._lock:
            if self._last is None or self._last[0] != job:
                with self.store.read() as view:
                    row = view.jobs.job(job)
                    drift = self.declared(view, int(row.input["estate"])) if row is not None else None
                if drift is None:
                    raise GatepassError(f"nothing is to be compared by job {job!r}")
                compiled = compiled_drift(drift)
                self._last = (job, Watched(drift, compiled, self.enter(compiled, drift.enter_by)))
            return self._last[1]

    def _repair(self, job: str, phase: int, item: str, planned: Mapping[str, Any]) -> Json:
        """What is enforced and was found different, as `teams apply` would write it (T-79, T-88)."""
        if not any(change["phase"] == phase for change in planned.values()):
            return {"results": [], "writes": 0, "complete": True}
        watched = self._open(job)

        def heard(written: Written) -> None:
            with self.store.write() as tx:
                tx.audit(write_event(job, written))

        plan = opened(watched, item, planned, self.clock)
        manner = Manner(audit=heard, patience=self.patience)
        return apply_account(plan, watched.calls, self.clock, (phase, item), manner)

    def _conclude(self, job: str) -> None:
        with self.store.write() as tx:
            items = tx.jobs.items(job)
            row = tx.jobs.job(job)
            before = last_report(tx)
            report = concluded(before[1] if before is not None else None, looked(items), tx.now)
            ended = JobItem(
                job, CONCLUDE, CONCLUSION, state=ItemState.ENDED, complete=report.is_success,
                result={"report": report_json(report), "writes": 0}, worker=self.worker,
            )  # fmt: skip
            if not tx.jobs.end_item(ended):
                return
            tx.audit(_event(job, report))
            drift = self.declared(tx, int(row.input["estate"])) if row is not None else None
            if report.is_news and drift is not None:
                for channel in channels(drift):
                    tx.outbox.add(Message(job, channel, CHANNEL), tx.now)
            tx.jobs.forget(KIND, KEPT)
        self.store.wake()


def look(watched: Watched, clock: Clock, place: str) -> Json:
    """One account (or Identity Center) compared with the declaration. Changes nothing in AWS.

    Plain JSON: `differences`, `planned` (of what is enforced, as a plan file has it), `why` it could not be read.
    """
    try:
        plan = plan_live(watched.calls, clock, watched.compiled, watched.options, (place,))
    except Unavailable:
        raise
    except GatepassError as unread:
        return {"differences": [], "planned": {}, "writes": 0, "complete": False, "why": str(unread)}
    kept = enforced(plan).writes
    names = {account.id: account.full_name for account in watched.compiled.resources.accounts}
    return {
        "differences": [difference_json(each) for each in differences(plan, place, names)],
        "planned": {change.id: _planned(change_json(change)) for change in kept},
        "writes": 0,
        "complete": not plan.unread,
        "why": "; ".join(plan.unread.values()),
    }


def _planned(change: Mapping[str, Any]) -> Json:
    return {name: change[name] for name in ("action", "phase", "fingerprint", "before")}


def opened(watched: Watched, place: str, planned: Mapping[str, Any], clock: Clock) -> Opened:
    """What is to be repaired in one account, as if it came from a plan file."""
    file = PlanFile(
        Wanted(()),
        watched.options,
        clock.now(),
        (place,),
        estate_hash(watched.compiled),
        {change: planned_from(kept) for change, kept in planned.items()},
    )
    changes = {change: (int(kept["phase"]), place) for change, kept in planned.items()}
    return Opened(file, watched.compiled, team_changes(watched.compiled), changes)


def looked(items: Iterable[JobItem]) -> dict[str, Looked]:
    """What the items of a job found, by account; differences know whether they were repaired."""
    results: dict[str, Json] = {}
    for item in items:
        if item.phase in (GRANTS, REVOCATIONS):
            results |= {each["id"]: each for each in item.result.get("results", ())}
            if item.state is ItemState.SKIPPED:
                results |= {
                    f"{item.item}/{item.phase}": {"outcome": "skipped", "reason": item.result.get("why", "")}
                }
    found = {}
    for item in items:
        if item.phase != LOOK:
            continue
        planned = item.result.get("planned", {})
        kept = (difference_from(each) for each in item.result.get("differences", ()))
        why = str(item.result.get("why", ""))
        if not item.complete and not why:
            why = "it was not read; the servers' logs say why"
        found[item.item] = Looked(tuple(_outcome(each, planned, results) for each in kept), why)
    return found


def _outcome(difference: Difference, planned: Mapping[str, Any], results: Mapping[str, Json]) -> Difference:
    """Whether all writes that repair it were done, else why not."""
    mine = {change: kept for change, kept in planned.items() if change.partition("+")[0] == difference.id}
    if not mine:
        return difference
    said = [
        results.get(change) or results.get(f"{difference.place}/{kept['phase']}") or {}
        for change, kept in mine.items()
    ]
    if all(each.get("outcome") in _GOOD for each in said):
        return replace(difference, repaired=True, why="")
    why = "; ".join(dict.fromkeys(str(each["reason"]) for each in said if each.get("reason")))
    return replace(difference, why=why or difference.why)


def channels(drift: Drift) -> list[str]:
    """Where news go, by the number of the destination in the estate and the way; nobody named: as alarms."""
    found = []
    for number, reach in enumerate(drift.notify):
        ways = {"slack": reach.slack, "mail": reach.mail, "webhook": reach.webhook}
        found += [f"{CHANNEL}:{number}/{way}" for way, named in ways.items() if named]
    return found or [f"{CHANNEL}:alarms"]


def _event(job: str, report: Report) -> Event:
    counts = {
        "accounts": report.looked,
        "unread": len(report.unread),
        "standing": len(report.standing),
        "new": len(report.new),
        "gone": len(report.gone),
        "repaired": len(report.repaired),
    }
    return Event("teams.drift", None, {"job": job, **counts})
