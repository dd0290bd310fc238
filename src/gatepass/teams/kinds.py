"""Kinds of things in IAM: how each is read, compared, made, changed and removed.

Comparison knows no noise (T 11.3): documents by their normal form, lists as sets, tags of AWS's own left out. Every
kind answers `steps(live, wanted)` with the writes that lead from one to the other, in an order that is safe to break
off anywhere; running it again continues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from gatepass.aws.errors import Missing
from gatepass.policy import normal, same
from gatepass.teams.calls import Calls, Op, document, iam, markers, pages, pairs, tags_of, text
from gatepass.teams.model import Account, Document, Group, OidcProvider, Policy, Role, SamlProvider, User

MANAGED, OWNER_KEY = "gatepass:managed", "gatepass:owner-key"
"""Ownership tags: the estate a thing belongs to, and which declaration made it (T-80)."""
PROTECT = "gatepass:protect"
"""Tag of what was declared `protect: true`: it is not removed when it is no longer declared."""
RESERVED_PATHS = ("/aws-reserved/", "/aws-service-role/")
REVOKED = "AWSRevokeOlderSessions"
"""Inline policy that ends living sessions (T-82); the planner carries it along until it has done its work."""

MAX_VERSIONS = 5
"""Versions IAM keeps of one policy."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field:
    """One difference between live and wanted, as JSON values."""

    name: str
    before: Any
    after: Any


class Kind(Protocol[T]):
    """What plan and apply ask of one kind of thing."""

    name: str

    def read(self, calls: Calls, wanted: T) -> T | None:
        """The live thing with the name of `wanted`; None when there is none."""
        ...

    def differences(self, live: T, wanted: T) -> list[Field]:
        """What is not as wanted; empty when equal."""
        ...

    def steps(self, calls: Calls, live: T | None, wanted: T) -> Iterator[Op]:
        """The writes that make it as wanted."""
        ...

    def removal(self, calls: Calls, live: T) -> Iterator[Op]:
        """The writes that remove it, in the order AWS demands."""
        ...

    def shown(self, value: T) -> dict[str, Any]:
        """The thing as JSON values, for plans and fingerprints."""
        ...


def fingerprint(kind: Kind[T], value: T | None) -> str:
    """A short hash of the live state: equal exactly when nothing relevant changed."""
    shown = kind.shown(value) if value is not None else None
    normalized = json.dumps(shown, sort_keys=True, default=str)
    return hashlib.sha256(normalized.encode()).hexdigest()[:24]


def owned(tags: Mapping[str, str], estate: str) -> bool:
    """Whether a thing is ours: only those are ever changed or removed without being asked (T-80, T-81)."""
    return tags.get(MANAGED) == estate


def with_owner(tags: Mapping[str, str], estate: str, key: str) -> dict[str, str]:
    """The tags plus ours."""
    return {**tags, MANAGED: estate, OWNER_KEY: key}


def _documents(live: Mapping[str, Document], wanted: Mapping[str, Document]) -> bool:
    return live.keys() == wanted.keys() and all(same(live[name], wanted[name]) for name in live)


def _inline(listed: Any) -> dict[str, Document]:
    return {item["PolicyName"]: document(item["PolicyDocument"]) for item in listed or ()}


def _attached(listed: Any) -> tuple[str, ...]:
    return tuple(sorted(item["PolicyArn"] for item in listed or ()))


def _tag_steps(
    prefix: str, named: Mapping[str, Any], live: Mapping[str, str], wanted: Mapping[str, str]
) -> Iterator[Op]:
    """New tags first, so that ownership is never lost in between."""
    changed = {key: value for key, value in wanted.items() if live.get(key) != value}
    if changed:
        yield iam(f"Tag{prefix}", **named, Tags=pairs(changed))
    gone = sorted(key for key in live if key not in wanted)
    if gone:
        yield iam(f"Untag{prefix}", **named, TagKeys=gone)


def _policy_steps(prefix: str, named: Mapping[str, Any], live: Any, wanted: Any) -> Iterator[Op]:
    """Attached and inline policies of a role, user or group."""
    for arn in wanted.policies:
        if live is None or arn not in live.policies:
            yield iam(f"Attach{prefix}Policy", **named, PolicyArn=arn)
    for name, value in sorted(wanted.inline.items()):
        if live is None or name not in live.inline or not same(live.inline[name], value):
            yield iam(f"Put{prefix}Policy", **named, PolicyName=name, PolicyDocument=text(value))
    if live is None:
        return
    for arn in live.policies:
        if arn not in wanted.policies:
            yield iam(f"Detach{prefix}Policy", **named, PolicyArn=arn)
    for name in sorted(live.inline):
        if name not in wanted.inline:
            yield iam(f"Delete{prefix}Policy", **named, PolicyName=name)


def _permission_fields(live: Any, wanted: Any) -> Iterator[Field]:
    if set(live.policies) != set(wanted.policies):
        yield Field("policies", sorted(live.policies), sorted(wanted.policies))
    if not _documents(live.inline, wanted.inline):
        yield Field("inline", dict(live.inline), dict(wanted.inline))


class RoleKind:
    """IAM roles."""

    name = "role"

    def read(self, calls: Calls, wanted: Role) -> Role | None:
        account = wanted.account
        found = _found(calls, account, "GetRole", RoleName=wanted.name)
        if found is None:
            return None
        named = {"RoleName": wanted.name}
        role = found["Role"]
        names = pages(calls, account.id, "ListRolePolicies", "PolicyNames", **named)
        inline = {
            name: document(
                calls.call(account.id, "iam", "GetRolePolicy", **named, PolicyName=name)["PolicyDocument"]
            )
            for name in names
        }
        attached = _attached(
            pages(calls, account.id, "ListAttachedRolePolicies", "AttachedPolicies", **named)
        )
        tags = tags_of(pages(calls, account.id, "ListRoleTags", "Tags", **named))
        return live_role(account, role, attached, inline, tags)

    def differences(self, live: Role, wanted: Role) -> list[Field]:
        found = []
        if not same(live.trust, wanted.trust):
            found.append(Field("trust", live.trust, wanted.trust))
        if (live.description or "") != (wanted.description or ""):
            found.append(Field("description", live.description, wanted.description))
        if live.max_session != wanted.max_session:
            found.append(Field("max_session", live.max_session, wanted.max_session))
        if live.path != wanted.path:
            found.append(Field("path", live.path, wanted.path))
        if dict(live.tags) != dict(wanted.tags):
            found.append(Field("tags", dict(live.tags), dict(wanted.tags)))
        if (live.boundary or "") != (wanted.boundary or ""):
            found.append(Field("boundary", live.boundary, wanted.boundary))
        return [*found, *_permission_fields(live, wanted)]

    def steps(self, calls: Calls, live: Role | None, wanted: Role) -> Iterator[Op]:
        named = {"RoleName": wanted.name}
        if live is None:
            yield _create_role(wanted)
        else:
            yield from _tag_steps("Role", named, live.tags, wanted.tags)
            described = (live.description or "") != (wanted.description or "")
            if described or live.max_session != wanted.max_session:
                description = wanted.description or ""
                yield iam(
                    "UpdateRole", **named, Description=description, MaxSessionDuration=wanted.max_session
                )
            if not same(live.trust, wanted.trust):
                yield iam("UpdateAssumeRolePolicy", **named, PolicyDocument=text(wanted.trust))
            if (live.boundary or "") != (wanted.boundary or ""):
                if wanted.boundary:
                    yield iam("PutRolePermissionsBoundary", **named, PermissionsBoundary=wanted.boundary)
                else:
                    yield iam("DeleteRolePermissionsBoundary", **named)
        yield from _policy_steps("Role", named, live, wanted)

    def removal(self, calls: Calls, live: Role) -> Iterator[Op]:
        """Policies, instance profiles, then the role (T-80)."""
        named = {"RoleName": live.name}
        for arn in live.policies:
            yield iam("DetachRolePolicy", **named, PolicyArn=arn)
        for name in sorted(live.inline):
            yield iam("DeleteRolePolicy", **named, PolicyName=name)
        for profile in pages(
            calls, live.account.id, "ListInstanceProfilesForRole", "InstanceProfiles", **named
        ):
            yield iam(
                "RemoveRoleFromInstanceProfile", **named, InstanceProfileName=profile["InstanceProfileName"]
            )
        yield iam("DeleteRole", **named)

    def shown(self, value: Role) -> dict[str, Any]:
        return {
            "path": value.path,
            "description": value.description or "",
            "max_session": value.max_session,
            "tags": dict(value.tags),
            "trust": normal(value.trust),
            "policies": sorted(value.policies),
            "inline": {name: normal(item) for name, item in value.inline.items()},
            "boundary": value.boundary or "",
        }


def live_role(
    account: Account,
    role: Mapping[str, Any],
    attached: tuple[str, ...],
    inline: Mapping[str, Document],
    tags: Mapping[str, str],
) -> Role:
    """A role as IAM describes it."""
    trust = document(role["AssumeRolePolicyDocument"])
    boundary = (role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    return Role(
        account,
        role["RoleName"],
        trust,
        path=role.get("Path", "/"),
        description=role.get("Description") or None,
        max_session=int(role.get("MaxSessionDuration") or 3600),
        tags=tags,
        policies=attached,
        inline=inline,
        boundary=boundary,
        characters=len(text(trust)),
    )


def _create_role(wanted: Role) -> Op:
    params: dict[str, Any] = {
        "RoleName": wanted.name,
        "Path": wanted.path,
        "AssumeRolePolicyDocument": text(wanted.trust),
        "MaxSessionDuration": wanted.max_session,
        "Tags": pairs(wanted.tags),
    }
    if wanted.description:
        params["Description"] = wanted.description
    if wanted.boundary:
        params["PermissionsBoundary"] = wanted.boundary
    return iam("CreateRole", **params)


def _found(calls: Calls, account: Account, operation: str, **params: Any) -> Mapping[str, Any] | None:
    """The answer, or None when AWS has no such thing."""
    try:
        return calls.call(account.id, "iam", operation, **params)
    except Missing:
        return None


class PolicyKind:
    """Customer managed policies: documents change by versions, of which IAM keeps five."""

    name = "policy"

    def read(self, calls: Calls, wanted: Policy) -> Policy | None:
        found = _found(calls, wanted.account, "GetPolicy", PolicyArn=wanted.arn)
        if found is None:
            return None
        policy = found["Policy"]
        version = calls.call(
            wanted.account.id,
            "iam",
            "GetPolicyVersion",
            PolicyArn=wanted.arn,
            VersionId=policy["DefaultVersionId"],
        )
        tags = tags_of(pages(calls, wanted.account.id, "ListPolicyTags", "Tags", PolicyArn=wanted.arn))
        return Policy(
            wanted.account,
            policy["PolicyName"],
            document(version["PolicyVersion"]["Document"]),
            description=policy.get("Description") or None,
            path=policy.get("Path", "/"),
            tags=tags,
        )

    def differences(self, live: Policy, wanted: Policy) -> list[Field]:
        found = []
        if not same(live.document, wanted.document):
            found.append(Field("document", live.document, wanted.document))
        if dict(live.tags) != dict(wanted.tags):
            found.append(Field("tags", dict(live.tags), dict(wanted.tags)))
        return found

    def steps(self, calls: Calls, live: Policy | None, wanted: Policy) -> Iterator[Op]:
        if live is None:
            params: dict[str, Any] = {"Description": wanted.description} if wanted.description else {}
            yield iam(
                "CreatePolicy",
                PolicyName=wanted.name,
                Path=wanted.path,
                PolicyDocument=text(wanted.document),
                Tags=pairs(wanted.tags),
                **params,
            )
            return
        named = {"PolicyArn": wanted.arn}
        yield from _tag_steps("Policy", named, live.tags, wanted.tags)
        if not same(live.document, wanted.document):
            versions = list(pages(calls, wanted.account.id, "ListPolicyVersions", "Versions", **named))
            old = sorted((item for item in versions if not item["IsDefaultVersion"]), key=_version_number)
            if len(versions) >= MAX_VERSIONS:
                yield iam("DeletePolicyVersion", **named, VersionId=old[0]["VersionId"])
            yield iam("CreatePolicyVersion", **named, PolicyDocument=text(wanted.document), SetAsDefault=True)

    def removal(self, calls: Calls, live: Policy) -> Iterator[Op]:
        """From whoever has it, then older versions, then the policy (T-80)."""
        named = {"PolicyArn": live.arn}
        for answer in markers(calls, live.account.id, "ListEntitiesForPolicy", **named):
            for kind, key in (("Role", "PolicyRoles"), ("User", "PolicyUsers"), ("Group", "PolicyGroups")):
                for entity in answer.get(key, ()):
                    yield iam(f"Detach{kind}Policy", **named, **{f"{kind}Name": entity[f"{kind}Name"]})
        for version in pages(calls, live.account.id, "ListPolicyVersions", "Versions", **named):
            if not version["IsDefaultVersion"]:
                yield iam("DeletePolicyVersion", **named, VersionId=version["VersionId"])
        yield iam("DeletePolicy", **named)

    def shown(self, value: Policy) -> dict[str, Any]:
        return {"path": value.path, "tags": dict(value.tags), "document": normal(value.document)}


def _version_number(version: Mapping[str, Any]) -> int:
    return int(version["VersionId"].removeprefix("v"))


class GroupKind:
    """IAM groups. They carry no tags: a group is ours when its inline policy is (T-57)."""

    name = "group"

    def read(self, calls: Calls, wanted: Group) -> Group | None:
        account, named = wanted.account, {"GroupName": wanted.name}
        found = _found(calls, account, "GetGroup", **named)
        if found is None:
            return None
        names = pages(calls, account.id, "ListGroupPolicies", "PolicyNames", **named)
        inline = {
            name: document(
                calls.call(account.id, "iam", "GetGroupPolicy", **named, PolicyName=name)["PolicyDocument"]
            )
            for name in names
        }
        attached = _attached(
            pages(calls, account.id, "ListAttachedGroupPolicies", "AttachedPolicies", **named)
        )
        return Group(account, found["Group"]["GroupName"], found["Group"].get("Path", "/"), attached, inline)

    def differences(self, live: Group, wanted: Group) -> list[Field]:
        return list(_permission_fields(live, wanted))

    def steps(self, calls: Calls, live: Group | None, wanted: Group) -> Iterator[Op]:
        if live is None:
            yield iam("CreateGroup", GroupName=wanted.name, Path=wanted.path)
        yield from _policy_steps("Group", {"GroupName": wanted.name}, live, wanted)

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
        return {"path": value.path, "policies": sorted(value.policies), "inline": inline}


class UserKind:
    """IAM users. Passwords, keys and devices are the users' own and never made here; leaving takes them away."""

    name = "user"

    def read(self, calls: Calls, wanted: User) -> User | None:
        account, named = wanted.account, {"UserName": wanted.name}
        found = _found(calls, account, "GetUser", **named)
        if found is None:
            return None
        user = found["User"]
        names = pages(calls, account.id, "ListUserPolicies", "PolicyNames", **named)
        inline = {
            name: document(
                calls.call(account.id, "iam", "GetUserPolicy", **named, PolicyName=name)["PolicyDocument"]
            )
            for name in names
        }
        groups = pages(calls, account.id, "ListGroupsForUser", "Groups", **named)
        return User(
            account,
            user["UserName"],
            path=user.get("Path", "/"),
            groups=tuple(sorted(group["GroupName"] for group in groups)),
            policies=_attached(
                pages(calls, account.id, "ListAttachedUserPolicies", "AttachedPolicies", **named)
            ),
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
        return [*found, *_permission_fields(live, wanted)]

    def steps(self, calls: Calls, live: User | None, wanted: User) -> Iterator[Op]:
        named = {"UserName": wanted.name}
        if live is None:
            boundary = {"PermissionsBoundary": wanted.boundary} if wanted.boundary else {}
            yield iam("CreateUser", **named, Path=wanted.path, Tags=pairs(wanted.tags), **boundary)
        else:
            yield from _tag_steps("User", named, live.tags, wanted.tags)
            if live.path != wanted.path:
                yield iam("UpdateUser", **named, NewPath=wanted.path)
            if (live.boundary or "") != (wanted.boundary or ""):
                if wanted.boundary:
                    yield iam("PutUserPermissionsBoundary", **named, PermissionsBoundary=wanted.boundary)
                else:
                    yield iam("DeleteUserPermissionsBoundary", **named)
        yield from _policy_steps("User", named, live, wanted)
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
        if _found(calls, live.account, "GetLoginProfile", **named) is not None:
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


class SamlKind:
    """SAML providers that gatepass keeps."""

    name = "saml-provider"

    def read(self, calls: Calls, wanted: SamlProvider) -> SamlProvider | None:
        found = _found(calls, wanted.account, "GetSAMLProvider", SAMLProviderArn=wanted.arn)
        if found is None:
            return None
        metadata = found.get("SAMLMetadataDocument", "")
        return replace(wanted, metadata=metadata, tags=tags_of(found.get("Tags")))

    def differences(self, live: SamlProvider, wanted: SamlProvider) -> list[Field]:
        found = []
        if live.metadata.strip() != wanted.metadata.strip():
            found.append(Field("metadata", _digest(live.metadata), _digest(wanted.metadata)))
        if dict(live.tags) != dict(wanted.tags):
            found.append(Field("tags", dict(live.tags), dict(wanted.tags)))
        return found

    def steps(self, calls: Calls, live: SamlProvider | None, wanted: SamlProvider) -> Iterator[Op]:
        if live is None:
            yield iam(
                "CreateSAMLProvider",
                Name=wanted.name,
                SAMLMetadataDocument=wanted.metadata,
                Tags=pairs(wanted.tags),
            )
            return
        named = {"SAMLProviderArn": wanted.arn}
        yield from _tag_steps("SAMLProvider", named, live.tags, wanted.tags)
        if live.metadata.strip() != wanted.metadata.strip():
            yield iam("UpdateSAMLProvider", **named, SAMLMetadataDocument=wanted.metadata)

    def removal(self, calls: Calls, live: SamlProvider) -> Iterator[Op]:
        yield iam("DeleteSAMLProvider", SAMLProviderArn=live.arn)

    def shown(self, value: SamlProvider) -> dict[str, Any]:
        return {"metadata": _digest(value.metadata), "tags": dict(value.tags)}


def _digest(value: str) -> str:
    return hashlib.sha256(value.strip().encode()).hexdigest()[:16]


class OidcKind:
    """OpenID Connect providers that gatepass keeps."""

    name = "oidc-provider"

    def read(self, calls: Calls, wanted: OidcProvider) -> OidcProvider | None:
        found = _found(calls, wanted.account, "GetOpenIDConnectProvider", OpenIDConnectProviderArn=wanted.arn)
        if found is None:
            return None
        return replace(
            wanted,
            audiences=tuple(sorted(found.get("ClientIDList", ()))),
            thumbprints=tuple(sorted(found.get("ThumbprintList", ()))),
            tags=tags_of(found.get("Tags")),
        )

    def differences(self, live: OidcProvider, wanted: OidcProvider) -> list[Field]:
        found = []
        if set(live.audiences) != set(wanted.audiences):
            found.append(Field("audiences", sorted(live.audiences), sorted(wanted.audiences)))
        if wanted.thumbprints and set(live.thumbprints) != set(wanted.thumbprints):
            found.append(Field("thumbprints", sorted(live.thumbprints), sorted(wanted.thumbprints)))
        if dict(live.tags) != dict(wanted.tags):
            found.append(Field("tags", dict(live.tags), dict(wanted.tags)))
        return found

    def steps(self, calls: Calls, live: OidcProvider | None, wanted: OidcProvider) -> Iterator[Op]:
        if live is None:
            thumbprints = {"ThumbprintList": list(wanted.thumbprints)} if wanted.thumbprints else {}
            yield iam(
                "CreateOpenIDConnectProvider",
                Url=f"https://{wanted.host}",
                ClientIDList=sorted(wanted.audiences),
                Tags=pairs(wanted.tags),
                **thumbprints,
            )
            return
        named = {"OpenIDConnectProviderArn": wanted.arn}
        yield from _tag_steps("OpenIDConnectProvider", named, live.tags, wanted.tags)
        for audience in sorted(set(wanted.audiences) - set(live.audiences)):
            yield iam("AddClientIDToOpenIDConnectProvider", **named, ClientID=audience)
        for audience in sorted(set(live.audiences) - set(wanted.audiences)):
            yield iam("RemoveClientIDFromOpenIDConnectProvider", **named, ClientID=audience)
        if wanted.thumbprints and set(live.thumbprints) != set(wanted.thumbprints):
            yield iam(
                "UpdateOpenIDConnectProviderThumbprint", **named, ThumbprintList=sorted(wanted.thumbprints)
            )

    def removal(self, calls: Calls, live: OidcProvider) -> Iterator[Op]:
        yield iam("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=live.arn)

    def shown(self, value: OidcProvider) -> dict[str, Any]:
        return {
            "audiences": sorted(value.audiences),
            "thumbprints": sorted(value.thumbprints),
            "tags": dict(value.tags),
        }
