"""The audit chain in the database. One function touches the heads: `Audit.append`, last thing before the commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import bindparam, func, select, update

from gatepass.access.chain import INSTALLATION, START, VERSION, Entry, Head, body_of, digest, link_hash
from gatepass.access.events import Event
from gatepass.clock import from_ms, iso, to_ms
from gatepass.store.link import Link, Row, Statement
from gatepass.store.tables import audit_entries, audit_heads


class AuditReads:
    """What the chains hold. `organization` None is the installation's own chain."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def entries(self, organization: str | None, *, after: int = 0, limit: int = 500) -> tuple[Entry, ...]:
        """Entries of one chain with `seq` above `after`, in order: the cursor of live updates and exports."""
        params = {"of": organization or INSTALLATION, "after": after, "most": limit}
        return tuple(entry_from(row) for row in self._link.all(_AFTER, params))

    def search(
        self,
        organization: str | None,
        *,
        kind: str = "",
        holding: str = "",
        before: int = 0,
        limit: int = 100,
    ) -> tuple[Entry, ...]:
        """Entries of one chain, newest first: of a kind, with a text in their body, below `before` (0: from the end).

        Reads the chain backwards until `limit` entries are found: rare text in a long chain takes a while.
        """
        of = audit_entries.c
        query = select(audit_entries).where(of.organization == (organization or INSTALLATION))
        if before:
            query = query.where(of.seq < before)
        if kind:
            query = query.where(of.body.contains(f'"kind":"{kind}"', autoescape=True))
        if holding:
            query = query.where(of.body.contains(holding, autoescape=True))
        rows = self._link.all(query.order_by(of.seq.desc()).limit(limit))
        return tuple(entry_from(row) for row in rows)

    def heads(self) -> tuple[Head, ...]:
        """The end of every chain that has begun, by organization."""
        rows = self._link.all(
            select(audit_heads).where(audit_heads.c.seq > 0).order_by(audit_heads.c.organization)
        )
        return tuple(Head(row["organization"], row["seq"], row["hash"]) for row in rows)

    def highest_time(self) -> datetime | None:
        """The latest moment ever committed with an entry; time never goes below it (architecture.md 8)."""
        row = self._link.one(select(func.max(audit_heads.c.at).label("at")))
        return None if row is None or row["at"] is None else from_ms(row["at"])

    def export(self, organizations: list[str | None] | None = None) -> Iterator[str]:
        """Lines of an export, each with its end: these chains (None: all), as they are in this transaction."""
        wanted = None if organizations is None else {name or INSTALLATION for name in organizations}
        for head in self.heads():
            if wanted is not None and head.organization not in wanted:
                continue
            seq = 0
            while seq < head.seq:
                for entry in self.entries(head.organization or None, after=seq, limit=1000):
                    seq = entry.seq
                    yield entry.line() + "\n"


class Audit(AuditReads):
    """What one transaction adds. Events gather until the commit; heads are locked last, in sorted order."""

    def __init__(self, link: Link, key: bytes) -> None:
        super().__init__(link)
        self._key = key
        self._waiting: list[Event] = []

    def say(self, event: Event) -> None:
        """Add an entry when this transaction commits; nothing of it remains when it does not."""
        self._waiting.append(event)

    def append(self, now: datetime) -> None:
        """Write what was said, as of now. The store calls it last: the commit comes next (architecture.md 4)."""
        at = iso(now)
        bodies: dict[str, list[tuple[str, str]]] = {}
        for event in self._waiting:
            body = body_of(event, at, self._key)
            bodies.setdefault(event.organization or INSTALLATION, []).append((body, digest(body)))
        self._waiting.clear()
        for organization in sorted(bodies):
            self._extend(organization, bodies[organization], now)

    def _extend(self, organization: str, bodies: list[tuple[str, str]], now: datetime) -> None:
        head = self._lock_head(organization)
        seq, previous = head["seq"], head["hash"]
        rows: list[Mapping[str, object]] = []
        at = max(to_ms(now), head["at"])
        for body, body_digest in bodies:
            seq += 1
            linked = link_hash(VERSION, organization, seq, previous, body_digest)
            rows.append(
                {
                    "organization": organization,
                    "seq": seq,
                    "version": VERSION,
                    "at": at,
                    "previous": previous,
                    "body": body,
                    "hash": linked,
                }
            )
            previous = linked
        advanced = {"of": organization, "new_seq": seq, "new_hash": previous, "new_at": at}
        self._link.several((_ADD, rows), (_ADVANCE, advanced))

    def _lock_head(self, organization: str) -> Row:
        head = self._link.one(_HEAD, {"of": organization})
        if head is None:
            first = self._link.insert(audit_heads).on_conflict_do_nothing()
            self._link.run(first, {"organization": organization, "hash": START})
            head = self._link.one(_HEAD, {"of": organization})
        assert head is not None
        return head


def entry_from(row: Row) -> Entry:
    return Entry(
        organization=row["organization"],
        seq=row["seq"],
        previous=row["previous"],
        body=row["body"],
        hash=row["hash"],
        version=row["version"],
    )


_AFTER = Statement(
    select(audit_entries)
    .where(audit_entries.c.organization == bindparam("of"), audit_entries.c.seq > bindparam("after"))
    .order_by(audit_entries.c.seq)
    .limit(bindparam("most"))
)
_ADD = Statement(lambda insert: insert(audit_entries))
_HEAD = Statement(select(audit_heads).where(audit_heads.c.organization == bindparam("of")).with_for_update())
_ADVANCE = Statement(
    update(audit_heads)
    .where(audit_heads.c.organization == bindparam("of"))
    .values(seq=bindparam("new_seq"), hash=bindparam("new_hash"), at=bindparam("new_at"))
)
