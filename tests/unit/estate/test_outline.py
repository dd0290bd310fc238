from pathlib import Path

import pytest
from tests.waiting import busy

from gatepass.estate import load, read_sources
from gatepass.estate.outline import oddities, outline

SOURCES = read_sources(Path(__file__).parents[3] / "examples" / "multi-organization")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "needed: 2",
            "needed: 3",
            "when ben asks for tenant_bar-admin, fewer than 3 others of group oncall may",
        ),
        (
            "ask: {groups: [engineers]}",
            "ask: {groups: [engineer]}",
            "nobody declared here is in group engineer",
        ),
        ("people: [cleo]", "people: [ana]", "when ana asks for it, fewer than 1 others of ana may approve"),
        (
            "organizations: all ",
            "organizations: [tenant_foo] #",
            "target tenant_bar-admin is offered by no flow",
        ),
        ("      responders:", "      x-responders:", ""),
    ],
)
def test_what_may_not_be_meant_is_said(old: str, new: str, words: str) -> None:
    text = SOURCES["estate.yaml"]
    assert old in text
    text = text.replace(old, new)
    if "tenant_foo" in new:  # the rules about tenant bar's targets would be mistakes there
        text = text.replace(
            "        - {targets: [read-only], ask: {groups: [oncall]}, automatic: true}\n", ""
        )
        text = text.replace("        - {targets: [admin], approve: {groups: [oncall], needed: 2}}\n", "")
    found = oddities(load({**SOURCES, "estate.yaml": text}))
    assert any(words in each for each in found) if words else found == ()


def test_an_organization_without_targets_is_odd() -> None:
    text = SOURCES["estate.yaml"].replace("tenant_foo", "acme")
    arn = "    permission_set_arn: arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001\n"
    text = text.replace(arn, "").replace('    target_account_id: "333333333333"\n', "")
    assert oddities(load({**SOURCES, "estate.yaml": text})) == ("organization acme has nothing to ask for",)


def test_forty_customers_and_two_hundred_people_are_told_at_once() -> None:
    """A provider with many customers: neither loading nor telling grows faster than the estate."""
    people = "".join(f"  p{n}: {{email: p{n}@x.example, groups: [engineers]}}\n" for n in range(200))
    customers = "".join(
        f"""  customer{n}:
    connector:
      instance_arn: arn:aws:sso:::instance/ssoins-{n:016d}
      region: eu-west-1
      role_arn: arn:aws:iam::{100000000000 + n}:role/R
    targets:
      read: {{permission_set: Read, accounts: all}}
      admin: {{permission_set: Admin, accounts: all, max_duration: 1h}}
"""
        for n in range(40)
    )
    decide = "{ask: {groups: [engineers]}, rules: [{approve: {groups: [engineers]}}]}"
    flows = "".join(f"  flow{n}: {{organizations: all, decide: {decide}}}\n" for n in range(10))
    text = f"gatepass: 1\npeople:\n{people}organizations:\n{customers}flows:\n{flows}"

    def look() -> None:
        estate = load({"estate.yaml": text})
        assert len(outline(estate)) == 800
        assert oddities(estate) == ()

    assert busy(look) < 25
