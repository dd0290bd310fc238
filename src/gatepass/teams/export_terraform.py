"""Terraform JSON, one folder per account (T-89). No AWS call is made.

The addresses are those of upstream's components, so that state made by them fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gatepass.aws.accounts import IAM_REGIONS
from gatepass.teams.calls import text
from gatepass.teams.model import Account, Compiled, Component, Group, Policy, Resources, Role, User

PROVIDER = {"source": "hashicorp/aws", "version": ">= 5.0"}


def terraform_files(compiled: Compiled, *, imports: bool = False) -> dict[str, str]:
    """`<account>/main.tf.json` for every account in which something is declared; with `imports`, blocks that take
    existing things into the state."""
    resources = compiled.resources
    accounts = {item.account.id: item.account for listed in _listed(resources) for item in listed}
    attachments = _attachments(compiled.components)
    files = {}
    for number in sorted(accounts):
        account = accounts[number]
        value = _account(account, resources, attachments, imports=imports)
        folder = account.full_name.replace("/", "-")
        files[f"{folder}/main.tf.json"] = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return files


def _listed(resources: Resources) -> tuple[tuple[Any, ...], ...]:
    return resources.roles, resources.policies, resources.users, resources.groups


def _attachments(components: Iterable[Component]) -> dict[tuple[str, str, str], str]:
    """(account id, role name, policy ARN) -> the key upstream would use (T-37)."""
    return {
        (part.account.id, role, arn): key
        for part in components
        if part.account is not None
        for key, (role, arn) in part.attachments.items()
    }


def _account(
    account: Account, resources: Resources, attachments: Mapping[tuple[str, str, str], str], *, imports: bool
) -> dict[str, Any]:
    roles = _by_key([role for role in resources.roles if role.account.id == account.id])
    policies = {
        policy.key or policy.name: policy for policy in resources.policies if policy.account.id == account.id
    }
    users = {user.name: user for user in resources.users if user.account.id == account.id}
    groups = {group.name: group for group in resources.groups if group.account.id == account.id}
    own = {policy.arn: key for key, policy in policies.items()}
    made: dict[str, dict[str, dict[str, Any]]] = {
        "aws_iam_policy": _each({key: _policy(policy) for key, policy in policies.items()}),
        "aws_iam_role": _each({key: _role(role) for key, role in roles.items()}),
        "aws_iam_role_policy_attachment": _each(
            {
                attachments.get((account.id, role.name, arn), f"{key}+{arn}"): {
                    "role": f"${{aws_iam_role.default[{json.dumps(key)}].name}}",
                    "policy_arn": _policy_reference(arn, own),
                }
                for key, role in roles.items()
                for arn in role.policies
            }
        ),
        "aws_iam_role_policy": _each(_inline(roles, "role", "aws_iam_role")),
        "aws_iam_group": _each({key: _group(group) for key, group in groups.items()}),
        "aws_iam_group_policy": _each(_inline(groups, "group", "aws_iam_group")),
        "aws_iam_user": _each({key: _user(user) for key, user in users.items()}),
        "aws_iam_user_policy": _each(_inline(users, "user", "aws_iam_user")),
        "aws_iam_user_group_membership": _each(
            {
                key: {
                    "user": f"${{aws_iam_user.default[{json.dumps(key)}].name}}",
                    "groups": [
                        f"${{aws_iam_group.default[{json.dumps(name)}].name}}" for name in user.groups
                    ],
                }
                for key, user in users.items()
                if user.groups
            }
        ),
        "aws_iam_user_policy_attachment": _each(_attached(users, "user", "aws_iam_user", own)),
        "aws_iam_group_policy_attachment": _each(_attached(groups, "group", "aws_iam_group", own)),
    }
    value: dict[str, Any] = {
        "terraform": {"required_providers": {"aws": PROVIDER}},
        "provider": {"aws": _provider(account)},
        "resource": {kind: block for kind, block in made.items() if block},
    }
    if imports:
        value["import"] = _imports(roles, policies, users, groups)
    return value


def _provider(account: Account) -> dict[str, Any]:
    """Only this account; what gatepass writes onto things it applied is none of Terraform's business."""
    ours = [{"key_prefixes": ["gatepass:"]}]
    return {
        "allowed_account_ids": [account.id],
        "region": IAM_REGIONS[account.partition],
        "ignore_tags": ours,
    }


def _by_key(roles: list[Role]) -> dict[str, Role]:
    """By short name, or by full name where two components of one account share a short name."""
    shorts = [role.short for role in roles]
    return {role.short if role.short and shorts.count(role.short) == 1 else role.name: role for role in roles}


def _each(items: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """One resource called `default` with `for_each`, as upstream writes it. Attributes that refer to other resources
    stand in the map as expressions."""
    if not items:
        return {}
    names = sorted({name for item in items.values() for name in item})
    filled = {key: {name: item.get(name) for name in names} for key, item in sorted(items.items())}
    return {"default": {"for_each": filled, **{name: f"${{each.value.{name}}}" for name in names}}}


def _literal(value: str) -> str:
    """Text that Terraform takes as it is: `${` and `%{` would start an expression."""
    return value.replace("${", "$${").replace("%{", "%%{")


def _role(role: Role) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": _literal(role.name),
        "path": role.path,
        "description": _literal(role.description) if role.description else None,
        "max_session_duration": role.max_session,
        "assume_role_policy": _literal(text(role.trust)),
        "tags": {_literal(key): _literal(value) for key, value in role.tags.items()},
    }
    if role.boundary:
        said["permissions_boundary"] = role.boundary
    return said


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "name": _literal(policy.name),
        "path": policy.path,
        "description": _literal(policy.description) if policy.description else None,
        "policy": _literal(text(policy.document)),
        "tags": {_literal(key): _literal(value) for key, value in policy.tags.items()},
    }


def _group(group: Group) -> dict[str, Any]:
    return {"name": group.name, "path": group.path}


def _user(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "path": user.path,
        "permissions_boundary": user.boundary,
        "tags": dict(user.tags),
    }


def _inline(items: Mapping[str, Any], word: str, kind: str) -> dict[str, dict[str, Any]]:
    return {
        f"{key}/{name}": {
            "name": name,
            word: f"${{{kind}.default[{json.dumps(key)}].name}}",
            "policy": _literal(text(document)),
        }
        for key, item in items.items()
        for name, document in sorted(item.inline.items())
    }


def _attached(
    items: Mapping[str, Any], word: str, kind: str, own: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    return {
        f"{key}/{arn}": {
            word: f"${{{kind}.default[{json.dumps(key)}].name}}",
            "policy_arn": _policy_reference(arn, own),
        }
        for key, item in items.items()
        for arn in item.policies
    }


def _policy_reference(arn: str, own: Mapping[str, str]) -> str:
    """Our own policies by reference, so that Terraform makes them first."""
    return f"${{aws_iam_policy.default[{json.dumps(own[arn])}].arn}}" if arn in own else arn


def _imports(
    roles: Mapping[str, Role],
    policies: Mapping[str, Policy],
    users: Mapping[str, User],
    groups: Mapping[str, Group],
) -> list[dict[str, str]]:
    return [
        *({"to": _address("aws_iam_role", key), "id": role.name} for key, role in sorted(roles.items())),
        *(
            {"to": _address("aws_iam_policy", key), "id": policy.arn}
            for key, policy in sorted(policies.items())
        ),
        *({"to": _address("aws_iam_user", key), "id": key} for key in sorted(users)),
        *({"to": _address("aws_iam_group", key), "id": key} for key in sorted(groups)),
    ]


def _address(kind: str, key: str) -> str:
    return f"{kind}.default[{json.dumps(key)}]"
