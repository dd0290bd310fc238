"""People, tokens, sessions, identities, estates, accounts and offers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gatepass.access.states import FactState
from gatepass.errors import Conflict
from gatepass.store import EstateVersion, KnownAccount, Token, Tombstone, WebSession
from gatepass.testing.store_suite.lab import HOUR, StoreLab, Work, grant, key, refused, settle


def token(lab: StoreLab, number: str = "t1", person: str = "p1") -> Token:
    now = lab.clock.now()
    scopes = frozenset({"ask", "decide"})
    return Token(number, f"hash-{number}", person, scopes, "laptop", "p1", now, now + HOUR)


def session(lab: StoreLab, session_hash: str = "s1") -> WebSession:
    now = lab.clock.now()
    return WebSession(session_hash, "p1", "csrf", now, now, now + HOUR)


def _kept(organization: str, lab: StoreLab) -> Tombstone:
    instance = f"arn:aws:sso:::instance/ssoins-{organization}"
    return Tombstone(instance, organization, {"role_arn": "r"}, 1, lab.clock.now())


class PeopleCases:
    """Cases of people and of what the estate knows."""

    def test_a_leaver_has_no_token_and_no_session(self, lab: StoreLab) -> None:
        """I13: dead with the commit that disables."""
        with lab.store.write() as tx:
            tx.people.issue(token(lab))
            tx.people.issue(token(lab, "t2", "p2"))
            tx.people.open_session(session(lab))
        with lab.store.write() as tx:
            assert tx.people.disable("p1", by="admin", why="left")
            assert not tx.people.disable("p1", by="admin", why="left again")
        with lab.store.read() as view:
            assert view.people.disabled("p1")
            assert not view.people.disabled("p2")
            assert view.people.session("s1") is None
            assert not view.people.token("hash-t1").good(lab.clock.now())  # type: ignore[union-attr]
            assert view.people.token("hash-t2").good(lab.clock.now())  # type: ignore[union-attr]
            (leaver,) = view.people.leavers(unswept=True)
            assert (leaver.person, leaver.why) == ("p1", "left")
        with lab.store.write() as tx:
            tx.people.swept("p1")
            assert not tx.people.leavers(unswept=True)
            assert len(tx.people.leavers()) == 1
            assert tx.people.enable("p1", by="admin")
            assert not tx.people.enable("p1", by="admin")
            assert not tx.people.leavers()
        with lab.store.write() as tx:
            assert tx.people.disable("p1", by="admin", why="left for good")
            assert len(tx.people.leavers(unswept=True)) == 1

    def test_a_token_is_good_until_it_ends_or_is_revoked(self, lab: StoreLab) -> None:
        issued = token(lab)
        with lab.store.write() as tx:
            tx.people.issue(issued)
        with lab.store.read() as view:
            assert view.people.token("hash-t1") == issued
            assert view.people.token("another") is None
        assert not issued.good(lab.clock.now() + HOUR)
        with lab.store.write() as tx:
            assert tx.people.revoke("t1", by="p1")
            assert not tx.people.revoke("t1", by="p1")
            assert not tx.people.revoke("t9", by="p1")
            (revoked,) = tx.people.tokens("p1")
        assert not revoked.good(lab.clock.now())
        with lab.store.read() as view:
            kinds = [e.said["kind"] for e in view.entries.entries(None)]
        assert kinds == ["token.issued", "token.revoked"]

    def test_a_session_ends_by_age_by_idleness_and_by_logout(self, lab: StoreLab) -> None:
        opened, idle = session(lab), timedelta(minutes=10)
        with lab.store.write() as tx:
            tx.people.open_session(opened)
            with refused(Conflict):
                tx.people.open_session(opened)
        lab.clock.advance(timedelta(minutes=9))
        with lab.store.write() as tx:
            tx.people.see_session("s1")
            seen = tx.people.session("s1")
        assert seen == replace(opened, seen_at=lab.clock.now())
        assert seen.good(lab.clock.now() + timedelta(minutes=9), idle)
        assert not seen.good(lab.clock.now() + idle, idle)
        assert not seen.good(opened.expires_at, timedelta(days=1))
        with lab.store.write() as tx:
            assert tx.people.end_session("s1")
            assert not tx.people.end_session("s1")

    def test_a_stored_identity_stays_until_an_operator_changes_it(self, lab: StoreLab) -> None:
        """Never found anew by e-mail: addresses are reused (architecture.md 6)."""
        with lab.store.write() as tx:
            first = tx.people.store_identity("p1", "aws_identity_store", "d-1", "u1", "discovery")
            assert tx.people.store_identity("p1", "aws_identity_store", "d-1", "u2", "discovery") == first
            tx.people.fail_identity("p1", "aws_identity_store", "d-1", "deleted")
            failed = tx.people.store_identity("p1", "aws_identity_store", "d-1", "u2", "discovery")
            assert (failed.identity, failed.why, failed.failed_at) == ("u1", "deleted", lab.clock.now())
            tx.people.replace_identity("p1", "aws_identity_store", "d-1", "u3", "admin")
            named = tx.people.identity("p1", "aws_identity_store", "d-1")
            assert named is not None
            assert (named.identity, named.by, named.failed_at) == ("u3", "admin", None)
            assert tx.people.identity("p1", "aws_identity_store", "d-2") is None
            assert tx.people.identities() == tx.people.identities("p1") == (named,)
            assert not tx.people.identities("p2")

    def test_estates_are_numbered_without_a_gap(self, lab: StoreLab) -> None:
        """One numbered version or nothing (I18)."""
        first = EstateVersion(1, "digest", b"\x00source", lab.clock.now(), "p1")
        with lab.store.write() as tx:
            assert tx.estates.current() is None
            assert tx.estates.current_number() == 0
            tx.estates.apply(first)
        for number in (1, 3):
            with refused(Conflict), lab.store.write() as tx:
                tx.estates.apply(replace(first, number=number))
        with lab.store.write() as tx:
            tx.estates.apply(replace(first, number=2, digest="other"))
        with lab.store.read() as view:
            assert view.estates.version(1) == first
            assert view.estates.current_number() == 2
            assert view.estates.current() == replace(first, number=2, digest="other")

    def test_nothing_begins_while_an_estate_is_applied(self, lab: StoreLab) -> None:
        """I18: who begins access and who takes its target away see each other, in either order."""
        done: list[str] = []

        def apply() -> None:
            with lab.store.write() as tx:
                tx.estates.hold()
                done.append("applied")

        def begin() -> None:
            with lab.store.write() as tx:
                tx.estates.stay()
                done.append("begun")

        for first, second in ((begin, apply), (apply, begin)):
            done.clear()
            waits = Work(second)
            with lab.store.write() as tx:
                (tx.estates.hold if first is apply else tx.estates.stay)()
                waits.start()
                waits.join(0.1)  # until it waits
                assert not done
            waits.finish()
            assert len(done) == 1

    def test_a_connector_is_kept_until_the_last_fact_is_gone(self, lab: StoreLab) -> None:
        day, kept = timedelta(hours=24), _kept("foo", lab)
        settle(lab, key(), FactState.CREATING, ours=True)
        with lab.store.write() as tx:
            tx.estates.bury(kept)
            tx.estates.bury(_kept("bar", lab))
        with lab.store.write() as tx:
            assert tx.estates.clear_tombstones(day) == (_kept("bar", lab).instance,)
            assert tx.estates.tombstones() == (kept,)
        settle(lab, key(), FactState.ABSENT, ours=False)
        with lab.store.write() as tx:
            assert tx.estates.clear_tombstones(day) == (kept.instance,)

    def test_a_connector_is_kept_while_the_sweep_still_reads_what_ended(self, lab: StoreLab) -> None:
        day = timedelta(hours=24)
        settle(lab, key(), FactState.CREATING, ours=True)
        with lab.store.write() as tx:
            tx.estates.bury(_kept("foo", lab))
        settle(lab, key(), FactState.ABSENT, ours=False, absent_at=lab.clock.now())
        for passed, gone in ((day, False), (timedelta(seconds=1), True)):
            lab.clock.advance(passed)
            with lab.store.write() as tx:
                assert bool(tx.estates.clear_tombstones(day)) is gone

    def test_every_instance_an_organization_had_is_kept(self, lab: StoreLab) -> None:
        """Moved twice: what began under the first is reached through the first, what began later through the second."""
        first, second = (
            _kept("foo", lab),
            replace(_kept("foo", lab), instance="arn:aws:sso:::instance/ssoins-2"),
        )
        settle(lab, key(), FactState.CREATING, ours=True)
        with lab.store.write() as tx:
            tx.estates.bury(first)
        settle(lab, key("u2"), FactState.CREATING, ours=True)
        with lab.store.write() as tx:
            tx.estates.bury(second)
            assert tx.estates.clear_tombstones(timedelta(hours=24)) == ()
            facts = [tx.facts.get(key()), tx.facts.get(key("u2"))]
        assert [fact.through for fact in facts if fact] == [first.place, second.place]

    def test_what_rests_is_reached_through_the_organization_it_is_asked_under_again(
        self, lab: StoreLab
    ) -> None:
        settle(lab, key(), FactState.ABSENT, ours=False)
        with lab.store.write() as tx:
            tx.estates.bury(_kept("foo", lab))
        with lab.store.write() as tx:
            fact = tx.facts.lock({key(): "foo"})[key()]
        assert fact.through == "foo"

    def test_a_waiting_grant_keeps_the_connector_too(self, lab: StoreLab) -> None:
        grant(lab)
        with lab.store.write() as tx:
            tx.estates.bury(_kept("foo", lab))
            assert tx.estates.clear_tombstones(timedelta(0)) == ()

    def test_accounts_are_those_of_the_last_read_of_one_organization(self, lab: StoreLab) -> None:
        a = KnownAccount("000000000001", "a", "a@example.com", "root/x", {"env": "prod"})
        with lab.store.write() as tx:
            tx.estates.replace_accounts("foo", [a, KnownAccount("000000000002", "b")])
            tx.estates.replace_accounts("bar", [KnownAccount("000000000003", "c")])
            tx.estates.replace_accounts("foo", [a])
        with lab.store.read() as view:
            assert view.estates.accounts("foo") == (replace(a, seen_at=lab.clock.now()),)
            assert [x.id for x in view.estates.accounts("bar")] == ["000000000003"]
            assert view.estates.accounts("baz") == ()

    def test_offers_are_the_last_ones_to_this_person(self, lab: StoreLab) -> None:
        """I10: a submitted value must be among them."""
        with lab.store.write() as tx:
            tx.estates.offer("p1", "flow", "cluster", {"old": "Old", "a": "A"})
            tx.estates.offer("p1", "flow", "cluster", {"a": "A", "b": "B"})
            tx.estates.offer("p2", "flow", "cluster", {"c": "C"})
        with lab.store.read() as view:
            offered = view.estates.offered("p1", "flow", "cluster")
            assert offered is not None
            assert (offered.values, offered.at) == ({"a": "A", "b": "B"}, lab.clock.now())
            assert view.estates.offered("p3", "flow", "cluster") is None

    def test_what_serves_nobody_any_more_is_forgotten(self, lab: StoreLab) -> None:
        with lab.store.write() as tx:
            tx.people.open_session(session(lab))
            tx.estates.offer("p1", "flow", "cluster", {"a": "A"})
            tx.once.keep("p1", "POST /r", "k", "hash", "r1")
        lab.store.tidy()
        with lab.store.read() as view:
            assert view.people.session("s1")
            assert view.estates.offered("p1", "flow", "cluster")
        lab.clock.advance(timedelta(hours=24))
        lab.store.tidy()
        with lab.store.read() as view:
            assert view.people.session("s1") is None
            assert view.estates.offered("p1", "flow", "cluster") is None

    def test_workers_are_known_by_their_beats(self, lab: StoreLab) -> None:
        start = lab.clock.now()
        with lab.store.write() as tx:
            tx.fleet.beat("w1", "1.0", start)
            tx.fleet.beat("w2", "1.0", start)
            tx.fleet.beat("w1", "1.0", start + HOUR)
            tx.fleet.leave("w2")
        with lab.store.read() as view:
            (worker,) = view.fleet.workers()
        assert (worker.id, worker.started_at, worker.beat_at) == ("w1", start, start + HOUR)
