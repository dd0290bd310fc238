"""What the engine needs from above, as Protocols that `app` fills. The defaults do nothing and refuse nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gatepass.access.chain import Head
from gatepass.access.requests import Grant, Request
from gatepass.errors import GatepassError
from gatepass.store import OpenAsk, Tx, View
from gatepass.store.estates import KnownAccount
from gatepass.store.outbox import Message


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
    """Who is still here, and for what."""

    def why_gone(self, rows: View | Tx, person: str) -> str | None:
        """Why the person may hold nothing any more: disabled, or not in the estate; None: they are active."""
        ...

    def why_lost(self, rows: View | Tx, ask: OpenAsk) -> str | None:
        """Why somebody who is here may not ask for this any more; None: they may, or nobody could."""
        ...


class Decider(Protocol):
    """Takes a request that was asked to where people (or nobody) decide it: checks, claims, handlers."""

    def asked(self, request: Request) -> None:
        """Take it on, in a transaction of its own. May come again for the same request; an error is tried again."""
        ...


class TryLater(GatepassError):
    """The channel asks for a pause (a rate limit): no try before `after` has passed."""

    code = "try_later"

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class Undeliverable(GatepassError):
    """The message can never arrive there (no such channel, address refused): it is not tried again."""

    code = "undeliverable"


class Notifier(Protocol):
    """Says a message on its channel, rendered from the state now."""

    def send(self, message: Message) -> str | None:
        """What the channel calls it, if anything. An error is tried again later; at least once.

        Raises `TryLater` to be asked again no sooner, `Undeliverable` to be asked no more.
        """
        ...


class Checkpoints(Protocol):
    """Where signed checkpoints of the audit go, outside the database (security.md rule 14)."""

    def publish(self, heads: Sequence[Head], at: datetime) -> None: ...


class Inventory(Protocol):
    """Which accounts an organization has now."""

    def organizations(self) -> Sequence[str]: ...

    def accounts(self, organization: str) -> Sequence[KnownAccount]:
        """All of them, or an error; never some."""
        ...


@dataclass(frozen=True)
class Ports:
    """Everything the engine is given from above."""

    gate: Gate
    announcer: Announcer
    alarms: Alarms
    roster: Roster
    decider: Decider
    notifier: Notifier
    checkpoints: Checkpoints
    inventory: Inventory


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


class Undecided:
    """Decides nothing: where no desk is."""

    def asked(self, request: Request) -> None:
        raise GatepassError("no desk is there to take requests on")

    def send(self, message: Message) -> str | None:
        raise GatepassError("no face is there to send messages")


class NoInventory:
    """No organizations to read, and nowhere to publish."""

    def organizations(self) -> Sequence[str]:
        return ()

    def accounts(self, organization: str) -> Sequence[KnownAccount]:
        return ()

    def publish(self, heads: Sequence[Head], at: datetime) -> None:
        return None


class Everybody:
    """Nobody ever leaves."""

    def why_gone(self, rows: View | Tx, person: str) -> str | None:
        return None

    def why_lost(self, rows: View | Tx, ask: OpenAsk) -> str | None:
        return None


def alone() -> Ports:
    """Ports where nobody is above: the settle loop by itself."""
    silent, undecided, nowhere = Silent(), Undecided(), NoInventory()
    return Ports(OpenGate(), silent, silent, Everybody(), undecided, undecided, nowhere, nowhere)
