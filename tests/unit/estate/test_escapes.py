"""Characters beyond U+FFFF as JSON escapes them: both readers of YAML take what every JSON writer writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.estate.reading.yaml import Fault, Node, parse
from gatepass.teams.model import Finding
from gatepass.teams.nodes import Mapping, Scalar, Sequence, parse_yaml, plain

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
PAIRED = st.lists(st.sampled_from(["😀", "\\", '"', "\\u", "d83d", "x", "𐏿", "é", "/"]), max_size=6).map(
    "".join
)
WORDS = st.one_of(TEXT, PAIRED)
DOCUMENT = st.dictionaries(WORDS, st.one_of(WORDS, st.lists(WORDS, max_size=3)), min_size=1, max_size=4)


def of_estate(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {name: of_estate(each) for name, each in node.value.items()}
    return [of_estate(each) for each in node.value] if isinstance(node.value, list) else node.value


def places(node: Any) -> list[tuple[int, int]]:
    """Line and column of every node of the teams reader, in order."""
    inner: list[Any] = []
    if isinstance(node, Mapping):
        inner = list(node.entries.values())
    if isinstance(node, Sequence):
        inner = node.items
    return [(node.line, node.column), *(place for each in inner for place in places(each))]


@given(DOCUMENT, st.sampled_from([None, 1]))
def test_what_json_writes_both_readers_read(document: dict[str, Any], indent: int | None) -> None:
    written = json.dumps(document, indent=indent)
    faults: list[Fault] = []
    read = parse("estate.yaml", written, faults)
    assert read is not None, faults
    assert (of_estate(read), faults) == (document, [])
    findings: list[Finding] = []
    node = parse_yaml(written, "teams.json", findings)
    assert (plain(node), findings) == (document, [])


@given(DOCUMENT)
def test_every_value_keeps_its_place(document: dict[str, Any]) -> None:
    """What is read stands where the text of JSON has it: at an opening quote, bracket or brace."""
    written = json.dumps(document)
    assert all(written[column - 1] in '"[{' for _, column in places(parse_yaml(written, "teams.json", [])))


@pytest.mark.parametrize(
    "written", ['a: "\\ud83d\\ude00"', 'a: "\\uD83D\\uDE00" # a note', '"a": "\\ud83d\\ude00"\n']
)
def test_double_quotes_of_yaml_know_pairs_too(written: str) -> None:
    node = parse("estate.yaml", written, [])
    assert node is not None
    assert of_estate(node) == {"a": "😀"}
    assert plain(parse_yaml(written, "teams.yaml", [])) == {"a": "😀"}


@pytest.mark.parametrize("written", ["a: '\\ud83d\\ude00'", "a: \\ud83d\\ude00", 'a: "\\\\ud83d\\\\ude00"'])
def test_elsewhere_they_are_the_letters_that_stand_there(written: str) -> None:
    node = parse("estate.yaml", written, [])
    assert node is not None
    assert of_estate(node) == {"a": "\\ud83d\\ude00"}
    assert plain(parse_yaml(written, "teams.yaml", [])) == {"a": "\\ud83d\\ude00"}


@pytest.mark.parametrize(
    "written", ['{"a": "\\ud83d"}', '{"a": "\\ude00\\ud83d"}', 'a: "\\ud83d\\ud83d\\ude00"']
)
def test_half_a_pair_is_a_fault_at_its_place(written: str) -> None:
    faults: list[Fault] = []
    assert parse("estate.yaml", written, faults) is None
    assert [(fault.code, fault.place.line) for fault in faults] == [("surrogate", 1)]
    findings: list[Finding] = []
    assert parse_yaml(written, "teams.yaml", findings) is None
    assert [finding.id for finding in findings] == ["yaml-invalid"]


def test_a_tab_between_values_is_json_too() -> None:
    node = parse_yaml('{"a":\t"\\ud83d\\ude00",\n\t"b":\t["x"]}', "teams.json", [])
    assert isinstance(node, Mapping)
    b = node.entries["b"]
    assert plain(node) == {"a": "😀", "b": ["x"]}
    assert (b.line, b.column) == (2, 7)


def test_what_follows_a_pair_on_its_line_keeps_its_column() -> None:
    written = '{"\\ud83d\\ude00": "\\ud83d\\ude00", "b": "x"}'
    node = parse_yaml(written, "teams.json", [])
    assert isinstance(node, Mapping)
    last = node.entries["b"]
    assert isinstance(last, Scalar)
    assert written[last.column - 1 :] == '"x"}'
