"""The flow's code after each step: `after_` hooks, and `on_deescalate` beside a take-back; never before one (I15).

What is to run is a row of the outbox, committed with the step it follows, so it runs at least once and in order, and a
process that dies loses nothing. A fault is logged and nothing else (security.md 27).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatepass.access.requests import Grant, Request
from gatepass.access.states import GrantState, RequestState
from gatepass.clock import Clock
from gatepass.desk import coding
from gatepass.desk.book import Book
from gatepass.desk.coding import About, Coding
from gatepass.desk.deciding import Deciding
from gatepass.desk.ending import Ending
from gatepass.errors import Conflict
from gatepass.estate.model import Person
from gatepass.handlers.hooks import Hooks, Stepped, Then, run_after_handlers, run_deescalate_handlers
from gatepass.store import Message, Store, Tx

CHANNEL = "code"
"""The outbox channel of steps that code follows; not a way to people."""

_OF_GRANT = {GrantState.ACTIVE: "escalate", GrantState.ENDING: "ending", GrantState.ENDED: "deescalate"}


@dataclass(frozen=True, slots=True)
class CodeFollows:
    """Writes down what code has to follow. Fills `Deciding.follow` and a part of the engine's `Announcer`."""

    book: Book

    def follow(self, tx: Tx, request: Request, step: str) -> None:
        """A step of the request is done, in this transaction."""
        flow = self.book.at(tx, request.estate_version).estate.flows.get(request.flow)
        if flow is not None and flow.implementation is not None:
            tx.outbox.add(Message(request.id, CHANNEL, step), tx.now)

    def changed(self, tx: Tx, request: Request, moves: Sequence[Grant]) -> None:
        """Grants of the request moved; and an unanswered request expired."""
        for grant in moves:
            step = _OF_GRANT.get(grant.state)
            if step is not None:
                self.follow(tx, request, step)
        if not moves and request.state is RequestState.EXPIRED:
            self.follow(tx, request, "request_expire")


@dataclass(frozen=True, slots=True)
class Following:
    """Runs what was written down; a part of the engine's `Notifier`."""

    store: Store
    clock: Clock
    book: Book
    coding: Coding
    deciding: Deciding
    ending: Ending

    def send(self, message: Message) -> str | None:
        """Run the code that follows one step. An error of ours is tried again; the code's own is in the log."""
        with self.store.read() as view:
            request = view.requests.get(message.request)
            if request is None:
                return None
            version = self.book.at(view, request.estate_version)
            decisions = view.requests.decisions(request.id)
        people = version.estate.people
        requester = people[request.requester]
        by = next((people[d.by] for d in reversed(decisions) if d.by in people), requester)
        about = coding.about(version, request, requester)
        hooks = self.coding.hooks(about)
        if hooks is None:
            return None
        stepped = self._run(message.kind, about, request, by, hooks)
        self._keep(about, request, stepped)
        return None

    def _run(self, kind: str, about: About, request: Request, by: Person, hooks: Hooks) -> Stepped:
        step = "deescalate" if kind == "ending" else kind
        who = about.person if step in ("request", "request_expire") else by
        event = self.coding.event(about, request, step, who, self.clock.now(), {"approve": by})
        if kind == "ending":
            return run_deescalate_handlers(event, hooks)
        return run_after_handlers(step, event, hooks, coding.rules(about.flow, request))

    def _keep(self, about: About, request: Request, stepped: Stepped) -> None:
        """Log what ran, and do the step that an `after_` hook fired, as far as the request still takes it."""
        try:
            with self.store.write() as tx:
                for event in coding.events(about.flow, request, stepped.ran, stepped.faults):
                    tx.audit(event)
                if stepped.then is Then.MOVE:
                    self._move(tx, about, request, stepped)
        except Conflict:
            return
        self.store.wake()

    def _move(self, tx: Tx, about: About, seen: Request, stepped: Stepped) -> None:
        actor = coding.actor(about.flow, seen.estate_version)
        if stepped.step == "deescalate":
            grants = tx.requests.grants_of(seen.id)
            self.ending.end_grants(tx, grants, why="handler", by=actor)
            return
        tx.facts.lock({claim.fact: seen.organization or "" for claim in seen.claims})
        request = tx.requests.lock(seen.id)
        if request is None or request.state is not RequestState.PENDING:
            return
        if stepped.step == "deny":
            self.deciding.deny_by(tx, request, actor, stepped.message or "denied by the flow's rules")
        elif stepped.step in ("approve", "escalate"):
            self.deciding.approve_by(tx, request, actor)
