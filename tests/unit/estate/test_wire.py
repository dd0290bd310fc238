import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.errors import Bug
from gatepass.estate import Accounts, Approval, Code, Decide, Estate, Field, Flow, Rule, Target, Who
from gatepass.estate.fields import FieldValue
from gatepass.estate.wire import from_plain, to_plain

VALUES: st.SearchStrategy[FieldValue] = st.one_of(
    st.text(),
    st.integers(),
    st.booleans(),
    st.integers(1, 10**6).map(lambda n: timedelta(seconds=n)),
    st.lists(st.text(), min_size=1).map(tuple),
    st.lists(st.integers(), min_size=1).map(tuple),
)
LENGTHS = st.none() | st.integers(1, 10**6).map(lambda n: timedelta(seconds=n))
WHO = st.builds(Who, groups=st.frozensets(st.text()), people=st.frozensets(st.text()))
RULES = st.builds(
    Rule,
    ask=st.none() | WHO,
    targets=st.frozensets(st.text()),
    approve=st.none() | st.builds(Approval, WHO, st.integers(1, 9)),
    max_duration=LENGTHS,
)
FIELDS = st.builds(
    Field,
    name=st.text(),
    type=st.sampled_from(["string", "duration"]),
    label=st.text(),
    default=st.none() | VALUES,
    allowed_values=st.lists(VALUES).map(tuple),
    on_change=st.none() | st.builds(Code, st.text(), st.text(), st.text()),
)
FLOWS = st.builds(
    Flow,
    name=st.text(),
    label=st.text(),
    organizations=st.lists(st.text()).map(tuple),
    targets=st.lists(st.text()).map(tuple),
    fields=st.lists(FIELDS, max_size=3).map(tuple),
    decide=st.builds(Decide, WHO, st.lists(RULES, max_size=3).map(tuple)),
)
TARGETS = st.builds(
    Target,
    name=st.text(),
    short=st.text(),
    label=st.text(),
    type=st.text(),
    organization=st.text(),
    settings=st.dictionaries(st.text(), st.text(), max_size=2),
    accounts=st.none() | st.builds(Accounts, ids=st.frozensets(st.text())),
)


@given(st.dictionaries(st.text(), FLOWS, max_size=2), st.dictionaries(st.text(), TARGETS, max_size=2))
def test_what_is_kept_is_read_back(flows: dict[str, Flow], targets: dict[str, Target]) -> None:
    estate = Estate({}, {}, {}, targets, {}, {}, flows)
    again = from_plain(json.loads(json.dumps(to_plain(estate))))
    assert again == estate
    assert again.digest == estate.digest


def test_a_field_added_later_reads_from_an_old_row() -> None:
    old = to_plain(Rule(automatic=True))
    del old["accepted_lateness"]
    assert from_plain(old, Rule) == Rule(automatic=True)


@pytest.mark.parametrize(
    "bad", [None, [], {"ask": 1}, {"automatic": "yes"}, {"max_duration": {"seconds": "1"}}]
)
def test_a_foreign_row_is_our_bug_not_a_guess(bad: object) -> None:
    with pytest.raises(Bug):
        from_plain(bad, Rule)
