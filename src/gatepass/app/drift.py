"""Drift on the server: what the estate in force says about it, what the last look found, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gatepass.clock import iso
from gatepass.desk import Book, Caller
from gatepass.desk.office import Office
from gatepass.desk.values import NotFound
from gatepass.engine.jobs.declared import compiled_drift
from gatepass.engine.jobs.drift import KIND, last_report
from gatepass.engine.jobs.drift_schedule import DriftSchedule
from gatepass.estate.drift import Drift
from gatepass.estate.model import Estate
from gatepass.store import Store, Tx, View
from gatepass.teams.drift.differences import Sort, report_json
from gatepass.teams.drift.words import whole

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EstateDrift:
    """What the versions of the estate say about drift."""

    book: Book

    def watched(self, rows: View | Tx) -> tuple[int, Drift] | None:
        """The version in force, where it says anything."""
        if rows.estates.current_number() == 0:
            return None
        version = self.book.current(rows)
        drift = version.estate.drift
        return None if drift is None else (version.number, drift)

    def declared(self, rows: View | Tx, number: int) -> Drift | None:
        return self.book.at(rows, number).estate.drift


def require_comparable(estate: Estate) -> None:
    """Raises `TeamsError` with every fault of the teams that the server is to compare with AWS."""
    if estate.drift is not None:
        compiled_drift(estate.drift)


@dataclass(frozen=True, slots=True)
class TeamsDrifts:
    """Fills the API's `Drifts`. Admins only."""

    store: Store
    office: Office
    schedule: DriftSchedule
    wake: Callable[[], None]

    def start(self, caller: Caller) -> Json:
        """Looks at once, or joins the look that is under way."""
        self.office.need_admin(caller)
        job = self.schedule.now(caller.person)
        if job is None:
            raise NotFound(
                "the estate in force does not say drift:", advice="see docs/teams.md, Drift on the server"
            )
        self.wake()
        return self.show(caller)

    def show(self, caller: Caller) -> Json:
        """The last report, and whether a look is under way."""
        self.office.need_admin(caller)
        with self.store.read() as view:
            running = [job for job, kind in view.jobs.open() if kind == KIND]
            items = view.jobs.items(running[0]) if running else ()
            found = last_report(view)
        report = found[1] if found is not None else None
        return {
            "running": running[0] if running else None,
            "progress": {"done": sum(item.is_over for item in items), "whole": len(items)},
            "job": found[0] if found is not None else None,
            "looked_at": iso(report.at) if report is not None else None,
            "report": report_json(report) if report is not None else None,
            "text": whole(report) if report is not None else [],
        }


def figures(view: View) -> Iterator[str]:
    """What the last look found, in the text format of Prometheus; nothing before there was one."""
    found = last_report(view)
    if found is None:
        return
    _, report, is_success = found
    yield "# TYPE gatepass_drift gauge"
    for sort in Sort:
        count = sum(each.sort is sort for each in report.standing.values())
        yield f'gatepass_drift{{class="{sort}"}} {count}'
    yield "# TYPE gatepass_drift_accounts gauge"
    yield f'gatepass_drift_accounts{{read="yes"}} {report.looked - len(report.unread)}'
    yield f'gatepass_drift_accounts{{read="no"}} {len(report.unread)}'
    yield "# TYPE gatepass_drift_repaired gauge"
    yield f"gatepass_drift_repaired {len(report.repaired)}"
    yield "# TYPE gatepass_drift_looked_timestamp_seconds gauge"
    yield f"gatepass_drift_looked_timestamp_seconds {report.at.timestamp():.0f}"
    yield "# TYPE gatepass_drift_success gauge"
    yield f"gatepass_drift_success {int(is_success)}"
