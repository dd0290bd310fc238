"""H5, T-10 to T-16: generated stacks are read as a simple model reads them; spoilt ones give findings, no traceback."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.teams.declared import DEV, LABELS, SEED, account_map, attributes

from gatepass.teams.declaration import Wanted, compile_wanted
from gatepass.teams.model import Compiled, Finding
from gatepass.teams.nodes import Mapping, parse_yaml, plain
from gatepass.teams.upstream.merging import Merger

EXAMPLE = Path(__file__).parents[3] / "examples" / "teams"
QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
NAMES = st.sampled_from(["a", "b", "c", "vars", "roles"])
TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=8).filter(
    lambda text: text[:1] not in set("+-.0123456789")  # 1e5 is a text in YAML 1.1 and a number in Atmos's 1.2
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), TEXTS)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=12,
)


def _as_we_read(value: Any) -> Any:
    """Keys are text in our trees, as they are in the components' variables."""
    if isinstance(value, dict):
        return {key: _as_we_read(inner) for key, inner in value.items()}
    return [_as_we_read(item) for item in value] if isinstance(value, list) else value


@QUICK
@given(TREES, st.booleans(), st.booleans())
def test_what_a_yaml_writer_writes_is_read_back(value: Any, flow: bool, shared: bool) -> None:
    """Anchors and aliases of shared parts included (T-10)."""
    whole = {"first": value, "again": value} if shared else {"first": value}
    text = yaml.safe_dump(whole, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    findings: list[Finding] = []
    assert plain(parse_yaml(text, "f.yaml", findings)) == _as_we_read(whole)
    assert findings == []


@QUICK
@given(st.text(st.sampled_from(list("ab:-*&!<> []{},'\"|#\n\t%@`?~1")), max_size=40))
def test_any_text_is_a_tree_or_a_finding_with_a_place(text: str) -> None:
    findings: list[Finding] = []
    node = parse_yaml(text, "f.yaml", findings)
    assert all(one.id.startswith("yaml-") and one.place and one.place.line >= 1 for one in findings)
    if node is None and text.strip() and not findings:
        assert all(re.fullmatch(r"\s*(#.*|---.*|\.\.\.|%.*)?", line) for line in text.splitlines())


def _json(value: Any) -> str:
    """JSON that is YAML too: pairs of surrogate escapes are not."""
    return json.dumps(value, ensure_ascii=False, indent=1)


MAPS = st.recursive(
    st.one_of(SCALARS, st.lists(st.integers(0, 3), max_size=3)),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
LAYERS = st.lists(st.dictionaries(NAMES, MAPS, max_size=3), min_size=1, max_size=4)


def _model(base: Any, over: Any) -> Any:
    """T-12 in two lines: mappings key by key, everything else is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        both = {key: _model(base[key], over[key]) for key in base.keys() & over.keys()}
        return {**base, **over, **both}
    return over


def _merged_by_model(layers: list[dict[str, Any]]) -> dict[str, Any]:
    result: Any = {}
    for layer in layers:
        result = _model(result, layer)
    merged: dict[str, Any] = result
    return merged


def _tree(value: Any) -> Mapping:
    node = parse_yaml(_json(value), "f.yaml", [])
    assert isinstance(node, Mapping)
    return node


@QUICK
@given(LAYERS)
def test_t12_the_deep_merge_is_the_models(layers: list[dict[str, Any]]) -> None:
    trees = [_tree(layer) for layer in layers]
    before = [plain(tree) for tree in trees]
    assert plain(Merger().all(trees)) == _merged_by_model(layers)
    assert [plain(tree) for tree in trees] == before, "shared trees were written to"


@QUICK
@given(st.data())
def test_t11_t13_imports_of_imports_inheritance_and_own_variables(data: st.DataObject) -> None:
    """A random tree of files that only import later ones: the result is the model's, whatever the shape."""
    layer = st.dictionaries(st.sampled_from(["region", "extra", "tags"]), MAPS, max_size=2)
    count = data.draw(st.integers(1, 5))
    files = []
    for number in range(count):
        later = st.integers(number + 1, count - 1) if number + 1 < count else st.nothing()
        imports = data.draw(st.lists(later, max_size=2)) if number + 1 < count else []
        files.append((imports, data.draw(layer), data.draw(layer), data.draw(layer)))

    def model(number: int, part: int) -> dict[str, Any]:
        imports = files[number][0]
        return _merged_by_model([*(model(other, part) for other in imports), files[number][part]])

    with tempfile.TemporaryDirectory() as place:
        stacks = Path(place) / "stacks"
        stacks.mkdir()
        for number, (imports, everywhere, base, own) in enumerate(files):
            (stacks / f"f{number}.yaml").write_text(_json(_file(number, imports, everywhere, base, own)))
        context = Path(place) / "context.json"
        context.write_text((SEED / "context.json").read_text())
        compiled = compile_wanted(Wanted((stacks / "f0.yaml",), context=context))
    wanted = _merged_by_model([model(0, 1), model(0, 2), model(0, 3)])
    part = next(part for part in compiled.components if part.name == "teams")
    assert plain_of(compiled, part.config) == sorted(attributes())
    tags = wanted.get("tags")
    if isinstance(tags, dict) and all(isinstance(value, (str, int)) for value in tags.values()):
        said = {
            key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in tags.items()
        }
        assert said.items() <= dict(part.roles[0].tags).items()


def plain_of(compiled: Compiled, config: Any) -> list[str]:
    """Attributes of the one team, when it compiled."""
    return sorted({*config["admin"]} - {"allowed_roles"}) if "admin" in config else []


def _file(number: int, imports: list[int], everywhere: Any, base: Any, own: Any) -> dict[str, Any]:
    """A stack: global variables, a base component, and at the top the component that inherits it."""
    terraform: dict[str, Any] = {"base": {"metadata": {"type": "abstract"}, "vars": base}}
    terraform["teams"] = {"metadata": {"component": "aws-teams", "inherits": ["base"]}, "vars": own}
    if number == 0:
        terraform["teams"]["vars"] = {**own, **LABELS, "teams_config": {"admin": attributes()}}
        terraform["teams"]["vars"].pop("region", None)
    names = [f"f{other}" for other in imports]
    return {"import": names, "vars": everywhere, "components": {"terraform": terraform}}


JUNK: tuple[Any, ...] = (
    *(
        None,
        [],
        {},
        "x",
        7,
        True,
        "{{ .x }}",
        ["a", ["b"]],
        {"a": {"b": "c"}},
        "*",
        "../..",
        "git::https://x",
        [None],
    ),
    {"import": "x"},
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:], junk)
    return copy


STACK: dict[str, Any] = {
    "import": ["catalog", {"path": "catalog", "skip_if_missing": True}],
    "vars": LABELS,
    "terraform": {"vars": {"tags": {"a": "b"}}, "backend": {"s3": {}}},
    "components": {
        "terraform": {
            "base": {
                "metadata": {"type": "abstract"},
                "vars": {"trusted_github_repos": {"admin": ["o/r:main"]}},
            },
            "aws-teams": {
                "metadata": {"inherits": ["base"], "component": "aws-teams"},
                "vars": {"teams_config": {"admin": attributes(trusted_teams=["admin"]), "ops": attributes()}},
            },
            "aws-team-roles": {"vars": {**DEV, "roles": {"r": attributes(enabled=True)}}},
            "aws-saml": {"vars": {"saml_providers": {"okta": "m.xml"}}},
            "account-map": {"remote_state_backend": {"static": account_map()}},
        }
    },
}
NATIVE: dict[str, Any] = yaml.safe_load((EXAMPLE / "teams.yaml").read_text())


@settings(QUICK, max_examples=60)
@given(st.data())
@pytest.mark.parametrize("whole", [STACK, NATIVE], ids=["stack", "native"])
def test_h5_junk_anywhere_gives_faults_with_place_path_and_advice(whole: Any, data: st.DataObject) -> None:
    """15: all at once, each with file:line:column, path and what to do."""
    tree = whole
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(_places(tree)))
        tree = _with(tree, place, data.draw(st.sampled_from(JUNK)))
    for finding in _compiled_text(_json(tree)).faults:
        assert finding.id, finding
        assert finding.message, finding
        assert finding.advice, finding
        if finding.id != "component-missing":  # there is nothing to point at
            assert finding.place is not None, finding
            assert finding.place.line > 0, finding
            assert finding.path, finding


@pytest.mark.parametrize("form", ["anchors", "merges"])
def test_t16_bombs_in_an_imported_file_are_one_fault(form: str) -> None:
    """The bomb is in the catalog: its place is named, the stack that imports it goes on."""
    if form == "anchors":
        lines = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9)]
    else:
        lines = [f"l{n}: &l{n} {{<<: *l{n - 1}, k{n}: *l{n - 1}}}" for n in range(1, 40)]
    bomb = "\n".join(["l0: &l0 {x: y}", *lines]) + "\n"
    tree = {"import": ["catalog"], "vars": LABELS, **_file(0, [], {}, {}, {})}
    tree["import"] = ["catalog"]
    compiled = _compiled_text(_json(tree), catalog=bomb)
    (fault,) = compiled.faults
    assert fault.id == "yaml-refused"
    assert fault.place is not None
    assert fault.place.file.endswith("catalog.yaml")
    assert [role.short for part in compiled.components for role in part.roles] == ["admin"]


def _compiled_text(text: str, catalog: str = "vars: {region: x}\n") -> Compiled:
    with tempfile.TemporaryDirectory() as place:
        stacks = Path(place) / "stacks"
        stacks.mkdir()
        (stacks / "catalog.yaml").write_text(catalog)
        (stacks / "top.yaml").write_text(text)
        for beside in EXAMPLE.glob("*.xml"):
            (stacks / beside.name).write_text(beside.read_text())
        return compile_wanted(
            Wanted((stacks / "top.yaml",), context=SEED / "context.json", compare_profiles=True)
        )
