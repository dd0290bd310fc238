"""Idempotency keys: an HTTP request that is sent again has the effect of one (I9)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select

from gatepass.clock import to_ms
from gatepass.errors import Conflict, GatepassError
from gatepass.store.link import Insert, InsertMaker, Link, Statement
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
        which = {"of": person, "route": route, "key": key, "kept": to_ms(self._now - KEPT)}
        row = self._link.one(_KEPT, which)
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
        if not self._kept(person, route, key, body_hash, result):
            raise Conflict("the same request is being served already")

    def first(self, kind: str, key: str) -> bool:
        """Whether this key of this kind was not kept before; it is from now on. Nobody's: kinds are no person's."""
        return self._kept("", kind, key, "", "")

    def _kept(self, person: str, route: str, key: str, body_hash: str, result: str) -> bool:
        row = {"person": person, "route": route, "key": key, "body_hash": body_hash, "result": result}
        moments = {"at": to_ms(self._now), "kept": to_ms(self._now - KEPT)}
        return self._link.run(_KEEP, {**row, **moments}) == 1

    def forget_old(self) -> None:
        """Drop the keys older than 24 h."""
        self._link.run(delete(idempotency).where(idempotency.c.at <= to_ms(self._now - KEPT)))


_KEPT = Statement(
    select(idempotency).where(
        idempotency.c.person == bindparam("of"),
        idempotency.c.route == bindparam("route"),
        idempotency.c.key == bindparam("key"),
        idempotency.c.at > bindparam("kept"),
    )
)


def _keep(insert: InsertMaker) -> Insert:
    """A key that is still kept stays as it is; one that is old and not yet forgotten is taken over."""
    made = insert(idempotency)
    columns: dict[str, object] = {column.name: bindparam(column.name) for column in idempotency.c}
    fresh = {name: made.excluded[name] for name in ("body_hash", "result", "at")}
    return made.values(columns).on_conflict_do_update(
        index_elements=list(idempotency.primary_key.columns),
        set_=fresh,
        where=idempotency.c.at <= bindparam("kept"),
    )


_KEEP = Statement(_keep)
