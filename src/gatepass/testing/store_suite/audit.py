"""The audit chains: gap-free, in commit order, committed with what they say or not at all (I5, I6)."""

from __future__ import annotations

import random
from datetime import timedelta

from gatepass.access.chain import read_export, verify_chains
from gatepass.access.events import Event
from gatepass.testing.store_suite.lab import StoreLab, refused, together


def said(organization: str | None, detail: str = "x") -> Event:
    if organization is None:
        return Event("security", None, {"what": "test", "detail": detail})
    return Event("request.cancelled", organization, {"request": detail})


class AuditCases:
    """Cases of the chains."""

    def test_each_organization_and_the_installation_have_a_chain(self, lab: StoreLab) -> None:
        for organization in ("foo", "bar", None, "foo"):
            with lab.store.write() as tx:
                tx.audit(said(organization))
        with lab.store.read() as view:
            assert [(h.organization, h.seq) for h in view.entries.heads()] == [
                ("", 1),
                ("bar", 1),
                ("foo", 2),
            ]
            assert [e.seq for e in view.entries.entries("foo")] == [1, 2]
            assert [e.seq for e in view.entries.entries("foo", after=1)] == [2]
            assert [e.seq for e in view.entries.entries("foo", limit=1)] == [1]
            assert [e.said["kind"] for e in view.entries.entries(None)] == ["security"]

    def test_a_chain_is_searched_from_its_end(self, lab: StoreLab) -> None:
        with lab.store.write() as tx:
            for detail in ("r1", "r2", "100%", "r1"):
                tx.audit(said("foo", detail))
            tx.audit(said(None, "r1"))
        with lab.store.read() as view:
            find = view.entries.search
            assert [e.seq for e in find("foo")] == [4, 3, 2, 1]
            assert [e.seq for e in find("foo", holding="r1")] == [4, 1]
            assert [e.seq for e in find("foo", holding="r1", before=4)] == [1]
            assert [e.seq for e in find("foo", holding="0%")] == [3]
            assert [e.seq for e in find("foo", holding="_")] == []
            assert [e.seq for e in find("foo", kind="request.cancelled", limit=2)] == [4, 3]
            assert [e.seq for e in find(None, kind="security")] == [1]

    def test_an_entry_says_what_happened_and_hides_what_is_sensitive(self, lab: StoreLab) -> None:
        """security.md 15."""
        with lab.store.write() as tx:
            for reason in ("my secret reason", "my secret reason", "another"):
                tx.audit(Event("request.asked", "foo", {"request": "r1", "reason": reason}))
        with lab.store.read() as view:
            first, second, third = view.entries.entries("foo")
        assert "secret" not in first.body
        assert first.body == second.body != third.body
        assert first.said["fields"]["request"] == "r1"  # type: ignore[index]

    def test_an_entry_of_a_failed_transaction_leaves_no_gap(self, lab: StoreLab) -> None:
        with lab.store.write() as tx:
            tx.audit(said("foo"))
        with refused(ZeroDivisionError), lab.store.write() as tx:
            tx.audit(said("foo"))
            raise ZeroDivisionError
        with lab.store.write() as tx:
            tx.audit(said("foo"))
        with lab.store.read() as view:
            assert [e.seq for e in view.entries.entries("foo")] == [1, 2]

    def test_many_writers_with_failures_leave_whole_chains(self, lab: StoreLab) -> None:
        """Several organizations in one transaction too; nobody waits for another for ever."""

        def work(seed: int) -> None:
            chance = random.Random(seed)  # noqa: S311 - a seeded test
            for number in range(12):
                places = chance.sample(["foo", "bar", "baz", None], chance.randint(1, 3))
                fails = chance.random() < 0.3
                try:
                    with lab.store.write() as tx:
                        for place in places:
                            tx.audit(said(place, f"{seed}-{number}"))
                        if fails:
                            raise ZeroDivisionError
                except ZeroDivisionError:
                    assert fails

        together(*[lambda seed=seed: work(seed) for seed in range(6)])
        with lab.store.read() as view:
            heads = view.entries.heads()
            entries, unread = read_export(view.entries.export())
        chains, faults = verify_chains(entries)
        assert not unread
        assert not faults
        assert {head.organization: head.seq for head in heads} == {n: len(c) for n, c in chains.items()}

    def test_an_export_holds_the_chains_asked_for(self, lab: StoreLab) -> None:
        with lab.store.write() as tx:
            for organization in ("foo", "bar", None):
                tx.audit(said(organization))
        with lab.store.read() as view:
            for wanted, expected in ((None, ["", "bar", "foo"]), (["foo", None], ["", "foo"]), (["baz"], [])):
                entries, faults = read_export(view.entries.export(wanted))  # type: ignore[arg-type]
                assert [e.organization for e in entries] == expected
                assert not faults

    def test_time_in_a_chain_never_goes_back(self, lab: StoreLab) -> None:
        """architecture.md 8: the highest time ever committed is kept."""
        with lab.store.read() as view:
            assert view.entries.highest_time() is None
        with lab.store.write() as tx:
            tx.audit(said("foo"))
        lab.clock.advance(timedelta(seconds=5))
        with lab.store.write() as tx:
            tx.audit(said("bar"))
        with lab.store.read() as view:
            assert view.entries.highest_time() == lab.clock.now()

    def test_nothing_said_touches_no_chain(self, lab: StoreLab) -> None:
        with lab.store.write():
            pass
        with lab.store.read() as view:
            assert not view.entries.heads()
