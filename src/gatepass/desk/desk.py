"""The front door. A face authenticates, turns words into these calls, and shows what comes back; no face decides.

Every method is one transaction (or one view). What it raises is for the person: `Refused`, `NotFound`, `BadAsk`,
`Conflict` (look again), `Unavailable` (try again).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from gatepass.access.decide import YES, Verdict, require
from gatepass.access.requests import Request
from gatepass.clock import Clock
from gatepass.desk import asking, ending, looking, people
from gatepass.desk.asking import Options
from gatepass.desk.book import Book
from gatepass.desk.deciding import Deciding, Said
from gatepass.desk.looking import Held, Page, Shown
from gatepass.desk.values import Ask, Caller, Repeat
from gatepass.estate.fields import Field
from gatepass.estate.model import Estate, Offer, Person
from gatepass.store import RequestFilter, Store, Tx, View

EVERY_REQUEST = RequestFilter()


class Desk:
    """Ask, decide, end, extend, cancel, list, show: the same for web, API, CLI and Slack. Thread-safe."""

    def __init__(self, store: Store, clock: Clock, book: Book, deciding: Deciding) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._deciding = deciding

    # -- what there is to ask for

    def who(self, caller: Caller) -> Person:
        """The person at the desk, as they are now. Raises `Refused` for somebody who is not active."""
        with self._store.read() as view:
            return self._person(view, caller)

    def estate(self) -> Estate:
        """The estate in force."""
        with self._store.read() as view:
            return self._book.current(view).estate

    def offers(self, caller: Caller) -> tuple[Offer, ...]:
        """Everything this person may ask for, flow by flow."""
        with self._store.read() as view:
            estate = self._book.current(view).estate
            person = people.need(view, estate, caller.person)
            flows = estate.flows_for(person, asking.source(caller))
            return tuple(offer for flow in flows for offer in estate.offers(flow, person))

    def form(self, caller: Caller, ask: Ask) -> tuple[Offer, tuple[Field, ...], Options]:
        """The offer that a partly filled ask means, its form, and the accounts to choose from."""
        with self._store.read() as view:
            estate = self._book.current(view).estate
            person = people.need(view, estate, caller.person)
            offer = asking.choose(estate, person, caller, ask)
            accounts = asking.account_options(view, offer.target) if offer.target else Options(())
            return offer, estate.form(offer.flow, offer.target), accounts

    # -- the life of a request

    def ask(self, caller: Caller, ask: Ask, repeat: Repeat | None = None) -> Request:
        """Commit a request in the state asked; the engine takes it from there within milliseconds."""

        def make(tx: Tx) -> tuple[Request, Verdict]:
            version = self._book.current(tx)
            request, said = asking.make(tx, version, caller, ask, tx.now, self._deciding.new_id("r"))
            tx.requests.add(request, said)
            return request, YES

        return self._change(caller, make, repeat)

    def answer(self, caller: Caller, said: Said, repeat: Repeat | None = None) -> Request:
        """Approve or deny what was shown. Raises `Refused` with who decided, when somebody was faster (I9)."""
        return self._change(caller, lambda tx: self._deciding.answer(tx, caller, said, tx.now), repeat)

    def extend(self, caller: Caller, request_id: str, by: timedelta, repeat: Repeat | None = None) -> Request:
        """Ask for more time on live access: a new question for the same approvers."""
        return self._change(
            caller, lambda tx: (self._deciding.ask_more(tx, caller, request_id, by, tx.now), YES), repeat
        )

    def end(self, caller: Caller, request_id: str, repeat: Repeat | None = None) -> Request:
        """Take back now what this request gave: by its requester, an approver, or an admin."""

        def take(tx: Tx) -> tuple[Request, Verdict]:
            request = self._deciding.seen(tx, caller, request_id)
            return ending.end_request(tx, request, self._person(tx, caller), tx.now)

        return self._change(caller, take, repeat)

    def cancel(self, caller: Caller, request_id: str, repeat: Repeat | None = None) -> Request:
        """Withdraw a request that is not yet decided."""

        def withdraw(tx: Tx) -> tuple[Request, Verdict]:
            self._deciding.seen(tx, caller, request_id)
            return ending.cancel(tx, request_id, self._person(tx, caller)), YES

        return self._change(caller, withdraw, repeat)

    def _change(
        self, caller: Caller, change: Callable[[Tx], tuple[Request, Verdict]], repeat: Repeat | None
    ) -> Request:
        """One change in one transaction, once however often it is delivered; then the engine looks at once.

        A refusal commits (its audit entry stays) and is raised afterwards; it is not remembered under the key.
        """
        with self._store.write() as tx:
            if repeat is not None:
                done = tx.once.result(caller.person, repeat.route, repeat.key, repeat.body_hash)
                before = tx.requests.get(done) if done is not None else None
                if before is not None:
                    return before
            request, verdict = change(tx)
            if repeat is not None and verdict.allowed:
                tx.once.keep(caller.person, repeat.route, repeat.key, repeat.body_hash, request.id)
        self._store.wake()
        require(verdict)
        return request

    def _person(self, rows: View | Tx, caller: Caller) -> Person:
        return people.need(rows, self._book.current(rows).estate, caller.person)

    # -- looking

    def show(self, caller: Caller, request_id: str) -> Shown:
        """One request with grants, answers, calls to AWS, errors, and what this person may do with it."""
        with self._store.read() as view:
            request = self._deciding.seen(view, caller, request_id)
            person = self._person(view, caller)
            return looking.show(view, request, person, self._clock.now())

    def requests(
        self,
        caller: Caller,
        wanted: RequestFilter = EVERY_REQUEST,
        *,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Requests this person may see, newest first, a page at a time."""
        with self._store.read() as view:
            person = self._person(view, caller)
            return looking.page(view, person, wanted, cursor=cursor, limit=limit)

    def to_decide(self, caller: Caller) -> tuple[Request, ...]:
        """Open questions this person may answer and has not answered yet, oldest first."""
        with self._store.read() as view:
            person = self._person(view, caller)
            return looking.to_decide(view, person)

    def held(self, caller: Caller) -> tuple[Held, ...]:
        """What this person holds now, is about to hold, or is losing."""
        with self._store.read() as view:
            self._person(view, caller)
            return looking.held(view, caller.person)
