"""Applying a teams plan as a job: one item per account, grants everywhere before revocations (T-79, T-86).

The same steps run directly on a laptop; here another worker goes on where one was killed, because each account is
planned again from what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gatepass.clock import Clock
from gatepass.teams.apply import Manner, Report, report_json
from gatepass.teams.calls import Calls
from gatepass.teams.plan import Action
from gatepass.teams.running import CENTER, PlanFile, apply_file

KIND = "teams-apply"


@dataclass(frozen=True, slots=True)
class ApplyJob:
    """What every worker needs to take part: the plan file it was started with, and a way into the accounts."""

    file: PlanFile
    calls: Calls
    clock: Clock
    manner: Manner

    @property
    def items(self) -> list[str]:
        """The accounts in which the plan writes, and Identity Center when it does."""
        center = {"permission-set", "assignment", "directory-group"}
        writes = {
            change
            for change, (action, _) in self.file.changes.items()
            if action not in {Action.NONE, Action.BLOCKED}
        }
        accounts = {change.split("/")[0] for change in writes if change.split("/")[1] not in center}
        found = sorted(accounts)
        return [*found, CENTER] if any(change.split("/")[1] in center for change in writes) else found

    def run(self, job: str, item: str, phase: int) -> dict[str, Any]:
        """One account, one phase. May run again: what is done is found done."""
        if job != self.file.id:
            raise RuntimeError(f"this worker was started with plan {self.file.id}, not with {job}")
        manner = replace(self.manner, phases=(phase,))
        report = apply_file(self.calls, self.clock, self.file, manner, self.file.acknowledged, only=(item,))
        mine = [result for result in report.results if result.change.phase == phase]
        report = Report(tuple(mine), report.unread)
        return {**report_json(report), "stop": _stops(report)}


def _stops(report: Report) -> bool:
    """A team that could not be made may be the way in that a revocation elsewhere counts on."""
    bad = [result for result in report.results if result.outcome in {"failed", "stale"}]
    return any(getattr(result.change.wanted, "kind", "") == "team" for result in bad)


def bodies(job: ApplyJob) -> Mapping[str, Callable[[str, str, int], dict[str, Any]]]:
    """For `Jobs`."""
    return {KIND: job.run}
