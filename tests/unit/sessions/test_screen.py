"""A5: browse, filter, start, stop, open by keyboard, with expiry counters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.waiting import until_async
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Label

from gatepass.cli.backend import Ask, Row
from gatepass.cli.rows import left
from gatepass.cli.screen import SessionsApp, matches
from gatepass.sessions.errors import Denied


class FakeBackend:
    def __init__(self) -> None:
        self.states = {"dev": "inactive", "prod": "active", "sso/Admin": "needs-login"}
        self.done: list[tuple[str, str]] = []
        self.code = ""

    def rows(self) -> list[Row]:
        return [
            {"name": n, "kind": "role", "account_id": "2" * 12, "state": s, "cause": "", "profile": n,
             "remaining_seconds": 7000 if s == "active" else None}
            for n, s in self.states.items()
        ]  # fmt: skip

    def start(self, name: str, ask: Ask) -> None:
        if name == "prod":
            raise Denied("session 'prod': AWS says AccessDenied")
        self.code = ask("mfa", f"session {name!r} needs an MFA code")
        self.states[name] = "active"

    def stop(self, name: str) -> None:
        self.states[name] = "inactive"
        self.done.append(("stop", name))

    def console(self, name: str, ask: Ask) -> None:
        self.done.append(("console", name))


def play(story: Callable[[SessionsApp, Pilot[None], FakeBackend], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        backend = FakeBackend()
        app = SessionsApp(backend)
        async with app.run_test(size=(120, 30)) as pilot:
            await settle(app, pilot)
            await story(app, pilot, backend)

    asyncio.run(run())


async def settle(app: SessionsApp, pilot: Pilot[None]) -> None:
    await app.workers.wait_for_complete()
    await pilot.pause()


def cells(app: SessionsApp) -> list[list[str]]:
    table = app.query_one(DataTable)
    return [[str(cell) for cell in table.get_row_at(i)] for i in range(table.row_count)]


def test_a5_sessions_are_listed_with_their_time_left_and_filtered() -> None:
    async def story(app: SessionsApp, pilot: Pilot[None], backend: FakeBackend) -> None:
        assert [row[0] for row in cells(app)] == ["dev", "prod", "sso/Admin"]
        assert cells(app)[1][4].startswith("1:")  # it counts down
        await pilot.press("slash", *"needs")
        assert app.query_one("#filter", Input).value == "needs"
        assert [row[0] for row in cells(app)] == ["sso/Admin"]

    play(story)


def test_a5_start_asks_for_the_code_and_stop_stops() -> None:
    async def story(app: SessionsApp, pilot: Pilot[None], backend: FakeBackend) -> None:
        await pilot.press("s")
        await until_async(lambda: len(app.screen_stack) > 1)
        await pilot.pause()
        await pilot.press(*"123456", "enter")
        await settle(app, pilot)
        assert backend.code == "123456"
        assert cells(app)[0][3] == "active"
        await pilot.press("x")
        await settle(app, pilot)
        assert ("stop", "dev") in backend.done

    play(story)


def test_a5_errors_are_one_line_and_the_screen_stays() -> None:
    async def story(app: SessionsApp, pilot: Pilot[None], backend: FakeBackend) -> None:
        await pilot.press("down", "s")
        await settle(app, pilot)
        assert "AccessDenied" in str(app.query_one("#message", Label).render())
        await pilot.press("c")
        await settle(app, pilot)
        assert ("console", "prod") in backend.done

    play(story)


def test_a5_the_whole_cause_is_told_of_the_row_under_the_cursor() -> None:
    async def story(app: SessionsApp, pilot: Pilot[None], backend: FakeBackend) -> None:
        cause = "session 'dev': " + "word " * 40
        rows = backend.rows()
        backend.rows = lambda: [{**row, "cause": cause} for row in rows]  # type: ignore[method-assign]
        await pilot.press("r")
        await settle(app, pilot)
        detail = str(app.query_one("#detail", Label).render())
        assert detail.startswith("profile dev\nword word")
        assert detail.count("word") == 40
        assert len(cells(app)[0][5]) <= 60

    play(story)


def test_lengths_and_filters() -> None:
    assert [left(s) for s in (None, -3, 65, 3600)] == ["", "0:00", "1:05", "1:00:00"]
    assert matches({"name": "corp/Admin", "state": "active"}, "adm act")
    assert not matches({"name": "corp/Admin"}, "prod")
