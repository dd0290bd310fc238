"""The identity store: look-ups by attribute, unique names, memberships that conflict (stack.md items 2, 4, 8)."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from tests.unit.sim.worlds import FOO_STORE, lab

from gatepass.sim import Membership
from gatepass.sim.hand import Hand

STORE = {"IdentityStoreId": FOO_STORE}


def by(path, value):
    return {"UniqueAttribute": {"AttributePath": path, "AttributeValue": value}}


def code(raised) -> str:
    return str(raised.value.response["Error"]["Code"])


def test_users_are_found_by_name_and_address_whatever_their_case():
    made = lab()
    store = made.client("identitystore")
    for path in ("userName", "emails.value"):
        found = store.get_user_id(**STORE, AlternateIdentifier=by(path, "ANA@Host.example"))
        assert found["UserId"] == made.user("ana")


def test_unknown_attribute_paths_are_refused():
    store = lab().client("identitystore")
    with pytest.raises(ClientError) as raised:
        store.list_users(**STORE, Filters=[{"AttributePath": "Email", "AttributeValue": "ana@host.example"}])
    assert code(raised) == "ValidationException"
    with pytest.raises(ClientError):
        store.get_user_id(**STORE, AlternateIdentifier=by("email", "ana@host.example"))


def test_a_missing_user_is_named():
    with pytest.raises(ClientError) as raised:
        lab().client("identitystore").get_user_id(**STORE, AlternateIdentifier=by("userName", "eve"))
    assert code(raised) == "ResourceNotFoundException"
    assert raised.value.response["ResourceType"] == "USER"


def test_users_and_groups_have_unique_names():
    store = lab().client("identitystore")
    person = {
        "UserName": "ANA@host.example",
        "DisplayName": "x",
        "Name": {"GivenName": "x", "FamilyName": "y"},
    }
    for act in (
        lambda: store.create_user(**STORE, **person),
        lambda: store.create_user(
            **STORE, **{**person, "UserName": "new", "Emails": [{"Value": "ben@host.example"}]}
        ),
        lambda: store.create_group(**STORE, DisplayName="auditors"),
    ):
        with pytest.raises(ClientError) as raised:
            act()
        assert code(raised) == "ConflictException"


def test_life_of_a_user():
    store = lab().client("identitystore")
    person = {
        "UserName": "new",
        "DisplayName": "New",
        "Name": {"GivenName": "N", "FamilyName": "W"},
        "Title": "Dr",
    }
    made = store.create_user(**STORE, **person)["UserId"]
    change = [{"AttributePath": "emails", "AttributeValue": [{"value": "new@host.example", "primary": True}]},
              {"AttributePath": "displayName", "AttributeValue": "Newer"}]  # fmt: skip
    store.update_user(**STORE, UserId=made, Operations=change)
    found = store.describe_user(**STORE, UserId=made)
    assert (found["DisplayName"], found["Title"], found["Revision"]) == ("Newer", "Dr", "2")
    assert (
        store.get_user_id(**STORE, AlternateIdentifier=by("emails.value", "new@host.example"))["UserId"]
        == made
    )
    store.delete_user(**STORE, UserId=made)
    with pytest.raises(ClientError):
        store.describe_user(**STORE, UserId=made)


def test_a_second_membership_is_a_conflict_and_a_missing_one_is_not_found():
    made = lab()
    store = made.client("identitystore")
    group = store.get_group_id(**STORE, AlternateIdentifier=by("displayName", "Auditors"))["GroupId"]
    member = {"GroupId": group, "MemberId": {"UserId": made.user("ana")}}
    created = store.create_group_membership(**STORE, **member)["MembershipId"]
    with pytest.raises(store.exceptions.ConflictException):
        store.create_group_membership(**STORE, **member)
    assert store.get_group_membership_id(**STORE, **member)["MembershipId"] == created
    found = store.describe_group_membership(**STORE, MembershipId=created)
    assert found["MemberId"] == member["MemberId"]
    store.delete_group_membership(**STORE, MembershipId=created)
    for act in (
        lambda: store.delete_group_membership(**STORE, MembershipId=created),
        lambda: store.get_group_membership_id(**STORE, **member),
    ):
        with pytest.raises(store.exceptions.ResourceNotFoundException):
            act()
    again = store.create_group_membership(**STORE, **member)["MembershipId"]
    assert again != created  # another id is not ours (architecture.md 2)


def test_memberships_are_listed_by_group_and_by_member():
    made = lab(page_size=1)
    store, dan = made.client("identitystore"), made.user("dan")
    group = store.list_groups(
        **STORE, Filters=[{"AttributePath": "DisplayName", "AttributeValue": "Auditors"}]
    )
    group_id = group["Groups"][0]["GroupId"]
    listed = store.list_group_memberships(**STORE, GroupId=group_id)["GroupMemberships"]
    assert [row["MemberId"]["UserId"] for row in listed] == [dan]
    mine = store.list_group_memberships_for_member(**STORE, MemberId={"UserId": dan})["GroupMemberships"]
    assert [row["GroupId"] for row in mine] == [group_id]
    other = "9067000000-00000000-0000-4000-8000-000000000000"
    results = store.is_member_in_groups(**STORE, MemberId={"UserId": dan}, GroupIds=[group_id, other])[
        "Results"
    ]
    assert [row["MembershipExists"] for row in results] == [True, False]


def test_a_lookup_of_a_membership_lags_like_a_list():
    made = lab(list_lag=30)
    store = made.client("identitystore")
    group = next(iter(made.sim.world.stores[FOO_STORE].groups))
    member = {"GroupId": group, "MemberId": {"UserId": made.user("ana")}}
    store.create_group_membership(**STORE, **member)
    with pytest.raises(store.exceptions.ResourceNotFoundException):
        store.get_group_membership_id(**STORE, **member)
    made.later(30)
    assert store.get_group_membership_id(**STORE, **member)["MembershipId"]


def test_two_people_of_one_address_can_only_come_by_hand():
    made = lab()
    hand = Hand(made.sim)
    hand.add_user(FOO_STORE, "ana.two", "ana@host.example")
    users = made.client("identitystore").list_users(**STORE)["Users"]
    assert sum(1 for user in users if user["Emails"][0]["Value"] == "ana@host.example") == 2


def test_by_hand_changes_are_in_the_truth_with_their_cause():
    made = lab()
    fact = Hand(made.sim).join(FOO_STORE, "Auditors", "ben@host.example")
    change = made.sim.truth().changes[-1]
    assert (change.fact, change.by, change.present) == (fact, "hand", True)
    assert isinstance(fact, Membership)
    Hand(made.sim).delete_user(FOO_STORE, "ben@host.example")
    assert not made.sim.truth().changes[-1].present
