"""Rows, migrations, the audit chain: SQLite and PostgreSQL behind one front (docs/design/0001-store.md)."""

from gatepass.store.claims import Slot
from gatepass.store.engines import BadDatabase, address
from gatepass.store.estates import EstateVersion, KnownAccount, Offered, Tombstone
from gatepass.store.facts import ClaimedFact
from gatepass.store.fleet import Backlog, Worker
from gatepass.store.leases import Lease, LeaseLost
from gatepass.store.limiter import Pace
from gatepass.store.once import KeyReused
from gatepass.store.outbox import ClaimedMessage, Message
from gatepass.store.people import Leaver, StoredIdentity, Token, WebSession
from gatepass.store.requests import BadCursor, ClaimedRequest, OpenAsk, RequestFilter, RequestPage
from gatepass.store.store import Claimed, Store, Tx, View, open_store

__all__ = [
    "Backlog",
    "BadCursor",
    "BadDatabase",
    "Claimed",
    "ClaimedFact",
    "ClaimedMessage",
    "ClaimedRequest",
    "EstateVersion",
    "KeyReused",
    "KnownAccount",
    "Lease",
    "LeaseLost",
    "Leaver",
    "Message",
    "Offered",
    "OpenAsk",
    "Pace",
    "RequestFilter",
    "RequestPage",
    "Slot",
    "Store",
    "StoredIdentity",
    "Token",
    "Tombstone",
    "Tx",
    "View",
    "WebSession",
    "Worker",
    "address",
    "open_store",
]
