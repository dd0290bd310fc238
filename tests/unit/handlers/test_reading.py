"""Every return is checked anew: whatever the worker says, a reader gives a frozen value or a fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.handlers import Answer, Fault, Implementation, Kind, Usage, reading
from gatepass.handlers.faults import visible
from gatepass.handlers.forms import FieldState, FormState, changed, form_json
from gatepass.handlers.implementations import read_present
from gatepass.handlers.reading import Option
from gatepass.handlers.returns import written
from gatepass.sdk import ApprovalTemplate, FieldOption
from gatepass.sdk.build import build_form

FILE = Implementation("access", "impl.py", "")


def answer(value: Any, handler: str = "on_request", raw: bool = False) -> Answer:
    return Answer(value if raw else written(value), handler, 3, Usage(), FILE)


def option(value: Any, label: str = "x") -> FieldOption:
    return FieldOption.construct(value=value, label=label)


READERS: tuple[Callable[[Answer], object], ...] = (
    lambda given: reading.permission(given, {}),
    reading.notifications,
    reading.approvers,
    reading.fired,
    reading.options,
    reading.identity,
    lambda given: reading.flows(given, ["a"]),
    reading.state,
    lambda given: changed(given, FormState((FieldState("a", "string"),))),
)
KINDS = [
    *(
        "None",
        "Event",
        "list",
        "dict",
        "str",
        "int",
        "RequestPermission",
        "Notification",
        "RequestDestination",
    ),
    *("RequestDestinationFallback", "FieldOption", "SymPromptForm", "User", "Flow", "strange"),
]
KEYS = [
    *("type", "value", "step", "message", "extra", "duration", "target_srn", "webapp_view", "approve_deny"),
    *(
        "destinations",
        "timeout",
        "label",
        "user_id",
        "users",
        "channel_id",
        "fields",
        "additional_header_text",
    ),
    *("id", "username", "problems", "handlers", "strategy", "line", "serious"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9) | st.sampled_from(["approve", "admin", "type", "value"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(KEYS)
        | st.text(max_size=3),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(KINDS), JSON, st.booleans())
def test_no_answer_breaks_a_reader(kind: str, value: Any, bare: bool) -> None:
    """I14: malformed words of a worker are a fault, never an exception of the server."""
    raw = value if bare and isinstance(value, dict) else {"type": kind, "value": value}
    for reader in READERS:
        found = reader(answer(raw, raw=True))
        if isinstance(found, Fault):
            assert found.kind is Kind.WRONG
            assert found.for_operator().isprintable()


@given(JSON)
def test_no_inventory_breaks_the_reader(value: Any) -> None:
    present = read_present(FILE, value)
    assert present.usable or present.faults


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], ()),
        (
            [option("1", "One"), option("1", "Again"), option(2, "Two")],
            (Option("1", "One"), Option(2, "Two")),
        ),
        ([option("x" * 55, "y" * 55)], (Option("x" * 55, "y" * 55),)),
        ([option("x" * 56)], None),
        ([option("x", "y" * 56)], None),
        ([option(None)], None),
        ([option(["x"])], None),
        ([option(1.5)], None),
        (["x"], None),
        ([None], None),
        (option("x"), None),
        (None, None),
        ([option(str(n)) for n in range(10_001)], None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_options_of_a_prefetch_function(options: object, found: tuple[Option, ...] | None) -> None:
    given_back = reading.options(answer(options, "prefetch:a"))
    assert given_back == found if found is not None else isinstance(given_back, Fault)


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ("user-1", "user-1"),
        (" user-1 ", "user-1"),
        (None, None),
        *((bad, Fault) for bad in ("", "x" * 257, 7, [])),
    ],
)
def test_identities(returned: object, found: object) -> None:
    given_back = reading.identity(answer(returned, "get_identity"))
    assert isinstance(given_back, Fault) if found is Fault else given_back == found


def test_the_words_of_a_hook_are_cut_and_harmless() -> None:
    fired = reading.fired(answer(ApprovalTemplate.ignore(message="stop\x1b[2J\n" + "x" * 5000)))
    assert fired is not None
    assert not isinstance(fired, Fault)
    assert fired.message is not None
    assert fired.message.startswith("stop\\x1b[2J\nxxx")
    assert len(fired.message) < 2100


def test_a_fault_names_what_was_returned_and_what_may_be() -> None:
    fault = reading.fired(answer(ApprovalTemplate.deescalate()))
    assert isinstance(fault, Fault)
    assert "impl.py:3 flow=access handler=on_request: it returned ApprovalTemplate.de" in fault.for_operator()
    wrong = reading.permission(answer("admin", "get_permissions"), {})
    assert isinstance(wrong, Fault)
    assert "it returned a str where RequestPermission was expected" in wrong.for_operator()


@given(st.text())
def test_what_is_shown_is_printable(text: str) -> None:
    assert visible(text).isprintable() or not visible(text)


FORM = FormState(
    (
        FieldState("reason", "string", original_allowed=("a", "b"), allowed=("a", "b")),
        FieldState("count", "int", value=3),
    ),
    {"team": "x"},
    "header",
)


def test_an_unchanged_form_comes_back_equal() -> None:
    assert changed(answer(build_form(form_json(FORM)), "on_change_reason"), FORM) == FORM


def _rename(form: Any) -> None:
    form["value"]["fields"]["other"] = form["value"]["fields"].pop("reason")


def _retype(form: Any) -> None:
    form["value"]["fields"]["reason"]["type"] = "int"


def _redeclare(form: Any) -> None:
    form["value"]["fields"]["reason"]["original_allowed_values"] = ["a", "b", "c"]


def _offer(form: Any) -> None:
    form["value"]["fields"]["reason"]["current_allowed_values"] = ["a", "c"]


def _offer_objects(form: Any) -> None:
    form["value"]["fields"]["count"]["current_allowed_values"] = [{"x": 1}]


def _shout(form: Any) -> None:
    form["value"]["additional_header_text"] = "x" * 2001


def _lose(form: Any) -> None:
    form["value"]["fields"].pop("count")


def _nothing(form: Any) -> None:
    form.update(type="None", value=None)


@pytest.mark.parametrize(
    "change",
    [_rename, _retype, _redeclare, _offer, _offer_objects, _shout, _lose, _nothing],
    ids=lambda f: f.__name__,
)
def test_a_form_with_more_than_was_offered_is_a_fault(change: Callable[[Any], None]) -> None:
    """I10."""
    form = written(build_form(form_json(FORM)))
    change(form)
    assert isinstance(changed(answer(form, "on_change_reason", raw=True), FORM), Fault)
