"""What the core asks of a strategy: four verbs that make, unmake and see one kind of fact.

Implementations live in `gatepass.strategies` and in strangers' plug-ins (entry-point group `gatepass.strategies`);
all are judged by the conformance suite in `gatepass.testing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gatepass.access.facts import FactKey, Reading
from gatepass.access.plans import Called, Polled
from gatepass.access.states import Verb


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call went, in our words."""

    called: Called
    op_ref: str | None = None
    detail: str = ""
    handle: str | None = None
    """What AWS calls the fact it made, where it says so at once."""


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """What AWS says of one operation in flight."""

    polled: Polled
    detail: str = ""


class Strategy(Protocol):
    """Makes and unmakes one kind of fact. Stateless; every method may be called from any thread.

    `grant` and `revoke` may be repeated: granting what is there and revoking what is gone are `DONE`; `NOTHING` where
    revoking begins with a look that finds nothing. `revoke` needs nothing that only a successful grant returned. They
    answer every expected failure as a `CallResult`; they send at most one mutating call. `observe` and `poll` are
    total or raise `aws.AwsError`: half a page is never an answer.
    """

    kind: str
    """The kind of fact, as in `FactKey.kind`."""

    def observe(self, organization: str, keys: Sequence[FactKey], now: datetime) -> Mapping[FactKey, Reading]:
        """What AWS holds of these facts, all of one scope, read completely; facts that share a list share the read."""
        ...

    def grant(self, organization: str, key: FactKey) -> CallResult:
        """Ask AWS to make the fact."""
        ...

    def revoke(self, organization: str, key: FactKey, handle: str | None) -> CallResult:
        """Ask AWS to unmake the fact; `handle` is what AWS called it when that is known, another is not ours."""
        ...

    def poll(
        self, organization: str, scope: str, operations: Mapping[str, Verb]
    ) -> Mapping[str, OperationStatus]:
        """How the operations (by `op_ref`) of one scope stand, in as few calls as the service allows."""
        ...
