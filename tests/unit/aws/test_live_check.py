"""`check --live` names what is wrong with a connector, and changes nothing (issue 2, P5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.conformance.strategy_labs import EXTERNAL, FOO_ADMIN, REACHES, Reaches, door_to

from gatepass.aws.live import Aim, Found, check_live
from gatepass.sim import Settings, Simulator, build, two_tenants
from gatepass.testing.clock import VirtualClock


def looked(
    *, described: dict[str, Any] | None = None, aims: tuple[Aim, ...] = (), faults: tuple[dict[str, Any], ...] = (),
    **reach: Any,
) -> tuple[tuple[Found, ...], Simulator]:  # fmt: skip
    clock = VirtualClock()
    sim = build(described or two_tenants(EXTERNAL), clock, Settings(rates={}))
    sim.set_faults(faults)
    reaches = Reaches({**REACHES, "tenant_foo": replace(REACHES["tenant_foo"], **reach)})
    return check_live(door_to(sim, clock, reaches=reaches), "tenant_foo", aims), sim


def fatal(found: tuple[Found, ...]) -> list[str]:
    return [str(each) for each in found if each.fatal]


def test_a_good_connector_has_nothing_wrong_and_nothing_is_changed() -> None:
    aims = (Aim("admin", ("333333333333",), FOO_ADMIN), Aim("read", ("333333333333",), "ReadOnly"))
    found, sim = looked(aims=(*aims, Aim("auditors", group="Auditors")))
    assert not fatal(found)
    assert all(change.by == "start" or "assumed-role" not in change.by for change in sim.truth().changes)


def test_each_missing_permission_is_named() -> None:
    described = two_tenants(EXTERNAL)
    for role in described["roles"]:
        dropped = (
            "sso:DeleteAccountAssignment",
            "identitystore:CreateGroupMembership",
            "organizations:List*",
        )
        role["allow"] = [each for each in role["allow"] if each not in dropped]
    found, _ = looked(described=described)
    text = "\n".join(fatal(found))
    for permission in (
        "sso:DeleteAccountAssignment",
        "identitystore:CreateGroupMembership",
        "organizations:ListRoots",
    ):
        assert f"allow {permission} in its policy" in text
    assert "sso:CreateAccountAssignment" not in text


def test_a_wrong_external_id_says_what_the_trust_must_ask_for() -> None:
    found, _ = looked(external_id="gatepass-mine")
    assert "sts:ExternalId gatepass-mine" in fatal(found)[0]
    assert len(found) == 1


def test_a_wrong_instance_names_those_that_are_there() -> None:
    found, _ = looked(instance_arn="arn:aws:sso:::instance/ssoins-7223999999999999")
    assert "ssoins-7223999999999999 in us-east-1 is not there" in fatal(found)[0]
    assert "ssoins-7223000000000000" in fatal(found)[0]


def test_a_wrong_region_is_a_wrong_instance() -> None:
    found, _ = looked(region="eu-central-1")
    assert "in eu-central-1 is not there" in fatal(found)[0]


def test_a_wrong_identity_store_is_named() -> None:
    found, _ = looked(identity_store_id="d-0000000000")
    assert "identity store is d-9067000000" in fatal(found)[0]


def test_a_delegated_administrator_cannot_give_the_management_account() -> None:
    described = two_tenants(EXTERNAL)
    foo = next(each for each in described["organizations"] if each["id"] == "o-tenantfoo0")
    foo["delegated_administrators"] = {"sso.amazonaws.com": ["333333333333"]}
    role = next(each for each in described["roles"] if each["account"] == "123456789012")
    role["account"] = "333333333333"
    aims = (Aim("root-access", ("123456789012",), FOO_ADMIN),)
    arn = "arn:aws:iam::333333333333:role/sym/SymSSOTenant-Foo"
    found, _ = looked(described=described, aims=aims, role_arn=arn)
    assert any("management account 123456789012" in each for each in fatal(found)), fatal(found)


def test_a_target_that_does_not_exist_is_named() -> None:
    aims = (Aim("admin", ("333333333333",), "NoSuchSet"), Aim("crew", group="NoSuchGroup"))
    found, _ = looked(aims=(*aims, Aim("far", ("999999999999",), FOO_ADMIN)))
    text = "\n".join(fatal(found))
    assert "target admin" in text
    assert "target crew" in text
    assert "target far" in text


def test_a_second_installation_on_the_same_instance_is_seen_where_roles_may_be_listed() -> None:
    described = two_tenants(EXTERNAL)
    role = next(each for each in described["roles"] if each["account"] == "123456789012")
    described["roles"].append({**role, "name": "OtherConnector", "external_id": "gatepass-of-somebody-else"})
    found, _ = looked(described=described)
    (told,) = [each for each in found if "another gatepass" in str(each)]
    assert not told.fatal
    assert "OtherConnector" in str(told)
    assert "gatepass-of-somebody-else" in str(told)
