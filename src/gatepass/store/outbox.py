"""Messages to people, written in the transaction of what they are about and sent afterwards, at least once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, exists, select, update

from gatepass.clock import from_ms, to_ms
from gatepass.store.leases import Lease, Leased, LeaseLost
from gatepass.store.link import Link, Row, Statement, moment
from gatepass.store.rows import json_text
from gatepass.store.tables import outbox


@dataclass(frozen=True, slots=True)
class Message:
    """Something to say about a request on a channel; rendered from the current state when it is sent.

    Of one request and channel only the oldest unsent message is claimable, so they arrive in order.
    """

    request: str
    channel: str
    kind: str
    body: Mapping[str, object] = field(default_factory=dict)
    n: int = 0
    """Its number, given by the store."""
    made_at: datetime | None = None
    tries: int = 0
    last_error: str | None = None
    sent_at: datetime | None = None
    sent_ref: str | None = None
    """What the channel calls it (a Slack timestamp), to change it later."""


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that is due, this worker's to send until the lease ends."""

    message: Message
    lease: Lease


class OutboxReads:
    """What was said and what is still to be said."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def of_request(self, request_id: str) -> tuple[Message, ...]:
        """Every message about a request, oldest first; sent ones carry what their channel calls them."""
        return tuple(message_from(row) for row in self._link.all(_OF_REQUEST, {"of": request_id}))

    def unsent(self) -> int:
        """How many messages wait, failed tries included."""
        return len(self._link.all(select(outbox.c.n).where(outbox.c.due_at.is_not(None))))


class Outbox(OutboxReads):
    """Changes of messages, inside one transaction."""

    def add(self, message: Message, now: datetime, due_at: datetime | None = None) -> None:
        """Say this, at once or not before `due_at`; it holds back what is said later on the same channel."""
        row = {
            "request": message.request,
            "channel": message.channel,
            "kind": message.kind,
            "body": json_text(dict(message.body)),
            "made_at": to_ms(now),
            "due_at": to_ms(due_at or now),
        }
        self._link.run(_ADD, row)

    def sent(self, claimed: ClaimedMessage, at: datetime, ref: str | None = None) -> None:
        """It was said. Raises `LeaseLost` when another worker says it too: messages arrive at least once."""
        self._settle(claimed, {"sent_at": to_ms(at), "sent_ref": ref, "due_at": None})

    def failed(self, claimed: ClaimedMessage, error: str, again_at: datetime | None) -> None:
        """It could not be said; try again then (None: never, and what is behind it may go). Raises `LeaseLost`."""
        due_at = None if again_at is None else to_ms(again_at)
        tries = claimed.message.tries + 1
        self._settle(claimed, {"due_at": due_at, "last_error": error, "tries": tries})

    def _settle(self, claimed: ClaimedMessage, values: Mapping[str, object]) -> None:
        lease = claimed.lease
        mine = (
            outbox.c.n == claimed.message.n,
            outbox.c.lease_owner == lease.worker,
            outbox.c.fence == lease.fence,
        )
        if self._link.run(update(outbox).where(*mine).values(lease_until=0, **values)) != 1:
            raise LeaseLost(f"message {claimed.message.n} is no longer held by {lease.worker}")


def message_from(row: Row) -> Message:
    return Message(
        request=row["request"],
        channel=row["channel"],
        kind=row["kind"],
        body=json.loads(row["body"]),
        n=row["n"],
        made_at=from_ms(row["made_at"]),
        tries=row["tries"],
        last_error=row["last_error"],
        sent_at=moment(row["sent_at"]),
        sent_ref=row["sent_ref"],
    )


_OF_REQUEST = Statement(select(outbox).where(outbox.c.request == bindparam("of")).order_by(outbox.c.n))
_SAID = ("request", "channel", "kind", "body", "made_at", "due_at")
_ADD = Statement(lambda insert: insert(outbox).values({name: bindparam(name) for name in _SAID}))
_older = outbox.alias("older")
_in_turn = ~exists().where(
    _older.c.request == outbox.c.request,
    _older.c.channel == outbox.c.channel,
    _older.c.n < outbox.c.n,
    _older.c.due_at.is_not(None),
)
LEASED_MESSAGES = Leased(
    outbox,
    outbox.c.n,
    select(outbox.c.n)
    .where(outbox.c.due_at <= bindparam("now"), outbox.c.lease_until <= bindparam("now"), _in_turn)
    .order_by(outbox.c.due_at)
    .limit(bindparam("room")),
)
