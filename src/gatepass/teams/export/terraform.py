"""Terraform JSON, one folder per account (T-89). No AWS call is made.

The addresses are those of upstream's components, so that state made by them fits. Identity Center has a folder of its
own (`export_terraform_center`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gatepass.aws.accounts import IAM_REGIONS
from gatepass.teams.applying.calls import text
from gatepass.teams.model import (
    Account,
    Compiled,
    Component,
    Group,
    OidcProvider,
    Policy,
    Resources,
    Role,
    SamlProvider,
    User,
)

PROVIDER = {"source": "hashicorp/aws", "version": ">= 5.0"}


@dataclass(frozen=True, slots=True)
class Thing:
    """One instance of a resource, and the id under which it is imported."""

    said: Mapping[str, Any]
    id: str


Blocks = Mapping[str, Mapping[str, Thing]]
"""Resource type -> key -> thing."""


def terraform_files(compiled: Compiled, *, imports: bool = False) -> dict[str, str]:
    """`<account>/main.tf.json` for every account in which something is declared; with `imports`, blocks that take
    existing things into the state."""
    resources = compiled.resources
    accounts = {item.account.id: item.account for listed in _listed(resources) for item in listed}
    attachments = _attachments(compiled.components)
    files = {}
    for number in sorted(accounts):
        account = accounts[number]
        value = configuration(_blocks(account, resources, attachments), provider(account), imports=imports)
        files[f"{folder(account)}/main.tf.json"] = written(value)
    return files


def written(value: Mapping[str, Any]) -> str:
    """A configuration as it stands in its file."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def folder(account: Account) -> str:
    """The folder of an account."""
    return account.full_name.replace("/", "-")


def provider(account: Account, region: str = "") -> dict[str, Any]:
    """Only this account; what gatepass writes onto things it applied is none of Terraform's business."""
    ours = [{"key_prefixes": ["gatepass:"]}]
    return {
        "allowed_account_ids": [account.id],
        "region": region or IAM_REGIONS[account.partition],
        "ignore_tags": ours,
    }


def configuration(blocks: Blocks, provided: Mapping[str, Any], *, imports: bool) -> dict[str, Any]:
    """Everything as one configuration."""
    value: dict[str, Any] = {
        "terraform": {"required_providers": {"aws": PROVIDER}},
        "provider": {"aws": dict(provided)},
        "resource": {kind: _each(things) for kind, things in blocks.items() if things},
    }
    if imports:
        value["import"] = [
            {"to": f"{kind}.default[{json.dumps(key)}]", "id": thing.id}
            for kind, things in blocks.items()
            for key, thing in sorted(things.items())
        ]
    return value


def _each(things: Mapping[str, Thing]) -> dict[str, dict[str, Any]]:
    """One resource called `default` with `for_each`, as upstream writes it. Attributes that refer to other resources
    stand in the map as expressions; blocks (lists of one mapping) are written out of it."""
    names = sorted({name for thing in things.values() for name in thing.said})
    filled = {key: {name: thing.said.get(name) for name in names} for key, thing in sorted(things.items())}
    return {"default": {"for_each": filled, **{name: f"${{each.value.{name}}}" for name in names}}}


def _listed(resources: Resources) -> tuple[list[Any], ...]:
    listed = (resources.roles, resources.policies, resources.users, resources.groups)
    kept = (resources.saml_providers, resources.oidc_providers)
    return *map(list, listed), *([item for item in items if item.managed] for items in kept)


def _attachments(components: Iterable[Component]) -> dict[tuple[str, str, str], str]:
    """(account id, role name, policy ARN) -> the key upstream would use (T-37)."""
    return {
        (part.account.id, role, arn): key
        for part in components
        if part.account is not None
        for key, (role, arn) in part.attachments.items()
    }


def _blocks(account: Account, all_: Resources, attachments: Mapping[tuple[str, str, str], str]) -> Blocks:
    roles_listed, policies_listed, users_listed, groups_listed, saml, oidc = (
        [item for item in items if item.account.id == account.id] for items in _listed(all_)
    )
    roles = _by_key(roles_listed)
    policies: dict[str, Policy] = {policy.key or policy.name: policy for policy in policies_listed}
    users: dict[str, User] = {user.name: user for user in users_listed}
    groups: dict[str, Group] = {group.name: group for group in groups_listed}
    own = {policy.arn: key for key, policy in policies.items()}

    def key_of(role: str, key: str, arn: str) -> str:
        return attachments.get((account.id, role, arn), f"{key}+{arn}")

    return {
        "aws_iam_saml_provider": {item.name: Thing(_saml(item), item.arn) for item in saml},
        "aws_iam_openid_connect_provider": {item.host: Thing(_oidc(item), item.arn) for item in oidc},
        "aws_iam_policy": {key: Thing(_policy(item), item.arn) for key, item in policies.items()},
        "aws_iam_role": {key: Thing(_role(item), item.name) for key, item in roles.items()},
        "aws_iam_role_policy_attachment": {
            key_of(roles[key].name, key, arn): thing for (key, arn), thing in _attached(roles, "role", own)
        },
        "aws_iam_role_policy": _inline(roles, "role"),
        "aws_iam_group": {key: Thing({"name": key, "path": item.path}, key) for key, item in groups.items()},
        "aws_iam_group_policy": _inline(groups, "group"),
        "aws_iam_user": {key: Thing(_user(item), key) for key, item in users.items()},
        "aws_iam_user_policy": _inline(users, "user"),
        "aws_iam_user_group_membership": {
            key: Thing(
                {
                    "user": reference("aws_iam_user", key, "name"),
                    "groups": [reference("aws_iam_group", name, "name") for name in user.groups],
                },
                "/".join((key, *user.groups)),
            )
            for key, user in users.items()
            if user.groups
        },
        "aws_iam_user_policy_attachment": {
            f"{key}/{arn}": thing for (key, arn), thing in _attached(users, "user", own)
        },
        "aws_iam_group_policy_attachment": {
            f"{key}/{arn}": thing for (key, arn), thing in _attached(groups, "group", own)
        },
    }


def _by_key(roles: list[Role]) -> dict[str, Role]:
    """By short name, or by full name where two components of one account share a short name."""
    shorts = [role.short for role in roles]
    return {role.short if role.short and shorts.count(role.short) == 1 else role.name: role for role in roles}


def literal(value: str) -> str:
    """Text that Terraform takes as it is: `${` and `%{` would start an expression."""
    return value.replace("${", "$${").replace("%{", "%%{")


def literals(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that Terraform takes as they are."""
    return {literal(key): literal(value) for key, value in tags.items()}


def reference(kind: str, key: str, attribute: str) -> str:
    """An attribute of another resource of the configuration."""
    return f"${{{kind}.default[{json.dumps(key)}].{attribute}}}"


def _role(role: Role) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": literal(role.name),
        "path": role.path,
        "description": literal(role.description) if role.description else None,
        "max_session_duration": role.max_session,
        "assume_role_policy": literal(text(role.trust)),
        "tags": literals(role.tags),
    }
    if role.boundary:
        said["permissions_boundary"] = role.boundary
    return said


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "name": literal(policy.name),
        "path": policy.path,
        "description": literal(policy.description) if policy.description else None,
        "policy": literal(text(policy.document)),
        "tags": literals(policy.tags),
    }


def _user(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "path": user.path,
        "permissions_boundary": user.boundary,
        "tags": literals(user.tags),
    }


def _saml(item: SamlProvider) -> dict[str, Any]:
    return {
        "name": item.name,
        "saml_metadata_document": literal(item.metadata),
        "tags": literals(item.tags),
    }


def _oidc(item: OidcProvider) -> dict[str, Any]:
    return {
        "url": f"https://{item.host}",
        "client_id_list": sorted(item.audiences),
        "thumbprint_list": sorted(item.thumbprints) or None,
        "tags": literals(item.tags),
    }


def _inline(items: Mapping[str, Any], word: str) -> dict[str, Thing]:
    return {
        f"{key}/{name}": Thing(
            {
                "name": name,
                word: reference(f"aws_iam_{word}", key, "name"),
                "policy": literal(text(document)),
            },
            f"{item.name}:{name}",
        )
        for key, item in items.items()
        for name, document in sorted(item.inline.items())
    }


def _attached(
    items: Mapping[str, Any], word: str, own: Mapping[str, str]
) -> Iterable[tuple[tuple[str, str], Thing]]:
    """(key, policy ARN) and its attachment. Our own policies by reference, so that Terraform makes them first."""
    for key, item in items.items():
        for arn in item.policies:
            policy = reference("aws_iam_policy", own[arn], "arn") if arn in own else arn
            said = {word: reference(f"aws_iam_{word}", key, "name"), "policy_arn": policy}
            yield (key, arn), Thing(said, f"{item.name}/{arn}")
