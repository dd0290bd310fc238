"""IAM users and groups, as kinds of things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gatepass.policy import normal
from gatepass.teams.applying.calls import Calls, Op, iam, pages, pairs, tags_of
from gatepass.teams.kinds.kind import (
    Field,
    found_or_none,
    permission_fields,
    permissions_of,
    policy_steps,
    tag_steps,
)
from gatepass.teams.model import Group, User


class GroupKind:
    """IAM groups. They carry no tags: a group is ours when its inline policy is (T-57).

    Members are the users' affair; they are read to know a group that somebody else put people into.
    """

    name = "group"
    bare: Mapping[str, Any] = {"policies": [], "inline": {}, "members": []}

    def read(self, calls: Calls, wanted: Group) -> Group | None:
        account, named = wanted.account, {"GroupName": wanted.name}
        found = found_or_none(calls, account, "GetGroup", **named)
        if found is None:
            return None
        attached, inline = permissions_of(calls, account.id, "Group", wanted.name)
        members = sorted(user["UserName"] for user in pages(calls, account.id, "GetGroup", "Users", **named))
        group = found["Group"]
        path = group.get("Path", "/")
        return Group(account, group["GroupName"], path, attached, inline, members=tuple(members))

    def differences(self, live: Group, wanted: Group) -> list[Field]:
        return list(permission_fields(live, wanted))

    def steps(self, calls: Calls, live: Group | None, wanted: Group) -> Iterator[Op]:
        if live is None:
            yield iam("CreateGroup", GroupName=wanted.name, Path=wanted.path)
        yield from policy_steps("Group", {"GroupName": wanted.name}, live, wanted)

    def removal(self, calls: Calls, live: Group) -> Iterator[Op]:
        named = {"GroupName": live.name}
        for user in pages(calls, live.account.id, "GetGroup", "Users", **named):
            yield iam("RemoveUserFromGroup", **named, UserName=user["UserName"])
        for arn in live.policies:
            yield iam("DetachGroupPolicy", **named, PolicyArn=arn)
        for name in sorted(live.inline):
            yield iam("DeleteGroupPolicy", **named, PolicyName=name)
        yield iam("DeleteGroup", **named)

    def shown(self, value: Group) -> dict[str, Any]:
        inline = {name: normal(item) for name, item in value.inline.items()}
        return {
            "path": value.path,
            "policies": sorted(value.policies),
            "inline": inline,
            "members": sorted(value.members),
        }


class UserKind:
    """IAM users. Passwords, keys and devices are the users' own and never made here; leaving takes them away."""

    name = "user"
    bare: Mapping[str, Any] = {"policies": [], "inline": {}, "groups": []}

    def read(self, calls: Calls, wanted: User) -> User | None:
        account, named = wanted.account, {"UserName": wanted.name}
        found = found_or_none(calls, account, "GetUser", **named)
        if found is None:
            return None
        user = found["User"]
        attached, inline = permissions_of(calls, account.id, "User", wanted.name)
        groups = pages(calls, account.id, "ListGroupsForUser", "Groups", **named)
        return User(
            account,
            user["UserName"],
            path=user.get("Path", "/"),
            groups=tuple(sorted(group["GroupName"] for group in groups)),
            policies=attached,
            inline=inline,
            boundary=(user.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
            tags=tags_of(pages(calls, account.id, "ListUserTags", "Tags", **named)),
        )

    def differences(self, live: User, wanted: User) -> list[Field]:
        found = []
        if live.path != wanted.path:
            found.append(Field("path", live.path, wanted.path))
        if set(live.groups) != set(wanted.groups):
            found.append(Field("groups", sorted(live.groups), sorted(wanted.groups)))
        if dict(live.tags) != dict(wanted.tags):
            found.append(Field("tags", dict(live.tags), dict(wanted.tags)))
        if (live.boundary or "") != (wanted.boundary or ""):
            found.append(Field("boundary", live.boundary, wanted.boundary))
        return [*found, *permission_fields(live, wanted)]

    def steps(self, calls: Calls, live: User | None, wanted: User) -> Iterator[Op]:
        named = {"UserName": wanted.name}
        if live is None:
            boundary = {"PermissionsBoundary": wanted.boundary} if wanted.boundary else {}
            yield iam("CreateUser", **named, Path=wanted.path, Tags=pairs(wanted.tags), **boundary)
        else:
            yield from tag_steps("User", named, live.tags, wanted.tags)
            if live.path != wanted.path:
                yield iam("UpdateUser", **named, NewPath=wanted.path)
            if (live.boundary or "") != (wanted.boundary or ""):
                if wanted.boundary:
                    yield iam("PutUserPermissionsBoundary", **named, PermissionsBoundary=wanted.boundary)
                else:
                    yield iam("DeleteUserPermissionsBoundary", **named)
        yield from policy_steps("User", named, live, wanted)
        members = set(live.groups) if live is not None else set()
        for group in wanted.groups:
            if group not in members:
                yield iam("AddUserToGroup", **named, GroupName=group)
        for group in sorted(members - set(wanted.groups)):
            yield iam("RemoveUserFromGroup", **named, GroupName=group)

    def removal(self, calls: Calls, live: User) -> Iterator[Op]:
        """Leaving: keys, MFA, login profile, groups, user (A3). Keys first: they work from anywhere."""
        account, named = live.account.id, {"UserName": live.name}
        for key in pages(calls, account, "ListAccessKeys", "AccessKeyMetadata", **named):
            yield iam("DeleteAccessKey", **named, AccessKeyId=key["AccessKeyId"])
        for device in pages(calls, account, "ListMFADevices", "MFADevices", **named):
            yield iam("DeactivateMFADevice", **named, SerialNumber=device["SerialNumber"])
            if ":mfa/" in device["SerialNumber"]:
                yield iam("DeleteVirtualMFADevice", SerialNumber=device["SerialNumber"])
        if found_or_none(calls, live.account, "GetLoginProfile", **named) is not None:
            yield iam("DeleteLoginProfile", **named)
        for group in live.groups:
            yield iam("RemoveUserFromGroup", **named, GroupName=group)
        for arn in live.policies:
            yield iam("DetachUserPolicy", **named, PolicyArn=arn)
        for name in sorted(live.inline):
            yield iam("DeleteUserPolicy", **named, PolicyName=name)
        yield iam("DeleteUser", **named)

    def shown(self, value: User) -> dict[str, Any]:
        return {
            "path": value.path,
            "groups": sorted(value.groups),
            "tags": dict(value.tags),
            "policies": sorted(value.policies),
            "inline": {name: normal(item) for name, item in value.inline.items()},
            "boundary": value.boundary or "",
        }
