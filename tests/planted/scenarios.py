"""The checks that planted bugs must not pass: each a story that fails when its bug is in the code.

Most are lessons (tests/unit/engine/test_lessons.py) told again. Imported only after the bug was planted.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.engine_lab import HOUR, SECOND, Lab
from tests.histories.checkers import Seen, check
from tests.histories.estates import ELSEWHERE
from tests.histories.office import Office
from tests.unit.engine import test_engine_parts as parts
from tests.unit.engine import test_lessons as lessons

from gatepass.access.decide import count, extended, may_decide
from gatepass.access.events import Event
from gatepass.access.requests import Answer, Decision, Request, Terms
from gatepass.access.states import GrantState
from gatepass.clock import iso
from gatepass.estate.model import Person, Who
from gatepass.store.audit import Audit

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def an_extension_while_a_take_back_is_decided(folder: Path) -> None:
    """I2: between the look at the grants and the lock somebody is given more time."""
    lab = Lab(folder)
    long = lab.give(lasts=10 * MINUTE)
    lab.pass_time(MINUTE, 10 * SECOND)
    other = lab.give(lasts=HOUR)
    lab.pass_time(MINUTE, 10 * SECOND)
    ends_at = lab.grant(long).ends_at
    assert ends_at is not None
    lab.clock.advance(ends_at - lab.clock.now() - SECOND / 50)
    lab.end(other)

    def meanwhile(name: str) -> None:
        if name == "before commit" and lab.grant(long).ends_at == ends_at:
            extend(lab, long, 10 * MINUTE)
            lab.clock.advance(SECOND / 20)

    lab.restart(meanwhile)
    lab.pass_time(30 * SECOND)
    assert lab.state(long) is GrantState.ACTIVE
    assert [present for _, present in lab.present_at(lab.key())] == [True]


def extend(lab: Lab, grant_id: str, by: timedelta) -> None:
    with lab.store.write() as tx:
        grant = tx.requests.grant(grant_id)
        assert grant is not None
        tx.facts.lock({grant.fact: grant.organization})
        longer = extended(grant, by, HOUR, tx.now)
        assert longer.ends_at is not None
        said = {"request": grant.request, "grant": grant.id, "fact": grant.fact.text, "person": grant.person}
        event = Event("grant.extended", "tenant_foo", {**said, "ends_at": iso(longer.ends_at)})
        tx.requests.move_grant(longer, event)
        tx.facts.touch([grant.fact], tx.now)


class Killed(BaseException):
    """The process is gone."""


def a_kill_after_the_call(folder: Path) -> None:
    """I5, I1: what was sent is known to whoever comes next."""
    dead: list[str] = []

    def kill(name: str) -> None:
        if name == "after CreateAccountAssignment" and not dead:
            dead.append(name)
            raise Killed

    lab = Lab(folder, point=kill)
    lab.give(lasts=5 * MINUTE)
    try:
        lab.engine.tick()
    except Killed:
        lab.restart()
    assert dead
    lab.pass_time(12 * MINUTE, 10 * SECOND)
    with lab.store.read() as view:
        export = list(view.entries.export())
    seen = Seen(lab.sim.truth().changes, list(lab.sim.calls), export, lab.clock.now())
    found = [each for each in check(seen, [], [], {}) if each.invariant in ("I1", "I5", "I20")]
    assert not found, found
    assert not lab.held()


def standing_is_read_anew(folder: Path) -> None:
    lessons.test_standing_is_read_anew_for_every_grant_I16(Lab(folder))


def every_page_counts(folder: Path) -> None:
    lessons.test_pages_of_one_and_of_a_hundred_are_all_read_I3(folder, 1)


def failed_is_failed(folder: Path) -> None:
    lessons.test_failed_is_shown_with_its_reason_and_nothing_is_left(Lab(folder))


def a_retry_moves_no_end(folder: Path) -> None:
    lessons.test_a_lost_create_answer_neither_doubles_nor_moves_the_end_I11(Lab(folder))


def a_lost_create_is_not_absent(folder: Path) -> None:
    lessons.test_a_lost_create_that_lists_do_not_show_yet_is_not_taken_for_absent_I1(folder)


def standing_stays(folder: Path) -> None:
    """I3: whatever the grants on it became."""
    lab = Lab(folder)
    key = lab.key("dan")
    lab.give(key, lasts=5 * MINUTE, person="dan")
    lab.pass_time(15 * MINUTE, MINUTE)
    lab.give(key, lasts=5 * MINUTE, person="dan")
    lab.pass_time(15 * MINUTE, MINUTE)
    assert lab.held(key)


def made_by_hand_after_our_end(folder: Path) -> None:
    lessons.test_what_an_administrator_makes_after_our_end_is_reported_and_stays_I3(Lab(folder))


def held_no_more(folder: Path) -> None:
    parts.test_held_before_is_not_said_of_what_was_removed_while_the_process_slept_I16(folder)


def who_is_in_no_group_that_may_ask(folder: Path) -> None:
    """I13: she is still here, and what she asked for as one of the group is not hers any more."""
    office = Office(folder, Random(1))

    def live(seconds: int) -> None:
        for _ in range(seconds // 5):
            office.clock.advance(5 * SECOND)
            office.tick()

    office.ask("ana", "auditors", "10m")
    live(30)
    assert office.apply(ELSEWHERE) == "applied"
    live(420)
    seen = Seen(
        office.sim.truth().changes, list(office.sim.calls), office.export(), office.clock.now(), office.lost
    )
    held = [change for change in seen.changes if change.present]
    found = check(seen, [], [], office.keys())
    office.close()
    assert held
    assert not found, found


def request(needed: int) -> Request:
    terms = Terms(
        "flow test, rule 1", approvers=Who(groups=frozenset({"all"})), needed=needed, max_duration=HOUR
    )
    return Request("r-1", "test", 1, "ana", "api", NOW, terms, duration=HOUR)


def person(name: str, email: str = "") -> Person:
    address = email or f"{name}@host.example"
    return Person(name, address, frozenset({address}), name, groups=frozenset({"all"}))


def a_requester_with_another_address(folder: Path) -> None:
    """I7: who somebody is is not where their post goes."""
    assert not may_decide(request(1), person("ana", "a.almeida@married.example")).allowed
    assert may_decide(request(1), person("ben", "ana@host.example")).allowed


def an_approval_of_what_was_shown_before(folder: Path) -> None:
    """I4: an approval is of exactly what was shown."""
    first = request(2)
    changed = replace(first, duration=HOUR / 2)
    said = [
        Decision("d-1", "r-1", 1, first.content_hash, Answer.APPROVE, "ben", NOW),
        Decision("d-2", "r-1", 1, changed.content_hash, Answer.APPROVE, "cleo", NOW),
    ]
    assert count(changed, said, person) == ("cleo",)


def no_change_without_its_audit_entry(folder: Path) -> None:
    """I5: where the entry cannot be written, nothing was changed."""
    lab = Lab(folder)
    kept = Audit.append

    def broken(self: Audit, now: datetime) -> None:
        raise OSError("no room for one more entry")

    Audit.append = broken  # type: ignore[method-assign]
    try:
        lab.give()
    except OSError:
        pass
    finally:
        Audit.append = kept  # type: ignore[method-assign]
    with lab.store.read() as view:
        assert view.requests.open_grants(None) == ()
        assert view.requests.get("r-0001") is None
