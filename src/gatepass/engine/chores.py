"""What is done every so often: leavers, accounts, checkpoints, tombstones, the workers' beats, the clocks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatepass.clock import Clock
from gatepass.engine.ports import Alarms, Checkpoints, Inventory
from gatepass.errors import GatepassError
from gatepass.store import Store

log = logging.getLogger(__name__)


@dataclass
class Chore:
    """Something to do every `every`; an error is an alarm, and it is done again next time."""

    name: str
    every: timedelta
    do: Callable[[], object]
    next_at: datetime | None = None


class Chores:
    """Does the chores that are due, one after another. Repeating any of them does no harm."""

    def __init__(self, clock: Clock, alarms: Alarms, chores: list[Chore]) -> None:
        self._clock = clock
        self._alarms = alarms
        self._chores = chores

    def once(self) -> int:
        """How many were due."""
        due = [each for each in self._chores if each.next_at is None or each.next_at <= self._clock.now()]
        for chore in due:
            chore.next_at = self._clock.now() + chore.every
            self._do(chore)
        return len(due)

    def _do(self, chore: Chore) -> None:
        try:
            chore.do()
        except Exception as error:
            log.exception("%s failed", chore.name)
            self._alarms.raised(chore.name, f"{chore.name} failed: {error}")
        else:
            self._alarms.cleared(chore.name)


def refresh_accounts(store: Store, inventory: Inventory) -> None:
    """Keep what each organization's accounts are now; one that cannot be read keeps what was known."""
    faults: list[str] = []
    for organization in inventory.organizations():
        try:
            found = inventory.accounts(organization)
        except GatepassError as error:
            faults.append(str(error))
            continue
        with store.write() as tx:
            tx.estates.replace_accounts(organization, found)
    if faults:
        raise GatepassError("; ".join(faults))


def publish_checkpoint(store: Store, checkpoints: Checkpoints, clock: Clock) -> None:
    """The ends of all chains, out of the database's reach."""
    with store.read() as view:
        heads = view.entries.heads()
    if heads:
        checkpoints.publish(heads, clock.now())


def clear_tombstones(store: Store, kept: timedelta) -> None:
    """Forget how removed organizations are reached, once nothing there is ours or is read by the sweep any more."""
    with store.read() as view:
        if not view.estates.tombstones():
            return
    with store.write() as tx:
        tx.estates.clear_tombstones(kept)
