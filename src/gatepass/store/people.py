"""What is known of people beyond the estate: leavers, stored identities, tokens and sessions of the portal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, select, update

from gatepass.access.events import Event
from gatepass.clock import from_ms, to_ms
from gatepass.errors import Conflict
from gatepass.store.link import Link, Row, Statement, moment
from gatepass.store.rows import json_text
from gatepass.store.tables import identities, people, tokens, web_sessions


@dataclass(frozen=True, slots=True)
class StoredIdentity:
    """Who a person is in another service. One that failed is never found anew by e-mail: addresses are reused."""

    person: str
    service: str
    external_id: str
    """Which one of the service: an identity store, a workspace."""
    identity: str
    stored_at: datetime
    by: str
    failed_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token as the store knows it: never the token, only its SHA-256 in hexadecimal."""

    id: str
    hash: str
    person: str
    scopes: frozenset[str]
    label: str
    by: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    parent: str | None = None
    """The token it was issued through; None: by somebody who had signed in, or by the installation."""

    @property
    def own(self) -> bool:
        """Whether the person it is for got it, by signing in; not somebody else in their name."""
        return self.by == self.person

    def good(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class WebSession:
    """A person's session of the portal; `hash` is the SHA-256 of the cookie's value."""

    hash: str
    person: str
    csrf: str
    made_at: datetime
    seen_at: datetime
    expires_at: datetime

    def good(self, now: datetime, idle: timedelta) -> bool:
        return now < self.expires_at and now < self.seen_at + idle


@dataclass(frozen=True, slots=True)
class Leaver:
    """A person who may no longer do anything (I13). `swept_at`: when everything of theirs had been ended."""

    person: str
    disabled_at: datetime
    by: str
    why: str
    swept_at: datetime | None = None


class PeopleReads:
    """Questions about people."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def disabled(self, person: str) -> bool:
        """Whether the person was disabled here, whatever the estate says."""
        return self._link.one(_DISABLED, {"of": person}) is not None

    def leavers(self, *, unswept: bool = False) -> tuple[Leaver, ...]:
        """Everybody disabled; `unswept`: only those whose requests and grants are still to be ended."""
        query = select(people).where(people.c.disabled_at.is_not(None)).order_by(people.c.person)
        if unswept:
            query = query.where(people.c.swept_at.is_(None))
        return tuple(_leaver(row) for row in self._link.all(query))

    def identity(self, person: str, service: str, external_id: str) -> StoredIdentity | None:
        params = {"of": person, "service": service, "external_id": external_id}
        row = self._link.one(_IDENTITY, params)
        return None if row is None else _stored_identity(row)

    def identities(self, person: str | None = None) -> tuple[StoredIdentity, ...]:
        """The stored identities of a person (None: of all)."""
        query = select(identities).order_by(
            identities.c.person, identities.c.service, identities.c.external_id
        )
        if person is not None:
            query = query.where(identities.c.person == person)
        return tuple(_stored_identity(row) for row in self._link.all(query))

    def token(self, token_hash: str) -> Token | None:
        """The token with this hash, good or not: ask `good`."""
        row = self._link.one(_TOKEN, {"of": token_hash})
        return None if row is None else _token(row)

    def tokens(self, person: str | None = None) -> tuple[Token, ...]:
        """The tokens of a person (None: of all), revoked and expired ones too, newest first."""
        query = select(tokens).order_by(tokens.c.made_at.desc(), tokens.c.id)
        if person is not None:
            query = query.where(tokens.c.person == person)
        return tuple(_token(row) for row in self._link.all(query))

    def session(self, session_hash: str) -> WebSession | None:
        """The portal session with this hash, good or not: ask `good`."""
        row = self._link.one(_SESSION, {"of": session_hash})
        return None if row is None else _session(row)


class People(PeopleReads):
    """Changes, inside one transaction."""

    def __init__(self, link: Link, audit: Callable[[Event], None], now: datetime) -> None:
        super().__init__(link)
        self._audit = audit
        self._now = now

    def disable(self, person: str, by: str, why: str) -> bool:
        """The person may do nothing from now on: tokens and portal sessions are dead with this commit.

        Requests and grants are ended by whoever sweeps leavers. False: disabled already, nothing changed.
        """
        if self.disabled(person):
            return False
        row = {"person": person, "disabled_at": to_ms(self._now), "by": by, "why": why, "swept_at": None}
        insert = self._link.insert(people)
        fresh = {name: insert.excluded[name] for name in row if name != "person"}
        self._link.run(insert.on_conflict_do_update(index_elements=["person"], set_=fresh), row)
        self.end_sessions(person)
        mine = (tokens.c.person == person, tokens.c.revoked_at.is_(None))
        self._link.run(update(tokens).where(*mine).values(revoked_at=to_ms(self._now)))
        self._audit(Event("person.disabled", None, {"person": person, "by": by, "why": why}))
        return True

    def enable(self, person: str, by: str) -> bool:
        """The person may act again; what was ended stays ended. False: was not disabled."""
        if not self.disabled(person):
            return False
        self._link.run(update(people).where(people.c.person == person).values(disabled_at=None))
        self._audit(Event("person.enabled", None, {"person": person, "by": by}))
        return True

    def swept(self, person: str) -> None:
        """Everything of a leaver has been ended (may be repeated)."""
        self._link.run(update(people).where(people.c.person == person).values(swept_at=to_ms(self._now)))

    def store_identity(
        self, person: str, service: str, external_id: str, identity: str, by: str
    ) -> StoredIdentity:
        """Remember who a person is there, for good. The one that is stored, which may be an earlier one.

        Only an operator's `replace_identity` changes it.
        """
        row = self._identity_row(person, service, external_id, identity, by)
        first = self._link.run(self._link.insert(identities).on_conflict_do_nothing(), row) == 1
        if first:
            self._say_identity(row)
        stored = self.identity(person, service, external_id)
        assert stored is not None
        return stored

    def replace_identity(self, person: str, service: str, external_id: str, identity: str, by: str) -> None:
        """An operator names the identity anew; a failed one is good again."""
        row = self._identity_row(person, service, external_id, identity, by)
        insert = self._link.insert(identities)
        fresh = {name: insert.excluded[name] for name in ("identity", "stored_at", "by", "failed_at", "why")}
        keys = ["person", "service", "external_id"]
        self._link.run(insert.on_conflict_do_update(index_elements=keys, set_=fresh), row)
        self._say_identity(row)

    def fail_identity(self, person: str, service: str, external_id: str, why: str) -> None:
        """It was not found there any more: requests fail until an operator names it anew (may be repeated)."""
        where = _identity(person, service, external_id)
        self._link.run(update(identities).where(*where).values(failed_at=to_ms(self._now), why=why))

    def issue(self, token: Token) -> None:
        """Keep a new token's hash."""
        row = {
            "id": token.id,
            "hash": token.hash,
            "person": token.person,
            "scopes": json_text(sorted(token.scopes)),
            "label": token.label,
            "by": token.by,
            "parent": token.parent,
            "made_at": to_ms(token.made_at),
            "expires_at": to_ms(token.expires_at),
        }
        self._link.run(self._link.insert(tokens), row)
        said = {"token": token.id, "person": token.person, "by": token.by, "label": token.label}
        said |= {"scopes": " ".join(sorted(token.scopes)), "expires_at": token.expires_at.isoformat()}
        self._audit(Event("token.issued", None, said))

    def revoke(self, token_id: str, by: str) -> tuple[str, ...]:
        """End a token and all that were issued through it; which they are. None: it is unknown, or revoked already."""
        live = (tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
        if self._link.run(update(tokens).where(*live).values(revoked_at=to_ms(self._now))) != 1:
            return ()
        self._audit(Event("token.revoked", None, {"token": token_id, "by": by}))
        children = self._link.all(select(tokens.c.id).where(tokens.c.parent == token_id))
        below = [each for row in children for each in self.revoke(row["id"], by)]
        return (token_id, *below)

    def open_session(self, session: WebSession) -> None:
        """Keep a new session of the portal."""
        row = {
            "hash": session.hash,
            "person": session.person,
            "csrf": session.csrf,
            "made_at": to_ms(session.made_at),
            "seen_at": to_ms(session.seen_at),
            "expires_at": to_ms(session.expires_at),
        }
        if self._link.run(self._link.insert(web_sessions).on_conflict_do_nothing(), row) != 1:
            raise Conflict("a session of that number is open already")

    def see_session(self, session_hash: str) -> None:
        """The session was used now; counts for its idle end (may be repeated)."""
        this = web_sessions.c.hash == session_hash
        self._link.run(update(web_sessions).where(this).values(seen_at=to_ms(self._now)))

    def end_session(self, session_hash: str) -> bool:
        """End one session. False: there is none."""
        return self._link.run(delete(web_sessions).where(web_sessions.c.hash == session_hash)) == 1

    def end_sessions(self, person: str) -> int:
        """End every session of a person; how many there were."""
        return self._link.run(delete(web_sessions).where(web_sessions.c.person == person))

    def forget_ended_sessions(self) -> None:
        """Drop the portal sessions whose time is over."""
        self._link.run(delete(web_sessions).where(web_sessions.c.expires_at <= to_ms(self._now)))

    def _identity_row(
        self, person: str, service: str, external_id: str, identity: str, by: str
    ) -> dict[str, str | int | None]:
        return {
            "person": person,
            "service": service,
            "external_id": external_id,
            "identity": identity,
            "stored_at": to_ms(self._now),
            "by": by,
            "failed_at": None,
            "why": "",
        }

    def _say_identity(self, row: dict[str, str | int | None]) -> None:
        names = ("person", "service", "external_id", "identity", "by")
        self._audit(Event("identity.stored", None, {name: row[name] for name in names}))


def _identity(person: str, service: str, external_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        identities.c.person == person,
        identities.c.service == service,
        identities.c.external_id == external_id,
    )


def _leaver(row: Row) -> Leaver:
    return Leaver(row["person"], from_ms(row["disabled_at"]), row["by"], row["why"], moment(row["swept_at"]))


def _stored_identity(row: Row) -> StoredIdentity:
    return StoredIdentity(
        person=row["person"],
        service=row["service"],
        external_id=row["external_id"],
        identity=row["identity"],
        stored_at=from_ms(row["stored_at"]),
        by=row["by"],
        failed_at=moment(row["failed_at"]),
        why=row["why"],
    )


def _token(row: Row) -> Token:
    return Token(
        id=row["id"],
        hash=row["hash"],
        person=row["person"],
        scopes=frozenset(json.loads(row["scopes"])),
        label=row["label"],
        by=row["by"],
        made_at=from_ms(row["made_at"]),
        expires_at=from_ms(row["expires_at"]),
        revoked_at=moment(row["revoked_at"]),
        parent=row["parent"],
    )


def _session(row: Row) -> WebSession:
    return WebSession(
        hash=row["hash"],
        person=row["person"],
        csrf=row["csrf"],
        made_at=from_ms(row["made_at"]),
        seen_at=from_ms(row["seen_at"]),
        expires_at=from_ms(row["expires_at"]),
    )


_DISABLED = Statement(
    select(people.c.person).where(people.c.person == bindparam("of"), people.c.disabled_at.is_not(None))
)
_TOKEN = Statement(select(tokens).where(tokens.c.hash == bindparam("of")))
_SESSION = Statement(select(web_sessions).where(web_sessions.c.hash == bindparam("of")))
_IDENTITY = Statement(
    select(identities).where(
        identities.c.person == bindparam("of"),
        identities.c.service == bindparam("service"),
        identities.c.external_id == bindparam("external_id"),
    )
)
