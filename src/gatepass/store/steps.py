"""The tables of steps inside the database: it refuses what `gatepass.access.states` does not hold, whoever writes.

The foreign key (prior_state, state) allows only legal steps; a trigger (the first migration) makes sure that
`prior_state` is the state that is left, so that the key cannot be satisfied with a step that was not taken.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Table, delete, select

from gatepass.access.states import FACT_STEPS, GRANT_STEPS, REQUEST_STEPS, FactState, GrantState, RequestState
from gatepass.store.link import Link
from gatepass.store.tables import fact_steps, grant_steps, request_steps

NEW = "new"
"""What a row comes from when it is made."""

_TABLES: tuple[tuple[Table, Iterable[tuple[str, str]]], ...] = (
    (request_steps, {*REQUEST_STEPS, (NEW, RequestState.ASKED)}),
    (grant_steps, {*GRANT_STEPS, (NEW, GrantState.WAITING)}),
    (fact_steps, {*FACT_STEPS, (NEW, FactState.ABSENT)}),
)


def write_steps(link: Link) -> None:
    """Make the database's tables of steps equal to the code's; done at every start, changes nothing when equal."""
    for table, steps in _TABLES:
        wanted = {(str(prior), str(current)) for prior, current in steps}
        stored = {(row["prior"], row["current"]) for row in link.all(select(table))}
        for prior, current in stored - wanted:
            link.run(delete(table).where(table.c.prior == prior, table.c.current == current))
        new = [{"prior": prior, "current": current} for prior, current in sorted(wanted - stored)]
        if new:
            link.run(link.insert(table), new)
