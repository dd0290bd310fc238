"""Sessions of the portal, kept on the server: a random cookie, its hash in the store, an idle and an absolute end."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatepass.access.events import Event
from gatepass.clock import Clock
from gatepass.store import Store, WebSession

SEEN_EVERY = timedelta(minutes=1)
"""How often a used session is written back: reading pages must not cost a commit each."""


def hash_cookie(value: str) -> str:
    """What of a cookie is stored. It is long and random, so no slower hash is needed."""
    return hashlib.sha256(value.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sessions:
    """Opens, finds and ends sessions. Disabling a person ends theirs in the same commit (I13)."""

    store: Store
    clock: Clock
    idle: timedelta = timedelta(hours=1)
    lasts: timedelta = timedelta(hours=12)

    def open(self, person: str, method: str, old_cookie: str = "") -> str:
        """A new session under a new id; the cookie's value, which is shown this once. An older one here ends."""
        value = secrets.token_urlsafe(32)
        now = self.clock.now()
        session = WebSession(
            hash_cookie(value), person, secrets.token_urlsafe(32), now, now, now + self.lasts
        )
        with self.store.write() as tx:
            if old_cookie:
                tx.people.end_session(hash_cookie(old_cookie))
            tx.people.open_session(session)
            tx.audit(Event("login", None, {"person": person, "method": method}))
        return value

    def find(self, cookie: str) -> WebSession | None:
        """The session behind a cookie, if it is good now."""
        if not cookie or len(cookie) > 200:
            return None
        now = self.clock.now()
        with self.store.read() as view:
            session = view.people.session(hash_cookie(cookie))
        return session if session is not None and session.good(now, self.idle) else None

    def seen(self, session: WebSession) -> None:
        """A person used it: its idle end moves. What pages do by themselves does not count."""
        if self.clock.now() - session.seen_at >= SEEN_EVERY:
            with self.store.write() as tx:
                tx.people.see_session(session.hash)

    def close(self, session: WebSession) -> None:
        """Sign out."""
        with self.store.write() as tx:
            if tx.people.end_session(session.hash):
                tx.audit(Event("logout", None, {"person": session.person, "method": "web"}))

    def alarm(self, session: WebSession, what: str, route: str, detail: str) -> None:
        """Somebody's browser was made to send what we refuse: the log says so."""
        with self.store.write() as tx:
            fields = {"what": what, "by": session.person, "route": route, "detail": detail[:200]}
            tx.audit(Event("security", None, fields))

    def ends_at(self, session: WebSession) -> datetime:
        return min(session.expires_at, session.seen_at + self.idle)
