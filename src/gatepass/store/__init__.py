"""Rows, migrations, the audit chain: SQLite and PostgreSQL behind one front (docs/design/0001-store.md)."""

from gatepass.store.claims import Slot
from gatepass.store.facts import ClaimedFact, Lease, LeaseLost
from gatepass.store.limiter import Pace
from gatepass.store.requests import RequestFilter, RequestPage
from gatepass.store.store import Store, Tx, View, open_store

__all__ = [
    "ClaimedFact",
    "Lease",
    "LeaseLost",
    "Pace",
    "RequestFilter",
    "RequestPage",
    "Slot",
    "Store",
    "Tx",
    "View",
    "open_store",
]
