"""sym.md 2.6 and 2.8: what the models accept and refuse, and their pydantic 1 methods."""

from __future__ import annotations

import json
from collections import OrderedDict
from uuid import UUID

import pytest

from gatepass.sdk import (
    FieldOption,
    PermissionLevel,
    RequestDestination,
    RequestDestinationFallback,
    RequestPermission,
    SlackChannelID,
    SlackChannelName,
    SlackUser,
    SlackUserGroup,
    User,
    UserRole,
)
from gatepass.sdk.forms import PromptField, SlackUserSelection, SymPromptForm
from gatepass.sdk.notifications import Notification
from gatepass.sdk.user import user_ids

ANA = User({"id": UUID(int=1), "username": "ana@host.example", "email": "ana@host.example"})


@pytest.mark.parametrize(
    "who", [PermissionLevel.MEMBER, "all_users", [UUID(int=1)], [str(UUID(int=2))], user_ids([ANA])]
)
def test_a_permission_takes_a_level_or_people(who: object) -> None:
    assert RequestPermission(webapp_view=who, approve_deny=who).allow_self_approval is False


@pytest.mark.parametrize("who", [None, "", [], "everybody", 3, ["ana@host.example"], [ANA], {"admin": True}])
def test_a_permission_refuses_everything_else(who: object) -> None:
    with pytest.raises(ValueError):
        RequestPermission(webapp_view="admin", approve_deny=who)


def test_a_list_of_no_ids_points_to_user_ids() -> None:
    with pytest.raises(ValueError, match=r"user_ids\(\)"):
        RequestPermission(webapp_view="admin", approve_deny=["ana"])


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ({"channel_name": " #ops "}, SlackChannelName),
        ({"channel_id": "C012345"}, SlackChannelID),
        ({"user_id": "W012345"}, SlackUser),
        ({"users": [{"user_id": "U1"}]}, SlackUserGroup),
    ],
)
def test_a_destination_is_picked_by_its_key(written: dict[str, object], kind: type) -> None:
    parsed = RequestDestination.parse_obj(written)
    assert type(parsed) is kind
    assert RequestDestination.parse_raw(parsed.json()) == parsed


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"channel": "x"},
        {"channel_id": "X012345"},
        {"channel_name": "  "},
        {"user_id": "C012345"},
        {"users": []},
        {"users": [{"user_id": f"U{n}"} for n in range(8)]},
    ],
)
def test_a_destination_refuses(written: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        RequestDestination.parse_obj(written)


def test_a_fallback_and_a_notification_keep_the_kind_of_their_destinations() -> None:
    fallback = RequestDestinationFallback(destinations=[SlackUser(user_id="U1"), {"channel_id": "C1"}])
    assert RequestDestinationFallback.parse_raw(fallback.json()) == fallback
    note = Notification(destinations=[SlackUser(user_id="U1"), ANA], timeout=60)
    again = Notification.parse_raw(note.json())
    assert again.destinations[1] == ANA
    assert json.loads(note.json())["destinations"][1]["username"] == "ana@host.example"
    assert note.dict()["destinations"][0]["user_id"] == "U1"


def test_a_notification_takes_at_most_one_slack_destination_and_at_least_one_of_any() -> None:
    with pytest.raises(ValueError, match="at most one Slack"):
        Notification(destinations=[SlackUser(user_id="U1"), SlackUser(user_id="U2")])
    with pytest.raises(ValueError):
        Notification(destinations=[])


@pytest.mark.parametrize(
    ("value", "label", "fits"),
    [
        ("x" * 55, "y" * 55, True),
        ("x" * 56, "y", False),
        ("x", "y" * 56, False),
        (None, "y", False),
        (7, "y", True),
    ],
)
def test_an_option_has_at_most_55_characters(value: object, label: str, fits: bool) -> None:
    if fits:
        assert FieldOption(value=value, label=label).value == value
    else:
        with pytest.raises(ValueError):
            FieldOption(value=value, label=label)


def test_a_form_can_be_changed_only_where_it_may() -> None:
    form = SymPromptForm(fields=OrderedDict(reason=PromptField(name="reason", type="string")))
    form.fields["reason"].visible = False
    form.additional_header_text = "*now*"
    for target, name in ((form, "fields"), (form.fields["reason"], "name"), (form.fields["reason"], "type")):
        with pytest.raises(TypeError):
            setattr(target, name, "x")
    with pytest.raises(TypeError):
        SlackUserSelection(user_id="U1").username = "ana"


def test_roles_include_the_levels_below_them() -> None:
    assert UserRole.ADMIN.permission_levels() == set(PermissionLevel)
    assert UserRole.MEMBER.permission_levels() == {PermissionLevel.MEMBER, PermissionLevel.ALL_USERS}
    assert UserRole.GUEST.permission_levels() == {PermissionLevel.ALL_USERS}


def test_users_are_equal_by_name_and_read_back() -> None:
    again = User(ANA.as_json())
    assert again == ANA
    assert hash(again) == hash(ANA)
    assert again.as_json() == ANA.as_json()


def test_the_version_one_methods() -> None:
    who = RequestPermission(webapp_view="admin", approve_deny="member")
    assert who.dict(exclude={"approve_deny"}) == {
        "webapp_view": PermissionLevel.ADMIN,
        "allow_self_approval": False,
    }
    assert json.loads(who.json(indent=1, sort_keys=True)) == who.model_dump(mode="json")
    assert who.copy(update={"allow_self_approval": True}).allow_self_approval
    assert RequestPermission.construct(approve_deny="anything").approve_deny == "anything"
    assert who.copy(include={"webapp_view"}).webapp_view == PermissionLevel.ADMIN
