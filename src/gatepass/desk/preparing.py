"""From asked to pending: checks again, finds the facts in AWS, and lets the rule or people decide.

The engine calls this for every request that was asked, at least once: each result is applied only to the version
it was worked out for (architecture.md 3). AWS is read outside of any transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from gatepass.access.requests import Claim, Request
from gatepass.access.states import RequestState
from gatepass.clock import Clock
from gatepass.desk.asking import ACCOUNT
from gatepass.desk.book import Book, Version
from gatepass.desk.deciding import Deciding
from gatepass.desk.gate import Gatekeeper
from gatepass.errors import Conflict, GatepassError
from gatepass.estate.model import Person, Target
from gatepass.store import Store, Tx, View

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
class Preparing:
    """Carries requests from asked to pending (or approved, or failed)."""

    store: Store
    clock: Clock
    book: Book
    deciding: Deciding
    gatekeeper: Gatekeeper
    finder: Finder
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
            why = self.gatekeeper.why_not(view, request)
            stored = self._stored_identity(view, version, request)
        if why:
            return self._finish(request, (), why)
        try:
            found = self._find(version, request, stored)
        except GatepassError as problem:
            if self.transient(problem) and self.clock.now() < request.asked_at + self.patience:
                raise
            return self._finish(request, (), str(problem))
        if found is not None and found.discovered:
            self._keep_identity(version, request, found.user_id)
        return self._finish(request, found.claims if found is not None else (), "")

    def _stored_identity(self, view: View | Tx, version: Version, request: Request) -> str | None:
        if request.organization is None:
            return None
        instance = version.estate.organizations[request.organization].connector.instance_arn
        person = version.estate.people.get(request.requester)
        declared = person.identity(IDENTITY_SERVICE, instance) if person is not None else None
        kept = view.people.identity(request.requester, IDENTITY_SERVICE, instance)
        return declared or (kept.identity if kept is not None else None)

    def _find(self, version: Version, request: Request, stored: str | None) -> Found | None:
        if request.target is None or request.organization is None:
            return None
        target = version.estate.targets[request.target]
        person = version.estate.people[request.requester]
        return self.finder.find(
            request.organization, target.type, settings_for(target, request), person, stored
        )

    def _keep_identity(self, version: Version, request: Request, user_id: str) -> None:
        assert request.organization is not None
        instance = version.estate.organizations[request.organization].connector.instance_arn
        with self.store.write() as tx:
            tx.people.store_identity(request.requester, IDENTITY_SERVICE, instance, user_id, by="discovered")

    def _finish(self, seen: Request, claims: tuple[Claim, ...], why: str) -> None:
        """Apply the result to the version it was worked out for; a request that changed meanwhile is left alone."""
        try:
            with self.store.write() as tx:
                if why:
                    self.deciding.fail(tx, seen, why)
                else:
                    self.deciding.prepared(tx, seen, claims, tx.now)
        except Conflict:
            return
        self.store.wake()


def settings_for(target: Target, request: Request) -> dict[str, str]:
    """The target's settings, complete: bound fields and the chosen account filled in."""
    values: dict[str, object] = dict(request.values)
    if request.account_id is not None:
        values[ACCOUNT] = request.account_id
    settings = target.bound(values)
    if target.accounts is not None and request.account_id is not None:
        settings[ACCOUNT] = request.account_id
    return settings
