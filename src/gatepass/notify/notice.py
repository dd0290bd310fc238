"""A notice: one message about one request, with everything that is known when it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gatepass.access.requests import Decision, Grant, Request
from gatepass.estate.model import Estate, Flow
from gatepass.store import Message

CARD, EVENT, TIMER = "card", "event", "timer"
"""Kinds of rows in the outbox: the one message of a request at a destination, one piece of news, a thing for later."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a sink is given to say. Rendered from the current state, never from what the row remembers."""

    message: Message
    request: Request
    grants: tuple[Grant, ...]
    decisions: tuple[Decision, ...]
    estate: Estate
    """The version the request was made under."""
    history: tuple[Message, ...]
    """Every message about this request on this channel, oldest first, sent or not."""
    now: datetime
    url: str = ""
    """The request's page; empty where there is none."""

    @property
    def recipient(self) -> str:
        """The channel without the name of its sink."""
        return self.message.channel.partition(":")[2]

    @property
    def event(self) -> str:
        """What happened, one of `estate.notify.NOTICES`, or `changed`, `reminder`, `forwarded`."""
        return str(self.message.body.get("event", "changed"))

    @property
    def waiting(self) -> tuple[Message, ...]:
        """This message and the unsent ones behind it: after an outage they are said together."""
        return tuple(m for m in self.history if m.n >= self.message.n and m.sent_at is None)

    @property
    def flow(self) -> Flow | None:
        return self.estate.flows.get(self.request.flow)

    def person(self, person_id: str | None) -> str:
        """How a person is called, for people to read."""
        person = self.estate.people.get(person_id or "")
        return person.label if person is not None else (person_id or "nobody")


class Sink(Protocol):
    """One way to reach people: Slack, mail, a webhook."""

    def send(self, notice: Notice) -> str | None:
        """Say it; what the channel calls it. Raises `TryLater`, `Undeliverable`, or what is worth another try."""
        ...


Sinks = Mapping[str, Sink]
"""By the first word of a channel: `slack`, `mail`, `webhook`."""
Reachable = Callable[[str], str | None]
"""The channel by which a person of the estate is told things, if there is one."""
