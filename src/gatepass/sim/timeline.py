"""A set of facts that remembers when each one was there: the truth over time, and the lists that lag behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar


class Assignment(NamedTuple):
    """An account assignment; two with the same five words are the same assignment."""

    instance: str
    account: str
    permission_set: str
    principal_type: str
    principal: str


class Membership(NamedTuple):
    """A user's place in a group of an identity store."""

    store: str
    group: str
    user: str


Fact = Assignment | Membership


def place(fact: Fact) -> tuple[str, str]:
    """What facts are most often listed by: account and permission set, or store and group."""
    if isinstance(fact, Assignment):
        return fact.account, fact.permission_set
    return fact.store, fact.group


F = TypeVar("F", Assignment, Membership)


@dataclass(frozen=True)
class Change:
    """One fact came or went. The list of all changes is what checkers of invariants read."""

    at: datetime
    fact: Fact
    present: bool
    by: str
    """The ARN whose call caused it, or `hand` for an administrator's own doing."""
    operation: str
    """Request id of the operation, the membership id, or what the hand did."""


@dataclass
class Span:
    """A stretch of time in which a fact was there; still there when `until` is None."""

    id: str
    since: datetime
    until: datetime | None = None


@dataclass
class Timeline(Generic[F]):
    """Facts of one kind with their spans. Adding what is there, or removing what is not, changes nothing."""

    log: list[Change]
    now: dict[F, Span] = field(default_factory=dict)
    past: list[tuple[F, Span]] = field(default_factory=list)
    _places: dict[tuple[str, str], dict[F, Span]] = field(default_factory=dict)

    def add(self, fact: F, at: datetime, *, identifier: str, by: str, operation: str) -> bool:
        """True when the fact came; False when it was there already."""
        if fact in self.now:
            return False
        span = Span(identifier, at)
        self.now[fact] = span
        self._places.setdefault(place(fact), {})[fact] = span
        self.log.append(Change(at, fact, True, by, operation))
        return True

    def remove(self, fact: F, at: datetime, *, by: str, operation: str) -> bool:
        """True when the fact went; False when it was not there."""
        span = self.now.pop(fact, None)
        if span is None:
            return False
        del self._places[place(fact)][fact]
        span.until = at
        self.past.append((fact, span))
        self.log.append(Change(at, fact, False, by, operation))
        return True

    def any(self, where: tuple[str, str]) -> bool:
        """Whether any fact is at this place now."""
        return bool(self._places.get(where))

    def seen(self, at: datetime, where: tuple[str, str] | None = None) -> Iterator[tuple[F, str]]:
        """The facts with their ids as they were at `at`; only those of one place if it is given."""
        present = self.now if where is None else self._places.get(where, {})
        for fact, span in present.items():
            if span.since <= at:
                yield fact, span.id
        for fact, span in reversed(self.past):
            if span.until is None or span.until <= at:
                return
            if span.since <= at and where in (None, place(fact)):
                yield fact, span.id

    def seen_one(self, fact: F, at: datetime) -> str | None:
        """The id of one fact as it was at `at`, or None when it was not there."""
        span = self.now.get(fact)
        if span is not None and span.since <= at:
            return span.id
        for other, old in reversed(self.past):
            if old.until is None or old.until <= at:
                return None
            if other == fact and old.since <= at:
                return old.id
        return None
