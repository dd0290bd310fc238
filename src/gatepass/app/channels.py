"""Brings together what several parts want to hear, and who sends on which channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatepass.access.requests import Grant, Request
from gatepass.engine.ports import Announcer, Notifier
from gatepass.errors import GatepassError
from gatepass.store import Message, Tx


class NoChannel(GatepassError):
    """A message is for a channel that this installation does not have (any more); it waits."""

    code = "no_channel"


@dataclass(frozen=True, slots=True)
class Announcers:
    """Several announcers as one, each told in turn within the same transaction."""

    each: Sequence[Announcer]

    def changed(self, tx: Tx, request: Request, moves: Sequence[Grant]) -> None:
        for one in self.each:
            one.changed(tx, request, moves)


@dataclass(frozen=True, slots=True)
class Channels:
    """Sends each message by what serves its channel: the part before the first colon of the channel's name."""

    by_kind: Mapping[str, Notifier]

    def send(self, message: Message) -> str | None:
        kind = message.channel.partition(":")[0]
        notifier = self.by_kind.get(kind)
        if notifier is None:
            raise NoChannel(
                f"nothing here sends on {message.channel!r}",
                advice="configure it, or take it out of the estate",
            )
        return notifier.send(message)
