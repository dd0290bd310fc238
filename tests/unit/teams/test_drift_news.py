"""What of drift is news (T-88): over any course of looks, everything is told, nothing twice, and what ended is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.teams.drift.differences import (
    Difference,
    Looked,
    Report,
    Sort,
    concluded,
    report_from,
    report_json,
)
from gatepass.teams.drift.words import command, headline, news, whole

START = datetime(2026, 1, 1, tzinfo=UTC)
ONE = Difference(Sort.TRUST, "1/role/a", "1", "", "trust", gained=("arn:x",), state="s1")
TWO = Difference(Sort.FOREIGN, "arn:aws:iam::2:role/b", "2")


def after(*looks: dict[str, Looked]) -> Report:
    """The last report of a course of looks, an hour apart."""
    report: Report | None = None
    for number, looked in enumerate(looks):
        report = concluded(report, looked, START + timedelta(hours=number))
    assert report is not None
    return report


def found(*differences: Difference) -> dict[str, Looked]:
    return {place: Looked(tuple(d for d in differences if d.place == place)) for place in ("1", "2")}


def test_a_difference_is_news_once_and_keeps_its_moment() -> None:
    assert after(found(ONE)).new == (ONE,)
    report = after(found(ONE), found(ONE), found(ONE))
    assert not report.is_news
    assert report.since == {ONE.key: START}


def test_the_same_thing_found_otherwise_is_news_and_not_gone() -> None:
    other = Difference(Sort.TRUST, ONE.id, "1", "", "trust", gained=("arn:y",), state="s2")
    report = after(found(ONE), found(other))
    assert (report.new, report.gone, set(report.standing)) == ((other,), (), {other.key})


def test_gone_is_told_once() -> None:
    assert after(found(ONE), found()).gone == (ONE,)
    assert not after(found(ONE), found(), found()).is_news


def test_what_was_repaired_is_told_each_time_and_does_not_stand() -> None:
    repaired = Difference(Sort.TRUST, ONE.id, "1", "", "trust", state="s1", enforce=True, repaired=True)
    for report in (after(found(repaired)), after(found(repaired), found(repaired))):
        assert (report.new, report.gone, report.standing) == ((repaired,), (), {})
    assert after(found(ONE), found(repaired)).new == (repaired,)


def test_an_account_that_was_not_read_keeps_what_was_known_of_it() -> None:
    unread = {**found(TWO), "1": Looked(why="access denied")}
    report = after(found(ONE), unread)
    assert (report.new, report.gone, report.unread_now) == ((TWO,), (), ("1",))
    assert set(report.standing) == {ONE.key, TWO.key}
    assert not after(found(ONE), unread, unread).is_news
    again = after(found(ONE), unread, found(ONE, TWO))
    assert (again.new, again.gone, again.read_again) == ((), (), ("1",))
    assert after(found(ONE), unread, found(TWO)).gone == (ONE,)


def test_nothing_read_is_no_success() -> None:
    assert after(found()).is_success
    assert after({}).is_success
    assert after({"1": Looked(why="no"), "2": Looked()}).is_success
    assert not after({"1": Looked(why="no"), "2": Looked(why="no")}).is_success


STATES = st.lists(
    st.dictionaries(
        st.sampled_from(["1", "2"]),
        st.one_of(
            st.just(None),  # not read
            st.sets(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), max_size=3),
        ),
        min_size=2,
    ),
    min_size=1,
    max_size=8,
)


@given(STATES)
def test_whoever_hears_every_message_knows_what_stands(
    course: list[dict[str, set[tuple[str, str]] | None]],
) -> None:
    """The told differences, added and struck out, are at every moment those that stand."""
    report: Report | None = None
    known: dict[str, Difference] = {}
    for number, state in enumerate(course):
        looked = {
            place: Looked(why="no")
            if seen is None
            else Looked(
                tuple(
                    Difference(Sort.TRUST, f"{place}/{name}", place, state=how)
                    for name, how in sorted(dict(seen).items())
                )
            )
            for place, seen in state.items()
        }
        report = concluded(report, looked, START + timedelta(hours=number))
        assert not {each.id for each in report.new} & {each.id for each in report.gone}
        for each in report.gone:
            assert known.pop(each.id)
        for each in report.new:
            assert known.get(each.id) != each
            known[each.id] = each
        assert known == {each.id: each for each in report.standing.values()}
        assert report_from(report_json(report)) == report


def test_the_words_say_what_where_who_and_what_to_run() -> None:
    blocked = Difference(Sort.DELETED, "1/role/c", "1", enforce=True, why="not ours")
    text = "\n".join(news(after({**found(ONE, TWO, blocked), "3": Looked(why="denied")})))
    assert "changed trust: 1/role/a (trust)\n    may come in, and nobody declares it: arn:x" in text
    assert "not repaired although enforced: not ours" in text
    assert "cannot be read: 3: denied" in text
    assert command(TWO) in text
    assert "3 new, 1 unreadable" in headline(after({**found(ONE, TWO, blocked), "3": Looked(why="d")}))
    assert any("since 2026-01-01T00:00:00" in line for line in whole(after(found(ONE), found(ONE))))


@pytest.mark.parametrize("count", [19, 20, 21, 300])
def test_a_storm_stays_readable(count: int) -> None:
    many = [Difference(Sort.DELETED, f"1/role/r{n}", "1") for n in range(count)]
    lines = news(after(found(*many)))
    assert sum("next:" in line for line in lines) == min(count, 20)
    assert any(line == f"and {count - 20} more" for line in lines) == (count > 20)
