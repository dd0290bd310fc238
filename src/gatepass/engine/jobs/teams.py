"""Applying a teams plan on a server: one item per account and phase, plain idempotent steps that know nothing of DBOS.

A plan file names the declaration it was made from by path; on a server the declaration's files come with it. They are
laid out in a private folder, compiled, and must compile to what was planned; nothing else of the server's disk is read.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gatepass.access.events import Event
from gatepass.clock import Clock
from gatepass.engine.jobs.declared import as_named, lay_out, place_of, refuse
from gatepass.errors import GatepassError, Unavailable
from gatepass.store import Store
from gatepass.store.jobs import ItemState, JobItem
from gatepass.teams.applying.apply import STALE, Manner, Outcome, Patience, Written
from gatepass.teams.applying.calls import Calls
from gatepass.teams.applying.running import (
    CENTER,
    PlanFile,
    StalePlan,
    TeamsError,
    apply_plan,
    only_planned,
    plan_live,
    read_plan,
)
from gatepass.teams.declaration import compile_wanted
from gatepass.teams.model import Compiled
from gatepass.teams.planning.plan import Action, Plan
from gatepass.teams.wire import compiled_json

KIND = "teams-apply"
_MAKE_ONE = "make one with gatepass teams plan --out"
_OF_CENTER = frozenset({"permission-set", "assignment", "directory-group"})
_GOOD = frozenset({str(Outcome.DONE), str(Outcome.UNCHANGED)})


@dataclass(frozen=True, slots=True)
class Sent:
    """A plan document and the files it was made from, as they were sent. Plain JSON."""

    plan: Mapping[str, Any]
    files: Mapping[str, str]
    """Name, as the plan writes its paths, to text."""

    @property
    def digest(self) -> str:
        """The same plan sent again is the same job."""
        text = json.dumps([self.plan.get("estate_hash"), self.plan.get("made_at"), sorted(self.changes)])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def job(self) -> str:
        """The id of the job that applies it."""
        return f"j{self.digest[:16]}"

    @property
    def changes(self) -> dict[str, tuple[int, str]]:
        """Change id -> phase and item, of everything the plan writes."""
        idle = {str(Action.NONE), str(Action.BLOCKED)}
        return {
            str(change["id"]): (int(change.get("phase", 1)), _item(str(change["id"])))
            for change in self.plan.get("changes", ())
            if change["action"] not in idle
        }

    @property
    def items(self) -> list[tuple[int, str]]:
        """Phase and account (or Identity Center) of everything to do, sorted."""
        return sorted(set(self.changes.values()))


def _item(change: str) -> str:
    account, kind = change.split("/", 2)[:2]
    return CENTER if kind in _OF_CENTER else account


@dataclass(frozen=True, slots=True)
class Opened:
    """A plan that was checked against its declaration: ready to be applied."""

    file: PlanFile
    compiled: Compiled
    teams: frozenset[str]
    """Ids of the changes that make teams: others' way in."""
    changes: Mapping[str, tuple[int, str]]


def opened(sent: Sent) -> Opened:
    """Compiles what was sent. Raises `TeamsError` with every fault, `StalePlan` where it is not what was planned."""
    changes = _changes(sent)
    with tempfile.TemporaryDirectory(prefix="gatepass-plan-") as folder:
        root = Path(folder).resolve()
        file = _laid_out(root, sent)
        compiled = compile_wanted(file.wanted)
        if _hash(compiled, root) != file.estate_hash:
            raise StalePlan(
                "the declaration sent is not the one that was planned", advice="plan again and read it"
            )
    refuse(compiled, file.acknowledged, root)
    return Opened(file, compiled, team_changes(compiled), changes)


def team_changes(compiled: Compiled) -> frozenset[str]:
    """Ids of the changes that make teams."""
    roles = compiled.resources.roles
    return frozenset(f"{role.account.id}/role/{role.name}" for role in roles if role.kind == "team")


def _changes(sent: Sent) -> dict[str, tuple[int, str]]:
    try:
        return sent.changes
    except (AttributeError, KeyError, TypeError, ValueError) as odd:
        raise TeamsError(f"what was sent is no plan document: {odd!r}", advice=_MAKE_ONE) from odd


def _laid_out(root: Path, sent: Sent) -> PlanFile:
    lay_out(root, sent.files)
    kept = root / "plan.json"
    kept.write_text(json.dumps(sent.plan), encoding="utf-8")
    file = _read(kept)
    wanted = file.wanted
    moved = replace(
        wanted,
        paths=tuple(place_of(root, str(path)) for path in wanted.paths),
        context=place_of(root, str(wanted.context)) if wanted.context else None,
        base=place_of(root, str(wanted.base)) if wanted.base else None,
    )
    return replace(file, wanted=moved)


def _read(kept: Path) -> PlanFile:
    try:
        file = read_plan(kept)
    except TeamsError as unread:
        found = unread.message.replace(str(kept), "what was sent")
        raise TeamsError(found, advice=unread.advice) from unread
    except AttributeError as odd:
        raise TeamsError(f"what was sent is no plan document: {odd}", advice=_MAKE_ONE) from odd
    words = (
        file.wanted.component,
        file.wanted.account,
        file.options.estate,
        file.apply_role,
        file.estate_hash,
    )
    if not all(isinstance(word, str) for word in (*words, *file.options.actors, *file.acknowledged)):
        raise TeamsError("what was sent is no plan document: a name is no text", advice=_MAKE_ONE)
    return file


def _hash(compiled: Compiled, root: Path) -> str:
    """As `estate_hash`, with the places as they were where the plan was made."""
    text = json.dumps(compiled_json(compiled), sort_keys=True, default=str)
    return hashlib.sha256(as_named(text, root).encode()).hexdigest()


def apply_account(
    plan: Opened, calls: Calls, clock: Clock, place: tuple[int, str], manner: Manner
) -> dict[str, Any]:
    """One phase of one account (or of Identity Center). May run again, after a crash in the middle of a change too:
    what is done is found done, what is half done is finished.

    Plain JSON: `results` per change, `complete`, `stops` when a team could not be made. An account that cannot be
    reached, and a plan that would lock everybody out of it, are answers, not errors.
    """
    phase, item = place
    mine = sorted(change for change, where in plan.changes.items() if where == place)
    options = plan.file.options
    try:
        if options.actors:
            options = replace(options, actors=(calls.identity(), *options.actors))
        live = plan_live(calls, clock, plan.compiled, options, (item,))
        live = only_planned(live, plan.file)
        manner = replace(manner, phases=(phase,), plan_id=plan.file.id, parallel=1)
        report = apply_plan(calls, clock, plan.compiled, live, manner)
    except Unavailable:
        raise
    except GatepassError as refused:
        return _answer(plan, {change: _result("failed", str(refused)) for change in mine})
    results = {change: _before(live, change, report.unread) for change in mine}
    for result in report.results:
        if result.change.id in results and result.change.phase == phase:
            results[result.change.id] = _result(str(result.outcome), result.reason, result.writes)
    return _answer(plan, results)


def _before(plan: Plan, change_id: str, unread: Mapping[str, str]) -> dict[str, Any]:
    """What is said of a planned change that this run found nothing to write for."""
    if unread:
        return _result(str(Outcome.FAILED), "; ".join(unread.values()))
    change = next((change for change in plan.changes if change.id == change_id), None)
    if change is None or change.action is Action.NONE:
        return _result(str(Outcome.UNCHANGED))
    return _result(str(Outcome.STALE), change.reason or STALE)


def _result(outcome: str, reason: str = "", writes: int = 0) -> dict[str, Any]:
    return {"outcome": outcome, "reason": reason, "writes": writes}


def _answer(plan: Opened, results: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    bad = {change for change, result in results.items() if result["outcome"] not in _GOOD}
    return {
        "results": [{"id": change, **result} for change, result in sorted(results.items())],
        "writes": sum(result["writes"] for result in results.values()),
        "complete": not bad,
        "stops": any(change.partition("+")[0] in plan.teams for change in bad),
    }


@dataclass
class TeamsApply:
    """The work of the kind `teams-apply`: applies one account's share and keeps what came of it. Thread-safe."""

    store: Store
    clock: Clock
    worker: str
    enter: Callable[[Compiled, str], Calls]
    """Calls into the accounts of a declaration, by the role that the plan names or the declaration's own."""
    patience: Patience = field(default_factory=Patience)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: tuple[str, Opened, Calls] | None = None
    """Of the job that was worked on last: two at a time are compiled more often, and as well."""

    def __call__(self, job: str, phase: int, item: str) -> None:
        with self.store.read() as view:
            known = [each for each in view.jobs.items(job) if (each.phase, each.item) == (phase, item)]
        if any(each.is_over for each in known):
            return  # stopped, or done by a worker that was taken for dead
        plan, calls = self._open(job)

        def heard(written: Written) -> None:
            with self.store.write() as tx:
                tx.audit(write_event(job, written))

        manner = Manner(audit=heard, patience=self.patience)
        answer = apply_account(plan, calls, self.clock, (phase, item), manner)
        ended = JobItem(
            job, phase, item, state=ItemState.ENDED, complete=answer["complete"], stops=answer["stops"],
            result=answer, worker=self.worker,
        )  # fmt: skip
        with self.store.write() as tx:
            tx.jobs.end_item(ended)

    def _open(self, job: str) -> tuple[Opened, Calls]:
        with self._lock:
            if self._last is None or self._last[0] != job:
                with self.store.read() as view:
                    row = view.jobs.job(job)
                if row is None:
                    raise GatepassError(f"there is no job {job!r}")
                plan = opened(Sent(row.input["plan"], row.input["files"]))
                self._last = (job, plan, self.enter(plan.compiled, plan.file.apply_role))
            return self._last[1], self._last[2]


def write_event(job: str, written: Written) -> Event:
    """A write for the audit (T-87)."""
    fields = {
        "job": job,
        "actor": written.actor,
        "plan": written.plan,
        "change": written.change,
        "operation": written.operation,
        "request_id": written.request_id,
        "before": written.before,
        "error": written.error,
    }
    return Event("teams.write", None, fields)
