"""What every strategy must do, whatever kind of fact it makes: subclass `StrategySuite` and give it a `lab`.

    class TestMine(StrategySuite):
        @pytest.fixture
        def lab(self): return MyLab()

The lab puts the strategy in front of a service that can be made to fail; `gatepass.sim` is one. Each case names the
rule it stands for (security.md, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from gatepass.access.facts import FactKey, Reading
from gatepass.access.plans import Called, Polled
from gatepass.access.states import Verb
from gatepass.access.strategy import CallResult, Strategy
from gatepass.aws.errors import AwsError
from gatepass.clock import Clock


class StrategyLab(Protocol):
    """A strategy, two facts that are absent at first, the truth about them, and faults."""

    strategy: Strategy
    organization: str
    key: FactKey
    other: FactKey
    """Another fact that shares a list with `key`."""
    clock: Clock
    waits: bool
    """Whether the service accepts first and works afterwards."""

    def true(self, key: FactKey) -> bool:
        """Whether the service really holds the fact now."""
        ...

    def by_hand(self, key: FactKey, present: bool) -> None:
        """Somebody else makes or unmakes the fact."""
        ...

    def fail(self, call: str, fault: str, **how: object) -> None:
        """From now on calls of a kind (`grant`, `revoke`, `list`, `status`, `connect`) go wrong; `""`: every call."""
        ...

    def heal(self) -> None:
        """No more faults."""
        ...

    def calls(self) -> list[str]:
        """The names of all calls the service answered so far."""
        ...

    def vanish(self) -> None:
        """Take away what the fact lies in: the group, the permission set."""
        ...


class StrategySuite:
    """The cases. Needs nothing but the `lab` fixture."""

    def test_what_was_never_made_is_read_absent(self, lab: StrategyLab) -> None:
        assert not _read(lab).present

    def test_a_grant_makes_exactly_its_fact(self, lab: StrategyLab) -> None:
        _make(lab)
        assert lab.true(lab.key)
        assert not lab.true(lab.other)
        assert _read(lab).present
        assert not _read(lab, lab.other).present

    def test_granting_what_is_there_succeeds(self, lab: StrategyLab) -> None:
        _make(lab)
        _make(lab)
        assert lab.true(lab.key)

    def test_a_revoke_needs_nothing_that_only_a_grant_returned(self, lab: StrategyLab) -> None:
        lab.by_hand(lab.key, True)
        _unmake(lab, None)
        assert not lab.true(lab.key)

    def test_a_revoke_by_handle_takes_exactly_its_fact(self, lab: StrategyLab) -> None:
        _make(lab)
        lab.by_hand(lab.other, True)
        _unmake(lab, _read(lab).handle)
        assert not lab.true(lab.key)
        assert lab.true(lab.other)

    def test_revoking_what_is_gone_succeeds(self, lab: StrategyLab) -> None:
        _unmake(lab, None)
        _make(lab)
        handle = _read(lab).handle
        lab.by_hand(lab.key, False)
        _unmake(lab, handle)
        assert not lab.true(lab.key)

    def test_facts_of_one_list_share_the_read(self, lab: StrategyLab) -> None:
        lab.strategy.observe(lab.organization, [lab.key], lab.clock.now())
        before = len(lab.calls())
        _make(lab)
        made = len(lab.calls())
        lab.strategy.observe(lab.organization, [lab.key], lab.clock.now())
        one = len(lab.calls()) - made
        many = [lab.key, lab.other] * 3
        readings = lab.strategy.observe(lab.organization, many, lab.clock.now())
        assert {key: reading.present for key, reading in readings.items()} == {
            lab.key: True,
            lab.other: False,
        }
        assert len(lab.calls()) - made - one <= 2 * one
        assert made > before

    def test_at_most_one_call_changes_anything(self, lab: StrategyLab) -> None:
        _make(lab)
        before = len(lab.calls())
        lab.strategy.grant(lab.organization, lab.key)
        assert len(lab.calls()) == before + 1

    def test_a_lost_answer_is_lost_and_nothing_else(self, lab: StrategyLab) -> None:
        lab.fail("grant", "answer-lost")
        assert lab.strategy.grant(lab.organization, lab.key).called is Called.LOST
        lab.heal()
        lab.clock.sleep(60)
        assert lab.true(lab.key)
        lab.fail("revoke", "answer-lost")
        assert lab.strategy.revoke(lab.organization, lab.key, None).called is Called.LOST

    def test_no_connection_changed_nothing(self, lab: StrategyLab) -> None:
        lab.fail("grant", "request-lost")
        assert lab.strategy.grant(lab.organization, lab.key).called is Called.BUSY
        lab.clock.sleep(60)
        assert not lab.true(lab.key)

    def test_a_throttle_is_told_from_a_refusal(self, lab: StrategyLab) -> None:
        for fault, expected in (("throttle", Called.THROTTLED), ("deny", Called.REFUSED)):
            lab.fail("grant", fault)
            assert lab.strategy.grant(lab.organization, lab.key).called is expected
            lab.fail("revoke", fault)
            lab.by_hand(lab.key, True)
            assert lab.strategy.revoke(lab.organization, lab.key, None).called is expected
            lab.by_hand(lab.key, False)
        lab.heal()
        lab.clock.sleep(60)
        assert not lab.true(lab.key)

    def test_a_conflict_is_not_taken_for_done_unless_it_is_there(self, lab: StrategyLab) -> None:
        for fault_on, present in (("grant", False), ("revoke", True)):
            lab.by_hand(lab.key, present)
            lab.fail(fault_on, "conflict")
            act = lab.strategy.grant if fault_on == "grant" else _revoke(lab)
            assert act(lab.organization, lab.key).called is Called.BUSY, fault_on
            lab.clock.sleep(60)
            assert lab.true(lab.key) is present

    def test_an_answer_that_comes_late_is_an_answer(self, lab: StrategyLab) -> None:
        lab.fail("", "slow", seconds=5.0)
        _make(lab)
        assert _read(lab).present

    def test_an_error_on_the_other_side_may_have_been_applied(self, lab: StrategyLab) -> None:
        lab.fail("grant", "error", status=500)
        assert lab.strategy.grant(lab.organization, lab.key).called is Called.LOST

    def test_a_failed_reach_changes_nothing_and_is_no_absence(self, lab: StrategyLab) -> None:
        lab.fail("connect", "deny")
        result = lab.strategy.grant(lab.organization, lab.key)
        assert result.called in (Called.REFUSED, Called.BUSY), result
        _expect_error(lab)

    def test_every_page_is_read_or_none(self, lab: StrategyLab) -> None:
        for fault in ("short-page", "empty-page"):
            lab.by_hand(lab.key, True)
            lab.by_hand(lab.other, True)
            lab.fail("list", fault, calls=[1])
            readings = lab.strategy.observe(lab.organization, [lab.key, lab.other] * 3, lab.clock.now())
            assert all(reading.present for reading in readings.values()), fault
            lab.heal()

    def test_a_broken_read_is_an_error_and_no_absence(self, lab: StrategyLab) -> None:
        lab.by_hand(lab.key, True)
        for fault in ("throttle", "deny", "request-lost", "answer-lost"):
            lab.fail("list", fault)
            _expect_error(lab)

    def test_what_lies_in_something_that_vanished_is_absent(self, lab: StrategyLab) -> None:
        _make(lab)
        lab.vanish()
        assert not _read(lab).present

    def test_an_operation_that_failed_is_not_done(self, lab: StrategyLab) -> None:
        if not lab.waits:
            return
        lab.fail("grant", "fail", reason="role name taken")
        result = lab.strategy.grant(lab.organization, lab.key)
        lab.clock.sleep(60)
        assert result.op_ref is not None
        status = lab.strategy.poll(lab.organization, lab.key.scope, {result.op_ref: Verb.GRANT})[
            result.op_ref
        ]
        assert (status.polled, status.detail) == (Polled.FAILED, "role name taken")
        assert not lab.true(lab.key)

    def test_an_operation_nobody_knows_is_gone(self, lab: StrategyLab) -> None:
        name = "00000000-0000-4000-8000-000000000000"
        status = lab.strategy.poll(lab.organization, lab.key.scope, {name: Verb.GRANT})
        assert status[name].polled is Polled.GONE

    def test_many_operations_cost_fewer_calls_than_one_each(self, lab: StrategyLab) -> None:
        if not lab.waits:
            return
        lab.fail("grant", "never-ends")
        results = [lab.strategy.grant(lab.organization, key) for key in (lab.key, lab.other)]
        names = {str(result.op_ref): Verb.GRANT for result in results}
        lab.heal()
        before = len(lab.calls())
        statuses = lab.strategy.poll(lab.organization, lab.key.scope, names)
        assert {status.polled for status in statuses.values()} == {Polled.IN_PROGRESS}
        assert len(lab.calls()) - before <= len(names)


def _read(lab: StrategyLab, key: FactKey | None = None) -> Reading:
    wanted = key or lab.key
    return lab.strategy.observe(lab.organization, [wanted], lab.clock.now())[wanted]


def _expect_error(lab: StrategyLab) -> None:
    try:
        found = _read(lab)
    except AwsError:
        return
    raise AssertionError(f"a read that failed was taken for an answer: {found}")


def _revoke(lab: StrategyLab) -> Callable[[str, FactKey], CallResult]:
    return lambda organization, key: lab.strategy.revoke(organization, key, _read(lab, key).handle)


def _make(lab: StrategyLab) -> None:
    _finish(lab, lab.strategy.grant(lab.organization, lab.key), Verb.GRANT)


def _unmake(lab: StrategyLab, handle: str | None) -> None:
    _finish(lab, lab.strategy.revoke(lab.organization, lab.key, handle), Verb.REVOKE)


def _finish(lab: StrategyLab, result: CallResult, verb: Verb) -> None:
    """Until the service says that it is done; an accepted call is not yet."""
    if result.called is Called.DONE or (verb is Verb.REVOKE and result.called is Called.NOTHING):
        return
    assert result.called is Called.ACCEPTED, result
    assert result.op_ref is not None
    for _ in range(60):
        status = lab.strategy.poll(lab.organization, lab.key.scope, {result.op_ref: verb})[result.op_ref]
        if status.polled is Polled.SUCCEEDED:
            return
        assert status.polled is Polled.IN_PROGRESS, status
        lab.clock.sleep(timedelta(seconds=1).total_seconds())
    raise AssertionError("the operation never ended")
