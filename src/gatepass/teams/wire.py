"""Compiled teams as JSON values: the stable output of `gatepass teams compile` and its siblings (issue 5, A1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from gatepass.teams.model import (
    Assignment,
    Compiled,
    Component,
    Finding,
    Group,
    Handover,
    PermissionSet,
    Policy,
    Resources,
    Role,
    User,
)


def compiled_json(compiled: Compiled) -> dict[str, Any]:
    """Everything: per component its roles, policies, attachments, outputs and findings; all findings again on top."""
    return {
        "components": {key: component_json(component) for key, component in keyed(compiled.components)},
        **resources_json(compiled.resources),
        "handovers": [handover_json(handover) for handover in compiled.handovers],
        "errors": [finding_json(finding) for finding in compiled.faults],
        "lints": [finding_json(finding) for finding in compiled.lints],
    }


def resources_json(resources: Resources) -> dict[str, Any]:
    """What is no role and no policy: users, groups, Identity Center, providers. Sorted, so that equal is equal."""
    return {
        "users": {user.arn: _user_json(user) for user in sorted(resources.users, key=lambda user: user.arn)},
        "groups": {
            group.arn: _group_json(group) for group in sorted(resources.groups, key=lambda group: group.arn)
        },
        "permission_sets": [
            permission_set_json(item)
            for item in sorted(resources.permission_sets, key=lambda item: (item.organization, item.name))
        ],
        "directory_groups": [
            {"organization": item.organization, "name": item.name, "members": list(item.members)}
            for item in sorted(resources.directory_groups, key=lambda item: (item.organization, item.name))
        ],
        "assignments": sorted(
            (_assignment_json(item) for item in resources.assignments),
            key=lambda said: (said["account_id"], said["permission_set"], said["principal"]),
        ),
        "saml_providers": sorted(provider.arn for provider in resources.saml_providers),
        "oidc_providers": sorted(provider.arn for provider in resources.oidc_providers),
    }


def _user_json(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "path": user.path,
        "person": user.person,
        "groups": list(user.groups),
        "policies": list(user.policies),
        "inline_policies": dict(user.inline),
        "permissions_boundary": user.boundary,
    }


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "path": group.path,
        "policies": list(group.policies),
        "inline_policies": dict(group.inline),
    }


def permission_set_json(item: PermissionSet) -> dict[str, Any]:
    """One permission set."""
    return {
        "organization": item.organization,
        "name": item.name,
        "description": item.description,
        "session_duration": f"PT{item.session_seconds}S",
        "relay_state": item.relay_state,
        "managed_policies": list(item.managed_policies),
        "customer_policies": list(item.customer_policies),
        "inline_policy": item.inline,
        "permissions_boundary": item.boundary,
        "tags": dict(item.tags),
    }


def _assignment_json(item: Assignment) -> dict[str, Any]:
    return {
        "organization": item.organization,
        "permission_set": item.permission_set,
        "account": item.account.name,
        "account_id": item.account.id,
        "principal_kind": item.principal_kind,
        "principal": item.principal,
    }


def handover_json(handover: Handover) -> dict[str, Any]:
    """What the owner of another account must make, to be sent to them (T-65)."""
    return {
        "account_id": handover.account_id,
        "role": handover.role,
        "trust_policy": handover.trust,
        "external_id": handover.external_id,
        "caller": handover.caller,
        "steps": [
            f"in account {handover.account_id}, make a role named {handover.role} with this trust policy",
            "attach the permissions of the job, and nothing else",
            f"tell us when it is done; we call with external id {handover.external_id}",
        ],
    }


def keyed(components: Iterable[Component]) -> list[tuple[str, Component]]:
    """Each component under its name; under `account/name` where several accounts deploy one of that name."""
    listed = list(components)
    named = Counter(component.name for component in listed)
    found: dict[str, Component] = {}
    for component in listed:
        key = component.name
        if named[key] > 1 and component.account is not None:
            key = f"{component.account.full_name}/{key}"
        number, unique = 2, key
        while unique in found:
            unique, number = f"{key}#{number}", number + 1
        found[unique] = component
    return list(found.items())


def component_json(component: Component) -> dict[str, Any]:
    """One component as A1 names its parts."""
    account = component.account
    return {
        "component": component.name,
        "kind": component.kind,
        "account": account.full_name if account else None,
        "account_id": account.id if account else None,
        "file": component.place.file if component.place else None,
        "roles": {role.short or role.name: role_json(role) for role in component.roles},
        "policies": {policy.key or policy.name: policy_json(policy) for policy in component.policies},
        "attachments": {
            key: {"role": role, "policy_arn": arn}
            for key, (role, arn) in sorted(component.attachments.items())
        },
        "outputs": outputs(component),
        "errors": [finding_json(finding) for finding in component.findings if finding.is_fault],
        "lints": [finding_json(finding) for finding in component.findings if not finding.is_fault],
    }


def role_json(role: Role) -> dict[str, Any]:
    """One role."""
    said: dict[str, Any] = {
        "name": role.name,
        "arn": role.arn,
        "path": role.path,
        "description": role.description,
        "max_session_duration": role.max_session,
        "tags": dict(role.tags),
        "trust_policy": role.trust,
        "characters": role.characters,
        "quota": role.account.trust_quota,
        "headroom_percent": headroom(role),
        "policies": list(role.policies),
    }
    if role.inline:
        said["inline_policies"] = dict(role.inline)
    if role.boundary:
        said["permissions_boundary"] = role.boundary
    return said


def headroom(role: Role) -> int:
    """How much of the quota of its account a role's trust policy leaves free, in percent; negative when it is too long
    (T-55)."""
    return 100 - -(-role.characters * 100 // role.account.trust_quota)


def policy_json(policy: Policy) -> dict[str, Any]:
    """One customer managed policy."""
    return {
        "name": policy.name,
        "arn": policy.arn,
        "path": policy.path,
        "description": policy.description,
        "document": policy.document,
        "tags": dict(policy.tags),
    }


def outputs(component: Component) -> dict[str, Any]:
    """The outputs of upstream's components (5.3); without resources when the component is disabled (T-39)."""
    roles = {role.short: role for role in sorted(component.roles, key=lambda role: role.short)}
    if component.kind != "aws-teams":
        return {"role_name_role_arn_map": {short: role.arn for short, role in roles.items()}}
    return {
        "team_name_role_arn_map": {short: role.arn for short, role in roles.items()},
        "team_names": [role.name for role in roles.values()],
        "role_arns": [role.arn for role in roles.values()],
        "teams_config": dict(component.config),
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding; every key is always there."""
    place = finding.place
    return {
        "id": finding.id,
        "level": str(finding.level),
        "message": finding.message,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "path": finding.path,
        "value": finding.value,
        "advice": finding.advice,
        "account": finding.account,
        "role": finding.role,
    }
