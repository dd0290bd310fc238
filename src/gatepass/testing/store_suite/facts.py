"""Facts, grants and attempts: what is locked, read and committed together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gatepass.access.events import Event
from gatepass.access.facts import FactKey
from gatepass.access.states import FactState, GrantState, Outcome
from gatepass.errors import Bug, Conflict
from gatepass.store import LeaseLost
from gatepass.testing.store_suite.lab import (
    HOUR,
    LEASE,
    StoreLab,
    Work,
    attempt,
    claim,
    grant,
    granting,
    key,
    refused,
    resting,
    sending,
    settle,
    together,
)


class FactCases:
    """Cases of facts."""

    def test_locking_makes_facts_that_never_were(self, lab: StoreLab) -> None:
        keys = {key("b"): "foo", key("a"): "foo"}
        with lab.store.write() as tx:
            made = tx.facts.lock(keys)
        with lab.store.write() as tx:
            again = tx.facts.lock(keys)
        assert made == again
        assert {fact.state for fact in made.values()} == {FactState.ABSENT}
        assert list(made) == [key("a"), key("b")]

    def test_a_fact_at_rest_follows_a_renamed_organization_and_one_of_ours_does_not(
        self, lab: StoreLab
    ) -> None:
        settle(lab, key("ours"), FactState.CREATING, ours=True)
        with lab.store.write() as tx:
            tx.facts.lock({key("rest"): "foo"})
        with lab.store.write() as tx:
            facts = tx.facts.lock({key("rest"): "new-name", key("ours"): "new-name"})
        assert {facts[key("rest")].organization, facts[key("ours")].organization} == {"new-name", "foo"}
        assert facts[key("ours")].organization == "foo"

    def test_grants_on_a_fact_are_those_that_are_not_final(self, lab: StoreLab) -> None:
        over, kept = grant(lab, "over"), grant(lab, "kept")
        with lab.store.write() as tx:
            tx.facts.hold(key())
            tx.requests.move_grant(
                replace(over, state=GrantState.ENDED, ended_at=lab.clock.now(), why="leaver")
            )
        with lab.store.read() as view:
            assert view.facts.grants_on(key()) == (kept,)

    def test_attempts_are_the_open_ones_of_any_age_and_all_of_late(self, lab: StoreLab) -> None:
        settle(lab, key(), FactState.ABSENT)
        for number, outcome in enumerate((None, Outcome.UNKNOWN, Outcome.DONE, Outcome.NOT_DONE)):
            self._put(lab, replace(attempt(lab, f"old{number}"), outcome=outcome))
        lab.clock.advance(timedelta(days=2))
        since = lab.clock.now()
        self._put(lab, replace(attempt(lab, "new"), outcome=Outcome.DONE))
        with lab.store.read() as view:
            found = [a.id for a in view.facts.attempts_on(key(), since)]
        assert found == ["old0", "old1", "new"]

    def _put(self, lab: StoreLab, made: object) -> None:
        with lab.store.write() as tx:
            tx.facts.touch([key()], lab.clock.now())
        claimed = claim(lab)
        with lab.store.write() as tx:
            plan = resting(tx.facts.hold(key()), FactState.ABSENT, due_at=None)
            tx.facts.apply(replace(plan, attempts=(made,)), claimed.lease)  # type: ignore[arg-type]

    def test_a_plan_is_stored_whole(self, lab: StoreLab) -> None:
        waiting = grant(lab)
        claimed = claim(lab)
        first, second = granting(waiting, lab), replace(granting(waiting, lab), state=GrantState.ACTIVE)
        said = Event("fact.present", "foo", {"fact": key().text, "ours": True})
        with lab.store.write() as tx:
            plan = sending(lab, tx.facts.hold(key()), [first, second])
            stored = tx.facts.apply(replace(plan, events=(said,)), claimed.lease)
        assert (stored.state, stored.ours, stored.version) == (
            FactState.CREATING,
            True,
            plan.fact.version + 1,
        )
        with lab.store.read() as view:
            assert view.facts.get(key()) == stored
            (kept,) = view.facts.grants_on(key())
            assert kept == replace(second, version=2)
            assert [a.id for a in view.facts.attempts_on(key(), lab.clock.now())] == ["a1"]
            assert [e.said["kind"] for e in view.entries.entries("foo")] == ["fact.present"]

    def test_a_plan_that_rests_gives_the_lease_back_and_another_keeps_it(self, lab: StoreLab) -> None:
        grant(lab)
        claimed = claim(lab)
        with lab.store.write() as tx:
            tx.facts.apply(sending(lab, tx.facts.hold(key())), claimed.lease)
        assert not lab.store.claim_due("w2", lab.clock.now(), 10, LEASE)
        with lab.store.write() as tx:
            plan = resting(tx.facts.hold(key()), FactState.CREATING)
            tx.facts.apply(plan, claimed.lease)
        assert lab.store.claim_due("w2", lab.clock.now(), 10, LEASE)

    def test_a_lost_fence_voids_the_decision_and_keeps_the_outcome(self, lab: StoreLab) -> None:
        """engine.md, Claim, act, finish 4."""
        waiting = grant(lab)
        paused = claim(lab, "paused")
        with lab.store.write() as tx:
            tx.facts.apply(sending(lab, tx.facts.hold(key())), paused.lease)
        lab.clock.advance(LEASE)
        claim(lab, "other")
        done = replace(attempt(lab), outcome=Outcome.DONE, op_ref="op", inflight=False)
        with refused(LeaseLost), lab.store.write() as tx:
            plan = replace(
                sending(lab, tx.facts.hold(key()), [granting(waiting, lab)], "a2"), events=(self._said(),)
            )
            tx.facts.apply(plan, paused.lease)
        with lab.store.write() as tx:
            assert tx.facts.record_outcome(done)
        with lab.store.read() as view:
            (kept,) = view.facts.attempts_on(key(), lab.clock.now() - timedelta(days=1))
            assert (kept.id, kept.outcome, kept.op_ref, kept.inflight) == ("a1", Outcome.DONE, "op", False)
            assert [g.state for g in view.facts.grants_on(key())] == [GrantState.WAITING]
            assert not view.entries.entries("foo")

    def test_a_worker_that_claims_anew_does_not_revive_its_old_lease(self, lab: StoreLab) -> None:
        """The fence tells two leases of one worker apart (security.md 10)."""
        grant(lab)
        old = claim(lab, "w1")
        lab.clock.advance(LEASE)
        new = claim(lab, "w1")
        with refused(LeaseLost), lab.store.write() as tx:
            tx.facts.apply(sending(lab, tx.facts.hold(key())), old.lease)
        with lab.store.write() as tx:
            tx.facts.apply(sending(lab, tx.facts.hold(key())), new.lease)

    def _said(self) -> Event:
        return Event("fact.present", "foo", {"fact": key().text, "ours": True})

    def test_an_outcome_that_is_known_stays(self, lab: StoreLab) -> None:
        settle(lab, key(), FactState.ABSENT)
        made = attempt(lab)
        self._put(lab, made)
        with lab.store.write() as tx:
            assert tx.facts.record_outcome(replace(made, outcome=Outcome.UNKNOWN))
            assert tx.facts.record_outcome(replace(made, outcome=Outcome.DONE))
            assert not tx.facts.record_outcome(replace(made, outcome=Outcome.NOT_DONE))
            assert not tx.facts.record_outcome(replace(made, id="never made"))

    def test_a_fact_changed_since_it_was_read_voids_the_decision(self, lab: StoreLab) -> None:
        grant(lab)
        claimed = claim(lab)
        with lab.store.write() as tx:
            tx.facts.touch([key()], lab.clock.now())
        with refused(LeaseLost), lab.store.write() as tx:
            tx.facts.apply(sending(lab, claimed.fact), claimed.lease)

    def test_a_grant_changed_since_it_was_read_is_a_conflict(self, lab: StoreLab) -> None:
        waiting = grant(lab)
        with lab.store.write() as tx:
            tx.facts.hold(key())
            tx.requests.move_grant(granting(waiting, lab))
        with refused(Conflict), lab.store.write() as tx:
            tx.requests.move_grant(granting(waiting, lab))

    def test_what_a_failed_transaction_did_is_gone(self, lab: StoreLab) -> None:
        with refused(ZeroDivisionError), lab.store.write() as tx:
            tx.facts.lock({key(): "foo"})
            tx.audit(self._said())
            raise ZeroDivisionError
        with lab.store.read() as view:
            assert view.facts.get(key()) is None
            assert not view.entries.heads()

    def test_a_fact_that_is_held_must_exist(self, lab: StoreLab) -> None:
        with refused(Bug), lab.store.write() as tx:
            tx.facts.hold(key())

    def test_what_is_held_is_what_the_single_questions_answer(self, lab: StoreLab) -> None:
        grant(lab)
        claimed = claim(lab)
        with lab.store.write() as tx:
            tx.facts.apply(sending(lab, tx.facts.hold(key())), claimed.lease)
        long_ago = lab.clock.now() - timedelta(days=1)
        with lab.store.write() as tx:
            held = tx.facts.hold_all(key(), long_ago)
            assert held.fact == tx.facts.hold(key())
            assert held.grants == tx.facts.grants_on(key()) != ()
            assert held.attempts == tx.facts.attempts_on(key(), long_ago) != ()
        with refused(Bug), lab.store.write() as tx:
            tx.facts.hold_all(key("never"), long_ago)

    def test_operations_in_flight_never_pass_the_cap(self, lab: StoreLab) -> None:
        """Counted per instance, from rows (engine.md, Limiter)."""
        answers: list[bool] = []
        users = [f"u{number}" for number in range(8)]
        for user in users:
            grant(lab, user, fact=key(user))
        claims = {c.fact.key: c for c in lab.store.claim_due("w1", lab.clock.now(), 10, LEASE)}

        def send(user: str) -> None:
            on = key(user)
            with lab.store.write() as tx:
                tx.facts.apply(sending(lab, tx.facts.hold(on), (), user), claims[on].lease)
                answers.append(tx.facts.reserve_outstanding(on.scope, user, 3))

        together(*[lambda user=user: send(user) for user in users])
        assert sorted(answers) == [False] * 5 + [True] * 3
        with lab.store.read() as view:
            (backlog,) = view.fleet.backlog(lab.clock.now())
            assert view.facts.outstanding(key().scope) == 3
            assert view.facts.outstanding("another") == 0
        assert backlog.inflight == 3

    def test_two_grants_that_end_at_once_leave_one_to_take_back(self, lab: StoreLab) -> None:
        """Both decide under the fact's lock: exactly one of them sees itself as the last (I1, I2)."""
        for turn in range(5):
            on = key(f"user{turn}")
            both = [grant(lab, f"{turn}-{side}", fact=on) for side in "ab"]
            last: list[str] = []

            def end(grant_id: str, on: FactKey = on, last: list[str] = last) -> None:
                with lab.store.write() as tx:
                    tx.facts.hold(on)
                    live = {g.id: g for g in tx.facts.grants_on(on)}
                    mine = live.pop(grant_id)
                    ended = replace(mine, state=GrantState.ENDED, ended_at=lab.clock.now(), why="requester")
                    tx.requests.move_grant(ended)
                    if not live:
                        last.append(grant_id)

            together(*[lambda one=one: end(one.id) for one in both])
            assert len(last) == 1

    def test_locks_taken_in_any_order_never_wait_for_each_other(self, lab: StoreLab) -> None:
        """Both want the middle one, which is held; were each to hold its first already, they would wait for ever."""
        first, middle, last = keys = [key("a"), key("m"), key("z")]
        with lab.store.write() as tx:
            tx.facts.lock(dict.fromkeys(keys, "foo"))

        def take(*order: FactKey) -> None:
            with lab.store.write() as tx:
                tx.facts.lock(dict.fromkeys(order, "foo"))

        threads = [Work(lambda: take(first, middle, last)), Work(lambda: take(last, middle, first))]
        with lab.store.write() as tx:
            tx.facts.hold(middle)
            for thread in threads:
                thread.start()
                thread.join(0.1)  # until it waits
        for thread in threads:
            thread.finish()

    def test_time_is_looked_at_again_after_a_lock(self, lab: StoreLab) -> None:
        """Others may have held it for a while; what has ended meanwhile is over (I11)."""
        grant(lab)
        with lab.store.write() as tx:
            for lock in (lambda: tx.facts.lock({key(): "foo"}), lambda: tx.requests.lock("request-of-g1")):
                lab.clock.advance(HOUR)
                lock()
                assert tx.now == lab.clock.now()

    def test_what_is_known_of_facts_is_told_without_locking_them(self, lab: StoreLab) -> None:
        grant(lab)
        with lab.store.read() as view:
            assert set(view.facts.standing([key(), key("never")])) == {key()}
