"""Who is told, and where, as the estate says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

NOTICES = (
    "pending",
    "answered",
    "approved",
    "denied",
    "cancelled",
    "expired",
    "failed",
    "active",
    "covered",
    "extension",
    "extended",
    "ended",
)
"""What people can be told of a request: a question, an answer, a decision, access begun, extended and ended."""


@dataclass(frozen=True)
class Webhook:
    """An address that is told by signed POST; `secret` is a reference (`env:NAME`, `file:PATH`), never the key."""

    url: str
    secret: str


@dataclass(frozen=True)
class Reach:
    """One way to reach somebody: every destination of it is told, side by side."""

    slack: tuple[str, ...] = ()
    """One: a channel (`#name`, `C...`) or a person; several: people in one group message, by id here or in Slack."""
    mail: tuple[str, ...] = ()
    webhook: Webhook | None = None
    timeout: timedelta | None = None
    """When nobody answered for so long, the next is asked; None: never."""
    events: frozenset[str] = frozenset(NOTICES)
    """What it is told of, of `NOTICES`."""


@dataclass(frozen=True)
class Notify:
    """Who is told of a flow's requests."""

    ask: tuple[Reach, ...] = ()
    """Where a decision is asked for, in order: the next when one cannot be reached or does not answer in time.
    Empty: the people who may decide, each for themselves."""
    tell: tuple[Reach, ...] = ()
    """Who is told of events beside them."""
