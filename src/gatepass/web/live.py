"""Live updates: a stream that says which request changed, to those who may see it. The page then reads itself anew.

The cursor is the audit log's: chain by chain the last `seq` that was looked at. A stream that broke goes on where
it was (`Last-Event-ID`), and one begins where its page was read (`after`): what happens between is told. Rights are
read for every event, and the stream ends with the session (architecture.md 9).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gatepass.access.chain import Entry
from gatepass.access.decide import Refused
from gatepass.desk import Caller, NotFound
from gatepass.web.heads import Cursor, read_cursor, write_cursor
from gatepass.web.parts import Parts
from gatepass.web.visit import trouble, who

LOOK_EVERY = 0.5
"""Seconds between looks at the ends of the chains; one read serves every stream of the process."""
BEAT_EVERY = 20
"""Looks between comments that keep proxies from closing a silent stream, and between looks at the session."""
LONGEST = 3600
"""Looks until a stream ends by itself; browsers come back."""
RETRY = 2000
"""Milliseconds after which a browser comes back."""


def events(parts: Parts) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of the stream."""

    async def stream(request: Request) -> Response:
        known = await run_in_threadpool(who, parts, request)
        if known is None:
            return trouble(401, "nobody is signed in here", "sign in again")
        after = request.headers.get("last-event-id") or request.query_params.get("after", "")
        begun = read_cursor(after)
        body = _stream(parts, request, known[1].id, begun)
        return StreamingResponse(body, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return stream


async def _stream(parts: Parts, request: Request, person: str, begun: Cursor | None) -> AsyncIterator[str]:
    cursor = begun if begun is not None else await run_in_threadpool(parts.heads.now)
    yield f"retry: {RETRY}\nid: {write_cursor(cursor)}\nevent: begun\ndata: {{}}\n\n"
    for turn in range(1, LONGEST):
        if parts.closing.is_set() or await request.is_disconnected():
            return
        ends = await run_in_threadpool(parts.heads.now)
        moved = {name: seq for name, seq in ends.items() if seq > cursor.get(name, 0)}
        if moved or turn % BEAT_EVERY == 0:
            if await run_in_threadpool(who, parts, request) is None:
                yield "event: over\ndata: {}\n\n"
                return
            yield ": still here\n\n"
        if moved:
            cursor, changed = await run_in_threadpool(news, parts, person, cursor, moved)
            for request_id, kind in changed.items():
                data = json.dumps({"request": request_id, "kind": kind})
                yield f"id: {write_cursor(cursor)}\nevent: changed\ndata: {data}\n\n"
        await asyncio.sleep(LOOK_EVERY)


def news(parts: Parts, person: str, cursor: Cursor, ends: Mapping[str, int]) -> tuple[Cursor, dict[str, str]]:
    """Where the stream stands after these ends, and of the requests this person may see now those that changed."""
    changed: dict[str, str] = {}
    after = dict(cursor)
    with parts.store.read() as view:
        for name, end in ends.items():
            after[name] = end
            for entry in _between(view.entries.entries, name, cursor.get(name, 0), end):
                said = entry.said
                fields = said.get("fields")
                if isinstance(fields, dict) and isinstance(fields.get("request"), str):
                    changed[fields["request"]] = str(said["kind"])
    caller = Caller(person, "web")
    return after, {request: kind for request, kind in changed.items() if _may_see(parts, caller, request)}


def _between(read: Callable[..., tuple[Entry, ...]], name: str, start: int, end: int) -> Iterator[Entry]:
    while start < end:
        page = read(name or None, after=start, limit=500)
        if not page:
            return
        yield from (each for each in page if each.seq <= end)
        start = page[-1].seq


def _may_see(parts: Parts, caller: Caller, request_id: str) -> bool:
    try:
        parts.desk.show(caller, request_id)
    except (NotFound, Refused):
        return False
    return True
