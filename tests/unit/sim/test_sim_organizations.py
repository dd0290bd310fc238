"""Account trees of any depth, walked page by page, and who may see them (stack.md item 7)."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from tests.unit.sim.worlds import BAR, lab
from tests.waiting import busy

from gatepass.sim import build, two_tenants
from gatepass.testing.clock import VirtualClock

HOST_MEMBER = "777777777777"


def below(client, parent):
    """Every account below a unit, as a client has to find them."""
    found = []
    for operation, field in (
        ("list_accounts_for_parent", "Accounts"),
        ("list_organizational_units_for_parent", "OrganizationalUnits"),
    ):
        for page in client.get_paginator(operation).paginate(ParentId=parent):
            for row in page[field]:
                found += [row["Id"]] if field == "Accounts" else below(client, row["Id"])
    return found


@pytest.mark.parametrize("size", [1, 100])
def test_a_tree_five_units_deep_is_walked(size):
    made = lab(two_tenants(accounts=60), page_size=size)
    client = made.client("organizations", BAR)
    root = client.list_roots()["Roots"][0]["Id"]
    everything = [
        a["Id"] for page in client.get_paginator("list_accounts").paginate() for a in page["Accounts"]
    ]
    assert sorted(below(client, root)) == sorted(everything)
    assert len(everything) == 65
    assert "200000000049" in everything


def test_only_direct_children_are_listed():
    client = lab().client("organizations", BAR)
    direct = client.list_accounts_for_parent(ParentId="ou-abcd-11111111")["Accounts"]
    assert {row["Id"] for row in direct} == {"777777777777", "666666666666"}
    assert set(below(client, "ou-abcd-11111111")) == {
        "777777777777",
        "666666666666",
        "888888888888",
        "999999999999",
    }
    assert {row["Id"]: row["Status"] for row in direct}["666666666666"] == "SUSPENDED"
    children = client.list_children(ParentId="ou-abcd-11111111", ChildType="ACCOUNT")["Children"]
    assert {row["Id"] for row in children} == {"777777777777", "666666666666"}
    parents = client.list_parents(ChildId="888888888888")["Parents"]
    assert parents == [{"Id": "ou-abcd-22222222", "Type": "ORGANIZATIONAL_UNIT"}]


def test_members_see_nothing_until_they_are_delegated_administrators():
    made = lab()
    member = made.client("organizations", HOST_MEMBER)
    with pytest.raises(ClientError) as raised:
        member.list_accounts()
    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
    assert member.describe_organization()["Organization"]["MasterAccountId"] == BAR
    management = made.client("organizations", BAR)
    management.register_delegated_administrator(AccountId=HOST_MEMBER, ServicePrincipal="sso.amazonaws.com")
    assert member.list_accounts()["Accounts"]
    listed = management.list_delegated_administrators(ServicePrincipal="sso.amazonaws.com")
    assert [row["Id"] for row in listed["DelegatedAdministrators"]] == [HOST_MEMBER]
    with pytest.raises(ClientError):
        member.tag_resource(ResourceId=BAR, Tags=[{"Key": "a", "Value": "b"}])


def test_tags_are_kept_per_resource():
    client = lab().client("organizations", BAR)
    tags = {t["Key"]: t["Value"] for t in client.list_tags_for_resource(ResourceId="888888888888")["Tags"]}
    assert tags == {"stage": "production"}
    client.tag_resource(ResourceId="ou-abcd-11111111", Tags=[{"Key": "team", "Value": "x"}])
    assert client.list_tags_for_resource(ResourceId="ou-abcd-11111111")["Tags"] == [
        {"Key": "team", "Value": "x"}
    ]
    client.untag_resource(ResourceId="888888888888", TagKeys=["stage"])
    assert client.list_tags_for_resource(ResourceId="888888888888")["Tags"] == []


def test_accounts_move_and_units_come_and_go():
    client = lab().client("organizations", BAR)
    unit = client.create_organizational_unit(ParentId="r-abcd", Name="new")["OrganizationalUnit"]["Id"]
    client.move_account(AccountId="777777777777", SourceParentId="ou-abcd-11111111", DestinationParentId=unit)
    with pytest.raises(ClientError, match="not empty"):
        client.delete_organizational_unit(OrganizationalUnitId=unit)
    client.move_account(AccountId="777777777777", SourceParentId=unit, DestinationParentId="r-abcd")
    client.delete_organizational_unit(OrganizationalUnitId=unit)


def test_a_thousand_accounts_are_built_at_once():
    made = []
    assert busy(lambda: made.append(build(two_tenants(accounts=1000), VirtualClock()))) < 5
    sim = made[0]
    assert sum(len(home.accounts) for home in sim.world.organizations.values()) > 1000


def test_the_same_description_gives_the_same_world():
    first, second = (build(two_tenants(accounts=20), VirtualClock()).world for _ in range(2))
    assert [s.users.keys() for s in first.stores.values()] == [s.users.keys() for s in second.stores.values()]
    assert first.organizations == second.organizations
