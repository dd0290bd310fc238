"""Looking into the audit log: searching it, and the state of its chains. Admins only; the office asks who looks."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from gatepass.access.chain import Entry, Fault, Head, verify_chains
from gatepass.store import View

CHECKED_AT_ONCE = 50_000
"""A longer chain is verified from an export (`gatepass audit verify`), not while somebody waits."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; what is empty does not narrow."""

    organization: str | None = None
    """One chain; None: all. The installation's own chain is the empty name."""
    kind: str = ""
    holding: str = ""
    """Text anywhere in the entry, letter by letter."""
    before: Mapping[str, int] = field(default_factory=dict)
    """Of each chain only entries below: the cursor of the next page."""


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries of one or all chains, newest first, and the cursor of the next page; empty at the end."""

    entries: tuple[Entry, ...]
    before: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ChainState:
    """How one chain stands: its end, and what a check from its first entry on found wrong."""

    head: Head
    faults: tuple[Fault, ...]
    checked: bool
    """False: too long to be checked while somebody waits."""


def search(view: View, wanted: Wanted, limit: int = 100) -> LogPage:
    """A page of the log."""
    chains = [head.organization for head in view.entries.heads()]
    if wanted.organization is not None:
        chains = [name for name in chains if name == wanted.organization]
    found = [
        view.entries.search(
            name, kind=wanted.kind, holding=wanted.holding, before=wanted.before.get(name, 0), limit=limit + 1
        )
        for name in chains
    ]
    newest = heapq.merge(*found, key=lambda entry: str(entry.said["at"]), reverse=True)
    page = tuple(islice(newest, limit))
    if sum(len(each) for each in found) <= len(page):
        return LogPage(page, {})
    ends = {name: wanted.before.get(name, 0) for name in chains} | {e.organization: e.seq for e in page}
    return LogPage(page, {name: seq for name, seq in ends.items() if seq})


def chains(view: View, *, check: bool) -> tuple[ChainState, ...]:
    """The end of every chain; with `check`, each verified link by link as far as that is quick."""
    return tuple(_state(view, head, check) for head in view.entries.heads())


def _state(view: View, head: Head, check: bool) -> ChainState:
    if not check or head.seq > CHECKED_AT_ONCE:
        return ChainState(head, (), checked=False)
    entries = view.entries.entries(head.organization or None, limit=CHECKED_AT_ONCE)
    _, faults = verify_chains(entries)
    if not entries or (entries[-1].seq, entries[-1].hash) != (head.seq, head.hash):
        faults.append(Fault(head.organization, head.seq, "the chain does not end where its head says"))
    return ChainState(head, tuple(faults), checked=True)
