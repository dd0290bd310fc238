"""Worlds from data and from estates; a wrong description is refused with what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.sim.worlds import EXTERNAL, lab

from gatepass.estate import load_directory
from gatepass.sim import WorldError, build, two_tenants, world_of
from gatepass.testing.clock import VirtualClock

EXAMPLE = Path("examples/multi-organization")
OTHER = """
gatepass: 1
people: {zoe: {email: zoe@acme.example}}
organizations:
  acme:
    connector:
      instance_arn: arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa
      region: eu-central-1
      role_arn: arn:aws:iam::222222222222:role/gatepass/Connector
    targets:
      one:   {permission_set: Power, account: "333333333331"}
      any:
        permission_set: arn:aws:sso:::permissionSet/ssoins-aaaaaaaaaaaaaaaa/ps-bbbbbbbbbbbbbbbb
        accounts: {unit: ou-acme-11111111}
      tagged: {permission_set: Power, accounts: {tags: {stage: test}}}
      team:  {group: Team}
flows:
  access:
    organizations: all
    decide: {rules: [{approve: {people: [zoe]}}]}
"""


def test_the_example_estate_finds_everything_it_speaks_of():
    estate = load_directory(EXAMPLE)
    made = lab(world_of(estate, EXTERNAL))
    for organization in estate.organizations.values():
        role = organization.connector.role_arn
        found = made.host("sts").assume_role(
            RoleArn=role, RoleSessionName="gatepass", ExternalId=EXTERNAL[organization.name]
        )
        keys = made.sim.world.credentials[found["Credentials"]["AccessKeyId"]]
        sso = made.client_of("sso-admin", keys, organization.connector.region)
        assert sso.list_instances()["Instances"][0]["InstanceArn"] == organization.connector.instance_arn
    emails = {user["Emails"][0]["Value"] for user in _users(made)}
    assert {person.email for person in estate.people.values()} <= emails


def _users(made):
    return made.client("identitystore").list_users(IdentityStoreId="d-9067000000")["Users"]


def test_an_estate_of_ones_own_gets_a_world_made_up(tmp_path):
    (tmp_path / "estate.yaml").write_text(OTHER)
    world = build(world_of(load_directory(tmp_path)), VirtualClock()).world
    instance = world.instances["arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa"]
    home = world.organizations[instance.organization]
    assert {p.name for p in instance.permission_sets.values()} >= {"Power"}
    assert any(arn.endswith("ps-bbbbbbbbbbbbbbbb") for arn in instance.permission_sets)
    assert [u.user_name for u in world.stores[instance.store].users.values()] == ["zoe@acme.example"]
    assert [g.display_name for g in world.stores[instance.store].groups.values()] == ["Team"]
    assert "333333333331" in home.accounts
    assert "ou-acme-11111111" in home.units
    assert any(account.parent == "ou-acme-11111111" for account in home.accounts.values())
    assert any(account.tags == {"stage": "test"} for account in home.accounts.values())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"organizations": [{}]}, "management"),
        ({"organisations": []}, "organisations: not known here"),
        ({"organizations": [{"management": {"id": 123456789012}}]}, "account ids are quoted"),
        ({"organizations": [{"management": {"id": "1"}, "units": {"name": "x"}}]}, "is no list"),
        ({"roles": [{"account": "000000000001", "name": "x", "trusted_by": "y"}]}, "is in no organization"),
        (
            {"organizations": [{"management": {"id": "1"}}, {"management": {"id": "1"}}]},
            "already in organization",
        ),
    ],
)
def test_what_cannot_be_built_is_named(wrong, said):
    with pytest.raises(WorldError, match=said):
        build(wrong, VirtualClock())


def test_no_external_id_means_none_is_asked():
    made = lab(two_tenants())
    role = "arn:aws:iam::555555555555:role/gatepass/Connector"
    assert made.host("sts").assume_role(RoleArn=role, RoleSessionName="gatepass")["Credentials"]
