"""Properties of the settle decisions: random grants, ends, faults and lags against a small model of AWS.

The model's truth (`present`) is compared with the grants; the decisions see only answers and readings (I1, I2, I3,
I20).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepass.access import settle
from gatepass.access.decide import end
from gatepass.access.facts import Attempt, Fact, Reading, assignment
from gatepass.access.plans import Called, Limits, Next, Plan, Polled, Situation
from gatepass.access.requests import Grant
from gatepass.access.states import FactState, GrantState, Verb
from gatepass.access.work import REMOVED_OUTSIDE

KEY = assignment(
    "arn:aws:sso:::instance/ssoins-1", "333333333333", "arn:aws:sso:::permissionSet/ssoins-1/ps-1", "u-1"
)
SECOND = timedelta(seconds=1)
LIMITS = Limits()
BOUND = timedelta(seconds=60) + LIMITS.list_lag
"""What the model's faults cost at the most: a lost create may land until the list lag is over."""


@dataclass
class Sent:
    """A call on its way: applied at `lands`, or never."""

    verb: Verb
    lands: datetime | None
    op_ref: str


class Aws:
    """The truth, calls that land later, and lists that lag behind."""

    def __init__(self, rng: random.Random, *, standing: bool) -> None:
        self.rng = rng
        self.present = standing
        self.standing = standing
        self.changes: list[tuple[datetime, bool]] = [(datetime(2025, 1, 1, tzinfo=UTC), standing)]
        self.sent: list[Sent] = []
        self.deleted_standing = False
        self.deleted = False

    def pass_to(self, now: datetime) -> None:
        for call in sorted(
            (c for c in self.sent if c.lands and c.lands <= now), key=lambda c: c.lands or now
        ):
            self.sent.remove(call)
            self.deleted_standing |= call.verb is Verb.REVOKE and self.standing
            self.deleted |= call.verb is Verb.REVOKE
            self.present = call.verb is Verb.GRANT
            assert call.lands is not None
            self.changes.append((call.lands, self.present))

    def read(self, now: datetime) -> Reading:
        at = now - timedelta(seconds=self.rng.choice([0, 0, 0, 5, 60]))
        return Reading([state for moment, state in self.changes if moment <= at][-1], now)

    def call(self, verb: Verb, now: datetime, op_ref: str) -> Called:
        dice = self.rng.random()
        if dice < 0.15:
            return self.rng.choice([Called.BUSY, Called.THROTTLED, Called.UNSENT])
        if dice < 0.18 and verb is Verb.GRANT:
            return Called.REFUSED
        if dice < 0.30:
            lands = now + timedelta(seconds=self.rng.choice([0, 3, 50])) if self.rng.random() < 0.6 else None
            self.sent.append(Sent(verb, lands, op_ref))
            return Called.LOST
        self.sent.append(Sent(verb, now + timedelta(seconds=self.rng.choice([0, 1, 5])), op_ref))
        return Called.ACCEPTED

    def poll(self, op_ref: str, verb: Verb) -> Polled:
        running = [c for c in self.sent if c.op_ref == op_ref]
        return Polled.IN_PROGRESS if running else Polled.SUCCEEDED


class Story:
    """One history: rows, model, and the loop between them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.aws = Aws(self.rng, standing=self.rng.random() < 0.2)
        self.fact = Fact(KEY, "tenant_foo")
        self.grants: dict[str, Grant] = {}
        self.attempts: dict[str, Attempt] = {}
        self.count = 0
        self.uncovered_since: datetime | None = self.now

    def situation(self) -> Situation:
        self.count += 1
        return Situation(
            fact=self.fact,
            grants=tuple(g for g in self.grants.values() if not g.final),
            attempts=tuple(self.attempts.values()),
            now=self.now,
            worker="w",
            attempt_id=f"a{self.count}",
            jitter=self.rng.random(),
            limits=LIMITS,
        )

    def keep(self, plan: Plan) -> Plan:
        self.fact = plan.fact
        self.grants |= {g.id: g for g in plan.moves}
        self.attempts |= {a.id: a for a in plan.attempts}
        return plan

    def pass_time(self) -> None:
        self.aws.deleted = False
        self.aws.pass_to(self.now)
        covered = any(g.live(self.now) for g in self.grants.values())
        assert not (self.aws.deleted and covered), "I2: deleted under a live grant"

    def tick(self) -> None:
        for _ in range(30):
            if self.fact.due_at is None or self.fact.due_at > self.now:
                return
            self.step(self.keep(settle.due(self.situation())))
        raise AssertionError("the loop does not come to rest")

    def step(self, plan: Plan) -> None:
        attempt = plan.attempt
        match plan.next:
            case Next.READ:
                plan = self.keep(settle.read(self.situation(), self.aws.read(self.now)))
                if plan.next is Next.SEND:
                    self.step(plan)
            case Next.SEND:
                assert attempt is not None
                if self.rng.random() < 0.05:
                    return  # killed between intent and call
                result = self.aws.call(attempt.verb, self.now, attempt.id)
                if self.rng.random() < 0.05:
                    return  # killed between call and outcome
                self.pass_time()
                self.keep(settle.called(self.situation(), attempt.id, result, op_ref=attempt.id, detail="d"))
            case Next.POLL:
                assert attempt is not None
                status = self.aws.poll(attempt.op_ref or "", attempt.verb)
                self.keep(settle.polled(self.situation(), attempt.id, status))

    def act(self) -> None:
        dice = self.rng.random()
        if dice < 0.12 and len(self.grants) < 6:
            name = f"g{len(self.grants)}"
            length = timedelta(seconds=self.rng.choice([20, 150, 600]))
            self.grants[name] = Grant(
                name, name, "ana", "tenant_foo", KEY, length, self.now, self.now + timedelta(seconds=900)
            )
            self.fact = replace(self.fact, due_at=self.now)
        elif dice < 0.17 and any(
            not g.final and g.state is not GrantState.ENDING for g in self.grants.values()
        ):
            grant = self.rng.choice(
                [g for g in self.grants.values() if not g.final and g.state is not GrantState.ENDING]
            )
            self.grants[grant.id] = end(grant, why="admin", by="cleo", now=self.now)
            self.fact = replace(self.fact, due_at=self.now)

    def check(self) -> None:
        assert not self.aws.deleted_standing, "I3: standing access was deleted"
        covered = any(g.live(self.now) for g in self.grants.values())
        if covered or not self.aws.present or self.aws.standing:
            self.uncovered_since = None
        elif self.uncovered_since is None:
            self.uncovered_since = self.now
        else:
            assert self.now - self.uncovered_since <= BOUND, "I1: the fact outlives its grants"

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += SECOND
            self.pass_time()
            self.act()
            self.tick()
            self.check()

    def calm(self) -> None:
        """No new grants and time for everything to end (I20)."""
        for _ in range(200):
            self.now += timedelta(seconds=10)
            self.pass_time()
            self.tick()


@settings(max_examples=120)
@given(st.integers(min_value=0, max_value=2**32))
def test_nothing_outlives_its_grants_and_everything_converges(seed: int) -> None:
    story = Story(seed)
    story.run(400)
    story.calm()
    assert all(g.final for g in story.grants.values()), [g.state for g in story.grants.values()]
    assert story.aws.present is story.aws.standing
    assert story.fact.ours is False
    moved = [g for g in story.grants.values() if g.why == REMOVED_OUTSIDE]
    assert not moved, "nobody but gatepass changed anything"
    assert story.fact.state in (FactState.ABSENT, FactState.PRESENT)


@pytest.mark.long
def test_many_more_histories() -> None:
    for seed in range(20_000):
        story = Story(seed)
        story.run(400)
        story.calm()
        assert story.aws.present is story.aws.standing, seed
