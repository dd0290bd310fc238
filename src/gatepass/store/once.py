"""Idempotency keys: an HTTP request that is sent again has the effect of one (I9)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from gatepass.clock import to_ms
from gatepass.errors import Conflict, GatepassError
from gatepass.store.link import Link
from gatepass.store.tables import idempotency

KEPT = timedelta(hours=24)


class KeyReused(GatepassError):
    """The idempotency key came before with another body."""

    code = "idempotency_key_reused"


class Once:
    """The keys of the last 24 h, written in the transaction of the effect. They hold ids, never secrets."""

    def __init__(self, link: Link, now: datetime) -> None:
        self._link = link
        self._now = now

    def result(self, person: str, route: str, key: str, body_hash: str) -> str | None:
        """What came of this request when it came before; None: it did not. Raises `KeyReused` for another body."""
        row = self._link.one(
            select(idempotency).where(
                idempotency.c.person == person,
                idempotency.c.route == route,
                idempotency.c.key == key,
                idempotency.c.at > to_ms(self._now - KEPT),
            )
        )
        if row is None:
            return None
        if row["body_hash"] != body_hash:
            raise KeyReused(
                "this idempotency key came before with another body", advice="use a new key for a new request"
            )
        return str(row["result"])

    def keep(self, person: str, route: str, key: str, body_hash: str, result: str) -> None:
        """Remember what came of it. Raises `Conflict` when the same request is being served twice at once:
        roll back and ask `result` again."""
        self.forget_old()
        row = {"person": person, "route": route, "key": key, "body_hash": body_hash, "result": result}
        insert = self._link.insert(idempotency).on_conflict_do_nothing()
        if self._link.run(insert, {**row, "at": to_ms(self._now)}) != 1:
            raise Conflict("the same request is being served already")

    def forget_old(self) -> None:
        """Drop the keys older than 24 h."""
        self._link.run(delete(idempotency).where(idempotency.c.at <= to_ms(self._now - KEPT)))
