"""Lessons of H4 that begin at the desk: who approves at once, what an operator takes away, what is too long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from tests.histories.estates import estate
from tests.histories.office import Office

from gatepass.access.decide import Refused
from gatepass.access.requests import Answer, Request
from gatepass.access.states import RequestState
from gatepass.desk import Ask, BadAsk, Caller, Said
from gatepass.desk.applying import Applying, EstateInUse
from gatepass.errors import Conflict, GatepassError
from gatepass.estate import Estate, load
from gatepass.sim import Assignment
from gatepass.store import Tx

MINUTE = timedelta(minutes=1)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path, Random(1))
    yield made
    made.close()


def pass_time(office: Office, length: timedelta, step: timedelta = timedelta(seconds=5)) -> None:
    until = office.clock.now() + length
    while office.clock.now() < until:
        office.clock.advance(step)
        office.tick()


def pending(office: Office, request_id: str) -> Request:
    office.tick()
    return next(request for request in office.pending() if request.id == request_id)


def give(office: Office, person: str, target: str, approvers: tuple[str, ...]) -> None:
    request = pending(office, office.ask(person, target, "10m"))
    for approver in approvers:
        office.answer(approver, request)
    pass_time(office, timedelta(seconds=20))


def test_fifty_concurrent_approvals_of_one_request_give_one_decision_and_tell_the_others_who(
    tmp_path: Path,
) -> None:
    names = [f"p{n:02d}" for n in range(50)]
    text = "gatepass: 1\npeople:\n  ana: {email: ana@host.example, groups: [all]}\n"
    text += "".join(f"  {name}: {{email: {name}@host.example, groups: [all]}}\n" for name in names)
    text += """
organizations:
  tenant_foo:
    connector:
      instance_arn: arn:aws:sso:::instance/ssoins-7223000000000000
      region: us-east-1
      role_arn: arn:aws:iam::123456789012:role/sym/SymSSOTenant-Foo
      external_id: gp-foo-external
    max_duration: 1h
    targets: {admin: {permission_set: AdministratorAccess, account: "333333333333"}}
flows:
  access:
    label: Access
    organizations: all
    fields: {duration: {type: duration, allowed_values: [10m]}}
    decide: {ask: {groups: [all]}, rules: [{approve: {groups: [all]}}]}
"""
    office = Office(tmp_path, Random(1))
    office.applying.apply("test", load({"estate.yaml": text}))
    request = pending(office, office.ask("ana", "admin", "10m"))
    outcomes: dict[str, str] = {}
    start = threading.Barrier(len(names))

    def approve(name: str) -> None:
        start.wait()
        said = Said(request.id, Answer.APPROVE, request.content_hash)
        try:
            office.desk.answer(Caller(name, "api"), said)
            outcomes[name] = "approved"
        except (Refused, Conflict) as told:
            outcomes[name] = str(told)

    threads = [threading.Thread(target=approve, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [name for name, outcome in outcomes.items() if outcome == "approved"]
    assert len(outcomes) == 50
    assert len(winners) == 1, outcomes
    assert all(f"decided by {winners[0]}" in told for name, told in outcomes.items() if name not in winners)
    assert len(office.grants()) == 1
    office.close()


def test_a_tenant_with_live_grants_is_not_removed_unless_they_are_ended_I18(office: Office) -> None:
    give(office, "ana", "staging", ("ben", "cleo"))
    (grant,) = office.grants()
    fact = next(key for key, owner in office.keys().items() if owner == ("ana", "tenant_bar"))
    assert grant.state == "active"
    with pytest.raises(EstateInUse) as refused:
        office.applying.apply("eve", estate("without bar"))
    assert grant.id in str(refused.value)
    applied = office.applying.apply("eve", estate("without bar"), end_grants=True)
    assert applied.buried == ("tenant_bar",)
    pass_time(office, 3 * MINUTE)
    assert not office.grants()
    held = office.sim.truth().instances[fact.scope].assignments.now
    assert not [one for one in held if one.principal == fact.parts[2]]
    with office.inner.read() as view:  # what ended is read for another day, so the way there is kept
        assert [each.instance for each in view.estates.tombstones()] == [fact.scope]
    office.clock.advance(timedelta(hours=25))
    pass_time(office, 2 * MINUTE)
    with office.inner.read() as view:
        assert view.estates.tombstones() == ()


def test_what_ended_at_an_organization_that_left_is_read_for_another_day_I1_seed_193(office: Office) -> None:
    """A process paused in the middle of a send made it after its end, and after the organization had left."""
    give(office, "ana", "staging", ("ben", "cleo"))
    fact = next(key for key, owner in office.keys().items() if owner == ("ana", "tenant_bar"))
    pass_time(office, 15 * MINUTE, timedelta(seconds=20))
    assert not office.grants()
    assert office.apply("without bar") == "applied"
    account, permission_set, user = fact.parts
    made = Assignment(fact.scope, account, permission_set, "USER", user)
    there = office.sim.truth().instances[fact.scope].assignments
    there.add(made, office.clock.now(), identifier="hand", by="hand", operation="hand")
    pass_time(office, 10 * MINUTE, timedelta(seconds=20))
    assert any("fact.drift" in line for line in office.export())


def test_access_at_an_instance_that_its_organization_has_no_more_is_taken_back_there_I18(
    office: Office,
) -> None:
    """The organization's name stays, its connector leads elsewhere: each fact is reached where it was made."""
    give(office, "ana", "staging", ("ben", "cleo"))
    fact = next(key for key, owner in office.keys().items() if owner == ("ana", "tenant_bar"))
    whole = estate()
    bar = whole.organizations["tenant_bar"]
    elsewhere = replace(bar.connector, instance_arn="arn:aws:sso:::instance/ssoins-7223000000000009")
    moved = replace(
        whole, organizations={**whole.organizations, "tenant_bar": replace(bar, connector=elsewhere)}
    )
    office.applying.apply("eve", moved, end_grants=True)
    reach = office.build(office.inner).door.reach
    assert reach("tenant_bar").instance_arn == elsewhere.instance_arn
    assert reach("tenant_bar@ssoins-7223000000000001").instance_arn == bar.connector.instance_arn
    pass_time(office, 3 * MINUTE)
    held = office.sim.truth().instances[fact.scope].assignments.now
    assert not [one for one in held if one.principal == fact.parts[2]]
    assert not office.grants()


def test_access_that_begins_while_an_estate_is_applied_is_seen_I18(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not among the facts that were locked first: nothing is applied that does not know of it."""
    give(office, "ana", "read", ("ben",))
    looks: list[int] = []
    lost = Applying._lost

    def late(self: Applying, tx: Tx, old: Estate, new: Estate) -> object:
        looks.append(1)
        return [] if len(looks) in (1, 3) else lost(self, tx, old, new)  # begun after the first look

    monkeypatch.setattr(Applying, "_lost", late)
    applied = office.applying.apply("eve", estate("without read"), end_grants=True)
    assert (applied.ended, len(looks)) == (1, 6)


def test_who_lost_the_group_that_may_ask_has_nothing_I13(office: Office) -> None:
    give(office, "ana", "admin", ("ben",))
    give(office, "cleo", "admin", ("ben",))
    waits = pending(office, office.ask("ana", "read", "10m"))
    assert {grant.person for grant in office.grants()} == {"ana", "cleo"}
    office.apply("ana elsewhere")
    pass_time(office, 3 * MINUTE)
    assert {grant.person for grant in office.grants()} == {"cleo"}
    with office.inner.read() as view:
        closed = view.requests.get(waits.id)
    assert closed is not None
    assert closed.state is RequestState.CANCELLED
    assert "may not ask flow access" in closed.why


def test_who_lost_the_group_before_it_began_is_not_given_it_I13(office: Office) -> None:
    request = pending(office, office.ask("ana", "admin", "10m"))
    assert office.answer("ben", request) == "approved"
    office.apply("ana elsewhere")
    pass_time(office, 2 * MINUTE)
    assert not [record for record in office.sim.calls if record.operation == "CreateAccountAssignment"]


def test_longer_than_the_cap_is_refused_whatever_the_face_sends_I11(office: Office) -> None:
    for asked in ("2h", "-5m", "0m", "", "forever"):
        ask = Ask("access", target="admin", fields={"duration": asked})
        with pytest.raises((BadAsk, Refused)):
            office.desk.ask(Caller("ana", "api"), ask)
    assert not office.pending()


def test_mixed_case_addresses_are_one_person(office: Office) -> None:
    give(office, "ben", "admin", ("ana",))  # the estate says Ben@Host.example, the directory ben@host.example
    (grant,) = office.grants()
    assert (grant.person, grant.state) == ("ben", "active")
    twice = "gatepass: 1\npeople:\n  a: {email: Ana@Host.example}\n  b: {email: ana@host.EXAMPLE}\n"
    with pytest.raises(GatepassError, match=r"(?i)ana@host\.example"):
        load({"estate.yaml": twice})


def test_a_request_whose_person_left_meanwhile_is_not_given_I13(office: Office) -> None:
    request = pending(office, office.ask("ana", "admin", "10m"))
    office.disable("ana")
    assert office.answer("ben", request) == "approved"  # the decision stands; the gate does not open
    pass_time(office, 2 * MINUTE)
    assert not office.grants()
    assert not [record for record in office.sim.calls if record.operation == "CreateAccountAssignment"]
    with office.inner.read() as view:
        found = view.requests.get(request.id)
    assert found is not None
    assert found.state in (RequestState.FAILED, RequestState.ENDED)
