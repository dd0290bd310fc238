"""The front door. A face authenticates, turns words into these calls, and shows what comes back; no face decides.

Every method is one transaction (or one view). What it raises is for the person: `Refused`, `NotFound`, `BadAsk`,
`Conflict` (look again), `Unavailable` (try again).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from gatepass.access.decide import YES, Verdict, judge, require
from gatepass.access.requests import Answer, Request
from gatepass.clock import Clock
from gatepass.desk import asking, coding, looking, people
from gatepass.desk.asking import Form
from gatepass.desk.book import Book, Version
from gatepass.desk.coding import UNCODED, CodedAnswer, Coding
from gatepass.desk.deciding import Deciding, Said
from gatepass.desk.ending import Ending
from gatepass.desk.forms import Forms, prefetching
from gatepass.desk.looking import Held, Page, Shown
from gatepass.desk.values import Ask, Caller, Repeat
from gatepass.errors import Conflict
from gatepass.estate.model import Estate, Offer, Person
from gatepass.store import RequestFilter, Store, Tx, View

EVERY_REQUEST = RequestFilter()
_TRIES = 3


class _EstateMoved(Conflict):
    """Another version came into force between making a flow's options and committing the request."""


class Desk:
    """Ask, decide, end, extend, cancel, list, show: the same for web, API, CLI and Slack. Thread-safe."""

    def __init__(
        self, store: Store, clock: Clock, book: Book, deciding: Deciding, ending: Ending, coding: Coding
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._deciding = deciding
        self._ending = ending
        self._coding = coding
        self._forms = Forms(store, book, coding, clock.now)

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

    def accounts(self, organization: str) -> Mapping[str, str]:
        """The organization's accounts as AWS last told them: names by id."""
        with self._store.read() as view:
            return {each.id: each.name for each in view.estates.accounts(organization)}

    def form(self, caller: Caller, ask: Ask) -> Form:
        """The form that a partly filled ask means, with what its fields offer this person now; may run code."""
        return self._forms.form(caller, ask)

    def changed(self, caller: Caller, ask: Ask, field: str) -> Form:
        """The form after the person changed `field`: what the flow's `on_change` makes of it; may run code."""
        return self._forms.change(caller, ask, field)

    # -- the life of a request

    def ask(self, caller: Caller, ask: Ask, repeat: Repeat | None = None) -> Request:
        """Commit a request in the state asked; the engine takes it from there within milliseconds.

        Where the flow's code makes options, they are made anew first: only what is offered now is accepted.
        """
        made_under = self._make_options(caller, ask)

        def make(tx: Tx) -> tuple[Request, Verdict]:
            version = self._book.current(tx)
            if version.number != made_under and self._has_prefetch(version, ask):
                raise _EstateMoved("the estate was changed at this moment", advice="send it again")
            request, said = asking.make(tx, version, caller, ask, tx.now, self._deciding.new_id("r"))
            tx.requests.add(request, said)
            return request, YES

        try:
            return self._change(caller, make, repeat)
        except _EstateMoved:
            made_under = self._make_options(caller, ask)
            return self._change(caller, make, repeat)

    def answer(self, caller: Caller, said: Said, repeat: Repeat | None = None) -> Request:
        """Approve or deny what was shown. Raises `Refused` with who decided, when somebody was faster (I9).

        The flow's code is asked first, outside of the transaction; when the request changes meanwhile, again.
        """
        for _ in range(_TRIES):
            coded = self._ask_code(caller, said)
            try:
                return self._change(caller, self._answering(caller, said, coded), repeat)
            except Conflict as changed:
                last = changed
        raise last

    def _answering(
        self, caller: Caller, said: Said, coded: CodedAnswer
    ) -> Callable[[Tx], tuple[Request, Verdict]]:
        return lambda tx: self._deciding.answer(tx, caller, said, coded)

    def extend(self, caller: Caller, request_id: str, by: timedelta, repeat: Repeat | None = None) -> Request:
        """Ask for more time on live access: a new question for the same approvers."""
        return self._change(
            caller, lambda tx: (self._deciding.ask_more(tx, caller, request_id, by), YES), repeat
        )

    def end(self, caller: Caller, request_id: str, repeat: Repeat | None = None) -> Request:
        """Take back now what this request gave: by its requester, an approver, or an admin."""

        def take(tx: Tx) -> tuple[Request, Verdict]:
            request = self._deciding.seen(tx, caller, request_id)
            return self._ending.end_request(tx, request, self._person(tx, caller))

        return self._change(caller, take, repeat)

    def cancel(self, caller: Caller, request_id: str, repeat: Repeat | None = None) -> Request:
        """Withdraw a request that is not yet decided."""

        def withdraw(tx: Tx) -> tuple[Request, Verdict]:
            self._deciding.seen(tx, caller, request_id)
            return self._ending.cancel(tx, request_id, self._person(tx, caller)), YES

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

    def _make_options(self, caller: Caller, ask: Ask) -> int:
        """Make what the flow's code offers anew; the number of the version whose flow that was."""
        version = self._book.newest()
        if version is None or self._has_prefetch(version, ask):
            with self._store.glance() as view:
                version = self._book.current(view)
        if self._has_prefetch(version, ask):
            requester = Caller(ask.requester, caller.source) if ask.requester and caller.on_behalf else caller
            self._forms.form(requester, ask)
        return version.number

    def _has_prefetch(self, version: Version, ask: Ask) -> bool:
        flow = version.estate.flows.get(ask.flow)
        return flow is not None and prefetching(flow)

    def _ask_code(self, caller: Caller, said: Said) -> CodedAnswer:
        """What the flow's code says about an answer that would count otherwise; nothing where it would not."""
        with self._store.read() as view:
            request = self._deciding.seen(view, caller, said.request)
            version = self._book.at(view, request.estate_version)
            person = self._person(view, caller)
            earlier = view.requests.decisions(request.id)
            verdict = judge(request, person, said.shown, earlier, said.duration, signed_in=caller.signed_in)
        if not verdict.allowed or version.estate.flows[request.flow].implementation is None:
            return UNCODED
        about = coding.about(version, request, version.estate.people[request.requester])
        run = self._coding.approving if said.answer is Answer.APPROVE else self._coding.denying
        return run(about, request, person, self._clock.now())

    def _person(self, rows: View | Tx, caller: Caller) -> Person:
        return people.need(rows, self._book.current(rows).estate, caller.person)

    # -- looking

    def show(self, caller: Caller, request_id: str) -> Shown:
        """One request with grants, answers, calls to AWS, errors, and what this person may do with it."""
        with self._store.read() as view:
            request = self._deciding.seen(view, caller, request_id)
            person = self._person(view, caller)
            estate = self._book.current(view).estate
            return looking.show(view, estate, request, person, self._clock.now(), self._deciding.forecast)

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

    def to_decide(self, caller: Caller, limit: int = 200) -> tuple[Request, ...]:
        """Open questions this person may answer and has not answered yet: the `limit` oldest, oldest first."""
        with self._store.read() as view:
            person = self._person(view, caller)
            return looking.to_decide(view, person, limit)

    def count_to_decide(self, caller: Caller) -> int:
        """How many questions there are for `to_decide`."""
        with self._store.read() as view:
            return looking.count_to_decide(view, self._person(view, caller))

    def held(self, caller: Caller) -> tuple[Held, ...]:
        """What this person holds now, is about to hold, or is losing."""
        with self._store.read() as view:
            self._person(view, caller)
            return looking.held(view, self._book.current(view).estate, caller.person)
