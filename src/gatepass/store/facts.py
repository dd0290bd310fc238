"""Facts with their grants and attempts: what the settle loop decides from, and what it commits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ClauseElement

from gatepass.access.events import Event
from gatepass.access.facts import Attempt, Fact, FactKey
from gatepass.access.plans import Next, Plan
from gatepass.access.requests import Grant
from gatepass.access.states import FINAL_GRANT, GrantState
from gatepass.clock import to_ms
from gatepass.errors import Bug, Conflict
from gatepass.store.leases import Lease, Leased, LeaseLost
from gatepass.store.link import InsertMaker, Link, Row, Statement
from gatepass.store.rows import (
    attempt_from,
    attempt_row,
    fact_from,
    fact_row,
    grant_from,
    grant_row,
    outcome_row,
)
from gatepass.store.tables import attempts, facts, grants, instances

OPEN_GRANTS = grants.c.state.in_(
    [literal_column(f"'{state}'") for state in GrantState if state not in FINAL_GRANT]
)


@dataclass(frozen=True, slots=True)
class ClaimedFact:
    """A fact that was due, now this worker's until the lease ends."""

    fact: Fact
    lease: Lease


@dataclass(frozen=True, slots=True)
class Held:
    """A fact that this transaction holds, and what was read under its lock."""

    fact: Fact
    grants: tuple[Grant, ...]
    """Every grant on it that is not final, oldest first."""
    attempts: tuple[Attempt, ...]
    """Every open one, and all of late; oldest first."""


class FactReads:
    """Questions about facts, their grants and their attempts."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def get(self, key: FactKey) -> Fact | None:
        row = self._link.one(_BY_KEY, {"key": key.text})
        return None if row is None else fact_from(row)

    def grants_on(self, key: FactKey) -> tuple[Grant, ...]:
        """Every grant on the fact that is not final, oldest first."""
        return tuple(grant_from(row) for row in self._link.all(_GRANTS_ON, {"fact": key.text}))

    def attempts_on(self, key: FactKey, since: datetime) -> tuple[Attempt, ...]:
        """Every open attempt on the fact, and all with an intent at or after `since`; oldest first."""
        rows = self._link.all(_ATTEMPTS_ON, {"fact": key.text, "since": to_ms(since)})
        return tuple(attempt_from(row) for row in rows)

    def outstanding(self, scope: str) -> int:
        """How many operations of ours are in flight at an instance."""
        counted = self._link.one(_OTHERS, {"in_scope": scope, "but": ""})
        assert counted is not None
        return int(counted["n"])

    def places(self, since: datetime) -> frozenset[str]:
        """Through which kept connectors something is still to be reached: what is ours, what an open grant is on, and
        what was found gone at or after `since`."""
        lively = or_(
            facts.c.ours,
            facts.c.absent_at >= to_ms(since),
            facts.c.key.in_(select(grants.c.fact).where(OPEN_GRANTS)),
        )
        rows = self._link.all(select(facts.c.place).where(facts.c.place != "", lively).distinct())
        return frozenset(row["place"] for row in rows)

    def standing(self, keys: Iterable[FactKey]) -> dict[FactKey, Fact]:
        """What is known of these facts, unlocked; those never looked at are left out."""
        wanted = select(facts).where(facts.c.key.in_([key.text for key in keys]))
        return {fact.key: fact for fact in map(fact_from, self._link.all(wanted))}


class Facts(FactReads):
    """Changes of facts, inside one transaction. Lock first, then read grants, then write (architecture.md 2)."""

    def __init__(self, link: Link, audit: Callable[[Event], None], waited: Callable[[], None]) -> None:
        """`waited` is told after each lock: others may have held it for a while."""
        super().__init__(link)
        self._audit = audit
        self._waited = waited

    def lock(self, keys: Mapping[FactKey, str]) -> dict[FactKey, Fact]:
        """Lock these facts (key to organization) until the transaction ends, making those that never were.

        One statement makes them, one locks them in the order of their keys, so that two transactions cannot
        wait for each other. Grants must be read after this, never before. A fact that is not ours takes the
        organization it is asked under: the estate may have renamed it since.
        """
        if not keys:
            return {}
        new = [
            {**fact_row(Fact(key, organization)), "key": key.text, "scope": key.scope, "prior_state": "new"}
            | {"organization": organization}
            for key, organization in sorted(keys.items(), key=lambda item: item[0].text)
        ]
        insert = self._link.insert(facts).values(new)
        moved = or_(facts.c.organization != insert.excluded.organization, facts.c.place != "")
        resting = and_(~facts.c.ours, moved)
        self._link.run(
            insert.on_conflict_do_update(
                index_elements=["key"],
                set_={"organization": insert.excluded.organization, "place": ""},
                where=resting,
            )
        )
        wanted = select(facts).where(facts.c.key.in_([row["key"] for row in new]))
        return {fact.key: fact for fact in map(fact_from, self._lock(wanted))}

    def _lock(self, wanted: Select[Any]) -> Sequence[Row]:
        order = facts.c.key.collate("C") if self._link.postgresql else facts.c.key
        locked = self._link.all(wanted.order_by(order).with_for_update())
        self._waited()
        return locked

    def hold_of(self, organizations: Iterable[str], keys: Iterable[FactKey]) -> frozenset[FactKey]:
        """Lock every fact reached through these organizations' own connectors, and these facts; which they are."""
        there = and_(facts.c.organization.in_(list(organizations)), facts.c.place == "")
        wanted = select(facts.c.key).where(or_(there, facts.c.key.in_([key.text for key in keys])))
        return frozenset(FactKey.parse(row["key"]) for row in self._lock(wanted))

    def hold(self, key: FactKey) -> Fact:
        """Lock one fact that is known to exist. A missing one is a `Bug`: rows of facts are never removed."""
        row = self._link.one(_HOLD, {"key": key.text})
        self._waited()
        if row is None:
            raise Bug(f"the row of fact {key.text} is gone")
        return fact_from(row)

    def hold_all(self, key: FactKey, since: datetime) -> Held:
        """`hold`, then `grants_on` and `attempts_on`: all that is decided from, under the fact's lock."""
        of_fact = {"fact": key.text}
        locked, on_it, tried = self._link.several(
            (_HOLD, {"key": key.text}),
            (_GRANTS_ON, of_fact),
            (_ATTEMPTS_ON, {**of_fact, "since": to_ms(since)}),
        )
        self._waited()
        if not locked:
            raise Bug(f"the row of fact {key.text} is gone")
        return Held(fact_from(locked[0]), tuple(map(grant_from, on_it)), tuple(map(attempt_from, tried)))

    def apply(self, plan: Plan, lease: Lease) -> Fact:
        """Commit what was decided of one fact: the fact, each step of each grant, attempts, audit entries.

        The lease is given back when the plan rests, kept otherwise. The fact as it is now stored.
        Raises `LeaseLost` when the lease or the version is no longer this worker's: roll back, the decision is
        void. Raises `Conflict` when a grant was changed since it was read.
        """
        params = {
            **{f"new_{name}": value for name, value in fact_row(plan.fact).items()},
            "at_key": plan.fact.key.text,
            "at_version": plan.fact.version,
            "at_worker": lease.worker,
            "at_fence": lease.fence,
            "new_until": 0 if plan.next is Next.REST else to_ms(lease.until),
        }
        if self._link.run(_APPLY, params) != 1:
            raise LeaseLost(f"fact {plan.fact.key.text} is no longer held by {lease.worker}")
        self._move(plan.moves)
        for attempt in plan.attempts:
            self._put(attempt)
        for event in plan.events:
            self._audit(event)
        return replace(plan.fact, version=plan.fact.version + 1, fence=lease.fence)

    def _move(self, moves: Iterable[Grant]) -> None:
        steps: dict[str, int] = {}
        for grant in moves:
            version = grant.version + steps.get(grant.id, 0)
            save_grant(self._link, grant, version)
            steps[grant.id] = steps.get(grant.id, 0) + 1

    def _put(self, attempt: Attempt) -> None:
        self._link.run(_PUT, attempt_row(attempt))

    def record_outcome(self, attempt: Attempt) -> bool:
        """Keep what became known of an attempt, by its id, even when the fence was lost (may be repeated).

        An outcome that excludes a further effect is not overwritten. Whether anything was written.
        """
        row = {f"new_{name}": value for name, value in outcome_row(attempt).items()}
        return self._link.run(_OUTCOME, {**row, "at_id": attempt.id}) == 1

    def touch(self, keys: Iterable[FactKey], due_at: datetime) -> None:
        """Make these facts, which this transaction has locked, due at a moment: their grants changed."""
        for key in keys:
            self._link.run(_TOUCH, {"at_key": key.text, "new_due": to_ms(due_at)})

    def reserve_outstanding(self, scope: str, attempt_id: str, cap: int) -> bool:
        """Count this attempt, already stored, among the operations in flight at an instance, if there is room.

        False: `cap` others are in flight; the attempt no longer counts and must not be sent. Counted from rows,
        so a killed worker leaks nothing. Locks the instance's row: after facts, before audit heads.
        """
        lock_instance(self._link, scope)
        others = self._link.one(_OTHERS, {"in_scope": scope, "but": attempt_id})
        assert others is not None
        room = bool(others["n"] < cap)
        self._link.run(_INFLIGHT, {"at_id": attempt_id, "new_inflight": room})
        return room


LEASED_FACTS = Leased(
    facts,
    facts.c.key,
    select(facts.c.key)
    .where(
        facts.c.priority == bindparam("kind"),
        facts.c.due_at <= bindparam("now"),
        facts.c.lease_until <= bindparam("now"),
        bindparam("full", type_=Text).notlike("%|" + facts.c.scope + "|%"),
    )
    .order_by(facts.c.due_at)
    .limit(bindparam("room")),
)


def scopes_text(scopes: Iterable[str]) -> str:
    """Scopes as claims leave them out."""
    return "".join(f"|{scope}|" for scope in scopes)


def lock_instance(link: Link, scope: str) -> Row:
    """The row of one AWS instance, made when it is new, locked until the transaction ends."""
    insert = link.insert(instances).on_conflict_do_nothing()
    link.run(insert, {"scope": scope, "slots": "[]"})
    row = link.one(_INSTANCE, {"at_scope": scope})
    assert row is not None
    return row


def save_grant(link: Link, grant: Grant, version: int) -> None:
    """Store a grant as given if its stored version is `version`; the database refuses an illegal step (`Bug`)."""
    row = {f"new_{name}": value for name, value in grant_row(grant).items()}
    if link.run(_SAVE_GRANT, {**row, "at_id": grant.id, "at_version": version}) != 1:
        raise Conflict(f"grant {grant.id} was changed by somebody else")


def stepped(state: ColumnElement[str], prior: ColumnElement[str]) -> dict[str, object]:
    """State columns of an UPDATE: the state before is kept beside the new one, so that the step can be checked."""
    stays = state == bindparam("new_state")
    return {"prior_state": case((stays, prior), else_=state), "state": bindparam("new_state")}


_by_key = select(facts).where(facts.c.key == bindparam("key"))
_BY_KEY = Statement(_by_key)
_HOLD = Statement(_by_key.with_for_update())
_GRANTS_ON = Statement(
    select(grants)
    .where(grants.c.fact == bindparam("fact"), OPEN_GRANTS)
    .order_by(grants.c.made_at, grants.c.id)
)
_ATTEMPTS_ON = Statement(
    select(attempts)
    .where(
        attempts.c.fact == bindparam("fact"),
        or_(
            attempts.c.intent_at >= bindparam("since"),
            attempts.c.outcome.is_(None),
            attempts.c.outcome == "unknown",
        ),
    )
    .order_by(attempts.c.intent_at, attempts.c.id)
)
_APPLY = Statement(
    update(facts)
    .where(
        facts.c.key == bindparam("at_key"),
        facts.c.version == bindparam("at_version"),
        facts.c.lease_owner == bindparam("at_worker"),
        facts.c.fence == bindparam("at_fence"),
    )
    .values(
        **stepped(facts.c.state, facts.c.prior_state),
        **{
            name: bindparam(f"new_{name}")
            for name in (
                "ours",
                "handle",
                "due_at",
                "priority",
                "tries",
                "last_error",
                "read_at",
                "absent_at",
            )
        },
        lease_until=bindparam("new_until"),
        version=facts.c.version + 1,
    )
)
_KNOWN_LATER = ("op_ref", "inflight", "outcome", "finished_at", "detail", "refused")


def _put(insert: InsertMaker) -> ClauseElement:
    made = insert(attempts)
    return made.on_conflict_do_update(
        index_elements=["id"], set_={name: made.excluded[name] for name in _KNOWN_LATER}
    )


_PUT = Statement(_put)
_OUTCOME = Statement(
    update(attempts)
    .where(
        attempts.c.id == bindparam("at_id"),
        or_(attempts.c.outcome.is_(None), attempts.c.outcome == "unknown"),
    )
    .values({name: bindparam(f"new_{name}") for name in _KNOWN_LATER})
)
_TOUCH = Statement(
    update(facts)
    .where(facts.c.key == bindparam("at_key"))
    .values(due_at=bindparam("new_due"), version=facts.c.version + 1)
)
_OTHERS = Statement(
    select(func.count().label("n")).where(
        attempts.c.scope == bindparam("in_scope"), attempts.c.inflight, attempts.c.id != bindparam("but")
    )
)
_INFLIGHT = Statement(
    update(attempts).where(attempts.c.id == bindparam("at_id")).values(inflight=bindparam("new_inflight"))
)
_INSTANCE = Statement(select(instances).where(instances.c.scope == bindparam("at_scope")).with_for_update())
_SAVE_GRANT = Statement(
    update(grants)
    .where(grants.c.id == bindparam("at_id"), grants.c.version == bindparam("at_version"))
    .values(
        **stepped(grants.c.state, grants.c.prior_state),
        **{
            name: bindparam(f"new_{name}")
            for name in ("starts_at", "ends_at", "ended_at", "why", "ended_by", "covered_by")
        },
        version=grants.c.version + 1,
    )
)
