"""From a target and a person to facts in AWS's names: who somebody is there (issue 2, P6 identity)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.conformance.strategy_labs import FOO_ADMIN, FOO_INSTANCE, FOO_STORE, door_to, world

from gatepass.access.facts import assignment, membership
from gatepass.aws import errors
from gatepass.estate.model import Person
from gatepass.sim.hand import Hand
from gatepass.strategies.claims import Finder, NotFound
from gatepass.testing.clock import VirtualClock

ANA = Person("ana", "Ana@Host.Example", frozenset({"ana@host.example"}), "Ana")
ADMIN = {"permission_set_name": "AdministratorAccess", "account_id": "333333333333"}


class Bench:
    def __init__(self) -> None:
        self.clock = clock = VirtualClock()
        self.sim = world(clock)
        self.finder = Finder(door_to(self.sim, clock), clock.now)
        people = self.sim.world.stores[FOO_STORE].users.values()
        self.ana = next(each.id for each in people if each.user_name.startswith("ana"))

    def calls(self) -> list[str]:
        return [record.operation for record in self.sim.calls if record.service != "sts"]


def test_a_permission_set_by_name_becomes_an_exact_fact() -> None:
    bench = Bench()
    found = bench.finder.find("tenant_foo", "aws_sso_permission_set", ADMIN, ANA, None)
    (claim,) = found.claims
    assert claim.fact == assignment(FOO_INSTANCE, "333333333333", FOO_ADMIN, bench.ana)
    assert claim.session == timedelta(hours=1)
    assert found.discovered


def test_a_group_by_name_becomes_an_exact_fact() -> None:
    bench = Bench()
    found = bench.finder.find("tenant_foo", "aws_sso_group", {"group_name": "Auditors"}, ANA, None)
    group = next(iter(bench.sim.world.stores[FOO_STORE].groups))
    assert found.claims[0].fact == membership(FOO_STORE, group, bench.ana)


def test_a_stored_identity_is_used_as_it_is() -> None:
    bench = Bench()
    other = Hand(bench.sim).add_user(FOO_STORE, "someone", "someone@host.example")
    found = bench.finder.find("tenant_foo", "aws_sso_permission_set", ADMIN, ANA, other)
    assert (found.user_id, found.discovered) == (other, False)
    assert "GetUserId" not in bench.calls()


def test_a_stored_identity_that_fails_is_never_looked_for_again() -> None:
    """Addresses are reused: whoever has the address now may be somebody else (architecture.md 6)."""
    bench = Bench()
    stored = bench.ana
    Hand(bench.sim).delete_user(FOO_STORE, "ana@host.example")
    Hand(bench.sim).add_user(FOO_STORE, "ana@host.example", "ana@host.example")
    with pytest.raises(NotFound) as lost:
        bench.finder.find("tenant_foo", "aws_sso_permission_set", ADMIN, ANA, stored)
    assert "operator" in str(lost.value)
    assert "GetUserId" not in bench.calls()


def test_somebody_who_is_not_there_is_told_where_and_under_what() -> None:
    zoe = Person("zoe", "zoe@host.example", frozenset({"zoe@host.example"}), "Zoe")
    with pytest.raises(NotFound) as lost:
        Bench().finder.find("tenant_foo", "aws_sso_permission_set", ADMIN, zoe, None)
    assert "zoe@host.example" in str(lost.value)
    assert "tenant_foo" in str(lost.value)


def test_two_users_who_answer_to_one_person_are_refused() -> None:
    bench = Bench()
    Hand(bench.sim).add_user(FOO_STORE, "ana.second", "ana.second@host.example")
    twice = Person("ana", ANA.email, frozenset({"ana@host.example", "ana.second@host.example"}), "Ana")
    with pytest.raises(errors.Ambiguous):
        bench.finder.find("tenant_foo", "aws_sso_permission_set", ADMIN, twice, None)


def test_permission_sets_are_asked_for_once() -> None:
    bench = Bench()
    for _ in range(3):
        bench.finder.find("tenant_foo", "aws_sso_permission_set", ADMIN, ANA, bench.ana)
    assert bench.calls().count("ListPermissionSets") == 1


def test_somebody_who_asks_often_is_looked_up_once_a_minute() -> None:
    bench = Bench()
    for _ in range(5):
        bench.finder.find("tenant_foo", "aws_sso_permission_set", ADMIN, ANA, bench.ana)
    assert bench.calls().count("DescribeUser") == 1
    bench.clock.advance(timedelta(seconds=61))
    Hand(bench.sim).delete_user(FOO_STORE, "ana@host.example")
    with pytest.raises(NotFound):
        bench.finder.find("tenant_foo", "aws_sso_permission_set", ADMIN, ANA, bench.ana)
