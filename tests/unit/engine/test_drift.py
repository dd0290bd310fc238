"""T-88 on a server: found once, told once, repaired where it is enforced, whoever dies meanwhile. Time is virtual."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.crash.jobs_lab import IDENTITY, WAY_IN
from tests.drift_lab import ADMIN, EVERY, STRANGER, A, B, C, DriftLab, Killed, estate

MOMENT = timedelta(minutes=1)
ANYBODY_THERE = "arn:aws:iam::999999999999:role/*"
PLATFORM = f"arn:aws:iam::{IDENTITY}:role/platform"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DriftLab]:
    made = DriftLab(tmp_path_factory.mktemp("drift"))
    made.rounds()  # the look of the slot in which it was declared
    assert made.report().is_success
    yield made
    made.close()


@pytest.fixture
def lab(installation: DriftLab) -> Iterator[DriftLab]:
    """One installation serves all tests: what a test changed is put back, and that was looked at and told."""
    held = installation.held()
    yield installation
    installation.put_back_all(held)
    if installation.report().standing or installation.report().unread:
        installation.after(EVERY, installation.process("after the test"))
    installation.forget_what_was_told()


def writes(lab: DriftLab, role: str) -> list[tuple[str, str]]:
    """Account and operation of every write on a role that AWS did."""
    return [
        (str(record.account), record.operation)
        for record in lab.sim.calls
        if record.params.get("RoleName") == role and record.outcome == "ok"
        if not record.operation.startswith(("Get", "List"))
    ]


def test_t88_where_all_is_as_declared_nobody_is_told_anything(lab: DriftLab) -> None:
    assert lab.told == []
    assert (lab.report().standing, lab.report().looked) == ({}, 4)
    (*_, last) = lab.audit("teams.drift")
    assert {name: last[name] for name in ("accounts", "unread", "new")} == {
        "accounts": 4,
        "unread": 0,
        "new": 0,
    }


def test_t88_a_trust_changed_in_the_console_is_told_once_and_again_when_it_is_gone(lab: DriftLab) -> None:
    before = lab.trust(B, "deployer")
    lab.let_in(B, "deployer")
    told = lab.after()
    assert "drift: 1 new" in told
    assert f"changed trust: {B}/role/deployer" in told
    assert f"may come in, and nobody declares it: {ANYBODY_THERE}" in told
    assert f"gatepass teams plan --account {B} --out plan.json && gatepass teams apply plan.json" in told
    made = {record.operation for record in lab.sim.calls}
    assert lab.after() == ""
    assert made == {record.operation for record in lab.sim.calls}  # looking writes nothing
    (standing,) = lab.report().standing.values()
    assert (standing.sort, standing.place, standing.repaired) == ("changed trust", B, False)
    lab.put_back(B, "deployer", before)
    assert f"gone: changed trust: {B}/role/deployer" in lab.after()
    assert lab.after() == ""


def test_t88_what_is_enforced_is_repaired_and_told(lab: DriftLab) -> None:
    lab.let_in(A, "guarded")
    lab.by_hand(B, "DeleteRole", RoleName="guarded")
    told = lab.after()
    assert "drift: 2 repaired" in told
    assert f"repaired: changed trust: {A}/role/guarded" in told
    assert f"repaired: deleted: {B}/role/guarded" in told
    assert STRANGER not in str(lab.trust(A, "guarded"))
    assert PLATFORM in str(lab.trust(B, "guarded"))
    assert lab.report().standing == {}
    assert {entry["change"] for entry in lab.audit("teams.write")} >= {
        f"{A}/role/guarded",
        f"{B}/role/guarded",
    }
    assert lab.after() == ""


@pytest.mark.long
def test_t80_a_role_that_is_not_ours_is_not_repaired_and_told_why(lab: DriftLab) -> None:
    lab.by_hand(A, "UntagRole", RoleName="guarded", TagKeys=["gatepass:managed", "gatepass:owner-key"])
    lab.let_in(A, "guarded")
    told = lab.after()
    assert "not repaired although enforced: a thing of this name exists that is not ours" in told
    assert STRANGER in str(lab.trust(A, "guarded"))


def test_t88_foreign_trust_dangling_and_deleted_are_told_each_as_what_it_is(lab: DriftLab) -> None:
    trust = lab.trust(A, "deployer")
    lab.by_hand(C, "DeleteRole", RoleName="deployer")
    lab.by_hand(C, "CreateRole", RoleName="backdoor", AssumeRolePolicyDocument=_trusting(PLATFORM))
    lab.by_hand(C, "CreateRole", RoleName="by-pattern", AssumeRolePolicyDocument=_by_pattern("plat*"))
    lab.by_hand(C, "CreateRole", RoleName="of-others", AssumeRolePolicyDocument=_by_pattern("other*"))
    lab.by_hand(A, "CreateRole", RoleName="short-lived", AssumeRolePolicyDocument=_trusting(PLATFORM))
    lab.let_in(A, "deployer", f"arn:aws:iam::{A}:role/short-lived")
    lab.by_hand(A, "DeleteRole", RoleName="short-lived")
    told = lab.after()
    assert f"foreign trust: arn:aws:iam::{C}:role/backdoor" in told
    assert f"gatepass teams who-can backdoor@{C} --state live" in told
    assert f"foreign trust: arn:aws:iam::{C}:role/by-pattern" in told
    assert "of-others" not in told
    assert f"deleted: {C}/role/deployer" in told
    assert f"dangling principal: arn:aws:iam::{A}:role/deployer in many/a000 (AROA" in told
    assert lab.after() == ""
    lab.put_back(A, "deployer", trust)
    assert "gone: dangling principal" in lab.after()


def _by_pattern(names: str) -> str:
    """A trust that names no role of the identity account, and lets in those called so."""
    condition = {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{IDENTITY}:role/{names}"}}
    root = {"AWS": f"arn:aws:iam::{IDENTITY}:root"}
    allow = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole", "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def _trusting(arn: str) -> str:
    allow = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def test_t86_an_account_that_cannot_be_read_hides_no_other_and_its_drift_is_not_called_gone(
    lab: DriftLab,
) -> None:
    lab.let_in(A, "deployer")
    lab.after()
    way_in = lab.sim.world.iam_of(A).roles.pop(WAY_IN.lower())
    lab.let_in(B, "deployer")
    told = lab.after()
    assert f"changed trust: {B}/role/deployer" in told
    assert f"cannot be read: {A}: " in told
    assert "gone" not in told
    assert {each.place for each in lab.report().standing.values()} == {A, B}
    assert lab.after() == ""
    lab.sim.world.iam_of(A).roles[WAY_IN.lower()] = way_in
    told = lab.after()
    assert f"can be read again: {A}" in told
    assert "new" not in told.splitlines()[0]


@pytest.mark.long
def test_an_account_that_cannot_be_read_is_not_repaired_and_another_is(lab: DriftLab) -> None:
    lab.let_in(A, "guarded"), lab.let_in(B, "guarded")
    del lab.sim.world.iam_of(A).roles[WAY_IN.lower()]
    lab.after()
    assert STRANGER in str(lab.trust(A, "guarded"))
    assert STRANGER not in str(lab.trust(B, "guarded"))


# -- when, and how often


def test_a_slot_is_looked_at_once_by_however_many_processes(lab: DriftLab) -> None:
    second, before = lab.process("w2"), len(lab.jobs())
    lab.clock.advance(EVERY)
    for loop in (lab.first, second, lab.process("w1 again")):
        lab.rounds(loop)
        lab.clock.advance(MOMENT)
    assert len(lab.jobs()) == len(set(lab.jobs())) == before + 1


def test_slots_that_were_missed_are_one_look_not_many(lab: DriftLab) -> None:
    before = len(lab.jobs())
    lab.clock.advance(7 * EVERY)
    lab.rounds(lab.process("started late"))
    lab.clock.advance(MOMENT)
    lab.rounds()
    assert len(lab.jobs()) == before + 1


def test_a_look_that_takes_longer_than_a_slot_is_not_overtaken(lab: DriftLab) -> None:
    before = len(lab.jobs())
    lab.clock.advance(EVERY)
    stuck = lab.process("stuck", dies_after=0)
    lab.let_in(A, "guarded")
    with pytest.raises(Killed):
        lab.rounds(stuck)
    lab.clock.advance(EVERY)
    later = lab.process("w2")
    assert later.once() == 1
    assert len(lab.jobs()) == before + 1
    lab.rounds(later)


@pytest.mark.long
def test_slots_follow_each_other_exactly_whenever_somebody_asks(lab: DriftLab) -> None:
    begun = []
    for _ in range(20):
        lab.clock.advance(timedelta(hours=1))
        if lab.first.once():
            begun.append(lab.clock.now())
            lab.rounds()
    assert {later - earlier for earlier, later in itertools.pairwise(begun[1:])} == {EVERY}


@pytest.mark.parametrize("writes_done", [pytest.param(0, marks=pytest.mark.long), 1])
def test_h3_killed_in_the_middle_of_a_repair_another_finishes_it_and_all_is_told(
    lab: DriftLab, writes_done: int
) -> None:
    lab.let_in(A, "guarded"), lab.let_in(B, "guarded"), lab.let_in(C, "deployer")
    done_before = len(writes(lab, "guarded"))
    lab.clock.advance(EVERY)
    with pytest.raises(Killed):
        lab.rounds(lab.process("dying", dies_after=writes_done))
    lab.clock.advance(MOMENT)
    lab.rounds(lab.process("w2"))
    assert lab.report().is_success
    assert {(each.id, each.repaired) for each in lab.report().new} == {
        (f"{A}/role/guarded", True), (f"{B}/role/guarded", True), (f"{C}/role/deployer", False),
    }  # fmt: skip
    assert len(lab.told) == 1
    for account in (A, B):
        assert STRANGER not in str(lab.trust(account, "guarded"))
    assert sorted(writes(lab, "guarded")[done_before:]) == [
        (account, "UpdateAssumeRolePolicy") for account in (A, B)
    ]


# -- alarms, figures, who is told


def test_no_success_for_two_intervals_is_an_alarm_and_a_success_ends_it(lab: DriftLab) -> None:
    ways = {number: lab.sim.world.iam_of(number).roles.pop(WAY_IN.lower()) for number in (A, B, C, IDENTITY)}
    lab.after()
    lab.after()
    assert lab.alarms.now == {}
    lab.after(MOMENT)
    lab.after()
    assert lab.alarms.now == {}  # this look might have been the one
    lab.after(MOMENT)
    assert "AWS was not compared with the declared teams since" in lab.alarms.now["drift"]
    for number, role in ways.items():
        lab.sim.world.iam_of(number).roles[WAY_IN.lower()] = role
    lab.after()
    lab.after(MOMENT)
    assert lab.alarms.now == {}


def test_the_last_look_is_in_the_figures_and_for_admins_to_read(lab: DriftLab) -> None:
    lab.let_in(B, "deployer")
    lab.after()
    text = lab.parts.health.metrics()
    assert 'gatepass_drift{class="changed trust"} 1' in text
    assert 'gatepass_drift{class="deleted"} 0' in text
    assert 'gatepass_drift_accounts{read="yes"} 4' in text
    assert "gatepass_drift_success 1" in text
    shown = lab.parts.drifts.show(ADMIN)
    assert shown["running"] is None
    assert [each["class"] for each in shown["report"]["standing"]] == ["changed trust"]
    assert any(f"{B}/role/deployer" in line for line in shown["text"])


def test_a_look_at_once_is_joined_not_doubled(lab: DriftLab) -> None:
    lab.clock.advance(MOMENT)
    asked = lab.parts.drifts.start(ADMIN)
    assert asked["running"] == lab.parts.drifts.start(ADMIN)["running"]
    lab.rounds()
    assert lab.parts.drifts.show(ADMIN)["job"] == asked["running"]
    assert lab.jobs().count(asked["running"]) == 1


def test_destinations_of_the_estate_hear_of_it_each_in_its_way(lab: DriftLab) -> None:
    hook = {"url": "https://siem.example/drift", "secret": "env:KEY"}
    where = [{"slack": "#platform"}, {"slack": ["ana"], "webhook": hook}, {"mail": ["ops@host.example"]}]
    lab.parts.applying.apply("test", estate(notify=where))
    lab.let_in(B, "deployer")
    lab.after()
    assert [words.partition(":")[0] for words in lab.told] == ["#platform", "@ana", "drift"]
    (posted,) = lab.posted
    assert posted["event"] == "drift"
    assert [each["id"] for each in posted["report"]["new"]] == [f"{B}/role/deployer"]
    assert "mail is not configured" in lab.told[-1]  # left to the alarms
    lab.parts.applying.apply("test", estate())
