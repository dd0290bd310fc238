"""Atmos YAML that upstream's components compile to the same trust, where it can be said there (T-91)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gatepass.teams.model import Compiled, Component, Declaration, Finding, Level, Profile, Role
from gatepass.teams.wire import keyed

_UNSAYABLE = ("extra_statements", "require_org", "require_mfa", "external_id", "source_identity")


def atmos_files(compiled: Compiled) -> tuple[dict[str, str], list[Finding]]:
    """`stacks/<account>.yaml` for each component, `account-map.json` to compile them with, and what could not be said.

    The text is JSON, which is YAML: nothing in it needs anchors, and quoting is never in doubt.
    """
    notes: list[Finding] = []
    files: dict[str, str] = {}
    for key, part in keyed(compiled.components):
        if part.account is None or part.kind == "native":
            notes += [_note(role, "roles of people have no place in these components") for role in part.roles]
            continue
        if not part.label_id:
            notes += [
                _note(role, "upstream needs a label: give the organization a naming") for role in part.roles
            ]
            continue
        notes += [note for role in part.roles for note in _notes(role)]
        name = key.replace("/", "-")
        files[f"stacks/{name}.yaml"] = json.dumps(_stack(part), indent=2, ensure_ascii=False) + "\n"
    files["account-map.json"] = json.dumps(_context(compiled), indent=2) + "\n"
    return files, notes


def _note(role: Role, why: str) -> Finding:
    message = f"{role.name} in {role.account.full_name}: {why}"
    return Finding(
        "not-expressible", Level.WARNING, message, role.place, account=role.account.name, role=role.short
    )


def _notes(role: Role) -> Iterable[Finding]:
    declared = role.declared
    if declared is None:
        return
    for name in _UNSAYABLE:
        if getattr(declared, name):
            yield _note(role, f"{name} cannot be said there")
    if declared.profile is Profile.HARDENED:
        yield _note(
            role, "compiled there it follows the cloudposse profile; gatepass teams lint shows what differs"
        )
    if role.path != "/" or role.inline or role.boundary:
        yield _note(role, "path, inline policies and boundary cannot be said there")


def _stack(part: Component) -> dict[str, Any]:
    assert part.account is not None
    variable = "teams_config" if part.kind == "aws-teams" else "roles"
    variables = {
        "region": "us-east-1",
        # the finished id goes in as one label, untouched
        "name": part.label_id,
        "label_order": ["name"],
        "label_value_case": "none",
        "regex_replace_chars": "/[^\\w+=,.@-]/",
        "descriptor_formats": {"account_name": {"format": part.account.name, "labels": []}},
        variable: {role.short: _entry(role, part.kind) for role in part.roles},
    }
    github = {role.short: _github(role) for role in part.roles if _github(role)}
    if github:
        variables["trusted_github_repos"] = {
            short: [_repository(item) for item in subs] for short, subs in github.items()
        }
    return {"components": {"terraform": {part.kind: {"vars": variables}}}}


def _github(role: Role) -> tuple[str, ...]:
    return role.declared.github_subjects if role.declared is not None else ()


def _repository(subject: str) -> str:
    """`repo:org/name:*` back to what is written in `trusted_github_repos`."""
    name, _, claim = subject.removeprefix("repo:").partition(":")
    return name if claim == "*" else f"{name}:{claim.removeprefix('ref:refs/heads/')}"


def _entry(role: Role, kind: str) -> dict[str, Any]:
    declared = role.declared or Declaration()
    own = role.account.arn("policy/")
    said: dict[str, Any] = {
        "trusted_teams": list(declared.trusted_teams),
        "denied_teams": list(declared.denied_teams),
        "trusted_permission_sets": list(declared.trusted_permission_sets),
        "denied_permission_sets": list(declared.denied_permission_sets),
        "trusted_role_arns": list(declared.trusted_role_arns),
        "denied_role_arns": list(declared.denied_role_arns),
        "role_policy_arns": [_policy(arn, own) for arn in role.policies],
        "role_description": role.description,
        "max_session_duration": role.max_session,
        "aws_saml_login_enabled": declared.saml_login,
    }
    if kind == "aws-teams":
        said["allowed_roles"] = {name: list(roles) for name, roles in declared.allowed_roles.items()}
    else:
        said["enabled"] = True
    return said


def _policy(arn: str, own: str) -> str:
    """Policies the components bring along by their key."""
    return "team_role_access" if arn.startswith(own) and arn.endswith("TeamRoleAccess") else arn


def _context(compiled: Compiled) -> dict[str, Any]:
    resources = compiled.resources
    organization = resources.organizations[0] if resources.organizations else None
    mine = [
        account
        for account in resources.accounts
        if not organization or account.organization == organization.name
    ]
    labels: Mapping[str, str] = {
        part.account.name: part.label_id for part in compiled.components if part.account
    }
    saml: dict[str, list[str]] = {}
    for provider in resources.saml_providers:
        saml.setdefault(provider.account.name, []).append(provider.arn)
    return {
        "account_map": {
            "full_account_map": {account.name: account.id for account in mine},
            "iam_role_arn_templates": {
                account.name: account.arn(f"role/{labels[account.name]}-%s")
                for account in mine
                if labels.get(account.name)
            },
            "identity_account_account_name": organization.identity_account if organization else "",
            "aws_partition": organization.partition if organization else "aws",
        },
        "saml_providers": saml,
        "oidc_providers": {
            provider.account.name: provider.arn
            for provider in resources.oidc_providers
            if "token.actions" in provider.host
        },
    }
