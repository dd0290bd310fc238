"""The sweep: every live fact, and everything that ended in the last day, is read again (architecture.md 2).

What a process sent late, what somebody removed or made by hand, is found here. Facts of one list share its read. A
read that fails says nothing about any fact: it is left as it is and tried in the next pass.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from gatepass.access.facts import FactKey
from gatepass.aws import lease
from gatepass.aws.errors import Unreached
from gatepass.engine.looking import Look
from gatepass.engine.step import Step, StepParts
from gatepass.errors import GatepassError
from gatepass.store import ClaimedFact

log = logging.getLogger(__name__)

_ROOM = 50
"""Facts taken at a time: few enough that settling them all fits into one lease."""

_PASSES = 10
"""Passes in one period: a fact is read within its period and a tenth."""


class Sweep:
    """Goes over all facts in passes. One thread per process uses it."""

    def __init__(self, parts: StepParts) -> None:
        self._parts = parts
        self._next_pass: datetime | None = None

    def once(self) -> int:
        """One pass, if it is time for one: how many facts were read."""
        now = self._parts.clock.now()
        if self._next_pass is not None and now < self._next_pass:
            return 0
        self._next_pass = now + max(self._parts.settings.sweep / _PASSES, timedelta(milliseconds=100))
        return self._pass()

    def _pass(self) -> int:
        """Each fact once: one that comes again could not be read, or not be settled; it waits for the next pass."""
        parts, seen, room = self._parts, set[FactKey](), _ROOM
        while True:
            claimed = parts.store.claim_sweep(
                parts.settings.worker,
                parts.clock.now(),
                room,
                parts.settings.lease,
                sweep=parts.settings.sweep,
                ended=parts.settings.ended,
            )
            again = [each for each in claimed if each.fact.key in seen]
            for each in again:
                parts.store.release(each)
            fresh = [each for each in claimed if each.fact.key not in seen]
            if not fresh:
                return len(seen)
            seen |= {each.fact.key for each in fresh}
            room = _ROOM + len(again)
            self._read(fresh)

    def _read(self, claimed: Sequence[ClaimedFact]) -> None:
        groups: defaultdict[tuple[object, ...], list[ClaimedFact]] = defaultdict(list)
        for each in claimed:
            key = each.fact.key
            groups[each.fact.through, key.kind, key.scope, key.parts[:-1]].append(each)
        for group in groups.values():
            organization = group[0].fact.through
            try:
                looks = self._observe(organization, [each.fact.key for each in group])
            except GatepassError as error:
                log.warning("the sweep could not read %s: %s", organization, error)
                if not isinstance(error, Unreached) or any(each.fact.ours for each in group):
                    self._parts.alarms.raised(f"sweep: {organization}", str(error))
                for each in group:
                    self._parts.store.release(each)
                continue
            self._parts.alarms.cleared(f"sweep: {organization}")
            for each in group:
                Step(self._parts, each).found(looks[each.fact.key])

    def _observe(self, organization: str, keys: Sequence[FactKey]) -> Mapping[FactKey, Look]:
        """A long list may outlast the facts' leases: whoever takes one of them meanwhile voids our decision."""

        def longer() -> datetime:
            return self._parts.clock.now() + self._parts.settings.lease

        with lease.hold(longer(), longer):
            return self._parts.looking.observe(organization, keys)
