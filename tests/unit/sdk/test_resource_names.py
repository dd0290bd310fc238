"""sym.md 2.7: resource names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.sdk import SRN, SymResource
from gatepass.sdk.resource import (
    InvalidSlugError,
    InvalidSRNError,
    InvalidVersionError,
    MissingComponentError,
    MultipleErrors,
    TrailingSeparatorError,
)

SLUG = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)


@given(org=SLUG, slug=SLUG, identifier=st.none() | SLUG, typed=st.booleans())
def test_a_name_reads_back_as_itself(org: str, slug: str, identifier: str | None, typed: bool) -> None:
    name = SRN(org, "user" if typed else "flow", slug, "1.22.333", "normal" if typed else None, identifier)
    assert SRN.parse(str(name)) == name == str(name).upper()
    assert hash(SRN.parse(str(name).upper())) == hash(name)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("org:flow:a:latest:", TrailingSeparatorError),
        ("org:flow:a", MissingComponentError),
        ("org:user:a:latest", MissingComponentError),
        ("org:flow:a:latest:x:y", InvalidSRNError),
        ("org:flow:a b:latest", InvalidSlugError),
        ("org:flow:a:newest", InvalidVersionError),
        ("org:flow:a:1.2", InvalidVersionError),
        ("org:flow:a:1.2.3333", InvalidVersionError),
        ("o!g:flow:a b:1", MultipleErrors),
    ],
)
def test_a_bad_name_says_what_is_wrong(text: str, fault: type[Exception]) -> None:
    with pytest.raises(fault) as raised:
        SRN.parse(text)
    assert raised.type is fault


def test_several_faults_are_told_together() -> None:
    with pytest.raises(MultipleErrors) as raised:
        SRN.parse("o!g:flow:a b:1")
    assert len(raised.value.errors) == 3
    assert raised.value.format_slack().count("*") == 6


def test_models_that_carry_a_type_and_those_that_do_not() -> None:
    assert SRN.requires_type("access_target")
    assert not SRN.requires_type("flow")
    with pytest.raises(InvalidSRNError):
        SRN("org", "flow", "a", type="x")
    with pytest.raises(MissingComponentError):
        SRN("org", "secret", "a")


def test_a_copy_changes_only_what_is_named() -> None:
    name = SRN.parse("org:access_target:aws_sso_group:a:latest:id")
    assert str(name.copy(version="2.0.0", slug="b")) == "org:access_target:aws_sso_group:b:2.0.0:id"
    with pytest.raises(TypeError):
        name.copy(colour="red")
    with pytest.raises(AttributeError):
        name.slug = "c"


def test_a_resource_answers_to_the_parts_of_its_name() -> None:
    flow = SymResource("Org:flow:Access:4.0.0")
    assert (flow.name, flow.version, flow.organization) == ("access", "4.0.0", "org")
    assert flow == SymResource("org:flow:access:4.0.0")
    assert not hasattr(flow, "colour")
