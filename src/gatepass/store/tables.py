"""Every table, as data. Moments are whole milliseconds since the epoch, lengths milliseconds, JSON canonical text.

Two things are kept by the database itself, whoever writes: a state is left only by a step of
`gatepass.access.states` (foreign keys into the step tables, triggers of `gatepass.store.steps`), and a grant that
has begun has an end.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _moment(name: str, *, optional: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=optional)


def _words(name: str, *, optional: bool = False) -> Column[str]:
    return Column(name, Text, nullable=optional)


def _count(name: str, start: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text(str(start)))


def _steps(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("prior", Text, nullable=False),
        Column("current", Text, nullable=False),
        PrimaryKeyConstraint("prior", "current"),
    )


def _state(steps: str) -> tuple[Column[str], Column[str], ForeignKeyConstraint]:
    """The state, the one before it, and the rule that the step between them is legal."""
    return (
        _words("state"),
        _words("prior_state"),
        ForeignKeyConstraint(["prior_state", "state"], [f"{steps}.prior", f"{steps}.current"]),
    )


def _lease() -> tuple[Column[str], Column[int], Column[int]]:
    """Who works on the row, until when, and the number that tells this holding from every other."""
    return _words("lease_owner", optional=True), _count("lease_until"), _count("fence")


def _where(name: str, *columns: str, where: str) -> Index:
    """An index of some rows. On SQLite a boolean is compared with 1, as its queries do, or the index is not used."""
    sqlite_where = f"{where} = 1" if where.isidentifier() else where
    return Index(name, *columns, sqlite_where=text(sqlite_where), postgresql_where=text(where))


request_steps = _steps("request_steps")
grant_steps = _steps("grant_steps")
fact_steps = _steps("fact_steps")

_UNDECIDED = "state IN ('asked', 'pending', 'approved')"

requests = Table(
    "requests",
    metadata,
    Column("id", Text, primary_key=True),
    _words("flow"),
    Column("estate_version", Integer, nullable=False),
    _words("requester"),
    _words("source"),
    _moment("asked_at", optional=False),
    _words("terms"),
    _words("organization", optional=True),
    _words("target", optional=True),
    _words("account_id", optional=True),
    Column("duration", BigInteger),
    _words("reason"),
    _words("values"),
    _words("why"),
    _moment("expires_at"),
    _words("claims"),
    _moment("decided_at"),
    Column("extension", BigInteger),
    Column("round", Integer, nullable=False),
    _words("asked_by", optional=True),
    _words("context"),
    _words("notices", optional=True),
    _count("version"),
    _moment("due_at"),
    *_lease(),
    *_state("request_steps"),
    _where("ix_requests_due", "due_at", where="due_at IS NOT NULL"),
    Index("ix_requests_requester", "requester", "asked_at", "id"),
    Index("ix_requests_organization", "organization", "asked_at", "id"),
    Index("ix_requests_asked", "asked_at", "id"),
    _where("ix_requests_open", "state", "requester", "flow", "target", where=_UNDECIDED),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("request", Text, ForeignKey("requests.id"), nullable=False),
    Column("round", Integer, nullable=False),
    _words("content_hash"),
    _words("answer"),
    _words("by"),
    _moment("at", optional=False),
    _words("message"),
    Column("duration", BigInteger),
    UniqueConstraint("request", "round", "by"),
)

facts = Table(
    "facts",
    metadata,
    Column("key", Text, primary_key=True),
    _words("scope"),
    _words("organization"),
    Column("ours", Boolean, nullable=False),
    _words("handle", optional=True),
    _moment("due_at"),
    Column("priority", Integer, nullable=False),
    _count("tries"),
    _words("last_error", optional=True),
    _moment("read_at"),
    _moment("absent_at"),
    Column("place", Text, nullable=False, server_default=text("''")),
    _count("version"),
    *_lease(),
    *_state("fact_steps"),
    _where("ix_facts_due", "priority", "due_at", where="due_at IS NOT NULL"),
    _where("ix_facts_sweep_live", "read_at", where="ours"),
    _where("ix_facts_sweep_ended", "absent_at", "read_at", where="absent_at IS NOT NULL"),
    Index("ix_facts_scope", "scope", "state"),
    Index("ix_facts_organization", "organization", "state"),
    _where("ix_facts_place", "place", where="place <> ''"),
)

_BEGUN = "state NOT IN ('granting', 'active', 'ending') OR (starts_at IS NOT NULL AND ends_at IS NOT NULL)"
_OPEN = "state IN ('waiting', 'granting', 'active', 'ending')"
_FINAL = "state NOT IN ('ended', 'failed', 'covered') OR ended_at IS NOT NULL"

grants = Table(
    "grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("request", Text, ForeignKey("requests.id"), nullable=False, index=True),
    _words("person"),
    _words("organization"),
    Column("fact", Text, ForeignKey("facts.key"), nullable=False),
    Column("duration", BigInteger, nullable=False),
    _moment("made_at", optional=False),
    _moment("start_by", optional=False),
    _moment("starts_at"),
    _moment("ends_at"),
    _moment("ended_at"),
    _words("why"),
    _words("ended_by", optional=True),
    _words("covered_by", optional=True),
    Column("session", BigInteger, nullable=False),
    _count("version"),
    *_state("grant_steps"),
    CheckConstraint("duration > 0", name="duration"),
    CheckConstraint(_BEGUN, name="begun"),
    CheckConstraint(_FINAL, name="final"),
    _where("ix_grants_open", "fact", where=_OPEN),
    _where("ix_grants_ends", "ends_at", where=_OPEN),
    Index("ix_grants_person", "person", "made_at", "id"),
    Index("ix_grants_organization", "organization", "state"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("fact", Text, ForeignKey("facts.key"), nullable=False),
    _words("scope"),
    _words("verb"),
    _moment("intent_at", optional=False),
    Column("read_before", Boolean),
    _words("sent_by"),
    _words("op_ref", optional=True),
    Column("inflight", Boolean, nullable=False),
    _words("outcome", optional=True),
    _moment("finished_at"),
    _words("detail", optional=True),
    Column("refused", Boolean, nullable=False),
    Index("ix_attempts_fact", "fact", "intent_at"),
    _where("ix_attempts_inflight", "scope", where="inflight"),
)

instances = Table(
    "instances",
    metadata,
    Column("scope", Text, primary_key=True),
    _words("slots"),
    _count("tat"),
    _count("slowed_at"),
    _count("halvings"),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    _words("organization"),
    Column("seq", BigInteger, nullable=False, autoincrement=False),
    Column("version", Integer, nullable=False),
    _moment("at", optional=False),
    _words("previous"),
    _words("body"),
    _words("hash"),
    PrimaryKeyConstraint("organization", "seq"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("organization", Text, primary_key=True),
    _count("seq"),
    _words("hash"),
    _count("at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _words("request"),
    _words("channel"),
    _words("kind"),
    _words("body"),
    _moment("made_at", optional=False),
    _moment("due_at"),
    _moment("sent_at"),
    _words("sent_ref", optional=True),
    _count("tries"),
    _words("last_error", optional=True),
    *_lease(),
    Index("ix_outbox_request", "request", "channel", "n"),
    _where("ix_outbox_due", "due_at", where="due_at IS NOT NULL"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    _words("version"),
    _moment("started_at", optional=False),
    _moment("beat_at", optional=False),
)

people = Table(
    "people",
    metadata,
    Column("person", Text, primary_key=True),
    _moment("disabled_at"),
    _words("by"),
    _words("why"),
    _moment("swept_at"),
)

identities = Table(
    "identities",
    metadata,
    _words("person"),
    _words("service"),
    _words("external_id"),
    _words("identity"),
    _moment("stored_at", optional=False),
    _words("by"),
    _moment("failed_at"),
    _words("why"),
    PrimaryKeyConstraint("person", "service", "external_id"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    _words("person"),
    _words("scopes"),
    _words("label"),
    _words("by"),
    _words("parent", optional=True),
    _moment("made_at", optional=False),
    _moment("expires_at", optional=False),
    _moment("revoked_at"),
    Index("ix_tokens_person", "person"),
    Index("ix_tokens_parent", "parent"),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    _words("person"),
    _words("csrf"),
    _moment("made_at", optional=False),
    _moment("seen_at", optional=False),
    _moment("expires_at", optional=False),
    Index("ix_web_sessions_person", "person"),
)

estates = Table(
    "estates",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    _words("digest"),
    Column("source", LargeBinary, nullable=False),
    _moment("applied_at", optional=False),
    _words("by"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("instance", Text, primary_key=True),
    _words("organization"),
    _words("connector"),
    Column("estate_version", Integer, nullable=False),
    _moment("made_at", optional=False),
)

accounts = Table(
    "accounts",
    metadata,
    _words("organization"),
    _words("id"),
    _words("name"),
    _words("email"),
    _words("unit_path"),
    _words("tags"),
    _words("status"),
    _moment("seen_at", optional=False),
    PrimaryKeyConstraint("organization", "id"),
)

offers = Table(
    "offers",
    metadata,
    _words("person"),
    _words("flow"),
    _words("field"),
    _words("value"),
    _words("label"),
    _moment("offered_at", optional=False),
    PrimaryKeyConstraint("person", "flow", "field", "value"),
)

idempotency = Table(
    "idempotency",
    metadata,
    _words("person"),
    _words("route"),
    _words("key"),
    _words("body_hash"),
    _words("result"),
    _moment("at", optional=False),
    PrimaryKeyConstraint("person", "route", "key"),
    Index("ix_idempotency_at", "at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    _words("kind"),
    _words("by"),
    _words("input"),
    _moment("made_at", optional=False),
    _moment("ended_at"),
    _where("ix_jobs_open", "made_at", where="ended_at IS NULL"),
)

job_items = Table(
    "job_items",
    metadata,
    Column("job", Text, ForeignKey("jobs.id"), nullable=False),
    Column("phase", Integer, nullable=False),
    _words("item"),
    Column("generation", Integer, nullable=False),
    _words("state"),
    Column("complete", Boolean, nullable=False),
    Column("stops", Boolean, nullable=False),
    _words("result"),
    _words("worker", optional=True),
    _moment("ended_at"),
    PrimaryKeyConstraint("job", "phase", "item"),
)
