"""The office behind the desk: tokens, people who leave, the red button, the log. Admins only, unless said otherwise.

Every method is one transaction (or one view), commits its audit entry with its effect, and may be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gatepass.access.decide import Reason, Verdict, require
from gatepass.access.requests import Grant
from gatepass.access.states import GrantState
from gatepass.clock import Clock
from gatepass.desk import log, people
from gatepass.desk.book import Book
from gatepass.desk.ending import Ending
from gatepass.desk.log import ChainState, LogPage, Wanted
from gatepass.desk.values import Caller, NotFound
from gatepass.engine.leavers import end_all
from gatepass.errors import GatepassError
from gatepass.estate.model import ADMINS, Organization, Person
from gatepass.store import Backlog, Store, Token, Tx, View

TOKEN_PREFIX = "gp_"  # noqa: S105  # tells a token of ours from others' when one leaks; not itself a secret
LONGEST_TOKEN = timedelta(days=366)
INSTALLATION = "installation"
"""Who issued the first token: whoever can read the data directory. It is there to issue lasting ones."""
SCOPES = ("ask", "decide", "admin", "on_behalf")
"""What a token may be used for; a person's own rights bound it as well."""

LEFT = frozenset({"ask"})
"""What a token stays good for whose issuer, in another's name, is no admin any more: bots go on asking."""


class BadToken(GatepassError):
    """The bearer token is unknown, revoked or over, or the person behind it has left."""

    code = "bad_token"


@dataclass(frozen=True, slots=True)
class Scope:
    """What the red button ends: everything of a person, of an organization, or of one account in it."""

    person: str | None = None
    organization: str | None = None
    account_id: str | None = None

    def covers(self, grant: Grant) -> bool:
        if self.person is not None and grant.person != self.person:
            return False
        if self.organization is not None and grant.organization != self.organization:
            return False
        return self.account_id is None or self.account_id in grant.fact.parts


@dataclass(frozen=True, slots=True)
class OrganizationState:
    """How one organization stands: what is live there and what waits."""

    name: str
    label: str
    instance_arn: str
    role_arn: str
    external_id: str
    """What the connector role's trust policy has to require; an identifier, not a secret."""
    live_grants: int
    ending_grants: int
    backlog: Backlog | None


def hash_token(text: str) -> str:
    """What of a token is stored: its SHA-256. Tokens are long and random, so no slower hash is needed."""
    return hashlib.sha256(text.encode()).hexdigest()


class Office:
    """What admins do. Thread-safe."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        new_id: Callable[[str], str],
        new_secret: Callable[[], str],
        ending: Ending,
        external_id: Callable[[str], str],
    ) -> None:
        """`external_id`: what is sent when the role of an instance's organization is assumed."""
        self._store = store
        self._clock = clock
        self._book = book
        self._new_id = new_id
        self._new_secret = new_secret
        self._ending = ending
        self._external_id = external_id

    # -- tokens

    def authenticate(self, text: str) -> tuple[Person, Token]:
        """Whose token this is. Raises `BadToken`, without saying which of its reasons it was.

        Whoever issued one in somebody else's name knows its text: once they are no admin any more, or have left, it
        asks and is good for nothing else (I13).
        """
        refused = BadToken("the token is not valid", advice="issue another with: gatepass token issue")
        if not text.startswith(TOKEN_PREFIX) or len(text) > 200:
            raise refused
        with (
            self._store.glance() as view
        ):  # whoever is disabled between two questions is refused by the second
            token = view.people.token(hash_token(text))
            if token is None or not token.good(self._clock.now()):
                raise refused
            estate = self._book.current(view).estate
            person = people.find(view, estate, token.person)
            issuer = None if token.own or token.by == INSTALLATION else people.find(view, estate, token.by)
        if person is None or not person.active:
            raise refused
        if not token.own and token.by != INSTALLATION and (issuer is None or not ADMINS.includes(issuer)):
            token = replace(token, scopes=token.scopes & LEFT)
        return person, token

    def issue_token(
        self,
        caller: Caller,
        person_id: str,
        scopes: frozenset[str],
        lasts: timedelta,
        label: str = "",
        *,
        through: Token | None = None,
    ) -> tuple[Token, str]:
        """A new token and its text, which is shown this once. People issue their own; admins anybody's.

        `through`: the token it is asked for with; None: the person has signed in. One of the same person's ends no
        later than that one, and is no more their own than that one is.
        """
        unknown = scopes - set(SCOPES)
        if unknown or not scopes:
            found = ", ".join(sorted(unknown)) or "none"
            raise GatepassError(f"scopes: found {found}", advice=f"choose of: {', '.join(SCOPES)}")
        if not timedelta(0) < lasts <= LONGEST_TOKEN:
            raise GatepassError(
                "a token lasts longer than 0 and up to 366 days", advice="choose a shorter time"
            )
        with self._store.write() as tx:
            estate = self._book.current(tx).estate
            by = people.need(tx, estate, caller.person)
            person = people.need(tx, estate, person_id) if person_id in estate.people else None
            if person is None:
                raise NotFound(f"there is no person {person_id!r}", advice="see: gatepass people")
            if by.id != person.id or "on_behalf" in scopes:
                require(_admin(by))
            issuer, ends = by.id, tx.now + lasts
            if through is not None and through.person == person.id:
                issuer = by.id if through.own else through.by
                ends = ends if through.by == INSTALLATION else min(ends, through.expires_at)
            return self._issue(tx, person, issuer, scopes, ends, label, through)

    def first_token(self) -> tuple[Token, str] | None:
        """A day's token of the first admin, while no admin has a good one: how an installation begins."""
        with self._store.write() as tx:
            estate = self._book.current(tx).estate
            admins = [p for p in (people.find(tx, estate, i) for i in sorted(estate.people)) if p is not None]
            admins = [p for p in admins if ADMINS.includes(p)]
            held = any(t.good(tx.now) for p in admins for t in tx.people.tokens(p.id))
            if held or not admins:
                return None
            ends = tx.now + timedelta(days=1)
            return self._issue(tx, admins[0], INSTALLATION, frozenset(SCOPES), ends, "first", None)

    def _issue(
        self,
        tx: Tx,
        person: Person,
        by: str,
        scopes: frozenset[str],
        ends: datetime,
        label: str,
        through: Token | None,
    ) -> tuple[Token, str]:
        token_id, secret = self._new_id("t"), self._new_secret()
        text = f"{TOKEN_PREFIX}{token_id}_{secret}"
        token = Token(
            id=token_id,
            hash=hash_token(text),
            person=person.id,
            scopes=scopes,
            label=label[:100],
            by=by,
            made_at=tx.now,
            expires_at=ends,
            parent=through.id if through is not None else None,
        )
        tx.people.issue(token)
        return token, text

    def tokens(self, caller: Caller) -> tuple[Token, ...]:
        """One's own tokens; for an admin everybody's."""
        with self._store.read() as view:
            person = self._person(view, caller)
            return view.people.tokens(None if ADMINS.includes(person) else person.id)

    def revoke_token(self, caller: Caller, token_id: str) -> None:
        """End a token at once, with all that were issued through it. One's own, or as an admin anybody's."""
        with self._store.write() as tx:
            person = self._person(tx, caller)
            known = tx.people.tokens(None if ADMINS.includes(person) else person.id)
            if token_id not in {token.id for token in known}:
                raise NotFound(f"there is no token {token_id!r}", advice="see: gatepass token list")
            tx.people.revoke(token_id, person.id)

    # -- people

    def everybody(self, caller: Caller) -> tuple[Person, ...]:
        """Everybody the estate knows, as they are now."""
        with self._store.read() as view:
            require(_admin(self._person(view, caller)))
            estate = self._book.current(view).estate
            found = (people.find(view, estate, person_id) for person_id in sorted(estate.people))
            return tuple(person for person in found if person is not None)

    def disable(self, caller: Caller, person_id: str, why: str) -> int:
        """Somebody has left (I13): everything of theirs ends with this commit; how many grants were ended."""
        with self._store.write() as tx:
            admin = self._person(tx, caller)
            require(_admin(admin))
            if person_id not in self._book.current(tx).estate.people:
                raise NotFound(f"there is no person {person_id!r}", advice="see: gatepass people")
            tx.people.disable(person_id, admin.id, why[:200])
            ended = end_all(tx, person_id, "disabled", self._ending.announcer)
        self._store.wake()
        return ended

    def enable(self, caller: Caller, person_id: str) -> None:
        """Somebody is back; what was ended stays ended."""
        with self._store.write() as tx:
            admin = self._person(tx, caller)
            require(_admin(admin))
            tx.people.enable(person_id, admin.id)

    def store_identity(
        self, caller: Caller, person_id: str, service: str, external_id: str, identity: str
    ) -> None:
        """Say who a person is in a service: the only way to change what is stored (architecture.md 6)."""
        with self._store.write() as tx:
            admin = self._person(tx, caller)
            require(_admin(admin))
            estate = self._book.current(tx).estate
            people.need(tx, estate, person_id)
            known = people.services(estate)
            if service not in known:
                raise GatepassError(f"service: found {service!r}; allowed: {', '.join(sorted(known))}")
            tx.people.replace_identity(person_id, service, external_id, identity, admin.id)

    # -- organizations

    def end_everything(self, caller: Caller, scope: Scope) -> int:
        """The red button: end every grant in the scope; how many there were."""
        if scope == Scope():
            raise GatepassError(
                "end everything of what?", advice="name a person, an organization or an account"
            )
        with self._store.write() as tx:
            admin = self._person(tx, caller)
            require(_admin(admin))
            wanted = [g for g in tx.requests.open_grants(None) if scope.covers(g)]
            ended = self._ending.end_grants(tx, wanted, why="admin", by=admin.id)
        self._store.wake()
        return ended

    def covered(self, caller: Caller, scope: Scope) -> tuple[Grant, ...]:
        """The grants that the red button would end, oldest first."""
        with self._store.read() as view:
            require(_admin(self._person(view, caller)))
            return tuple(grant for grant in view.requests.open_grants(None) if scope.covers(grant))

    def organizations(self, caller: Caller) -> tuple[OrganizationState, ...]:
        """Every organization with what is live and what waits there."""
        with self._store.read() as view:
            require(_admin(self._person(view, caller)))
            now = self._clock.now()
            backlog = {b.scope: b for b in view.fleet.backlog(now)}
            estate = self._book.current(view).estate
            return tuple(
                self._state(view, estate.organizations[name], backlog, now)
                for name in sorted(estate.organizations)
            )

    def _state(
        self, view: View, organization: Organization, backlog: dict[str, Backlog], now: datetime
    ) -> OrganizationState:
        grants = view.requests.open_grants([organization.name])
        connector = organization.connector
        return OrganizationState(
            name=organization.name,
            label=organization.label,
            instance_arn=connector.instance_arn,
            role_arn=connector.role_arn,
            external_id=connector.external_id or self._external_id(connector.instance_arn),
            live_grants=sum(1 for grant in grants if grant.live(now)),
            ending_grants=sum(1 for grant in grants if grant.state is GrantState.ENDING),
            backlog=backlog.get(connector.instance_arn),
        )

    def need_admin(self, caller: Caller) -> None:
        """Raises `Refused` for anybody who is not an admin, as they are now."""
        with self._store.read() as view:
            require(_admin(self._person(view, caller)))

    # -- the log

    def export(self, caller: Caller, organizations: list[str | None] | None = None) -> Iterator[str]:
        """The audit log as JSON lines, from one view, while it is read."""
        with self._store.read() as view:
            require(_admin(self._person(view, caller)))
            yield from view.entries.export(organizations)

    def log(self, caller: Caller, wanted: Wanted, limit: int = 100) -> LogPage:
        """A page of the audit log, newest first."""
        with self._store.read() as view:
            require(_admin(self._person(view, caller)))
            return log.search(view, wanted, limit)

    def chains(self, caller: Caller, *, check: bool = False) -> tuple[ChainState, ...]:
        """How the chains of the audit log stand; `check` verifies them link by link as far as that is quick."""
        with self._store.read() as view:
            require(_admin(self._person(view, caller)))
            return log.chains(view, check=check)

    def _person(self, rows: View | Tx, caller: Caller) -> Person:
        return people.need(rows, self._book.current(rows).estate, caller.person)


def _admin(person: Person) -> Verdict:
    if ADMINS.includes(person):
        return Verdict()
    return Verdict(Reason.NOT_ALLOWED, f"{person.label} is not an admin of gatepass", "ask one of the admins")
