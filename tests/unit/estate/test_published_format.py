"""The published schema and reference are those of the format, and the schema accepts what the loader accepts."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from scripts.estate_docs import DOCS, page, schema_text

from gatepass.estate import load, read_sources
from gatepass.estate.format.estate import json_schema
from gatepass.estate.reading.expansion import long_form
from gatepass.estate.starters import STARTER

EXAMPLE = read_sources(Path(__file__).parents[3] / "examples" / "multi-organization")
VALIDATOR = Draft202012Validator(json_schema())


def _plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_what_is_published_is_what_is_read() -> None:
    """Run scripts/estate_docs.py when this fails."""
    assert (DOCS / "estate.schema.json").read_text() == schema_text()
    assert (DOCS / "estate.md").read_text() == page((DOCS / "estate.md").read_text())


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_estate_in_the_docs_loads() -> None:
    text = (DOCS / "estate.md").read_text().split("```yaml\n")[1].split("```")[0]
    assert list(load({"estate.yaml": text}).targets) == ["acme-read-only", "acme-admin"]


@pytest.mark.parametrize(
    "document",
    [_plain(EXAMPLE["estate.yaml"]), long_form(load(EXAMPLE)), _plain(STARTER)],
    ids=["example", "long form", "starter"],
)
def test_good_estates_satisfy_the_schema(document: Any) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(json.loads(json.dumps(document)))] == []


@pytest.mark.parametrize(
    "text",
    [
        "gatepass: 2",
        "flow: {}",
        "organizations: {acme: {end_sessions: deny}}",
        "organizations: {acme: {targets: {a: {account: 123456789012}}}}",
        "people: {Ana: {email: a@x.example}}",
        "flows: {one: {fields: {f: {type: number}}}}",
        "flows: {one: {decide: {rules: []}}}",
    ],
)
def test_editors_see_the_same_mistakes(text: str) -> None:
    assert list(VALIDATOR.iter_errors(_plain(text)))
