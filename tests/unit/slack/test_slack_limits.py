"""Whatever an estate holds and people write, Slack takes it, and nothing of it is interpreted (S1, S5, rule 25)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.installation import EXAMPLE

from gatepass.clock import SystemClock
from gatepass.desk import Option
from gatepass.estate.fields import FIELD_TYPES, Field
from gatepass.estate.reading.sources import load_directory
from gatepass.slack.elements import matching, option_value
from gatepass.slack.filled import read_state, submitted
from gatepass.slack.forms import Form, form_view
from gatepass.slack.preview import preview
from gatepass.slack.text import OPTIONS, escape
from gatepass.testing.slack_hands import _state
from gatepass.testing.slack_limits import check_message, check_options, check_view

ESTATE = load_directory(EXAMPLE)
ANA = ESTATE.people["ana"]
OFFERS = tuple(ESTATE.offers(ESTATE.flows["freeze-exception"], ANA))
TEXT = st.text(max_size=400)
OPTION = st.builds(Option, st.text(min_size=1, max_size=300), TEXT)
CHOICES = st.lists(OPTION, max_size=130, unique_by=lambda o: o.value)


@st.composite
def forms(draw: st.DrawFn) -> Form:
    names = draw(
        st.lists(st.from_regex("[a-z][a-z0-9_-]{0,30}", fullmatch=True), min_size=1, max_size=6, unique=True)
    )
    fields = tuple(
        Field(
            name,
            draw(st.sampled_from(FIELD_TYPES)),
            draw(st.text(max_size=2500)),
            prefetch=draw(st.booleans()),
        )
        for name in names
    )
    options = {f.name: tuple(draw(CHOICES)) for f in fields if f.prefetch}
    faults = {f.name: draw(TEXT) for f in fields if draw(st.booleans())}
    return Form(OFFERS, OFFERS[0], fields, options, header=draw(st.text(max_size=4000)), faults=faults)


@settings(max_examples=40)
@given(forms())
def test_every_form_is_within_slacks_limits(form: Form) -> None:
    check_view(form_view(form))


@given(CHOICES, st.text(max_size=20))
def test_type_ahead_gives_at_most_a_hundred_that_fit(choices: list[Option], query: str) -> None:
    found = matching(choices, query)
    assert len(found) <= OPTIONS
    faults: list[str] = []
    if found:
        check_options(found, faults)
    assert not faults
    values = {
        option_value(c.value)
        for c in choices
        if all(w in f"{c.label} {c.value}".casefold() for w in query.casefold().split())
    }
    assert {o["value"] for o in found} <= values


@given(st.text(min_size=1, max_size=400))
def test_a_value_longer_than_slack_allows_comes_back_whole(value: str) -> None:
    each = Field("one", "string", "One", prefetch=True)
    form = Form(OFFERS, OFFERS[0], (each,), {"one": (Option(value, "label"),)})
    view = form_view(form)
    state = read_state({"state": {"values": _state(view, {"one": option_value(value)})}})
    assert submitted((each,), state, form)["one"] == value


@given(st.text(max_size=300))
def test_rule_25_escaped_text_holds_no_mention_link_or_command(text: str) -> None:
    assert "<" not in escape(text)
    assert ">" not in escape(text)
    assert escape(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


@settings(max_examples=25)
@given(st.text(max_size=3000), st.text(max_size=300))
def test_every_message_is_within_slacks_limits(words: str, label: str) -> None:
    """Labels and texts of any length and kind; only our own dates and links are marked."""
    person = replace(ANA, label=label)
    flow = replace(OFFERS[0].flow, label=words)
    estate = replace(ESTATE, people={**ESTATE.people, "ana": person}, flows={**ESTATE.flows, flow.name: flow})
    made = preview(estate, tuple(estate.offers(flow, person)), person, SystemClock().now())
    check_view(made.modal)
    for message in made.messages.values():
        check_message(message["blocks"], message["text"])
