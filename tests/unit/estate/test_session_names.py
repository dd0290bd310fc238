"""One name for a session, in `gatepass sync`, on pages and on the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gatepass.estate import Estate, load_directory
from gatepass.estate.naming import session_name

EXAMPLE = Path(__file__).parents[3] / "examples" / "multi-organization"
NAMES = {"777777777777": "bar-staging", "888888888888": "twin", "999999999999": "twin"}


@pytest.fixture(scope="module")
def estate() -> Estate:
    return load_directory(EXAMPLE)


def test_a_target_of_one_account_needs_no_account_in_its_name(estate: Estate) -> None:
    target = estate.targets["tenant_foo-main"]
    assert session_name(estate, "aws-access", target, "333333333333", {}) == "tenant_foo/main"


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("777777777777", "tenant_bar/read-only.bar-staging"),
        ("888888888888", "tenant_bar/read-only.888888888888"),
        ("666666666666", "tenant_bar/read-only.666666666666"),
    ],
)
def test_an_account_goes_by_its_name_where_no_other_has_it(estate: Estate, account: str, name: str) -> None:
    assert session_name(estate, "aws-access", estate.targets["tenant_bar-read-only"], account, NAMES) == name


def test_the_flow_is_named_where_two_open_the_same(estate: Estate) -> None:
    flow = estate.flows["aws-access"]
    two = replace(estate, flows={**estate.flows, "other": replace(flow, name="other")})
    target = two.targets["tenant_foo-main"]
    assert session_name(two, "other", target, "333333333333", {}) == "tenant_foo/other.main"


def test_a_name_is_one_that_laptops_take(estate: Estate) -> None:
    names = {"777777777777": "a b/ä" + "x" * 80}
    name = session_name(estate, "aws-access", estate.targets["tenant_bar-read-only"], "777777777777", names)
    assert name.startswith("tenant_bar/read-only.a-b-x")
    assert len(name) == 63
