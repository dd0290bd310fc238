"""What the agent does for its callers, whichever way they talk to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

from gatepass.clock import iso
from gatepass.sessions.agent.asker import NOBODY, Asker, logs_in
from gatepass.sessions.agent.events import Events
from gatepass.sessions.agent.handouts import Handouts
from gatepass.sessions.agent.keeper import Keeper
from gatepass.sessions.agent.logins import Logins
from gatepass.sessions.agent.peer import Peer, Tree, ancestors, program, tree_of
from gatepass.sessions.agent.strongbox import Strongbox
from gatepass.sessions.agent.world import Entry
from gatepass.sessions.errors import BadInput, Denied, Locked, NeedsHuman
from gatepass.sessions.model import Credentials, Integration, Session, Settings, Workspace
from gatepass.sessions.plan import Step
from gatepass.sessions.providers.transport import WARN_SKEW, Transport
from gatepass.sessions.workspace.reading import require

CONFIRMED_FOR = timedelta(hours=1)


class Service:
    """The agent's abilities. Every method raises `SessionError`s only."""

    def __init__(
        self,
        keeper: Keeper,
        strongbox: Strongbox,
        logins: Logins,
        transport: Transport,
        events: Events,
        workspace: Callable[[], Workspace],
        cli_state: Path,
        handouts: Handouts,
    ) -> None:
        self.keeper, self.strongbox, self.logins = keeper, strongbox, logins
        self.transport, self.events, self.workspace = transport, events, workspace
        self.handouts = handouts
        self.present: list[Asker] = []
        """People who said they can be asked at any time (`session watch`, the UI)."""
        self.last_call = transport.now()
        self._confirmed: dict[tuple[str, Tree], datetime] = {}
        """Session and process tree, and until when a person's yes holds."""
        self._refused: dict[tuple[str, Tree], float] = {}
        """When a person last said no, by the loop's clock."""
        self._confirming: dict[tuple[str, Tree], asyncio.Lock] = {}
        self._opening = asyncio.Lock()
        self._prompt_file = cli_state

    async def payload(self, name: str, peer: Peer, asker: Asker = NOBODY) -> bytes:
        """credential_process JSON for this profile or session."""
        if not asker.present and self.workspace().settings.prompt:
            from gatepass.sessions.agent.desktop import asker_for

            asker = asker_for(peer)
        entry = await self.entry(name, peer, asker)
        asyncio.get_running_loop().call_soon(self._note_issue, entry, "credential_process", peer)
        return entry.payload

    async def entry(self, name: str, peer: Peer, asker: Asker = NOBODY) -> Entry:
        """The set itself, after the confirm rule of prod sessions (S-32)."""
        self.last_call = self.transport.now()
        workspace = self.workspace()
        session = require(workspace, name)
        await self._admit(session, workspace.settings, peer, asker)
        return await self.keeper.get(name, asker, peer)

    async def environment(self, name: str, peer: Peer) -> bytes:
        """`NAME=value` lines of specification 3.2."""
        from gatepass.sessions.delivery.formats import environment

        entry = await self.entry(name, peer)
        session = entry.chain[-1]
        self._note_issue(entry, "env", peer)
        lines = environment(self.workspace().told(session), entry.credentials, entry.expires_at)
        return "".join(f"{key}={value}\n" for key, value in lines.items()).encode()

    async def start(self, name: str, peer: Peer, asker: Asker = NOBODY) -> Entry:
        """Allow and mint now."""
        self.last_call = self.transport.now()
        return await self.keeper.start(name, asker, peer)

    async def federated(
        self, name: str, lasts: timedelta | None, peer: Peer, asker: Asker
    ) -> tuple[Step, Credentials]:
        """What an IAM user's session opens the console with, after the confirm rule."""
        self.last_call = self.transport.now()
        workspace = self.workspace()
        await self._admit(require(workspace, name), workspace.settings, peer, asker)
        return await self.keeper.federated(name, lasts)

    def lock(self) -> None:
        """Forget every set and the vault's key (S-29)."""
        self.keeper.lock()
        self.strongbox.lock()

    async def finish(self) -> None:
        """Before an orderly end: what must not be cut off is waited for, a while."""
        await asyncio.to_thread(self.logins.finish)

    def woke(self) -> None:
        """The machine has slept: the ages are looked at anew (S-23), or everything is locked where wanted (S-29)."""
        self.events.changed("*", "asleep", "awake", "the machine slept: all ages looked at again")
        if self.workspace().settings.lock_on_sleep:
            self.lock()

    async def unlock(self, passphrase: str | None) -> None:
        """Open the vault again."""
        await asyncio.to_thread(self.strongbox.unlock, passphrase)

    def integration(self, name: str) -> Integration:
        """The integration of this name."""
        found = self.workspace().integrations.get(name)
        if found is None:
            known = ", ".join(self.workspace().integrations)
            run = "integration list" if known else "integration add NAME identity-center START_URL"
            raise BadInput(
                f"there is no integration {name!r}; there {f'are: {known}' if known else 'is none yet'}",
                advice=f"run: gatepass {run}",
            )
        return found

    def status(self, name: str | None) -> list[dict[str, object]]:
        """The state of every session, or of one."""
        workspace = self.workspace()
        sessions = [require(workspace, name)] if name else list(workspace.sessions.values())
        return [self._row(session) for session in sessions]

    def status_json(self, name: str | None) -> bytes:
        """The same as one line of JSON."""
        return json.dumps(self.status(name)).encode() + b"\n"

    def changed(self) -> None:
        """Some session's state is another: the files that show states and sets follow."""
        self.handouts.renew(self.keeper.entries)
        self.write_prompt_file()

    def keep_handouts_used(self) -> None:
        """A set in a file is in use as long as it lies there: it shall be refreshed (S-23)."""
        for name in self.handouts.names:
            if (entry := self.keeper.entries.get(name)) is not None:
                entry.last_used = self.transport.now()

    def write_prompt_file(self) -> None:
        """States by session for the shell prompt, which reads no socket. No secrets in it.

        A full disk or a home that cannot be written to costs the prompt, not the credentials.
        """
        from gatepass.sessions.files import replace

        rows = {
            name: {"state": self._state_of(name), "expires": _iso_or_none(entry.expires_at)}
            for name, entry in self.keeper.entries.items()
        }
        with suppress(OSError):
            replace(self._prompt_file, json.dumps(rows).encode(), durable=False)

    def _row(self, session: Session) -> dict[str, object]:
        entry = self.keeper.entries.get(session.name)
        standing = self.keeper.standings.get(session.name)
        left = self.keeper.remaining(entry) if entry else None
        return {
            "name": session.name,
            "profile": session.profile,
            "kind": session.kind,
            "account_id": (entry.credentials.account_id if entry else None) or session.account_id,
            "state": self._state_of(session.name),
            "expires_at": _iso_or_none(entry.expires_at if entry else None),
            "lives_until": _iso_or_none(entry.grant.sessions_end_by if entry and entry.grant else None),
            "remaining_seconds": int(left.total_seconds()) if left is not None else None,
            "cause": (self._clock_warning() if entry else "") + (standing.cause if standing else ""),
            "prod": session.prod,
        }

    def _clock_warning(self) -> str:
        skew = self.transport.skew
        if abs(skew) <= WARN_SKEW:
            return ""
        behind = "behind" if skew > timedelta(0) else "ahead of"
        return f"this machine's clock is {abs(round(skew.total_seconds()))} s {behind} AWS's; "

    def _state_of(self, name: str) -> str:
        standing = self.keeper.standings.get(name)
        entry = self.keeper.entries.get(name)
        if entry is not None and self.keeper.remaining(entry) <= timedelta(0):
            return "expired"
        return standing.state if standing else "inactive"

    async def _admit(self, session: Session, settings: Settings, peer: Peer, asker: Asker) -> None:
        """The session's rules about who may have it (S-32): the caller or a parent of it decides."""
        if not session.guarded:
            return
        programs = [found for pid in ancestors(peer.pid) if (found := program(pid))]
        if session.allow and not _any(programs, session.allow):
            self.events.refused(session.name, "its program is not allowed", peer)
            raise Denied(
                f"session {session.name!r} is for {', '.join(session.allow)} only; "
                f"this is {programs[0] if programs else 'an unknown program'}",
                advice=f"change it: gatepass session edit {session.name} allow=",
            )
        unseen = not program(peer.pid)  # it may be any of those whose use must be confirmed
        if session.confirm and (unseen or _any(programs, session.confirm)):
            await self._confirm(session, peer, asker, must=True)
        elif session.prod and settings.confirm_prod and not session.confirm:
            await self._confirm(session, peer, asker, must=False)

    async def _confirm(self, session: Session, peer: Peer, asker: Asker, *, must: bool) -> None:
        """Once per process tree and hour. With nobody to be asked only a rule that `must` hold refuses.

        A hundred processes of a tree are one question: those who waited for the answer share it, also a no.
        """
        tree = tree_of(peer.pid)
        if tree is None:  # nobody shares a yes with a process that the system does not name
            if await self._says_yes(session, peer, asker, "once", must=must) is False:
                raise _not_confirmed(session, peer)
            return
        key = (session.name, tree)
        clock = asyncio.get_running_loop().time
        began = clock()
        async with self._confirming.setdefault(key, asyncio.Lock()):
            if self._is_confirmed(key):
                return
            said: bool | None = False
            if self._refused.get(key, 0.0) < began:
                said = await self._says_yes(session, peer, asker, "for an hour", must=must)
            if said is None:
                return
            if not said:
                self._refused[key] = clock()
                raise _not_confirmed(session, peer)
            self._confirmed[key] = self.transport.now() + CONFIRMED_FOR

    async def _says_yes(
        self, session: Session, peer: Peer, asker: Asker, how_long: str, *, must: bool
    ) -> bool | None:
        """What the person says; None where there is nobody to ask and need not be."""
        person = self.present[-1] if self.present else asker
        if not self._is_asked(session, person, asker, must=must):
            return None
        what = f"{program(peer.pid) or 'a program'} (process {peer.pid or 'unknown'})"
        text = f"{what} wants session {session.name!r}; type yes to allow it {how_long}"
        return (await person.ask("confirm", text, "gatepass session watch")).strip().lower() == "yes"

    def _is_confirmed(self, key: tuple[str, Tree]) -> bool:
        now = self.transport.now()
        self._confirmed = {each: until for each, until in self._confirmed.items() if now < until}
        return key in self._confirmed

    @staticmethod
    def _is_asked(session: Session, person: Asker, asker: Asker, *, must: bool) -> bool:
        """Whether there is somebody to ask, other than who typed the command. Raises where one `must` be asked."""
        if not must and person is asker and logs_in(asker):
            return False
        if person.present:
            return True
        if must:
            raise NeedsHuman(
                f"session {session.name!r} must be confirmed and nobody is there",
                advice="run in another terminal: gatepass session watch --confirm",
            )
        return False

    def _note_issue(self, entry: Entry, how: str, peer: Peer) -> None:
        self.events.issued(entry.chain[-1].name, how, entry.expires_at, peer)

    async def unlocked(self, asker: Asker, *, explicit: bool = False) -> None:
        """Make sure the vault is open, asking for its passphrase where that is its provider; one question for all.

        What was locked by hand is opened by an `explicit` unlock or by the passphrase, not by the way (S-29).
        """
        async with self._opening:
            await self._open(asker, explicit=explicit)

    async def _open(self, asker: Asker, *, explicit: bool) -> None:
        passphrase = None
        by_passphrase = await asyncio.to_thread(self.strongbox.wants_passphrase)
        if self.strongbox.is_kept_shut and not explicit and not by_passphrase:
            raise Locked("the vault was locked", advice="run: gatepass vault unlock")
        if by_passphrase:
            if not asker.present:
                raise Locked("the vault is locked", advice="run: gatepass vault unlock")
            passphrase = await asker.ask("passphrase", "vault passphrase", "gatepass vault unlock")
        if not self.strongbox.is_open:
            await self.unlock(passphrase)
            self.keeper.person_acted()


def _not_confirmed(session: Session, peer: Peer) -> Denied:
    return Denied(f"session {session.name!r}: the use by process {peer.pid or 'unknown'} was not confirmed")


def _any(programs: Sequence[str], globs: Sequence[str]) -> bool:
    return any(fnmatch(each, glob) for each in programs for glob in globs)


def _iso_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
