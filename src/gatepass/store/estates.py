"""Versions of the estate, what is kept of organizations that left it, their accounts, and what people were offered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import ColumnElement, bindparam, delete, func, select, text, update

from gatepass.access.events import Event, Value
from gatepass.clock import from_ms, to_ms
from gatepass.errors import Conflict
from gatepass.store.facts import FactReads
from gatepass.store.link import Link, Row, Statement
from gatepass.store.rows import json_text
from gatepass.store.tables import accounts, estates, facts, offers, tombstones

_OFFERS_KEPT = timedelta(hours=24)
_APPLYING = 7_204_002
"""The number of the advisory lock that applying takes alone and beginning access takes together."""
_HOLD = Statement(text(f"SELECT pg_advisory_xact_lock({_APPLYING})"))
_STAY = Statement(text(f"SELECT pg_advisory_xact_lock_shared({_APPLYING})"))


@dataclass(frozen=True, slots=True)
class EstateVersion:
    """One applied estate, whole: a request keeps the number of the one it was made under (I18)."""

    number: int
    digest: str
    source: bytes
    """What it was read from, enough to read it again."""
    applied_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is kept of an instance whose organization left the estate or got another, while facts there need it."""

    instance: str
    """Its ARN."""
    organization: str
    """The name under which it was reached last."""
    connector: Mapping[str, object]
    estate_version: int
    """The last version that had it."""
    made_at: datetime

    @property
    def place(self) -> str:
        """What facts that are reached through it say instead of their organization."""
        return place_of(self.organization, self.instance)


def place_of(organization: str, instance: str) -> str:
    """The words for one instance that an organization had; they may stand in the name of a session."""
    return f"{organization}@{instance.rpartition('/')[2]}"


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account of an organization, as it was last read from AWS."""

    id: str
    name: str
    email: str = ""
    unit_path: str = ""
    """The organizational units from the root down, joined by `/`."""
    tags: Mapping[str, str] = field(default_factory=dict)
    status: str = "ACTIVE"
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """The values a field last offered to a person, value to label, and when."""

    values: Mapping[str, str]
    at: datetime


class EstateReads:
    """Questions about estates."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def current(self) -> EstateVersion | None:
        """The version in force: the last one applied. None before the first."""
        row = self._link.one(select(estates).order_by(estates.c.number.desc()).limit(1))
        return None if row is None else _version(row)

    def current_number(self) -> int:
        """The number of the version in force, 0 before the first; cheap, for noticing a change."""
        row = self._link.one(_NUMBER)
        return 0 if row is None or row["number"] is None else int(row["number"])

    def version(self, number: int) -> EstateVersion | None:
        row = self._link.one(select(estates).where(estates.c.number == number))
        return None if row is None else _version(row)

    def tombstones(self) -> tuple[Tombstone, ...]:
        rows = self._link.all(_TOMBSTONES)
        return tuple(_tombstone(row) for row in rows)

    def accounts(self, organization: str) -> tuple[KnownAccount, ...]:
        """Every account of the organization that was found when it was last read, by id."""
        return tuple(_account(row) for row in self._link.all(_ACCOUNTS, {"of": organization}))

    def offered(self, person: str, flow: str, field: str) -> Offered | None:
        """What the field last offered to this person; a submitted value must be among it (I10)."""
        rows = self._link.all(_OFFERED, {"of": person, "flow": flow, "field": field})
        if not rows:
            return None
        return Offered({row["value"]: row["label"] for row in rows}, from_ms(rows[0]["offered_at"]))


class Estates(EstateReads):
    """Changes, inside one transaction."""

    def __init__(self, link: Link, audit: Callable[[Event], None], now: datetime) -> None:
        super().__init__(link)
        self._audit = audit
        self._now = now

    def apply(self, version: EstateVersion, *events: Event) -> None:
        """Make it the version in force. Raises `Conflict` unless its number follows the one in force."""
        row = {
            "number": version.number,
            "digest": version.digest,
            "source": version.source,
            "applied_at": to_ms(version.applied_at),
            "by": version.by,
        }
        follows = version.number == self.current_number() + 1
        insert = self._link.insert(estates).on_conflict_do_nothing()
        if not follows or self._link.run(insert, row) != 1:
            raise Conflict("somebody else applied an estate meanwhile", advice="look at it and apply again")
        for event in events:
            self._audit(event)

    def hold(self) -> None:
        """Nobody else applies an estate, and no access begins, until this transaction ends.

        Taken after facts, before requests.
        """
        if self._link.postgresql:
            self._link.all(_HOLD)

    def stay(self) -> None:
        """The estate in force stays so until this transaction ends: for whoever begins access under it."""
        if self._link.postgresql:
            self._link.all(_STAY)

    def bury(self, tombstone: Tombstone) -> None:
        """Keep the connector of an instance; the last one known of it counts (may be repeated).

        Facts that lie in its organization now are reached through it from now on: this transaction holds them.
        """
        row = {
            "instance": tombstone.instance,
            "organization": tombstone.organization,
            "connector": json_text(dict(tombstone.connector)),
            "estate_version": tombstone.estate_version,
            "made_at": to_ms(tombstone.made_at),
        }
        insert = self._link.insert(tombstones)
        fresh = {name: insert.excluded[name] for name in row if name != "instance"}
        self._link.run(insert.on_conflict_do_update(index_elements=["instance"], set_=fresh), row)
        there = (facts.c.organization == tombstone.organization, facts.c.place == "")
        moved = self._link.run(update(facts).where(*there).values(place=tombstone.place))
        said: dict[str, Value] = {"organization": tombstone.organization, "instance": tombstone.instance}
        self._audit(Event("estate.tombstone", None, said | {"facts": moved}))

    def clear_tombstones(self, kept: timedelta) -> tuple[str, ...]:
        """Forget the connectors that no fact needs any more: none of ours, no open grant, nothing that ended within
        `kept` and is still read; their instances."""
        used = {place.rpartition("@")[2] for place in FactReads(self._link).places(self._now - kept)}
        buried = [tombstone.instance for tombstone in self.tombstones()]
        gone = tuple(instance for instance in buried if instance.rpartition("/")[2] not in used)
        self._link.run(delete(tombstones).where(tombstones.c.instance.in_(gone)))
        return gone

    def replace_accounts(self, organization: str, found: Iterable[KnownAccount]) -> None:
        """What a complete read of the organization's accounts found; those not found are forgotten."""
        self._link.run(delete(accounts).where(accounts.c.organization == organization))
        rows = [
            {
                "organization": organization,
                "id": account.id,
                "name": account.name,
                "email": account.email,
                "unit_path": account.unit_path,
                "tags": json_text(dict(account.tags)),
                "status": account.status,
                "seen_at": to_ms(self._now),
            }
            for account in found
        ]
        if rows:
            self._link.run(self._link.insert(accounts), rows)

    def offer(self, person: str, flow: str, field: str, values: Mapping[str, str]) -> None:
        """Remember what a field offers to a person now, value to label; what it offered before is forgotten."""
        self._link.run(delete(offers).where(*_offer(person, flow, field)))
        common = {"person": person, "flow": flow, "field": field, "offered_at": to_ms(self._now)}
        rows = [{**common, "value": value, "label": label} for value, label in values.items()]
        if rows:
            self._link.run(self._link.insert(offers), rows)

    def forget_old_offers(self) -> None:
        """Drop what was offered more than a day ago: whoever submits now is offered anew."""
        self._link.run(delete(offers).where(offers.c.offered_at <= to_ms(self._now - _OFFERS_KEPT)))


def _offer(person: str, flow: str, field: str) -> tuple[ColumnElement[bool], ...]:
    return offers.c.person == person, offers.c.flow == flow, offers.c.field == field


def _version(row: Row) -> EstateVersion:
    return EstateVersion(
        row["number"], row["digest"], bytes(row["source"]), from_ms(row["applied_at"]), row["by"]
    )


def _tombstone(row: Row) -> Tombstone:
    connector = json.loads(row["connector"])
    return Tombstone(
        row["instance"], row["organization"], connector, row["estate_version"], from_ms(row["made_at"])
    )


def _account(row: Row) -> KnownAccount:
    return KnownAccount(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        unit_path=row["unit_path"],
        tags=_NO_TAGS if row["tags"] == "{}" else json.loads(row["tags"]),
        status=row["status"],
        seen_at=from_ms(row["seen_at"]),
    )


_NO_TAGS: Mapping[str, str] = MappingProxyType({})
_ACCOUNTS = Statement(
    select(accounts).where(accounts.c.organization == bindparam("of")).order_by(accounts.c.id)
)
_OFFERED = Statement(
    select(offers).where(
        offers.c.person == bindparam("of"),
        offers.c.flow == bindparam("flow"),
        offers.c.field == bindparam("field"),
    )
)
_NUMBER = Statement(select(func.max(estates.c.number).label("number")))
_TOMBSTONES = Statement(select(tombstones).order_by(tombstones.c.instance))
