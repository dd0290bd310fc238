"""Roles and customer managed policies, as kinds of things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gatepass.policy import normal, same
from gatepass.teams.applying.calls import Calls, Op, document, iam, markers, pages, pairs, tags_of, text
from gatepass.teams.kinds.kind import (
    REVOKED,
    Field,
    found_or_none,
    permission_fields,
    permissions_of,
    policy_steps,
    tag_steps,
)
from gatepass.teams.model import Account, Document, Policy, Role

MAX_VERSIONS = 5
"""Versions IAM keeps of one policy."""


class RoleKind:
    """IAM roles."""

    name = "role"
    bare: Mapping[str, Any] = {"policies": [], "inline": {}}

    def read(self, calls: Calls, wanted: Role) -> Role | None:
        account = wanted.account
        found = found_or_none(calls, account, "GetRole", RoleName=wanted.name)
        if found is None:
            return None
        named = {"RoleName": wanted.name}
        role = found["Role"]
        attached, inline = permissions_of(calls, account.id, "Role", wanted.name)
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
        return [*found, *permission_fields(live, wanted)]

    def steps(self, calls: Calls, live: Role | None, wanted: Role) -> Iterator[Op]:
        named = {"RoleName": wanted.name}
        if live is None:
            yield _create_role(wanted)
        else:
            yield from tag_steps("Role", named, live.tags, wanted.tags)
            described = (live.description or "") != (wanted.description or "")
            if described or live.max_session != wanted.max_session:
                description = wanted.description or ""
                yield iam(
                    "UpdateRole", **named, Description=description, MaxSessionDuration=wanted.max_session
                )
            ended = wanted.inline.get(REVOKED)
            if ended is not None and live.inline.get(REVOKED) != ended:
                # before the trust, which shows whether somebody still has to lose access
                yield iam("PutRolePolicy", **named, PolicyName=REVOKED, PolicyDocument=text(ended))
                live = replace(live, inline={**live.inline, REVOKED: ended})
            if not same(live.trust, wanted.trust):
                yield iam("UpdateAssumeRolePolicy", **named, PolicyDocument=text(wanted.trust))
            if (live.boundary or "") != (wanted.boundary or ""):
                if wanted.boundary:
                    yield iam("PutRolePermissionsBoundary", **named, PermissionsBoundary=wanted.boundary)
                else:
                    yield iam("DeleteRolePermissionsBoundary", **named)
        yield from policy_steps("Role", named, live, wanted)

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
        """Without the ending of sessions: it is the planner's, and another one in every plan."""
        inline = {name: normal(item) for name, item in value.inline.items() if name != REVOKED}
        return {
            "path": value.path,
            "description": value.description or "",
            "max_session": value.max_session,
            "tags": dict(value.tags),
            "trust": normal(value.trust),
            "policies": sorted(value.policies),
            "inline": inline,
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


class PolicyKind:
    """Customer managed policies: documents change by versions, of which IAM keeps five."""

    name = "policy"
    bare: Mapping[str, Any] = {}

    def read(self, calls: Calls, wanted: Policy) -> Policy | None:
        found = found_or_none(calls, wanted.account, "GetPolicy", PolicyArn=wanted.arn)
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
        yield from tag_steps("Policy", named, live.tags, wanted.tags)
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
