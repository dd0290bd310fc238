"""People as IAM users in a central account: users, groups, child roles, sandboxes, gateways (specification, 9).

Both sides of every access come from one line: what the user may assume, and who the role lets in.
"""

from __future__ import annotations

from dataclasses import replace

from gatepass.teams.model import Account, Finding, Policy, User
from gatepass.teams.native.form import Declared, read_policies
from gatepass.teams.nodes import Mapping, Node, Sequence
from gatepass.teams.people.bridges import USER_LENGTH, make_gateways, make_sandboxes
from gatepass.teams.people.children import make_roles, read_children
from gatepass.teams.people.documents import self_service_document
from gatepass.teams.people.groups import make_group, read_groups
from gatepass.teams.people.making import SELF_SERVICE, Making, Peopled, policy_arn
from gatepass.teams.reading import is_null

GROUPS_PER_USER = 10
"""Limit of IAM (T-58)."""
USER_KEYS = ("person", "path", "policies", "groups", "boundary", "tags", "inline")
_CENTRAL = ("users", "groups", "group_members", "group_permissions")


def read_people(declared: Declared, findings: list[Finding]) -> Peopled:
    """Everything about the people of one organization; faults and lints are appended to the findings."""
    making, node = Making(declared, findings), declared.node
    account = declared.accounts.get(declared.organization.identity_account)
    wanted = [name for name in _CENTRAL if not is_null(node.get(name))]
    if wanted and account is None:
        where, advice = f"{declared.path}.{wanted[0]}", "name the account that holds them"
        message = f"{where} needs an identity_account to hold the users"
        making.reader.refuse("unknown-account", message, node.get(wanted[0]), where, advice)
        return making.made
    if account is not None:
        _read_central(making, account, node)
    make_sandboxes(making, node.get("sandboxes"), account)
    make_gateways(making, node.get("gateway"))
    make_roles(making)
    return making.made


def _read_central(making: Making, account: Account, node: Mapping) -> None:
    children = read_children(node.get("child_roles"), f"{making.path}.child_roles", making.reader)
    _users(making, account, node.get("users"))
    for entry in list(read_groups(making, node)):
        make_group(making, account, entry, children)
    _self_service(making, account, node.get("self_service"))
    if making.made.users and account.management:
        message = f"users live in {account.name}, the management account: no service control policy binds it"
        path, advice = f"{making.path}.identity_account", "keep people in an account of their own"
        place = (node.get("users") or node).place
        making.note("management-account-users", message, place, path, advice)
    for user in making.made.users.values():
        if len(user.groups) > GROUPS_PER_USER:
            message = f"user {user.name} is in {len(user.groups)} groups; IAM allows {GROUPS_PER_USER}"
            path = f"{making.path}.users.{user.name}"
            making.refuse("group-limit", message, user.place, path, "put groups of theirs together")


def _users(making: Making, account: Account, node: Node | None) -> None:
    path, reader = f"{making.path}.users", making.reader
    if isinstance(node, Sequence):
        named = [(reader.text(item, f"{path}[{index}]"), item) for index, item in enumerate(node.items)]
        entries: dict[str, Node] = {name: item for name, item in named if name}
    else:
        said = reader.mapping(node, path)
        entries = dict(said.entries) if said else {}
    for name, value in entries.items():
        making.check_name("user", name, USER_LENGTH, value.place, f"{path}.{name}")
        entry = value if isinstance(value, Mapping) else Mapping(value.file, value.line, value.column, {})
        making.made.users[name] = _user(making, account, name, entry)


def _user(making: Making, account: Account, name: str, node: Mapping) -> User:
    reader, path = making.reader, f"{making.path}.users.{name}"
    reader.only(node, path, USER_KEYS)
    tags = reader.mapping(node.get("tags"), f"{path}.tags")
    policies = reader.words(node.get("policies"), f"{path}.policies")
    return User(
        account,
        name,
        path=reader.word(node.get("path"), f"{path}.path", "/"),
        groups=reader.words(node.get("groups"), f"{path}.groups"),
        policies=tuple(policy_arn(entry, account) for entry in policies),
        inline=read_policies(node.get("inline"), f"{path}.inline", reader),
        boundary=reader.word(node.get("boundary"), f"{path}.boundary") or None,
        tags={
            key: reader.word(value, f"{path}.tags.{key}")
            for key, value in (tags.entries if tags else {}).items()
        },
        person=reader.word(node.get("person"), f"{path}.person", name),
        place=node.place,
    )


def _self_service(making: Making, account: Account, node: Node | None) -> None:
    """A policy with which users keep their own password, keys and MFA (9.3, T-60)."""
    where, users = f"{making.path}.self_service", making.made.users
    variant = making.reader.one_of(node, where, "none", ("none", "basic", "hardened"))
    if variant == "none" or not users:
        return
    policy = Policy(
        account,
        SELF_SERVICE,
        self_service_document(account.partition, hardened=variant == "hardened"),
        key="self_service",
        description="Users look after their own password, keys and MFA",
    )
    making.made.policies.append(policy)
    for name, user in users.items():
        users[name] = replace(user, policies=tuple(dict.fromkeys((*user.policies, policy.arn))))
