"""Issue 4: how long pages take with ten thousand requests, half of them open, beside the same pages with ten.

Drawn in process by the whole application, so what is measured is the server's own work.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.unit.web.browsing import Browser, Portal

from bench.figure import Figure, milliseconds, p50, p95
from gatepass.access.requests import Request
from gatepass.access.states import RequestState
from gatepass.desk import Ask, Caller

MANY, FEW, TIMES = 10_000, 10, 30
PAGES = (("ana", "/"), ("ana", "/requests"), ("ben", "/decide"), ("cleo", "/requests?state=pending"))


def figures() -> Iterator[Figure]:
    """About a minute."""
    with tempfile.TemporaryDirectory() as folder:
        portal = Portal(Path(folder))
        try:
            model = _asked(portal)
            few = _times(portal, model, FEW)
            many = _times(portal, model, MANY - FEW)
        finally:
            portal.close()
    for (person, path), short, long in zip(PAGES, few, many, strict=True):
        name = f"{path} of {person}, {MANY} requests"
        yield Figure(f"{name}: p50", p50(long), "ms", p50(short), f"with {FEW}")
        yield Figure(f"{name}: p95", p95(long), "ms", p95(short), f"with {FEW}")


def _times(portal: Portal, model: Request, more: int) -> list[list[float]]:
    _fill(portal, model, more)
    browsers = {person: portal.browser(person) for person, _ in PAGES}
    return [_timed(portal, browsers[who], path) for who, path in PAGES]


def _timed(portal: Portal, browser: Browser, path: str) -> list[float]:
    def look() -> None:
        portal.whole.clock.advance(timedelta(seconds=1))  # so many pages a moment are refused
        browser.page(path)

    return milliseconds(look, TIMES)


def _asked(portal: Portal) -> Request:
    fields = {"reason": "deploy 1.4", "duration": "30m"}
    asked = portal.whole.parts.desk.ask(
        Caller("ana", "web"), Ask("aws-access", "tenant_foo-main", fields=fields)
    )
    portal.whole.settle()
    return portal.whole.parts.desk.show(Caller("ana", "web"), asked.id).request


def _fill(portal: Portal, model: Request, count: int) -> None:
    """Requests like `model`, of ana and dan; every second one is open, the others were cancelled."""
    parts = portal.whole.parts
    ids = [parts.office._new_id("r") for _ in range(count)]
    with parts.store.write() as tx:
        for number, request_id in enumerate(ids):
            asked_at = model.asked_at - timedelta(minutes=number)
            made = replace(model, id=request_id, state=RequestState.ASKED, asked_at=asked_at, version=0)
            made = replace(made, requester=("ana", "dan")[number // 2 % 2])
            tx.requests.add(replace(made, expires_at=None))
            state = RequestState.PENDING if number % 2 else RequestState.CANCELLED
            tx.requests.save(replace(made, state=state, expires_at=model.expires_at if number % 2 else None))
