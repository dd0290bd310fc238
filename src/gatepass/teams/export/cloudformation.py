"""CloudFormation: one template per class of accounts, and a StackSet layout over them (T-90).

Accounts whose templates are the same, but for account id and role name prefix, share one template with parameters;
others get their own. No AWS call is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gatepass.teams.model import Account, Compiled, Group, Policy, Resources, Role, User

VERSION = "2010-09-09"
PREFIX = "RoleNamePrefix"
_WORD = re.compile(r"[A-Za-z0-9]+")


def cloudformation_files(compiled: Compiled) -> dict[str, str]:
    """`templates/<class>.json` and `stacksets.json`, which says which accounts take which template with what."""
    resources = compiled.resources
    listed = (resources.roles, resources.policies, resources.users, resources.groups)
    accounts = {item.account.id: item.account for items in listed for item in items}
    prefixes = {
        part.account.id: part.label_id for part in compiled.components if part.account and part.label_id
    }
    classes: dict[str, list[str]] = {}
    for number in sorted(accounts):
        made = _template(accounts[number], resources, prefixes.get(number, ""))
        classes.setdefault(json.dumps(made, indent=1, ensure_ascii=False), []).append(number)
    files: dict[str, str] = {}
    sets: list[dict[str, Any]] = []
    for index, (template, members) in enumerate(sorted(classes.items(), key=lambda item: item[1])):
        name = f"teams-{index + 1:02}-{accounts[members[0]].name}"
        files[f"templates/{name}.json"] = template + "\n"
        sets.append(_stackset(name, [accounts[number] for number in members], prefixes, template))
    files["stacksets.json"] = json.dumps({"stacksets": sets}, indent=1) + "\n"
    return files


def _stackset(
    name: str, members: list[Account], prefixes: Mapping[str, str], template: str
) -> dict[str, Any]:
    parameterized = f'"{PREFIX}"' in template
    return {
        "name": f"gatepass-{name}",
        "template": f"templates/{name}.json",
        "capabilities": ["CAPABILITY_NAMED_IAM"],
        "permission_model": "SERVICE_MANAGED"
        if all(item.organization for item in members)
        else "SELF_MANAGED",
        "regions": ["us-east-1"],
        "accounts": [
            {
                "id": account.id,
                "name": account.full_name,
                "parameters": {PREFIX: prefixes.get(account.id, "")} if parameterized else {},
            }
            for account in members
        ],
    }


def _template(account: Account, resources: Resources, prefix: str) -> dict[str, Any]:
    writer = _Writer(account, prefix)
    made: dict[str, Any] = {}
    for policy in _of(resources.policies, account):
        made[_logical("Policy", policy.key or policy.name)] = writer.policy(policy)
    for group in _of(resources.groups, account):
        made[_logical("Group", group.name)] = writer.group(group)
    for user in _of(resources.users, account):
        made[_logical("User", user.name)] = writer.user(user)
    for role in _of(resources.roles, account):
        made[_logical("Role", role.short or role.name)] = writer.role(role)
    value: dict[str, Any] = {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Standing trust, made by gatepass teams export",
    }
    if writer.used_prefix:
        value["Parameters"] = {
            PREFIX: {"Type": "String", "Description": "What the names of roles begin with"}
        }
    return {**value, "Resources": made}


def _of(items: tuple[Any, ...], account: Account) -> list[Any]:
    return sorted((item for item in items if item.account.id == account.id), key=lambda item: str(item.name))


def _logical(kind: str, name: str) -> str:
    """Letters and digits only; names that would become the same keep their length apart by a counted suffix."""
    words = "".join(word[:1].upper() + word[1:] for word in _WORD.findall(name))
    marks = sum(ord(character) for character in name if not character.isalnum())
    return f"{kind}{words}{marks or ''}"


class _Writer:
    """Writes the things of one account, with its id and role name prefix made variable."""

    def __init__(self, account: Account, prefix: str) -> None:
        self._account = account
        self._prefix = prefix
        self.used_prefix = False

    def _value(self, value: Any) -> Any:
        """The value with `Fn::Sub` where the own account or the prefix occurs."""
        if isinstance(value, Mapping):
            return {key: self._value(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._value(inner) for inner in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, value: str) -> Any:
        text = value.replace("${", "${!")
        text = text.replace(f":{self._account.id}:", ":${AWS::AccountId}:")
        if self._prefix:
            mine = f"${{{PREFIX}}}"
            replaced = re.sub(
                rf"(?:(?<=^)|(?<=AccountId}}:role/)){re.escape(self._prefix)}(?=-|$)", mine, text
            )
            replaced = re.sub(rf"(?<=AccountId}}:policy/){re.escape(self._prefix)}(?=-|$)", mine, replaced)
            self.used_prefix = self.used_prefix or replaced != text
            text = replaced
        return {"Fn::Sub": text} if re.search(r"\$\{(?!!)", text) else value

    def _tags(self, tags: Mapping[str, str]) -> list[dict[str, Any]]:
        """Labels of one account are not of another: only what does not name the account is shared."""
        return [{"Key": key, "Value": self._text(value)} for key, value in sorted(tags.items())]

    def _inline(self, inline: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {"PolicyName": name, "PolicyDocument": self._value(document)}
            for name, document in sorted(inline.items())
        ]

    def _properties(self, **said: Any) -> dict[str, Any]:
        return {key: value for key, value in said.items() if value not in (None, [], "")}

    def role(self, role: Role) -> dict[str, Any]:
        properties = self._properties(
            RoleName=self._text(role.name),
            Path=role.path,
            Description=role.description,
            MaxSessionDuration=role.max_session,
            AssumeRolePolicyDocument=self._value(role.trust),
            ManagedPolicyArns=[self._managed(arn) for arn in role.policies],
            Policies=self._inline(role.inline),
            PermissionsBoundary=self._text(role.boundary) if role.boundary else None,
            Tags=self._tags(role.tags),
        )
        return {"Type": "AWS::IAM::Role", "Properties": properties}

    def _managed(self, arn: str) -> Any:
        return self._text(arn)

    def policy(self, policy: Policy) -> dict[str, Any]:
        properties = self._properties(
            ManagedPolicyName=self._text(policy.name),
            Path=policy.path,
            Description=policy.description,
            PolicyDocument=self._value(policy.document),
        )
        return {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}

    def group(self, group: Group) -> dict[str, Any]:
        properties = self._properties(
            GroupName=group.name,
            Path=group.path,
            ManagedPolicyArns=[self._text(arn) for arn in group.policies],
            Policies=self._inline(group.inline),
        )
        return {"Type": "AWS::IAM::Group", "Properties": properties}

    def user(self, user: User) -> dict[str, Any]:
        properties = self._properties(
            UserName=user.name,
            Path=user.path,
            Groups=[{"Ref": _logical("Group", name)} for name in user.groups],
            ManagedPolicyArns=[self._text(arn) for arn in user.policies],
            Policies=self._inline(user.inline),
            PermissionsBoundary=user.boundary,
            Tags=self._tags(user.tags),
        )
        return {"Type": "AWS::IAM::User", "Properties": properties}
