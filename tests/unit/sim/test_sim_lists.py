"""Timelines and pages, by properties: what a lagging or a paged reader sees is the truth of some moment, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from gatepass.sim.call import Call, page
from gatepass.sim.settings import Settings
from gatepass.sim.timeline import Membership, Timeline, place
from gatepass.sim.world import ANONYMOUS, World

START = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), max_size=30)


def fact(n: int) -> Membership:
    return Membership("store", f"group-{n % 2}", f"user-{n}")


@given(STEPS, st.integers(0, 60))
def test_a_read_of_an_earlier_moment_sees_what_was_there_then(steps, ask):
    timeline: Timeline[Membership] = Timeline([])
    at, seen_then, present = START, set(), set()
    for add, n, wait in steps:
        at += timedelta(seconds=wait)
        if add:
            assert timeline.add(fact(n), at, identifier="i", by="x", operation="o") is (
                fact(n) not in present
            )
            present.add(fact(n))
        else:
            assert timeline.remove(fact(n), at, by="x", operation="o") is (fact(n) in present)
            present.discard(fact(n))
        if at <= START + timedelta(seconds=ask):
            seen_then = set(present)
    moment = START + timedelta(seconds=ask)
    assert {found for found, _ in timeline.seen(moment)} == seen_then
    for n in range(4):
        assert (timeline.seen_one(fact(n), moment) is not None) is (fact(n) in seen_then)
        where = place(fact(n))
        assert {f for f, _ in timeline.seen(moment, where)} == {f for f in seen_then if place(f) == where}


@given(STEPS)
def test_the_changes_tell_the_present(steps):
    changes = []
    timeline: Timeline[Membership] = Timeline(changes)
    for second, (add, n, _) in enumerate(steps):
        at = START + timedelta(seconds=second)
        if add:
            timeline.add(fact(n), at, identifier="i", by="x", operation="o")
        else:
            timeline.remove(fact(n), at, by="x", operation="o")
    told = set()
    for change in changes:
        assert (change.fact in told) is not change.present
        (told.add if change.present else told.discard)(change.fact)
    assert told == set(timeline.now)


def call(size: int) -> Call:
    world = World(START, None)
    return Call(world, Settings(page_size=size), "sso-admin", "ListThings", ANONYMOUS, "us-east-1", START)


@settings(max_examples=60)
@given(
    st.sets(st.integers(0, 40), max_size=25),
    st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=10),
    st.integers(1, 7),
)
def test_pages_give_what_stays_exactly_once_whatever_changes_between_them(items, changes, size):
    there, stays = set(items), set(items)
    gone, params, found = iter(changes), {}, []
    while True:
        shown, token = page(call(size), params, [(f"{n:03}", n) for n in there])
        found += shown
        if not token:
            break
        params = {"NextToken": token}
        for add, n in [next(gone, (True, 0))]:
            (there.add if add else there.discard)(n)
            stays.discard(n)
    assert len(found) == len(set(found))
    assert stays <= set(found)
