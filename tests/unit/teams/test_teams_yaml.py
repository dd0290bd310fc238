"""Positions, anchors, merge keys, and what is refused (T-10, T-15, T-16)."""

from __future__ import annotations

from gatepass.teams.model import Finding
from gatepass.teams.nodes import MAX_DEPTH, Mapping, Scalar, parse_yaml, plain


def _parsed(text: str) -> tuple[object, list[Finding]]:
    findings: list[Finding] = []
    return plain(parse_yaml(text, "f.yaml", findings)), findings


def _faults(text: str) -> list[str]:
    return [finding.id for finding in _parsed(text)[1]]


def test_t10_merge_is_shallow_and_explicit_keys_win() -> None:
    text = "a: &a {x: [1], y: 1, z: 0}\nb: &b {z: 9}\nc: {<<: [*a, *b], y: 2, x: []}\n"
    value, findings = _parsed(text)
    assert isinstance(value, dict)
    assert value["c"] == {"y": 2, "x": [], "z": 0}
    assert not findings


def test_positions_survive_merge_keys() -> None:
    node = parse_yaml("t: &t\n  x: 1\nr:\n  <<: *t\n", "f.yaml", [])
    assert isinstance(node, Mapping)
    role = node.get("r")
    assert isinstance(role, Mapping)
    inner = role.get("x")
    assert isinstance(inner, Scalar)
    assert (str(inner.place), str(role.keys["x"].place)) == ("f.yaml:2:6", "f.yaml:2:3")


def test_t16_duplicate_keys_are_all_reported() -> None:
    assert _faults("a: 1\na: 2\nb: {c: 1, c: 2}\n") == ["yaml-duplicate-key", "yaml-duplicate-key"]


def test_t16_alias_bombs_are_refused() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9))
    assert _faults(f"l0: &l0 [x, x]\n{levels}\n") == ["yaml-refused"]


def test_t16_bombs_of_merge_keys_are_refused() -> None:
    levels = "\n".join(f"l{n}: &l{n} {{<<: *l{n - 1}, k{n}: *l{n - 1}}}" for n in range(1, 40))
    assert _faults(f"l0: &l0 {{x: y}}\n{levels}\n") == ["yaml-refused"]


def test_t16_deep_nesting_is_refused() -> None:
    assert _faults("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == ["yaml-refused"]
    assert not _faults("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1))


def test_an_alias_to_itself_is_refused() -> None:
    assert _faults("a: &a [*a]\n") == ["yaml-invalid"]


def test_t15_unknown_tags_do_not_stop_the_parser() -> None:
    value, findings = _parsed("a: !env HOME\nb: !terraform.output x y\nc: !!python/object:os.system x\n")
    assert isinstance(value, dict)
    assert not findings
    assert value["a"] == "HOME"


def test_yes_and_on_stay_text() -> None:
    value, _ = _parsed("[yes, on, true, 0644, 012345678901, 1.5, ~]")
    assert value == ["yes", "on", True, 644, 12345678901, 1.5, None]


def test_syntax_errors_have_a_place() -> None:
    (finding,) = _parsed("a: [1\nb: 2\n")[1]
    assert finding.id == "yaml-invalid"
    assert finding.place is not None
    assert finding.place.line == 2
