"""Compiled teams as JSON values: the stable output of `gatepass teams compile` and its siblings (issue 5, A1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gatepass.teams.model import Compiled, Component, Finding, Policy, Role


def compiled_json(compiled: Compiled) -> dict[str, Any]:
    """Everything: per component its roles, policies, attachments, outputs and findings; all findings again on top."""
    return {
        "components": {key: component_json(component) for key, component in keyed(compiled.components)},
        "errors": [finding_json(finding) for finding in compiled.faults],
        "lints": [finding_json(finding) for finding in compiled.lints],
    }


def keyed(components: Iterable[Component]) -> list[tuple[str, Component]]:
    """Each component under its name; under `account/name` where several accounts deploy one of that name."""
    listed = list(components)
    names = [component.name for component in listed]
    found: dict[str, Component] = {}
    for component in listed:
        key = component.name
        if names.count(key) > 1 and component.account is not None:
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
        "policies": list(role.policies),
    }
    if role.inline:
        said["inline_policies"] = dict(role.inline)
    if role.boundary:
        said["permissions_boundary"] = role.boundary
    return said


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
    if component.kind == "aws-team-roles":
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
