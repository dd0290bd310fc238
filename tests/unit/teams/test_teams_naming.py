"""Names and tags as the label module makes them (3)."""

from __future__ import annotations

import hashlib
import json

import pytest

from gatepass.teams.model import Finding
from gatepass.teams.nodes import Mapping, parse_yaml
from gatepass.teams.upstream.naming import (
    LabelInputs,
    account_name,
    for_account,
    make_label,
    read_label,
    role_name_fault,
    title,
)

INPUTS = LabelInputs(namespace="eg", tenant="core", environment="gbl", stage="identity")


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        (INPUTS, "eg-gbl-identity"),  # the tenant is not in the default order (T-18)
        (LabelInputs(namespace="E_g!", stage="Dev"), "eg-dev"),
        (LabelInputs(namespace="eg", name="app", label_value_case="upper", delimiter="_"), "EG_APP"),
        (LabelInputs(namespace="eg", attributes=("a", "a", "", "B")), "eg-a-b"),
        (LabelInputs(namespace="e.g", regex_replace_chars="."), "eg"),
        (LabelInputs(namespace="eg", label_value_case="none", stage="Dev"), "eg-Dev"),
        (
            LabelInputs(namespace="hello world", label_value_case="title", regex_replace_chars="/x/"),
            "Hello World",
        ),
    ],
)
def test_ids(inputs: LabelInputs, wanted: str) -> None:
    assert make_label(inputs).id == wanted


def test_length_limit_hashes_the_whole_id() -> None:
    inputs = LabelInputs(namespace="eg", name="application", id_length_limit=12)
    digest = hashlib.md5(b"eg-application", usedforsecurity=False).hexdigest()
    assert make_label(inputs).id == f"eg-app-{digest[:5]}"


def test_length_limit_gives_six_hash_characters_after_a_trailing_delimiter() -> None:
    inputs = LabelInputs(namespace="eg", name="ab", stage="application", id_length_limit=9)
    full = "eg-application-ab"
    digest = hashlib.md5(full.encode(), usedforsecurity=False).hexdigest()
    assert make_label(inputs).id == f"eg-{digest[:6]}"


def test_t19_the_short_name_is_verbatim() -> None:
    assert make_label(INPUTS).role_name("Dev_Ops") == "eg-gbl-identity-Dev_Ops"


def test_tags_name_is_the_id_and_user_tags_win() -> None:
    inputs = LabelInputs(namespace="eg", stage="dev", name="x", tags={"Stage": "mine", "Team": "sec"})
    label = make_label(inputs)
    assert label.tags == {"Namespace": "eg", "Stage": "mine", "Name": "eg-dev-x", "Team": "sec"}
    assert label.role_tags("r")["Name"] == "r"


def test_labels_as_tags_can_be_none() -> None:
    assert not make_label(LabelInputs(namespace="eg", labels_as_tags=())).tags


@pytest.mark.parametrize(
    ("text", "wanted"), [("it's a-b_c", "It'S A-B_c"), ("9lives", "9lives"), ("éa", "Éa")]
)
def test_t20_title(text: str, wanted: str) -> None:
    assert title(text) == wanted


def test_account_names_go_both_ways() -> None:
    inputs = LabelInputs(
        namespace="eg",
        tenant="core",
        stage="identity",
        account_format="%v-%v",
        account_labels=("tenant", "stage"),
    )
    assert account_name(inputs, make_label(inputs)) == "core-identity"
    other = for_account(inputs, "plat-dev")
    assert other is not None
    assert (other.tenant, other.stage) == ("plat", "dev")
    assert account_name(INPUTS, make_label(INPUTS)) == "identity"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a" * 64, None),
        ("a" * 65, "role-name-too-long"),
        ("a b", "role-name-invalid"),
        ("", "role-name-invalid"),
    ],
)
def test_t20_names(name: str, wanted: str | None) -> None:
    found = role_name_fault(name)
    assert (found[0] if found else None) == wanted


@pytest.mark.parametrize(
    "pattern",
    [
        "/(a+)+$/",
        "/(x|xx)*y/",
        "/a*a*a*a*b/",
        "/.*.*.*,/",
        "/(?=x)/",
        r"/(a)\1/",
        "/a{1,9}/",
        "/" + "x" * 400 + "/",
    ],
)
def test_patterns_that_could_take_for_ever_are_refused_and_never_run(pattern: str) -> None:
    findings: list[Finding] = []
    said = {"regex_replace_chars": pattern, "namespace": "a" * 900 + "!"}
    node = parse_yaml(json.dumps(said), "x.yaml", findings)
    assert isinstance(node, Mapping)
    inputs = read_label(node, "vars", findings)
    assert [finding.id for finding in findings] == ["label-invalid"]
    assert make_label(inputs).id == "a" * 900  # by the default


@pytest.mark.parametrize(
    "pattern", ["/[^-a-zA-Z0-9]/", "/[^a-zA-Z0-9-_.]/", "/_+/", "/^-+|-+$/", r"/[^\w-]/", "/a|b/", "-"]
)
def test_patterns_of_characters_and_classes_are_taken(pattern: str) -> None:
    findings: list[Finding] = []
    node = parse_yaml(json.dumps({"regex_replace_chars": pattern, "namespace": "x_y"}), "x.yaml", findings)
    assert isinstance(node, Mapping)
    read_label(node, "vars", findings)
    assert not findings
