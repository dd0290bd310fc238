"""Who works on what: each row that is due to one worker at a time, take-backs first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gatepass.access.facts import FactKey
from gatepass.access.states import FactState, RequestState
from gatepass.testing.store_suite.lab import (
    HOUR,
    LEASE,
    StoreLab,
    ask,
    claim,
    grant,
    key,
    resting,
    settle,
    together,
)


def due(lab: StoreLab, *keys: FactKey, at: timedelta = timedelta(0)) -> None:
    with lab.store.write() as tx:
        tx.facts.lock(dict.fromkeys(keys, "foo"))
        tx.facts.touch(keys, lab.clock.now() + at)


class ClaimCases:
    """Cases of claims."""

    def test_nothing_due_gives_nothing(self, lab: StoreLab) -> None:
        due(lab, key(), at=HOUR)
        settle(lab, key("rests"), FactState.ABSENT)
        assert lab.store.claim_due("w1", lab.clock.now(), 10, LEASE) == ()
        lab.clock.advance(HOUR)
        assert [c.fact.key for c in lab.store.claim_due("w1", lab.clock.now(), 10, LEASE)] == [key()]

    def test_take_backs_come_before_polls_before_grants(self, lab: StoreLab) -> None:
        """A flood of requests cannot delay a take-back (engine.md, Order of claims)."""
        settle(lab, key("back"), FactState.CREATING, ours=True)
        settle(lab, key("back"), FactState.PRESENT, ours=True)
        settle(lab, key("poll"), FactState.CREATING, ours=True)
        due(lab, *(key(f"wait{number}") for number in range(5)))
        lab.clock.advance(timedelta(seconds=1))
        due(lab, key("poll"))
        lab.clock.advance(timedelta(seconds=1))
        due(lab, key("back"))
        found = lab.store.claim_due("w1", lab.clock.now(), 3, LEASE)
        assert [c.fact.key for c in found] == [key("back"), key("poll"), key("wait0")]

    def test_what_waits_to_begin_where_there_is_no_room_is_left_out_and_take_backs_are_not(
        self, lab: StoreLab
    ) -> None:
        """It holds up nobody's at another instance, however many wait longer."""
        here, there = key().scope, key(instance="i2")
        settle(lab, key("back"), FactState.CREATING, ours=True)
        settle(lab, key("back"), FactState.PRESENT, ours=True)
        due(lab, key("back"), *(key(f"wait{number}") for number in range(5)))
        lab.clock.advance(timedelta(seconds=1))
        due(lab, there)
        found = lab.store.claim_due("w1", lab.clock.now(), 2, LEASE, full=[here, "another"])
        assert [c.fact.key for c in found] == [key("back"), there]
        assert lab.store.claim_due("w1", lab.clock.now(), 10, LEASE, full=[here, "another"]) == ()
        assert len(lab.store.claim_due("w1", lab.clock.now(), 10, LEASE, full=["another"])) == 5

    def test_a_claimed_fact_is_nobody_elses_until_the_lease_ends(self, lab: StoreLab) -> None:
        due(lab, key())
        first = claim(lab, "first")
        assert not lab.store.claim_due("second", lab.clock.now(), 10, LEASE)
        lab.clock.advance(LEASE)
        second = claim(lab, "second")
        assert second.lease.fence == first.lease.fence + 1
        assert not lab.store.renew(first, lab.clock.now() + LEASE)
        assert not lab.store.release(first)
        assert lab.store.renew(second, lab.clock.now() + 2 * LEASE)
        lab.clock.advance(LEASE)
        assert not lab.store.claim_due("third", lab.clock.now(), 10, LEASE)

    def test_the_leases_of_silent_workers_end_when_they_can_send_nothing_any_more(
        self, lab: StoreLab
    ) -> None:
        """Not those of others, and not while a call's time-outs still fit in."""
        call = LEASE - timedelta(seconds=4)
        due(lab, key("dead"), key("alive"))
        (dead,) = lab.store.claim_due("dead", lab.clock.now(), 1, LEASE)
        (alive,) = lab.store.claim_due("alive", lab.clock.now(), 1, LEASE)
        assert lab.store.end_leases({"dead"}, lab.clock.now(), call) == 0
        lab.clock.advance(LEASE - call)
        assert lab.store.end_leases({"dead", "never seen"}, lab.clock.now(), call) == 1
        taken = claim(lab, "second")
        assert taken.fact.key == dead.fact.key
        assert not lab.store.renew(dead, lab.clock.now() + LEASE)
        assert lab.store.renew(alive, lab.clock.now() + LEASE)

    def test_a_claimed_fact_is_not_given_along_with_another_one(self, lab: StoreLab) -> None:
        due(lab, key("first"))
        claim(lab, "first")
        due(lab, key("second"))
        assert claim(lab, "second").fact.key == key("second")

    def test_a_released_fact_is_due_when_it_was_or_when_it_is_said(self, lab: StoreLab) -> None:
        due(lab, key())
        assert lab.store.release(claim(lab))
        assert lab.store.release(claim(lab), lab.clock.now() + HOUR)
        assert not lab.store.claim_due("w1", lab.clock.now(), 10, LEASE)
        lab.clock.advance(HOUR)
        claim(lab)

    def test_many_workers_share_what_is_due_without_a_double(self, lab: StoreLab) -> None:
        keys = [key(f"u{number:02}") for number in range(40)]
        due(lab, *keys)
        got: list[FactKey] = []

        def work(worker: str) -> None:
            while True:
                claimed = lab.store.claim_due(worker, lab.clock.now(), 3, LEASE)
                got.extend(c.fact.key for c in claimed)
                with lab.store.read() as view:
                    if all(view.facts.get(k).fence for k in keys):  # type: ignore[union-attr]
                        return

        together(*[lambda n=n: work(f"w{n}") for n in range(4)])
        assert sorted(got) == sorted(keys)

    def test_workers_that_look_at_once_all_find_work(self, lab: StoreLab) -> None:
        """Nobody comes back empty, to sleep until the next poll, while there is more than the others took."""
        due(lab, *(key(f"u{number:02}") for number in range(20)))
        got: list[int] = []

        def work(worker: str) -> None:
            got.append(len(lab.store.claim_due(worker, lab.clock.now(), 4, LEASE)))

        together(*[lambda n=n: work(f"w{n}") for n in range(5)])
        assert got == [4] * 5

    def test_the_sweep_takes_ours_and_what_ended_lately(self, lab: StoreLab) -> None:
        """Live facts each 5 min, ended ones for 24 h (architecture.md 2, Sweep)."""
        start = lab.clock.now()
        settle(lab, key("ours"), FactState.CREATING, ours=True, read_at=start)
        settle(lab, key("ended"), FactState.ABSENT, absent_at=start, read_at=start)
        settle(lab, key("never ours"), FactState.ABSENT, read_at=start)
        settle(lab, key("long ago"), FactState.ABSENT, absent_at=start - timedelta(hours=24), read_at=start)
        assert not lab.store.claim_sweep("w1", lab.clock.now(), 10, LEASE)
        lab.clock.advance(timedelta(minutes=5))
        swept = lab.store.claim_sweep("w1", lab.clock.now(), 10, LEASE)
        assert {c.fact.key for c in swept} == {key("ours"), key("ended")}
        assert not lab.store.claim_sweep("w2", lab.clock.now(), 10, LEASE)
        with lab.store.write() as tx:
            for claimed in swept:
                fact = tx.facts.hold(claimed.fact.key)
                tx.facts.apply(resting(fact, fact.state, read_at=lab.clock.now()), claimed.lease)
        assert not lab.store.claim_sweep("w2", lab.clock.now(), 10, LEASE)

    def test_a_request_is_due_to_run_and_then_to_expire(self, lab: StoreLab) -> None:
        request = ask(lab)
        (running,) = lab.store.claim_requests("w1", lab.clock.now(), 10, LEASE)
        assert running.request == request
        expires = lab.clock.now() + HOUR
        with lab.store.write() as tx:
            tx.requests.save(replace(request, state=RequestState.PENDING, expires_at=expires))
        assert not lab.store.claim_requests("w1", lab.clock.now(), 10, LEASE)
        lab.clock.advance(HOUR)
        (unanswered,) = lab.store.claim_requests("w2", lab.clock.now(), 10, LEASE)
        with lab.store.write() as tx:
            tx.requests.save(replace(unanswered.request, state=RequestState.EXPIRED))
        lab.clock.advance(HOUR)
        assert not lab.store.claim_requests("w1", lab.clock.now(), 10, LEASE)

    def test_a_request_to_run_can_be_put_off(self, lab: StoreLab) -> None:
        ask(lab)
        (running,) = lab.store.claim_requests("w1", lab.clock.now(), 10, LEASE)
        assert lab.store.release(running, lab.clock.now() + HOUR)
        assert not lab.store.claim_requests("w1", lab.clock.now(), 10, LEASE)
        lab.clock.advance(HOUR)
        assert lab.store.claim_requests("w1", lab.clock.now(), 10, LEASE)

    def test_an_unanswered_extension_is_due_too(self, lab: StoreLab) -> None:
        request = ask(lab)
        approved = replace(request, state=RequestState.APPROVED)
        with lab.store.write() as tx:
            stored = tx.requests.save(approved)
            tx.requests.save(replace(stored, extension=HOUR, expires_at=lab.clock.now() + HOUR))
        lab.clock.advance(HOUR)
        assert lab.store.claim_requests("w1", lab.clock.now(), 10, LEASE)

    def test_the_backlog_is_counted_per_instance(self, lab: StoreLab) -> None:
        now = lab.clock.now()
        due(lab, key("a", "i1"), key("b", "i1"), key("c", "i2"))
        grant(lab, fact=key("d", "i2"))
        with lab.store.read() as view:
            backlogs = view.fleet.backlog(now)
        assert [(b.scope[-2:], b.grants, b.due, b.oldest_due_at) for b in backlogs] == [
            ("i1", 2, 2, now),
            ("i2", 2, 2, now),
        ]
