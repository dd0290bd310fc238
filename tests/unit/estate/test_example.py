"""The seeds' estate, as the demo, the docs and the stories use it (seeds 000 and 001)."""

from datetime import timedelta
from pathlib import Path

import pytest

from gatepass.estate import Estate, load
from gatepass.estate.reading.sources import load_directory
from gatepass.estate.starters import STARTER
from gatepass.estate.wire import from_plain, to_plain
from gatepass.sim.worlds.of_seeds import two_tenants

ESTATE = load_directory(Path(__file__).parents[3] / "examples" / "multi-organization")


def test_the_seeds_object_is_one_target() -> None:
    target = ESTATE.targets["tenant_foo-main"]
    assert target.settings == {
        "permission_set_arn": "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001",
        "account_id": "333333333333",
    }
    assert ESTATE.organizations["tenant_foo"].sso_account_id == "123456789012"
    assert ESTATE.strategies["tenant_foo-sso"].targets == ("tenant_foo-main",)
    assert ESTATE.integrations["tenant_foo-sso"].external_id.endswith("instance/ssoins-7223000000000000")


def test_one_flow_reaches_every_organization() -> None:
    flow = ESTATE.flows["aws-access"]
    assert flow.organizations == ("tenant_foo", "tenant_bar")
    offered = ESTATE.targets_of(flow)
    assert {each.organization for each in offered} == {"tenant_foo", "tenant_bar"}
    assert [each.short for each in offered if each.organization == "tenant_bar"] == [
        "read-only",
        "admin",
        "responders",
    ]


def test_who_decides_what() -> None:
    flow = ESTATE.flows["aws-access"]
    rules = {
        (person, target.short): ESTATE.rule_for(flow, target, ESTATE.people[person])
        for person in ("ana", "ben", "eve")
        for target in ESTATE.targets_of(flow)
    }
    needed = {key: rule.needed for key, rule in rules.items() if rule}
    assert needed == {
        ("ana", "main"): 1,
        ("ana", "read-only"): 1,
        ("ana", "admin"): 2,
        ("ana", "responders"): 1,
        ("ben", "main"): 1,
        ("ben", "read-only"): 0,
        ("ben", "admin"): 2,
        ("ben", "responders"): 1,
    }


def test_i11_lengths_over_the_cap_are_not_offered() -> None:
    flow, target = ESTATE.flows["aws-access"], ESTATE.targets["tenant_bar-admin"]
    rule = ESTATE.rule_for(flow, target, ESTATE.people["ana"])
    assert rule is not None
    form = ESTATE.form(flow, target, ESTATE.cap(flow, target, rule))
    offered = next(field.allowed_values for field in form if field.name == "duration")
    assert offered == (timedelta(minutes=30), timedelta(hours=1))


def test_seed_001_the_account_comes_from_code() -> None:
    flow = ESTATE.flows["account-by-choice"]
    assert flow.implementation is not None
    assert flow.implementation.path == "impls/account_by_choice.py"
    (target,) = ESTATE.targets_of(flow)
    assert target.field_bindings == ("account_id",)
    account = next(field for field in ESTATE.form(flow, target) if field.name == "account_id")
    assert (account.prefetch, account.label) == (True, "Account ID")


@pytest.mark.parametrize("estate", [ESTATE, load({"estate.yaml": STARTER})], ids=["example", "starter"])
def test_it_fits_the_world_that_the_simulator_builds(estate: Estate) -> None:
    world = {each["identity_center"]["instance"]: each for each in two_tenants()["organizations"][1:]}
    roles = {
        f"arn:aws:iam::{each['account']}:role{each['path']}{each['name']}" for each in two_tenants()["roles"]
    }
    for target in estate.targets.values():
        connector = estate.organizations[target.organization].connector
        center = world[connector.instance_arn.split("/")[1]]["identity_center"]
        assert connector.region == center["region"]
        assert connector.role_arn in roles
        names = {each["name"] for each in center["permission_sets"]} | {
            each["name"] for each in center["groups"]
        }
        ids = {each["id"] for each in center["permission_sets"]}
        wanted = target.settings.get("permission_set_name") or target.settings.get("group_name")
        assert wanted in names or target.settings["permission_set_arn"].rpartition("/")[2] in ids


def test_it_is_kept_and_read_back() -> None:
    assert from_plain(to_plain(ESTATE)) == ESTATE
