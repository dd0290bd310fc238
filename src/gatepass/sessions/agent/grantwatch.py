"""Grants on the laptop: credentials only while one is live, gone within 5 s of its end (S-51 to S-55)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from gatepass.sessions.errors import Denied, NeedsHuman
from gatepass.sessions.grants import GrantSource, GrantView
from gatepass.sessions.model import Grant, Session

POLL = timedelta(seconds=4)
REFUSED_PAUSE_SECONDS = 30.0
_OVER = {"ending", "ended", "failed", "denied", "cancelled", "expired"}


class GrantWatch:
    """Asks the server, and follows each grant from which credentials were made."""

    def __init__(
        self,
        source: Callable[[], GrantSource | None],
        now: Callable[[], datetime],
        on_end: Callable[[str, str], None],
    ) -> None:
        self._source, self._now, self._on_end = source, now, on_end
        self._followers: dict[str, asyncio.Task[None]] = {}
        # each follower sits in a long poll: mints and the vault have threads of their own
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="gatepass-grant")

    async def view(self, session: Session, recipe: Grant, *, wait: bool) -> GrantView:
        """The live grant of the session. Raises `Denied` when it has ended, `NeedsHuman` when it must be asked for."""
        source = await self._connected(session)
        view = await asyncio.to_thread(source.find, recipe)
        while wait and not view.live and view.state not in _OVER | {"none"}:
            view = await asyncio.to_thread(source.watch, view, POLL)
        self._refuse_dead(session, view)
        self._follow(session.name, source, view)
        return view

    async def request(
        self, session: Session, recipe: Grant, reason: str, note: Callable[[str], None]
    ) -> GrantView:
        """Ask for the session's grant unless one is live or under way; returns once it is live (A4)."""
        source = await self._connected(session)
        view = await asyncio.to_thread(source.find, recipe)
        if view.state in _OVER | {"none"}:
            view = await asyncio.to_thread(source.ask, recipe, reason, session.duration)
        if not view.live:
            note(f"request {view.request} waits for approval")
        while not view.live and view.state not in _OVER:
            view = await asyncio.to_thread(source.watch, view, POLL)
        self._refuse_dead(session, view)
        return view

    async def _connected(self, session: Session) -> GrantSource:
        source = await asyncio.to_thread(self._source)
        if source is None:
            raise NeedsHuman(
                f"session {session.name!r} needs the gatepass server and this laptop is not logged in to one",
                advice="run: gatepass login",
                state="needs-approval",
            )
        return source

    def _refuse_dead(self, session: Session, view: GrantView) -> None:
        over = view.ends_at is not None and view.ends_at <= self._now()
        if view.state in _OVER or (over and view.state != "none"):
            who = f" by {view.ended_by}" if view.ended_by else ""
            raise Denied(
                f"session {session.name!r}: the grant {view.request} was ended{who}"
                + view.aftermath(self._now()),
                advice=f"ask again: {view.request_command}",
                state="revoked",
            )
        if not view.live:
            what = "is not granted yet" if view.state != "none" else "is not granted"
            raise NeedsHuman(
                f"session {session.name!r} {what}",
                advice=f"run: {view.request_command}",
                state="needs-approval",
            )

    def _follow(self, name: str, source: GrantSource, view: GrantView) -> None:
        """Watch this very grant, by this very login: one that was watched for an earlier set may be another."""
        running = self._followers.pop(name, None)
        if running is not None:
            running.cancel()
        self._followers[name] = asyncio.create_task(self._until_end(name, source, view))

    async def _until_end(self, name: str, source: GrantSource, view: GrantView) -> None:
        """Watch until the grant is over, then tell. Offline: the end that was known still holds (S-53).

        Whatever a server says that cannot be used must not end the watching: a revocation would pass unseen.
        """
        loop = asyncio.get_running_loop()
        while True:
            if view.ends_at is not None and view.ends_at <= self._now():
                self._on_end(name, "the grant has ended" + view.aftermath(self._now()))
                return
            try:
                view = await loop.run_in_executor(self._threads, source.watch, view, POLL)
            except (Denied, NeedsHuman):  # the login has ended: no use asking every other second
                await asyncio.sleep(REFUSED_PAUSE_SECONDS)
                continue
            except Exception:  # noqa: BLE001
                await asyncio.sleep(POLL.total_seconds() / 2)
                continue
            if not view.live:
                by = f" by {view.ended_by}" if view.ended_by else ""
                self._on_end(name, f"the grant was ended{by}" + view.aftermath(self._now()))
                return
