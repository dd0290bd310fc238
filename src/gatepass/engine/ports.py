"""What the engine needs from above, as Protocols that `app` fills. Each default here does nothing, or refuses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gatepass.access.requests import Grant, Request
from gatepass.store import Tx


class Gate(Protocol):
    """Asked again just before access is given: what was decided may not be right any more (I8, I10, I13, I18)."""

    def refused(self, tx: Tx, waiting: Sequence[Grant]) -> Mapping[str, str]:
        """Of these waiting grants, those that may not start, by id, and why. Quick, without AWS; an error means no."""
        ...


class Announcer(Protocol):
    """Turns what happened to a request into rows of the outbox."""

    def changed(self, tx: Tx, request: Request, moves: Sequence[Grant]) -> None:
        """Within the transaction that moved these grants of the request, in this order."""
        ...


class Alarms(Protocol):
    """Tells the operator. Must not raise and must not wait."""

    def raised(self, what: str, words: str) -> None:
        """`what` is stable (`clock`, `bug`, `take-back`, ...), for matching; `words` are for people."""
        ...

    def cleared(self, what: str) -> None: ...


class Roster(Protocol):
    """Who is still here."""

    def why_gone(self, tx: Tx, person: str) -> str | None:
        """Why the person may hold nothing any more: disabled, or not in the estate; None: they are active."""
        ...


class OpenGate:
    """Refuses nothing: where something else has looked just before."""

    def refused(self, tx: Tx, waiting: Sequence[Grant]) -> Mapping[str, str]:
        return {}


class Silent:
    """Announces nothing and raises no alarm."""

    def changed(self, tx: Tx, request: Request, moves: Sequence[Grant]) -> None:
        return None

    def raised(self, what: str, words: str) -> None:
        return None

    def cleared(self, what: str) -> None:
        return None


class Everybody:
    """Nobody ever leaves."""

    def why_gone(self, tx: Tx, person: str) -> str | None:
        return None
