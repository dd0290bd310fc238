"""Applying a plan: plain idempotent steps, one thing at a time, verified by reading back (specification, 11.4, 11.5).

Grants and creations come first in every account, then revocations and removals. What is found different from what was
planned against is left alone, unless it is what an apply of this plan that was broken off leaves behind: that is
finished. Nothing is recorded only here: an interrupted apply is continued by applying or planning again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from gatepass.aws.errors import AwsError, Busy, Denied, Invalid, Later, Lost, Missing, Throttled, Unreachable
from gatepass.clock import Clock, iso
from gatepass.teams.applying.calls import Calls, NotYet, Op
from gatepass.teams.applying.halfway import is_halfway
from gatepass.teams.applying.live import PARALLEL
from gatepass.teams.kinds.center import NobodyNamed
from gatepass.teams.kinds.kind import Kind, fingerprint
from gatepass.teams.planning.plan import Change, Plan

FIRST_WAIT, LONGEST_WAIT = 0.2, 8.0
"""Seconds between looks."""
PER_KIND = {
    "policy": 0,
    "saml-provider": 1,
    "oidc-provider": 1,
    "group": 2,
    "user": 3,
    "role": 4,
    "permission-set": 5,
    "directory-group": 6,
    "assignment": 7,
}
"""What must exist before what (T-78); removals go the other way."""


class Outcome(StrEnum):
    """How one change ended."""

    DONE = "done"
    UNCHANGED = "unchanged"
    """Was as wanted already: somebody, perhaps an interrupted apply, had done it."""
    STALE = "stale"
    """Not what it was when the plan was made: left alone (T-76)."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not tried: what had to come before failed, or the apply stopped between the phases."""


@dataclass(frozen=True, slots=True)
class Result:
    """One change and how it ended."""

    change: Change
    outcome: Outcome
    writes: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """One write, for the audit (T-87)."""

    at: str
    actor: str
    plan: str
    change: str
    operation: str
    request_id: str
    before: str
    """Fingerprint."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a plan."""

    results: tuple[Result, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def writes(self) -> int:
        return sum(result.writes for result in self.results)

    @property
    def is_complete(self) -> bool:
        good = {Outcome.DONE, Outcome.UNCHANGED}
        return not self.unread and all(result.outcome in good for result in self.results)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one thing may take, and how long reads may lag behind a write (T-84)."""

    whole: timedelta = timedelta(minutes=2)
    settle: timedelta = timedelta(seconds=20)
    reads: int = 2
    """Equal reads in a row that count as verified."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a plan is applied, and who hears of it."""

    phases: tuple[int, ...] = (1, 2)
    plan_id: str = ""
    audit: Callable[[Written], None] = lambda written: None
    """Hears of every write, also of one that failed."""
    progress: Callable[[Result], None] = lambda result: None
    """Hears of every change that ended."""
    patience: Patience = field(default_factory=Patience)
    parallel: int = PARALLEL


USUAL = Manner()


class Applier:
    """Applies plans. Its steps may be repeated safely."""

    def __init__(
        self,
        calls: Calls,
        clock: Clock,
        kinds: Mapping[str, Callable[[Change], Kind[Any]]],
        manner: Manner = USUAL,
    ) -> None:
        self.calls = calls
        self.clock = clock
        self.patience = manner.patience
        self._kinds = kinds
        self._manner = manner
        self._lock = threading.Lock()

    def apply(self, plan: Plan) -> Report:
        """Everything the plan writes, account by account (T-86). May be repeated: what is done is not done again."""
        chosen = set(self._manner.phases)
        results: list[Result] = []
        broken: set[str] = set()
        everywhere = False
        for phase in (1, 2):
            todo = [change for change in plan.writes if change.phase == phase]
            if phase not in chosen:
                results += [Result(change, Outcome.SKIPPED, reason="not this phase") for change in todo]
                continue
            wave = self._wave(todo, broken, everywhere=everywhere)
            results += wave
            bad = [result for result in wave if result.outcome in {Outcome.FAILED, Outcome.STALE}]
            broken |= {result.change.account_id for result in bad}
            # a team that could not be made may be the way in that a revocation elsewhere counts on (T-79)
            everywhere = any(getattr(result.change.wanted, "kind", "") == "team" for result in bad)
        ordered = sorted(
            results, key=lambda result: (result.change.account_id, result.change.kind, result.change.name)
        )
        return Report(tuple(ordered), plan.unread)

    def _wave(self, changes: list[Change], broken: set[str], *, everywhere: bool) -> list[Result]:
        by_account: dict[str, list[Change]] = {}
        for change in changes:
            by_account.setdefault(change.account_id, []).append(change)
        skipped = []
        for account in sorted(by_account):
            if everywhere or account in broken:
                reason = "grants did not all succeed: nothing is revoked before they do"
                skipped += [
                    Result(change, Outcome.SKIPPED, reason=reason) for change in by_account.pop(account)
                ]
        with ThreadPoolExecutor(max_workers=self._manner.parallel) as pool:
            waves = list(pool.map(self._account, by_account.values()))
        return [*skipped, *(result for wave in waves for result in wave)]

    def _account(self, changes: list[Change]) -> list[Result]:
        """One account's changes, one after the other: IAM's control plane takes few writes at once (T-85)."""
        making = [change for change in changes if change.wanted is not None]
        removing = [change for change in changes if change.wanted is None]
        making.sort(key=lambda change: (PER_KIND[change.kind], change.name))
        removing.sort(key=lambda change: (-PER_KIND[change.kind], change.name))
        results = []
        for change in (*making, *removing):
            result = _Converging(self, change, self._kinds[change.kind](change)).run()
            with self._lock:
                self._manner.progress(result)
            results.append(result)
        return results

    def write(self, change: Change, op: Op) -> None:
        """One write, audited whether it succeeds or not."""
        request_id, failed = "", ""
        try:
            answer = self.calls.call(change.account_id, op.service, op.operation, **op.params)
            request_id = str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
        except AwsError as error:
            request_id, failed = error.place.request_id, str(error)
            raise
        finally:
            written = Written(
                iso(self.clock.now()), self.calls.identity(), self._manner.plan_id, change.id, op.operation, request_id,
                change.fingerprint, failed,
            )  # fmt: skip
            with self._lock:
                self._manner.audit(written)


class _Converging:
    """One thing on its way: look, write what is missing, look again until it shows."""

    def __init__(self, applier: Applier, change: Change, kind: Kind[Any]) -> None:
        self._applier = applier
        self._change = change
        self._kind = kind
        self._wait = FIRST_WAIT
        self._writes = 0
        self._equal = 0
        self._checked = False
        self._written_at: float | None = None
        self._last = ""

    def run(self) -> Result:
        clock, patience = self._applier.clock, self._applier.patience
        ends = clock.monotonic() + patience.whole.total_seconds()
        while True:
            try:
                ended = self._look()
            except (Throttled, Busy, Later, Unreachable, Lost, NotYet, Missing) as error:
                self._last = str(error)
                ended = None
            except Invalid as error:
                if not _passes(error):
                    return self._result(Outcome.FAILED, _said(error))
                self._last = str(error)
                ended = None
            except (Denied, NobodyNamed, AwsError) as error:
                return self._result(Outcome.FAILED, str(error))
            if ended is not None:
                return ended
            if clock.monotonic() >= ends:
                late = f"not as wanted after {int(patience.whole.total_seconds())} s"
                return self._result(Outcome.FAILED, f"{late}: {self._last}" if self._last else late)
            clock.sleep(self._wait)
            self._wait = min(self._wait * 2, LONGEST_WAIT)

    def _result(self, outcome: Outcome, reason: str = "") -> Result:
        return Result(self._change, outcome, self._writes, reason)

    def _look(self) -> Result | None:
        change, kind = self._change, self._kind
        target = change.wanted if change.wanted is not None else change.live
        live = kind.read(self._applier.calls, target)
        if change.wanted is None:
            return self._remove(live)
        fields = kind.differences(live, change.wanted) if live is not None else None
        if fields == []:
            self._equal += 1
            if self._writes == 0:
                return self._result(Outcome.UNCHANGED)
            if self._equal >= self._applier.patience.reads:
                return self._result(Outcome.DONE)
            self._wait = FIRST_WAIT
            return None
        self._equal = 0
        if self._is_stale(live):
            return self._result(Outcome.STALE, STALE)
        if self._is_settling():
            return None
        self._write(kind.steps(self._applier.calls, live, change.wanted))
        self._wait = FIRST_WAIT
        return None

    def _is_stale(self, live: Any) -> bool:
        """Asked once, before the first write: what we write ourselves is not stale, in an earlier run either."""
        if self._checked:
            return False
        self._checked = True
        change = self._change
        as_planned = fingerprint(self._kind, live) == change.fingerprint
        return not as_planned and not is_halfway(self._kind, live, change.before, change.wanted)

    def _remove(self, live: Any) -> Result | None:
        if live is None:
            return self._result(Outcome.DONE if self._writes else Outcome.UNCHANGED)
        if self._is_stale(live):
            return self._result(Outcome.STALE, STALE)
        if not self._is_settling():
            self._write(self._kind.removal(self._applier.calls, live))
        return None

    def _is_settling(self) -> bool:
        """Everything was written and does not show yet: wait before writing it again."""
        if self._written_at is None:
            return False
        since = self._applier.clock.monotonic() - self._written_at
        return since < self._applier.patience.settle.total_seconds()

    def _write(self, ops: Iterable[Op]) -> None:
        self._written_at = None
        for op in ops:
            self._applier.write(self._change, op)
            self._writes += 1
        self._written_at = self._applier.clock.monotonic()


STALE = "it is not what it was when the plan was made: plan again"
_PASSING = frozenset({"EntityAlreadyExists", "EntityTemporarilyUnmodifiable", "DeleteConflict"})
"""Refusals that a later look explains or that pass: made before, still settling, still attached elsewhere."""


def _passes(error: AwsError) -> bool:
    unknown_principal = error.aws_code == "MalformedPolicyDocument" and "rincipal" in error.found
    return unknown_principal or error.aws_code in _PASSING


_EXPLAINED = {
    "ACLSizePerRole": "the trust policy is longer than this account's quota L-C07B4B0D (service iam, us-east-1)",
    "RolesPerAccount": "the account has as many roles as its quota L-FE177D64 allows",
    "PoliciesPerRole": "the role has as many policies as its quota L-0DA4ABF3 allows",
}


def _said(error: AwsError) -> str:
    """The error with what to do, where AWS's words do not say it (specification, 13)."""
    more = next((explained for word, explained in _EXPLAINED.items() if word in error.found), "")
    return f"{error}; {more}" if more else str(error)


def report_json(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "results": [
            {
                "id": result.change.id,
                "action": str(result.change.action),
                "outcome": str(result.outcome),
                "writes": result.writes,
                "reason": result.reason,
            }
            for result in report.results
        ],
        "writes": report.writes,
        "unread": dict(sorted(report.unread.items())),
        "complete": report.is_complete,
    }
