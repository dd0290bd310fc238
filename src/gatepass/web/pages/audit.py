"""Audit: searching the log, the state of its chains, and the export that proves it without the server."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from gatepass.access.events import KINDS
from gatepass.desk.log import Wanted
from gatepass.web.heads import read_cursor, write_cursor
from gatepass.web.visit import Visit

PAGE = 100
INSTALLATION = "-"
"""The installation's own chain in an address; no organization is called so."""


def log(visit: Visit) -> Response:
    """Entries, newest first, narrowed by chain, kind and text."""
    chain, kind, holding = (visit.asked(name)[:200] for name in ("chain", "kind", "holding"))
    wanted = Wanted(
        organization=None if not chain else "" if chain == INSTALLATION else chain,
        kind=kind if kind in KINDS else "",
        holding=holding,
        before=read_cursor(visit.asked("before")) or {},
    )
    page = visit.parts.office.log(visit.caller, wanted, PAGE)
    check = visit.asked("check") == "yes"
    older = {"chain": chain, "kind": kind, "holding": holding, "before": write_cursor(page.before)}
    return visit.page(
        "audit.html",
        entries=[(entry, entry.said) for entry in page.entries],
        chains=visit.parts.office.chains(visit.caller, check=check),
        check=check,
        chosen={"chain": chain, "kind": kind, "holding": holding},
        kinds=sorted(KINDS),
        organizations=sorted(visit.parts.desk.estate().organizations),
        older=f"/audit?{urlencode({k: v for k, v in older.items() if v})}" if page.before else "",
    )


def export(visit: Visit) -> Response:
    """The log as JSON lines: `gatepass audit verify` proves it with nothing but this file."""
    chain = visit.asked("chain")
    wanted: list[str | None] | None = None if not chain else [None if chain == INSTALLATION else chain]
    lines = visit.parts.office.export(visit.caller, wanted)
    first = next(lines, "")

    def every() -> Iterator[str]:
        yield first
        yield from lines

    name = {"Content-Disposition": 'attachment; filename="gatepass-audit.jsonl"'}
    return StreamingResponse(every(), media_type="application/x-ndjson", headers=name)
