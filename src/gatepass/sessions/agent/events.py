"""What happened, as lines of JSON: the local audit log, and those who watch (S-16). Never a secret."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gatepass.clock import iso
from gatepass.sessions.agent.peer import Peer, ancestors, program
from gatepass.sessions.errors import scrub
from gatepass.sessions.files import open_plain

Event = dict[str, object]
KEEP_BYTES = 8 * 1024 * 1024


class Events:
    """Appends to the audit log and tells the watchers; a watcher that fails is dropped."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._path = path
        self._now = now
        self._watchers: set[Callable[[Event], None]] = set()

    def changed(self, session: str, old: str, new: str, cause: str, peer: Peer | None = None) -> None:
        """A session went from one state to another."""
        self._add({"event": "state", "session": session, "from": old, "to": new, "cause": scrub(cause)}, peer)

    def issued(self, session: str, how: str, expires: datetime | None, peer: Peer | None) -> None:
        """Credentials were handed to a process."""
        until = iso(expires) if expires is not None else None
        self._add({"event": "issued", "session": session, "how": how, "expires": until}, peer)

    def refused(self, what: str, cause: str, peer: Peer | None) -> None:
        """A process was turned away."""
        self._add({"event": "refused", "session": what, "cause": scrub(cause)}, peer)

    def watch(self, watcher: Callable[[Event], None]) -> Callable[[], None]:
        """Call `watcher` with each event from now on; the returned function ends that."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def _add(self, event: Event, peer: Peer | None) -> None:
        event = {"ts": iso(self._now()), **event}
        if peer is not None and peer.pid:
            chain = ancestors(peer.pid)
            event |= {"pid": peer.pid, "exe": program(peer.pid), "parents": [program(p) for p in chain[1:]]}
        try:
            self._append(event)
        except (
            OSError
        ) as error:  # a full disk must not end the serving: said where the system keeps what we say
            said = json.dumps(event)
            sys.stderr.write(f"gatepass agent: the audit log cannot be written ({error.strerror}): {said}\n")
        for watcher in list(self._watchers):
            watcher(event)

    def _append(self, event: Event) -> None:
        fd = open_plain(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(fd, json.dumps(event).encode() + b"\n")
            full = os.fstat(fd).st_size > KEEP_BYTES
        finally:
            os.close(fd)
        if full:
            os.replace(self._path, self._path.with_suffix(".old.jsonl"))
