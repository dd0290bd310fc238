"""H5: whatever is written, the loader answers with an estate or with faults that have a place; never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gatepass.estate import Estate, EstateError, from_plain, load, read_sources, to_plain
from gatepass.estate.reading.expansion import long_form

EXAMPLE = read_sources(Path(__file__).parents[3] / "examples" / "multi-organization")
TEXT = EXAMPLE["estate.yaml"]
PYTHON = {name: text for name, text in EXAMPLE.items() if name.endswith(".py")}
SHORT = YAML(typ="safe", pure=True).load(TEXT)
LONG = long_form(load(EXAMPLE))

TOKENS = st.sampled_from(
    [
        *":-?[]{}&*!|>'\"%@`#,\n\t ~<0",
        "  ",
        "- ",
        ": ",
        "<<: ",
        "&a ",
        "*a ",
        "!!x ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
    ]
)
NOISE = st.one_of(TOKENS, st.text(max_size=3))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "all",
            "1h",
            "deny",
            "tenant_foo",
            "read-only",
            "123456789012",
            "arn:aws:sso:::instance/x",
            "impls/x.py",
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def _usable(estate: Estate) -> Estate:
    """An estate that loads answers every question: what is offered, for how long (I11), with which form."""
    for flow in estate.flows.values():
        for person in estate.people.values():
            for offer in estate.offers(flow, person):
                assert (offer.cap is None) == (offer.target is None)
                estate.form(flow, offer.target, offer.cap)
    assert from_plain(to_plain(estate)) == estate
    return estate


def _answer(sources: dict[str, str]) -> Estate | EstateError:
    try:
        return _usable(load(sources))
    except EstateError as error:
        answer = error
    assert answer.faults
    for fault in answer.faults:
        assert fault.found
        assert min(fault.place.line, fault.place.column) >= 1
        assert fault.place.file in sources or fault.place.file == "estate.yaml"
    return answer


@settings(max_examples=120)
@given(st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, 20), NOISE), min_size=1, max_size=8))
def test_damaged_text(damages: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for at, gone, put in damages:
        text = text[:at] + put + text[at + gone :]
    _answer({"estate.yaml": text, **PYTHON})


@settings(max_examples=50)
@given(st.text(), st.binary(max_size=200))
def test_any_text(text: str, code: bytes) -> None:
    _answer({"estate.yaml": text, "impls/x.py": code.decode("latin-1")})


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, list):
        return [_put(each, path[1:], new) if index == path[0] else each for index, each in enumerate(value)]
    return {key: _put(each, path[1:], new) if key == path[0] else each for key, each in value.items()}


def _exchanged(document: Any) -> st.SearchStrategy[Any]:
    """The document with one to three of its values replaced by others."""
    change = st.tuples(st.sampled_from(_places(document)[1:]), VALUES | st.sampled_from(_leaves(document)))
    return st.lists(change, min_size=1, max_size=3).map(lambda changes: _exchange(document, changes))


def _leaves(document: Any) -> list[Any]:
    found = [_get(document, place) for place in _places(document)]
    return [each for each in found if not isinstance(each, dict)]


def _get(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _exchange(document: Any, changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
    for place, new in sorted(changes, key=lambda change: -len(change[0])):
        document = _put(document, place, new)
    return document


@settings(max_examples=80)
@given(_exchanged(SHORT))
def test_exchanged_values_in_the_short_form(document: Any) -> None:
    _answer({"estate.yaml": json.dumps(document), **PYTHON})


@settings(max_examples=80)
@given(_exchanged(LONG))
def test_exchanged_values_in_the_long_form(document: Any) -> None:
    _answer({"estate.yaml": json.dumps(document), **PYTHON})


@pytest.mark.long
@settings(max_examples=3000)
@given(_exchanged(SHORT) | _exchanged(LONG))
def test_exchanged_values_at_length(document: Any) -> None:
    _answer({"estate.yaml": json.dumps(document), **PYTHON})
