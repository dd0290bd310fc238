"""From asked to pending: checks again, finds the facts in AWS, and lets the rule or people decide.

The engine calls this for every request that was asked, at least once: each result is applied only to the version
it was worked out for (architecture.md 3). AWS is read outside of any transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from gatepass.access.requests import Claim, Request
from gatepass.access.states import RequestState
from gatepass.clock import Clock
from gatepass.desk import coding
from gatepass.desk.asking import ACCOUNT
from gatepass.desk.book import Book, Version
from gatepass.desk.coding import About, Coding
from gatepass.desk.deciding import Deciding
from gatepass.desk.forms import Forms, prefetching
from gatepass.desk.gate import Gatekeeper
from gatepass.desk.values import Ask, Caller
from gatepass.errors import Conflict, GatepassError, Unavailable
from gatepass.estate.model import Person, Target
from gatepass.handlers import Fault
from gatepass.handlers.hooks import Stepped, Then
from gatepass.handlers.submission import Fate, Requested
from gatepass.store import Store, Tx, View

log = logging.getLogger("gatepass.identity")

NOT_IN_DIRECTORY = "not_found_in_aws"
"""The code of a `Finder`'s error that says so."""
IDENTITY_SERVICE = "aws_sso"
"""Under this word people's ids in identity stores are kept, by instance ARN (spec/sym.md 4.5)."""


class Found(Protocol):
    """What a `Finder` found."""

    @property
    def claims(self) -> tuple[Claim, ...]: ...
    @property
    def user_id(self) -> str: ...
    @property
    def discovered(self) -> bool: ...


class Finder(Protocol):
    """Turns a target with complete settings and a person into the facts they come to. Changes nothing in AWS."""

    def find(
        self,
        organization: str,
        target_type: str,
        settings: dict[str, str],
        person: Person,
        stored: str | None,
    ) -> Found:
        """Raises `GatepassError`; `Unavailable` (or one that says so by `retry`) when it is worth trying again."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was worked out about an asked request, outside of any transaction."""

    claims: tuple[Claim, ...] = ()
    why: str = ""
    """Why it fails; empty: it goes on."""
    made: Requested | None = None
    escalate: Stepped | None = None
    about: About | None = None


@dataclass(frozen=True, slots=True)
class Preparing:
    """Carries requests from asked to pending (or approved, or failed)."""

    store: Store
    clock: Clock
    book: Book
    deciding: Deciding
    gatekeeper: Gatekeeper
    finder: Finder
    coding: Coding
    forms: Forms
    transient: Callable[[GatepassError], bool]
    """Whether an error of AWS is worth another try: throttled, unreachable; not denied, not missing."""
    patience: timedelta = timedelta(hours=1)
    """How long it is tried before the request fails with what AWS said last."""

    def asked(self, request: Request) -> None:
        """The engine's `Decider`."""
        self.prepare(request.id)

    def prepare(self, request_id: str) -> None:
        """Bring one asked request on. May be repeated; does nothing when it is no longer asked.

        Raises what is worth another try; anything else fails the request with its reason.
        """
        with self.store.read() as view:
            request = view.requests.get(request_id)
            if request is None or request.state is not RequestState.ASKED:
                return None
            version = self.book.at(view, request.estate_version)
            stored = self._stored_identity(view, version, request)
        about = coding.about(version, request, version.estate.people[request.requester])
        why = self._recheck(about, request)
        if why:
            return self._finish(request, Outcome(why=why))
        try:
            found = self._find(about, request, stored or self._identity(about, request))
        except GatepassError as problem:
            if self.transient(problem) and self.clock.now() < request.asked_at + self.patience:
                raise
            if stored is not None and problem.code == NOT_IN_DIRECTORY:
                self._identity_failed(version, request, str(problem))
            return self._finish(request, Outcome(why=str(problem)))
        if found is not None and found.discovered:
            self._keep_identity(version, request, found.user_id)
        claims = found.claims if found is not None else ()
        return self._finish(request, self._by_code(about, replace(request, claims=claims)))

    def _recheck(self, about: About, request: Request) -> str:
        """Why it may not be given any more; what code offers is made anew, and the choice must be among it (I10)."""
        if prefetching(about.flow):
            ask = Ask(about.flow.name, request.target, request.organization)
            try:
                self.forms.form(Caller(request.requester, request.source), ask)
            except GatepassError as refused:
                return str(refused)
        with self.store.read() as view:
            return self.gatekeeper.why_not(view, request)

    def _identity(self, about: About, request: Request) -> str | None:
        """Who the person is by the flow's `get_identity`, before anything is looked up (spec/sym.md 8.2)."""
        if request.organization is None:
            return None
        instance = about.version.estate.organizations[request.organization].connector.instance_arn
        said = self.coding.identity(about, IDENTITY_SERVICE, instance, self.clock.now())
        if isinstance(said, Fault):
            raise GatepassError(said.for_requester())
        if said is not None:
            self._keep_identity(about.version, request, said, by=f"get_identity of {about.flow.name}")
        return said

    def _by_code(self, about: About, request: Request) -> Outcome:
        """What the flow's code makes of the submission; a fault of what runs it is worth another try."""
        try:
            made = self.coding.requested(about, request)
        except Unavailable as away:
            if self.clock.now() < request.asked_at + self.patience:
                raise
            return Outcome(why=str(away))
        if made is None:
            return Outcome(request.claims)
        passing = [fault for fault in made.faults if fault.may_pass]
        if passing and self.clock.now() < request.asked_at + self.patience:
            raise Unavailable(passing[0].for_operator())
        escalate = None
        if made.fate is Fate.APPROVED:
            escalate = self.coding.escalating(about, request, about.person, self.clock.now())
        return Outcome(request.claims, made=made, escalate=escalate, about=about)

    def _stored_identity(self, view: View | Tx, version: Version, request: Request) -> str | None:
        if request.organization is None:
            return None
        instance = version.estate.organizations[request.organization].connector.instance_arn
        person = version.estate.people.get(request.requester)
        declared = person.identity(IDENTITY_SERVICE, instance) if person is not None else None
        kept = view.people.identity(request.requester, IDENTITY_SERVICE, instance)
        return declared or (kept.identity if kept is not None else None)

    def _find(self, about: About, request: Request, stored: str | None) -> Found | None:
        if request.target is None or request.organization is None:
            return None
        target = about.version.estate.targets[request.target]
        settings = settings_for(target, request)
        return self.finder.find(request.organization, target.type, settings, about.person, stored)

    def _keep_identity(
        self, version: Version, request: Request, user_id: str, by: str = "discovered"
    ) -> None:
        assert request.organization is not None
        instance = version.estate.organizations[request.organization].connector.instance_arn
        with self.store.write() as tx:
            tx.people.store_identity(request.requester, IDENTITY_SERVICE, instance, user_id, by=by)

    def _identity_failed(self, version: Version, request: Request, why: str) -> None:
        """A stored identity is not there any more: never looked for again by e-mail; an operator is told."""
        assert request.organization is not None
        instance = version.estate.organizations[request.organization].connector.instance_arn
        log.error("the identity stored for %s in %s failed: %s", request.requester, request.organization, why)
        with self.store.write() as tx:
            tx.people.fail_identity(request.requester, IDENTITY_SERVICE, instance, why)

    def _finish(self, seen: Request, outcome: Outcome) -> None:
        """Apply the result to the version it was worked out for; a request that changed meanwhile is left alone."""
        try:
            with self.store.write() as tx:
                self._apply(tx, seen, outcome)
        except Conflict:
            return
        self.store.wake()

    def _apply(self, tx: Tx, seen: Request, outcome: Outcome) -> None:
        made, about = outcome.made, outcome.about
        if outcome.why:
            self.deciding.fail(tx, seen, outcome.why)
            return
        if made is None or about is None:
            self.deciding.prepared(tx, seen, outcome.claims)
            return
        stopped = outcome.escalate if outcome.escalate and outcome.escalate.then is Then.REFUSE else None
        ran = made.ran + (outcome.escalate.ran if outcome.escalate else ())
        for event in coding.events(about.flow, seen, ran, made.faults + (stopped.faults if stopped else ())):
            tx.audit(event)
        request = replace(
            seen,
            terms=coding.narrow(about.flow, seen.terms, made),
            notices=coding.notices_json(made),
        )
        actor = coding.actor(about.flow, seen.estate_version)
        match made.fate:
            case Fate.FAILED:
                self.deciding.fail(tx, request, made.words)
            case Fate.CANCELLED:
                self.deciding.drop(tx, request, made.words, actor)
            case Fate.DENIED:
                self.deciding.deny_by(tx, request, actor, made.words)
            case Fate.APPROVED if stopped is not None:
                self.deciding.fail(tx, request, stopped.message)
            case Fate.APPROVED:
                self.deciding.prepared(tx, request, outcome.claims, by=actor)
            case Fate.PENDING:
                self.deciding.prepared(tx, request, outcome.claims)


def settings_for(target: Target, request: Request) -> dict[str, str]:
    """The target's settings, complete: bound fields and the chosen account filled in."""
    values: dict[str, object] = dict(request.values)
    if request.account_id is not None:
        values[ACCOUNT] = request.account_id
    settings = target.bound(values)
    if target.accounts is not None and request.account_id is not None:
        settings[ACCOUNT] = request.account_id
    return settings
